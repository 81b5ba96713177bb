/**
 * A task as a star: a centre, and leaves that touch each other only through it. Then only the centre needs to be searched, and
 * every state of the centre carries what each leaf's states cost there: k leaves cost k prices, not the product of their states.
 * (Gnad and Hoffmann: Star-topology decoupled state space search, Artificial Intelligence 257, 2018.)
 */
import type { Action, Atom } from './model.ts';
import { Space } from './space.ts';
import { Groups, type Task } from './task.ts';

export interface Split {
  /** A task of at most so many states is searched as it is, all of it centre. */
  readonly smallTask: number;
  /** A leaf with more states, if it has more than one variable, gives its best connected one to the centre. */
  readonly largeLeaf: number;
}

/** Found by measuring; every choice finds equally cheap plans. */
const SPLIT: Split = { smallTask: 512, largeLeaf: 48 };

/** The part of a condition or effect that lies in the centre: bits of its packed words. */
export interface Bits {
  readonly word: number;
  readonly mask: number;
  readonly bits: number;
}

/** What an action does to one leaf: for each of its states the state after it, −1 where the action cannot run. */
interface LeafMap {
  readonly leaf: number;
  readonly after: Int16Array;
}

export interface CentreAction {
  readonly action: Action;
  readonly pre: readonly Bits[];
  readonly neg: readonly Bits[];
  readonly eff: readonly Bits[];
  readonly leaves: readonly LeafMap[];
}

export interface LeafAction {
  readonly action: Action;
  /** What it needs of the centre. */
  readonly pre: readonly Bits[];
  readonly neg: readonly Bits[];
  /** Pairs of states: from, to, from, to … */
  readonly moves: Int16Array;
}

export interface Leaf {
  readonly index: number;
  /** Where its prices start among those of all leaves. */
  readonly offset: number;
  readonly size: number;
  readonly start: number;
  /** By state: 1 = at its goals. */
  readonly isGoal: Uint8Array;
  readonly actions: readonly LeafAction[];
  /** By state: what it must cost at least from there to its goals, whatever the centre does. */
  readonly atLeast: Float64Array;
}

export interface Star {
  /** How many words a state of the centre has. */
  readonly words: number;
  readonly start: Int32Array;
  readonly goals: readonly Bits[];
  readonly actions: readonly CentreAction[];
  readonly leaves: readonly Leaf[];
  /** How many prices a state carries. */
  readonly prices: number;
}

/** Splits a task so that its leaves are small: whatever is coupled most goes to the centre first. */
export function starOf(task: Task, limits: Split = SPLIT): Star {
  const domains = domainsOf(task);
  const { centre, groups } = split(task, domains, limits);
  const inCentre = new Set(centre);
  const packing = packingOf(centre, domains);
  const bits = (atoms: readonly Atom[]): Bits[] => merge(packing.of(atoms));

  const leafOf = new Int16Array(task.state.length).fill(-1);
  for (const [leaf, variables] of groups.entries()) for (const variable of variables) leafOf[variable] = leaf;
  const spaces = groups.map((variables) => new Space(variables, domains));
  const moving: Action[][] = groups.map(() => []);
  const centreActions: CentreAction[] = [];
  for (const action of task.actions) {
    if (action.eff.some(({ variable }) => inCentre.has(variable))) {
      const touched = new Set([...action.pre, ...action.neg, ...action.eff].map(({ variable }) => leafOf[variable] ?? -1));
      touched.delete(-1);
      const leaves = [...touched].sort((a, b) => a - b).map((leaf) => ({ leaf, after: spaces[leaf]?.after(action) ?? new Int16Array() }));
      centreActions.push({ action, pre: bits(action.pre), neg: packing.of(action.neg), eff: bits(action.eff), leaves });
    } else moving[leafOf[action.eff[0]?.variable ?? 0] ?? 0]?.push(action);
  }

  let offset = 0;
  const leaves = spaces.map((space, leaf): Leaf => {
    const actions = (moving[leaf] ?? []).map((action) => ({
      action,
      pre: bits(action.pre),
      neg: packing.of(action.neg),
      moves: movesOf(space.after(action)),
    }));
    const isGoal = space.where(task.goals);
    const free = centreActions.flatMap((action) => action.leaves.filter((map) => map.leaf === leaf).map((map) => movesOf(map.after)));
    const made = {
      index: leaf,
      offset,
      size: space.size,
      start: space.indexOf(task.state),
      isGoal,
      actions,
      atLeast: distances(space.size, isGoal, actions, free),
    };
    offset += space.size;
    return made;
  });
  return { words: packing.words, start: packing.pack(task.state), goals: bits(task.goals), actions: centreActions, leaves, prices: offset };
}

/** The values of each of its variables that occur in the task; one that none of its actions names counts as value 0. */
function domainsOf({ model, variables, actions, goals, state }: Task): readonly number[][] {
  const occurs = new Uint8Array(model.offsets.at(-1) ?? 0);
  const mark = (atoms: readonly Atom[]): void => {
    for (const { variable, value } of atoms) occurs[(model.offsets[variable] ?? 0) + value] = 1;
  };
  for (const { pre, neg, eff } of actions) {
    mark(pre);
    mark(neg);
    mark(eff);
  }
  mark(goals);
  const domains: number[][] = [];
  for (const variable of variables) {
    const first = model.offsets[variable] ?? 0;
    occurs[first + (state[variable] ?? 0)] = 1;
    const domain: number[] = [];
    for (let value = 0; value < (model.sizes[variable] ?? 0); value++) if (occurs[first + value] === 1) domain.push(value);
    domains[variable] = domain;
  }
  return domains;
}

