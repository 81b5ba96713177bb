import type { Action, Atom } from './model.ts';

/** The states of a leaf, numbered. */
export class Space {
  readonly size: number;
  readonly #variables: readonly number[];
  readonly #domains: readonly number[][];

  constructor(variables: readonly number[], domains: readonly number[][]) {
    this.#variables = variables;
    this.#domains = domains;
    this.size = variables.reduce((product, variable) => product * (domains[variable]?.length ?? 1), 1);
  }

  indexOf(state: { readonly [variable: number]: number }): number {
    let index = 0;
    for (const variable of this.#variables) {
      const domain = this.#domains[variable] ?? [];
      index = index * domain.length + domain.indexOf(state[variable] ?? 0);
    }
    return index;
  }

  /** By state, where it is after an action, the centre aside; −1 where its conditions on the leaf do not hold. */
  after(action: Action): Int16Array {
    const after = new Int16Array(this.size).fill(-1);
    for (let index = 0; index < this.size; index++) {
      const state = this.#stateOf(index);
      if (action.pre.some(({ variable, value }) => (state[variable] ?? value) !== value)) continue;
      if (action.neg.some(({ variable, value }) => state[variable] === value)) continue;
      for (const { variable, value } of action.eff) if (variable in state) state[variable] = value;
      after[index] = this.indexOf(state);
    }
    return after;
  }

  /** By state, whether these hold as far as they are about this leaf. */
  where(atoms: readonly Atom[]): Uint8Array {
    return Uint8Array.from({ length: this.size }, (_, index) => {
      const state = this.#stateOf(index);
      return atoms.every(({ variable, value }) => (state[variable] ?? value) === value) ? 1 : 0;
    });
  }

  #stateOf(index: number): Record<number, number> {
    const state: Record<number, number> = {};
    let rest = index;
    for (const variable of [...this.#variables].reverse()) {
      const domain = this.#domains[variable] ?? [];
      state[variable] = domain[rest % domain.length] ?? 0;
      rest = Math.floor(rest / domain.length);
    }
    return state;
  }
}
