/**
 * Knowledge in imagined states: what a step that the planner imagines makes unknown, and which goals another goal makes
 * unknowable. (What is really forgotten follows observed changes, and is the walk's business.)
 */

/** One condition on a variable of the graph: its index, and the code of the value. */
export interface Fact {
  readonly variable: number;
  readonly code: number;
}

/** One way to come to know variables that were unknown: a mutation from unknown, a poller, a discovery. */
export interface Way {
  readonly discovers: readonly number[];
  /** What holds whenever this way was taken: its requirements, and the to-values of what it mutates. */
  readonly holds: readonly Fact[];
}

/** For every variable, the conditions that hold for as long as it can be known; empty = nothing ends its being known. */
export class Knowledge {
  readonly #knownWhile: readonly (readonly Fact[])[];
  /** By variable, what is known only while it has a certain value: `code` of `variable` is lost when it has another. */
  readonly #dependents: readonly (readonly Fact[])[];

  constructor(count: number, ways: readonly Way[], isMutable: (variable: number) => boolean) {
    const knownWhile: Fact[][] = [];
    const dependents: Fact[][] = Array.from({ length: count }, () => []);
    for (let variable = 0; variable < count; variable++) {
      const common = inCommon(ways.filter((way) => way.discovers.includes(variable)));
      const facts = common.filter((fact) => fact.variable !== variable && isMutable(fact.variable));
      facts.sort((a, b) => a.variable - b.variable);
      knownWhile.push(facts);
      for (const fact of facts) dependents[fact.variable]?.push({ variable, code: fact.code });
    }
    this.#knownWhile = knownWhile;
    this.#dependents = dependents;
  }

  knownWhile(variable: number): readonly Fact[] {
    return this.#knownWhile[variable] ?? [];
  }

  /** The variables that become unknown when these changes happen, to the fixpoint; never one of the changed themselves. */
  brokenBy(changes: readonly Fact[]): number[] {
    const changed = new Set(changes.map((change) => change.variable));
    const broken = new Set<number>();
    const queue = [...changes];
    for (let change = queue.pop(); change; change = queue.pop()) {
      for (const { variable, code } of this.#dependents[change.variable] ?? []) {
        if (code === change.code || changed.has(variable) || broken.has(variable)) continue;
        broken.add(variable);
        queue.push({ variable, code: 0 });
      }
    }
    return [...broken].sort((a, b) => a - b);
  }

  /** The goals (by variable; 0 = none) that could not be known where the others hold: with the power off, nobody sees runState. */
  moot(goal: Uint16Array): number[] {
    const changes: Fact[] = [];
    for (let variable = 0; variable < goal.length; variable++) {
      const code = goal[variable] ?? 0;
      if (code !== 0 && this.#dependents[variable]?.length) changes.push({ variable, code });
    }
    if (changes.length === 0) return [];
    const unknowable = new Set<number>();
    for (let change = changes.pop(); change; change = changes.pop()) {
      for (const { variable, code } of this.#dependents[change.variable] ?? []) {
        if (code === change.code || unknowable.has(variable)) continue;
        unknowable.add(variable);
        changes.push({ variable, code: 0 });
      }
    }
    return [...unknowable].filter((variable) => goal[variable] !== 0).sort((a, b) => a - b);
  }
}

/** The conditions that hold in every one of these ways. */
function inCommon(ways: readonly Way[]): Fact[] {
  const [first, ...rest] = ways;
  if (!first) return [];
  return first.holds.filter((fact) =>
    rest.every((way) => way.holds.some((other) => other.variable === fact.variable && other.code === fact.code)),
  );
}