/** Which variables are the centre's, and the groups that the others form. */
function split(task: Task, domains: readonly number[][], limits: Split): { centre: number[]; groups: number[][] } {
  const sizeOf = (variables: readonly number[]): number =>
    variables.reduce((product, variable) => product * (domains[variable]?.length ?? 1), 1);
  if (sizeOf(task.variables) <= limits.smallTask) return { centre: [...task.variables], groups: [] };
  const coupling = new Uint32Array(task.state.length);
  const footprints = task.actions.map(({ pre, neg, eff }) => [...new Set([...pre, ...neg, ...eff].map(({ variable }) => variable))]);
  for (const footprint of footprints)
    if (footprint.length > 1) for (const variable of footprint) coupling[variable] = (coupling[variable] ?? 0) + 1;

  const centre = new Set<number>();
  for (;;) {
    const sets = new Groups(task.state.length);
    for (const [index, action] of task.actions.entries()) {
      if (action.eff.some(({ variable }) => centre.has(variable))) continue;
      const first = action.eff[0]?.variable ?? 0;
      for (const variable of footprints[index] ?? []) if (!centre.has(variable)) sets.join(first, variable);
    }
    const groups = new Map<number, number[]>();
    for (const variable of task.variables) {
      if (centre.has(variable)) continue;
      const group = groups.get(sets.of(variable));
      if (group) group.push(variable);
      else groups.set(sets.of(variable), [variable]);
    }
    const large = [...groups.values()].filter((group) => group.length > 1 && sizeOf(group) > limits.largeLeaf);
    if (large.length === 0) return { centre: [...centre].sort((a, b) => a - b), groups: [...groups.values()] };
    for (const group of large)
      centre.add(group.reduce((best, variable) => ((coupling[variable] ?? 0) > (coupling[best] ?? 0) ? variable : best)));
  }
}

interface Packing {
  readonly words: number;
  /** Those of the centre, each by itself. */
  of(atoms: readonly Atom[]): Bits[];
  pack(state: Uint16Array): Int32Array;
}

/** Where each variable of the centre lies in its words. */
function packingOf(centre: readonly number[], domains: readonly number[][]): Packing {
  const places = new Map<number, { word: number; shift: number; mask: number }>();
  let word = 0;
  let used = 0;
  for (const variable of centre) {
    const width = Math.max(1, Math.ceil(Math.log2(domains[variable]?.length ?? 1)));
    if (used + width > 30) {
      word++;
      used = 0;
    }
    places.set(variable, { word, shift: used, mask: ((1 << width) - 1) << used });
    used += width;
  }
  const of = (atoms: readonly Atom[]): Bits[] => {
    const found: Bits[] = [];
    for (const { variable, value } of atoms) {
      const place = places.get(variable);
      if (place) found.push({ word: place.word, mask: place.mask, bits: (domains[variable]?.indexOf(value) ?? 0) << place.shift });
    }
    return found;
  };
  const pack = (state: Uint16Array): Int32Array => {
    const packed = new Int32Array(word + 1);
    for (const one of of(centre.map((variable) => ({ variable, value: state[variable] ?? 0 })))) {
      packed[one.word] = (packed[one.word] ?? 0) | one.bits;
    }
    return packed;
  };
  return { words: word + 1, of, pack };
}

/** Conditions that must all hold, one a word; two that cannot both hold stay apart, and never do. */
function merge(all: readonly Bits[]): Bits[] {
  const merged: Bits[] = [];
  for (const one of all) {
    const at = merged.findIndex((other) => other.word === one.word && (other.mask & one.mask) === 0);
    const other = merged[at];
    if (other) merged[at] = { word: one.word, mask: other.mask | one.mask, bits: other.bits | one.bits };
    else merged.push(one);
  }
  return merged;
}

function movesOf(after: Int16Array): Int16Array {
  const moves: number[] = [];
  for (const [from, to] of after.entries()) if (to >= 0 && to !== from) moves.push(from, to);
  return Int16Array.from(moves);
}

/** What each state costs at least to the goals: the centre always in favour, its own steps free. */
function distances(size: number, isGoal: Uint8Array, actions: readonly LeafAction[], free: readonly Int16Array[]): Float64Array {
  const distance = Float64Array.from({ length: size }, (_, state) => (isGoal[state] === 1 ? 0 : Number.POSITIVE_INFINITY));
  const relax = (moves: Int16Array, cost: number): boolean => {
    let better = false;
    for (let move = 0; move < moves.length; move += 2) {
      const reached = (distance[moves[move + 1] ?? 0] ?? 0) + cost;
      if (reached >= (distance[moves[move] ?? 0] ?? 0)) continue;
      distance[moves[move] ?? 0] = reached;
      better = true;
    }
    return better;
  };
  for (let better = true; better; ) {
    better = false;
    for (const { moves, action } of actions) better = relax(moves, action.cost) || better;
    for (const moves of free) better = relax(moves, 0) || better;
  }
  return distance;
}
