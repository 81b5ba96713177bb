/** A* over the centre of a star: the cheapest sequence of actions from its start to its goals. */
import { Heap } from './heap.ts';
import type { Action } from './model.ts';
import type { Bits, CentreAction, Leaf, LeafAction, Star } from './star.ts';

/**
 * A search is given up when it has done so much, or would keep so much: an answer within a fraction of a second and some dozen
 * megabytes, whatever is asked. Counted in prices worked out, so that where it ends does not depend on the machine.
 */
const MAX_WORK = 10_000_000;
const MAX_KEPT = 4_000_000;
/** What a state costs beside its prices, in the same unit. */
const STATE = 40;

export type Found =
  | { readonly kind: 'found'; readonly actions: readonly Action[]; readonly cost: number }
  | { readonly kind: 'none' }
  | { readonly kind: 'tooLarge'; readonly expanded: number };

/** A state of the centre on one way to it, with what every state of every leaf costs there. */
interface Node {
  readonly centre: Int32Array;
  readonly prices: Float64Array;
  /** What the centre's own steps have cost. */
  readonly spent: number;
  readonly parent: Node | undefined;
  readonly via: CentreAction | undefined;
  dominated: boolean;
}

export function search(star: Star): Found {
  const open = new Heap<Node>();
  const seen = new Map<number | string, Node[]>();
  let best: Node | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  let kept = 0;
  let work = 0;

  const offer = (node: Node): void => {
    const estimate = node.spent + atLeast(star, node.prices);
    if (!(estimate < bestCost)) return;
    const key = star.words === 1 ? (node.centre[0] ?? 0) : node.centre.join();
    const others = seen.get(key) ?? [];
    work += (2 * others.length + 1) * (star.prices + STATE);
    if (others.some((other) => dominates(star, other, node))) return;
    for (const other of others) other.dominated = dominates(star, node, other);
    seen.set(key, [...others.filter((other) => !other.dominated), node]);
    kept += star.prices + STATE;
    if (holds(star.goals, node.centre)) {
      const cost = node.spent + atGoal(star, node.prices);
      if (cost < bestCost) {
        best = node;
        bestCost = cost;
      }
    }
    open.push(estimate, node);
  };

  offer({ centre: star.start, prices: startPrices(star), spent: 0, parent: undefined, via: undefined, dominated: false });
  let expanded = 0;
  for (let node = open.pop(bestCost); node; node = open.pop(bestCost)) {
    if (node.dominated) continue;
    expanded++;
    work += star.actions.length;
    if (work > MAX_WORK || kept > MAX_KEPT) return { kind: 'tooLarge', expanded };
    for (const action of star.actions) {
      const next = step(star, node, action);
      if (next) offer(next);
    }
  }
  return best ? { kind: 'found', actions: trace(star, best), cost: bestCost } : { kind: 'none' };
}

function holds(all: readonly Bits[], centre: Int32Array): boolean {
  for (const { word, mask, bits } of all) if (((centre[word] ?? 0) & mask) !== bits) return false;
  return true;
}

function holdsNone(all: readonly Bits[], centre: Int32Array): boolean {
  for (const { word, mask, bits } of all) if (((centre[word] ?? 0) & mask) === bits) return false;
  return true;
}

/** One of the centre's actions; undefined where it cannot run in any state of the leaves. */
function step(star: Star, node: Node, via: CentreAction): Node | undefined {
  if (!holds(via.pre, node.centre) || !holdsNone(via.neg, node.centre)) return undefined;
  const centre = node.centre.slice();
  for (const { word, mask, bits } of via.eff) centre[word] = ((centre[word] ?? 0) & ~mask) | bits;
  const prices = node.prices.slice();
  for (const { leaf: index, after } of via.leaves) {
    const leaf = star.leaves[index];
    if (!leaf || !fold(leaf, after, node.prices, prices)) return undefined;
  }
  settle(star, centre, prices);
  return { centre, prices, spent: node.spent + via.action.cost, parent: node, via, dominated: false };
}

/** What a centre's action leaves of a leaf's prices; false where no state of the leaf lets it run. */
function fold(leaf: Leaf, after: Int16Array, from: Float64Array, to: Float64Array): boolean {
  to.fill(Number.POSITIVE_INFINITY, leaf.offset, leaf.offset + leaf.size);
  let runs = false;
  for (let state = 0; state < leaf.size; state++) {
    const target = after[state] ?? -1;
    const price = from[leaf.offset + state] ?? 0;
    if (target < 0 || price === Number.POSITIVE_INFINITY) continue;
    runs = true;
    if (price < (to[leaf.offset + target] ?? 0)) to[leaf.offset + target] = price;
  }
  return runs;
}

function startPrices(star: Star): Float64Array {
  const prices = new Float64Array(star.prices).fill(Number.POSITIVE_INFINITY);
  for (const leaf of star.leaves) prices[leaf.offset + leaf.start] = 0;
  settle(star, star.start, prices);
  return prices;
}

