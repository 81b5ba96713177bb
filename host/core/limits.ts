/** How many steps at once, how many a second: rules of the operator, first come first served, with the time waited kept. */

import { matches, type NodeSet, parseNodeSet } from '@kraken-hpc/sdk/state';
import type { Mutation } from './declaration.ts';
import type { Limit } from './event.ts';
import type { Millis, NodeId } from './record.ts';

/** What a rule matches against. */
type Subject = Parameters<typeof matches>[1];

/** One rule for one value of its label. */
interface Gate {
  readonly rule: Rule;
  readonly value: string;
  readonly inside: Set<NodeId>;
  /** Waiting nodes in the order of coming, each with since when. */
  readonly queue: Map<NodeId, Millis>;
  /** When the next may start, by the rate. */
  free: Millis;
}

interface Rule {
  readonly limit: Limit;
  /** Binds only nodes that come back after a power loss. */
  readonly restore: boolean;
  readonly set: NodeSet | undefined;
  readonly gates: Map<string, Gate>;
}

export interface Full {
  readonly rule: string;
  readonly value: string;
  readonly since: Millis;
  readonly ahead: number;
  /** When a rate allows the next; absent where a place must become free. */
  readonly until?: Millis;
}

export class Limiter {
  readonly #rules = new Map<string, Rule>();

  get limits(): readonly Limit[] {
    return [...this.#rules.values()].filter((rule) => !rule.restore).map((rule) => rule.limit);
  }

  set(limit: Limit): void {
    this.#rules.set(limit.name, {
      limit,
      restore: false,
      set: limit.selector ? parseNodeSet(limit.selector) : undefined,
      gates: new Map(),
    });
  }

  /** The built-in rules of `afterPowerLoss: restore`: so many a second, so many at once in each failure domain. */
  setRestore(perSecond: number, perLabel: number, labels: readonly string[]): void {
    const rule = (limit: Limit): void => void this.#rules.set(limit.name, { limit, restore: true, set: undefined, gates: new Map() });
    rule({ name: 'restore', mutation: '*', selector: '', perSecond });
    for (const label of labels) rule({ name: `restore per ${label}`, mutation: '*', selector: '', perLabel: label, atOnce: perLabel });
  }

  remove(name: string): boolean {
    return this.#rules.delete(name);
  }

  /** The operator's timeout for this step, or the mutation's own. */
  timeout(mutation: Mutation, subject: Subject): Millis {
    let timeout = mutation.timeout;
    for (const rule of this.#rules.values())
      if (rule.limit.timeout !== undefined && applies(rule, mutation, subject)) timeout = rule.limit.timeout;
    return timeout;
  }

  /** Whether the step may start now. With `take`, a place is taken or the node is queued; without, only looked at. */
  full(mutation: Mutation, subject: Subject, now: Millis, take: boolean, restoring: boolean): Full | undefined {
    if (this.#rules.size === 0) return undefined;
    const gates = this.#gates(mutation, subject, restoring);
    for (const gate of gates) {
      const full = look(gate, subject.id, now);
      if (!full) continue;
      if (take && !gate.queue.has(subject.id)) gate.queue.set(subject.id, now);
      return { ...full, since: gate.queue.get(subject.id) ?? now };
    }
    if (take) for (const gate of gates) enter(gate, subject.id, now);
    return undefined;
  }

  /** A step of this node has ended, or it does not want one any more; returns the nodes that may come in now. */
  release(node: NodeId): NodeId[] {
    const next: NodeId[] = [];
    for (const rule of this.#rules.values()) {
      for (const gate of rule.gates.values()) {
        const left = gate.inside.delete(node) || gate.queue.delete(node);
        if (left) next.push(...heads(gate));
      }
    }
    return next;
  }

  /** Nodes at the head of a queue whose rate allows them now, and when the next one will be. */
  due(now: Millis): { nodes: NodeId[]; next: Millis | undefined } {
    const nodes: NodeId[] = [];
    let next: Millis | undefined;
    for (const rule of this.#rules.values()) {
      for (const gate of rule.gates.values()) {
        if (gate.queue.size === 0 || rule.limit.perSecond === undefined) continue;
        if (gate.free <= now) nodes.push(...heads(gate));
        else next = Math.min(next ?? gate.free, gate.free);
      }
    }
    return { nodes, next };
  }

  #gates(mutation: Mutation, subject: Subject, restoring: boolean): Gate[] {
    const gates: Gate[] = [];
    for (const rule of this.#rules.values()) {
      const { limit } = rule;
      if (rule.restore && (!restoring || (limit.perLabel !== undefined && subject.label(limit.perLabel) === undefined))) continue;
      if ((limit.atOnce === undefined && limit.perSecond === undefined) || !applies(rule, mutation, subject)) continue;
      const value = limit.perLabel ? (subject.label(limit.perLabel) ?? '') : '';
      let gate = rule.gates.get(value);
      if (!gate) {
        gate = { rule, value, inside: new Set(), queue: new Map(), free: 0 };
        rule.gates.set(value, gate);
      }
      gates.push(gate);
    }
    return gates;
  }
}

function applies(rule: Rule, mutation: Mutation, subject: Subject): boolean {
  const { mutation: pattern } = rule.limit;
  const named = pattern === '*' || pattern === mutation.id || (pattern.endsWith('/*') && pattern.slice(0, -2) === mutation.service);
  return named && (rule.set === undefined || matches(rule.set, subject));
}

/** Full for this node: no place, no rate left, or others wait before it. */
function look(gate: Gate, node: NodeId, now: Millis): Omit<Full, 'since'> | undefined {
  const { atOnce, perSecond, name } = gate.rule.limit;
  if (gate.inside.has(node)) return undefined;
  const places = atOnce === undefined ? Number.POSITIVE_INFINITY : atOnce - gate.inside.size;
  const ahead = aheadOf(gate, node, perSecond === undefined ? Math.max(places, 0) : 1);
  const base = { rule: name, value: gate.value, ahead };
  if (perSecond !== undefined && gate.free > now) return { ...base, until: gate.free };
  if (places <= ahead) return base;
  if (perSecond !== undefined && ahead > 0) return { ...base, until: now + Math.ceil(1000 / perSecond) };
  return undefined;
}

/** How many wait before this node; looks no further than `most`, past which it must wait anyhow. */
function aheadOf(gate: Gate, node: NodeId, most: number): number {
  if (!gate.queue.has(node)) return gate.queue.size;
  let ahead = 0;
  for (const other of gate.queue.keys()) {
    if (other === node || ahead >= most) break;
    ahead++;
  }
  return ahead;
}

function enter(gate: Gate, node: NodeId, now: Millis): void {
  gate.queue.delete(node);
  gate.inside.add(node);
  const { perSecond } = gate.rule.limit;
  if (perSecond !== undefined) gate.free = Math.max(gate.free, now) + 1000 / perSecond;
}

function heads(gate: Gate): NodeId[] {
  const { atOnce } = gate.rule.limit;
  const places = atOnce === undefined ? 1 : Math.max(0, atOnce - gate.inside.size);
  const nodes: NodeId[] = [];
  for (const node of gate.queue.keys()) {
    if (nodes.length >= places) break;
    nodes.push(node);
  }
  return nodes;
}