/** Lets every leaf go as far as it can under this centre. */
function settle(star: Star, centre: Int32Array, prices: Float64Array): void {
  for (const leaf of star.leaves) {
    const running = leaf.actions.filter((action) => holds(action.pre, centre) && holdsNone(action.neg, centre));
    for (let better = running.length > 0; better; ) {
      better = false;
      for (const { moves, action } of running) {
        for (let move = 0; move < moves.length; move += 2) {
          const reached = (prices[leaf.offset + (moves[move] ?? 0)] ?? 0) + action.cost;
          const to = leaf.offset + (moves[move + 1] ?? 0);
          if (reached >= (prices[to] ?? 0)) continue;
          prices[to] = reached;
          better = true;
        }
      }
    }
  }
}

/** What the leaves cost at least, whatever comes. */
function atLeast(star: Star, prices: Float64Array): number {
  let sum = 0;
  for (const leaf of star.leaves) {
    let least = Number.POSITIVE_INFINITY;
    for (let state = 0; state < leaf.size; state++)
      least = Math.min(least, (prices[leaf.offset + state] ?? 0) + (leaf.atLeast[state] ?? 0));
    sum += least;
  }
  return sum;
}

/** What the leaves cost if the centre stays where it is. */
function atGoal(star: Star, prices: Float64Array): number {
  let sum = 0;
  for (const leaf of star.leaves) sum += prices[leaf.offset + cheapestGoal(leaf, prices)] ?? 0;
  return sum;
}

function cheapestGoal(leaf: Leaf, prices: Float64Array): number {
  let best = leaf.isGoal.indexOf(1);
  for (let state = best + 1; state < leaf.size; state++) {
    if (leaf.isGoal[state] === 1 && (prices[leaf.offset + state] ?? 0) < (prices[leaf.offset + best] ?? 0)) best = state;
  }
  return best;
}

/** Whether whatever can follow `b`, in the same state of the centre, can follow `a` for no more. */
function dominates(star: Star, a: Node, b: Node): boolean {
  let more = a.spent - b.spent;
  for (const { offset, size } of star.leaves) {
    let most = Number.NEGATIVE_INFINITY;
    for (let price = offset; price < offset + size; price++) {
      const theirs = b.prices[price] ?? 0;
      if (theirs !== Number.POSITIVE_INFINITY) most = Math.max(most, (a.prices[price] ?? 0) - theirs);
    }
    more += most;
    if (more === Number.POSITIVE_INFINITY) return false;
  }
  return more <= 0;
}

/** The actions on the way to a node and, there, to the goals of every leaf: each as early as it costs no more. */
function trace(star: Star, last: Node): Action[] {
  const states = star.leaves.map((leaf) => cheapestGoal(leaf, last.prices));
  const backwards: Action[] = [];
  for (let node: Node | undefined = last; node; node = node.parent) {
    for (let index = star.leaves.length - 1; index >= 0; index--) {
      const leaf = star.leaves[index];
      if (leaf) states[index] = traceLeaf(leaf, node, states[index] ?? 0, backwards);
    }
    if (node.via) backwards.push(node.via.action);
  }
  return backwards.reverse();
}

/** Goes back from a leaf's state to the one in which it was before this node's centre action; adds the leaf's actions between. */
function traceLeaf(leaf: Leaf, node: Node, state: number, backwards: Action[]): number {
  const running = leaf.actions.filter((action) => holds(action.pre, node.centre) && holdsNone(action.neg, node.centre));
  for (let at = state; ; ) {
    const before = sourceOf(leaf, node, at);
    if (before >= 0) return before;
    const move = cameBy(leaf, node, at, running);
    backwards.push(move.action);
    at = move.from;
  }
}

/** The state of the leaf before the node's centre action, if `state` has had its price since then; else −1. */
function sourceOf(leaf: Leaf, node: Node, state: number): number {
  const price = node.prices[leaf.offset + state] ?? 0;
  if (!node.parent) return state === leaf.start ? state : -1;
  const map = node.via?.leaves.find((one) => one.leaf === leaf.index);
  if (!map) return node.parent.prices[leaf.offset + state] === price ? state : -1;
  for (let from = 0; from < leaf.size; from++)
    if (map.after[from] === state && node.parent.prices[leaf.offset + from] === price) return from;
  return -1;
}

function cameBy(leaf: Leaf, node: Node, state: number, running: readonly LeafAction[]): { action: Action; from: number } {
  const price = node.prices[leaf.offset + state] ?? 0;
  for (const { action, moves } of running) {
    for (let move = 0; move < moves.length; move += 2) {
      const from = moves[move] ?? 0;
      if (moves[move + 1] === state && (node.prices[leaf.offset + from] ?? 0) + action.cost === price) return { action, from };
    }
  }
  throw new Error(`planner: no action leads to state ${state} of a leaf at the price ${price}; this is a defect of the planner`);
}
