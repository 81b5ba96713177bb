/** Why a node is not where it should be, in plain words, with what to do about it. */

import { get } from '@kraken-hpc/sdk/state';
import type { Explanation, Gap, Reason, StepText } from './answers.ts';
import { type Hindrance, heldBack, hindrance, holdOf, limitOf } from './guard.ts';
import type { Node } from './node.ts';
import type { Blocked, Plan } from './planner/plan.ts';
import { reasonOf } from './reasons.ts';
import type { Fact, Mark } from './record.ts';
import { remarksOf } from './remarks.ts';
import { hasSwitch } from './self.ts';
import { shellWord } from './shell.ts';
import { goalOf, PHYS } from './situation.ts';
import { isHosts, isOthers, pursue, restarted } from './walk.ts';
import { windowLeft } from './window.ts';
import { ago, blockerText, seconds, stepText } from './words.ts';
import type { World } from './world.ts';

export function explain(w: World, node: Node): Explanation {
  const { plan, blocked } = pursue(w, node);
  const reasons = reasonsOf(w, node, plan);
  const blockers = isUnheard(w, node) ? [] : blockersOf(w, node, blocked);
  const gaps = gapsOf(w, node, blocked ?? plan);
  const steps = stepsOf(node, plan, reasons);
  const { order } = node.book;
  const walk = node.walk;
  const until = node.flights[0]?.deadline ?? reasons.find((reason) => reason.until !== undefined)?.until;
  const todo = [...new Set(reasons.map((reason) => (reason.command ? `${reason.todo} → ${reason.command}` : reason.todo)))];
  if (blockers.length > 0)
    todo.push(
      `Change what is wanted, or start the service that can do it: kraken service list, kraken graph ${shellWord(node.name || node.id)}`,
    );
  const unheard = steps.length === 0 && gaps.some(({ moot }) => moot === undefined) && isUnheard(w, node);
  if (unheard) todo.push(startText(w, node));
  return {
    node: node.id,
    name: node.name,
    walk,
    since: node.walkSince,
    ...(until === undefined ? {} : { until }),
    summary: summarise(w, node, gaps, steps, reasons, blockers),
    gaps,
    plan: steps,
    reasons,
    blockers,
    failures: node.book.lastFailures ?? [],
    ...(order
      ? { order: { id: order.id, kind: order.kind, by: order.by, since: order.since, ...(order.why ? { why: order.why } : {}) } }
      : {}),
    todo,
  };
}

/** Why the steps that could run now do not, and what else keeps the node from being known. */
export function reasonsOf(w: World, node: Node, plan: Plan): Reason[] {
  const reasons: Reason[] = [];
  const seen = new Set<string>();
  const add = (reason: Reason): void => {
    if (seen.has(reason.text)) return;
    seen.add(reason.text);
    reasons.push(reason);
  };
  if (plan.kind === 'plan') {
    for (const { mutation, after } of plan.steps) {
      if (after.length > 0) continue;
      const flight = node.flight(mutation.id);
      if (flight?.orphan) add(reasonOf(w, node, restarted(w, flight)));
      if (flight) continue;
      const hindered = hindrance(w, node, mutation) ?? limitOf(w, node, mutation, false);
      if (hindered) add(reasonOf(w, node, hindered));
    }
  }
  // A freeze does not hide a hold, which outlives it.
  for (const held of [heldBack(w, node), holdOf(w, node)]) if (held) add(reasonOf(w, node, held));
  for (const about of hostReasons(w, node)) add(reasonOf(w, node, about));
  const { unreachable, conflict } = node;
  const { stuck } = node.book;
  if (stuck && node.walk !== 'atGoal' && !reasons.some((reason) => reason.kind === 'stuck'))
    add(reasonOf(w, node, { kind: 'stuck', since: stuck.since, text: stuck.text }));
  if (conflict) add(reasonOf(w, node, { kind: 'conflict', since: conflict.since, text: conflict.text }));
  if (unreachable && !reasons.some((reason) => reason.kind === 'login' || reason.kind === 'unreachableBmc')) {
    add(
      reasonOf(w, node, {
        kind: unreachable.kind === 'login' ? 'login' : 'unreachableBmc',
        since: unreachable.since,
        until: w.now + 1_000,
        text: unreachable.text,
      }),
    );
  }
  return reasons;
}

/** Out of sync: where its own host is, whether it was refused, how long it may still come. */
function hostReasons(w: World, node: Node): Hindrance[] {
  const { refused, window, at, waits } = node.book;
  const found: Hindrance[] = [];
  if (waits && isOthers(w, node) && !(refused && waits.kind === 'refusedClaim'))
    found.push({ kind: waits.kind, since: waits.since, text: waits.text });
  if (refused) found.push({ kind: 'refusedClaim', since: refused.since, text: refused.text });
  if (node.walk === 'atGoal' || node.live || at?.live) return found;
  const left = windowLeft(w, node);
  if (window && left !== undefined && window.claimed === undefined)
    found.push({ kind: 'window', since: window.since, until: w.now + left, text: window.why });
  return found;
}

/** Goals that cannot be reached, and values that no service knows how to reach. */
function blockersOf(w: World, node: Node, blocked: Blocked | undefined): string[] {
  if (isOthers(w, node)) return [];
  const texts = (blocked?.reasons ?? []).map((reason) => blockerText(w, reason, (path) => node.seen(path) ?? get(node.cfg, path)));
  for (const path of w.unledNow(node))
    texts.push(
      isHosts(w, node)
        ? `${path.slice(1)}: ${String(get(node.cfg, path))} is wanted, and its own host has not got it there yet (does the service run there?)`
        : `${path.slice(1)}: ${String(get(node.cfg, path))} is wanted, but no service that is running can lead there (is its plugin installed and started?)`,
    );
  if (texts.length > 0)
    for (const [name, broken] of w.broken) texts.push(`service ${name} is ${broken.state}: ${broken.why ?? 'see kraken service logs'}`);
  return texts;
}

function gapsOf(w: World, node: Node, plan: Plan): Gap[] {
  const goal = goalOf(w, node);
  const gaps: Gap[] = [];
  for (const variable of w.graph.variables) {
    const wanted = goal[variable.index] ?? 0;
    if (wanted === 0 || wanted === node.view[variable.index]) continue;
    const moot = plan.moot.includes(variable.index);
    gaps.push(gapOf(variable.path, String(variable.value(wanted)), node.facts.get(variable.path), wantedBy(node, variable.path), moot));
  }
  for (const path of w.unledNow(node)) gaps.push(gapOf(path, String(get(node.cfg, path)), node.facts.get(path), markOf(node, path), false));
  return gaps;
}

function gapOf(path: string, wanted: string, fact: Fact | undefined, mark: Pick<Mark, 'by' | 'at'> | undefined, moot: boolean): Gap {
  return {
    path,
    wanted,
    seen: fact?.value ?? 'unknown',
    ...(mark ? { wantedBy: mark.by, wantedAt: mark.at } : {}),
    ...(fact ? { seenBy: fact.by, seenAt: fact.at } : {}),
    ...(fact?.stale === undefined ? {} : { staleSince: fact.stale }),
    ...(moot ? { moot: 'it cannot be known while what else is wanted holds' } : {}),
  };
}

/** Until an order's POWER_OFF was seen, nothing else is wanted, and not by cfg. */
function wantedBy(node: Node, path: string): Pick<Mark, 'by' | 'at'> | undefined {
  const { order } = node.book;
  return order && !order.off ? { by: order.by, at: order.since } : markOf(node, path);
}

/** Who set a cfg value: the nearest mark above its path. */
function markOf(node: Node, path: string): Mark | undefined {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const mark = node.marks.get(at);
    if (mark) return mark;
  }
  return node.marks.get('');
}

function stepsOf(node: Node, plan: Plan, reasons: readonly Reason[]): StepText[] {
  if (plan.kind === 'blocked') return [];
  return plan.steps.map(({ mutation, after }) => {
    const flight = node.flight(mutation.id);
    const state = flight && !flight.orphan ? 'running' : after.length > 0 ? 'later' : reasons.length > 0 || flight ? 'waiting' : 'next';
    return {
      mutation: mutation.id,
      text: stepText(mutation),
      disruptive: mutation.disruptive,
      cost: mutation.cost,
      state,
      ...(flight ? { since: flight.at, deadline: flight.deadline } : {}),
    };
  });
}

function summarise(
  w: World,
  node: Node,
  gaps: readonly Gap[],
  steps: readonly StepText[],
  reasons: readonly Reason[],
  blockers: readonly string[],
): string {
  const name = node.name || node.id;
  const power = node.seen(PHYS) ?? 'not known';
  const running = steps.find((step) => step.state === 'running');
  if (running)
    return `${name} is on its way: ${named(running)} for ${ago(w, running.since)}, at most ${seconds(Math.max(0, (running.deadline ?? w.now) - w.now))} more.${progressText(w, node)}`;
  const first = reasons[0];
  if (first && steps[0]) return `${name} waits before ${named(steps[0])}: ${first.text}.`;
  if (blockers.length > 0) return `${name} cannot get where it should be: ${blockers.slice(0, 2).join('; ')}.`;
  if (steps[0]) return `${name} is about to go on with ${named(steps[0])}.`;
  const open = gaps.filter((gap) => gap.moot === undefined);
  const note = first ? ` But ${first.text}.` : '';
  const paths = open.map((gap) => gap.path.slice(1)).join(', ');
  if (open.length > 0 && isUnheard(w, node))
    return `${name} waits for its own host, which was never heard: only that can say ${paths}.${note}`;
  if (open.length > 0) return `${name} waits to be observed: ${paths}.${note}`;
  const noted = remarksOf(w, node).map((text) => ` It ${text}.`);
  return `${name} is where it should be (power: ${String(power)}) for ${ago(w, node.walkSince)}.${note}${noted.join('')}`;
}

/** What says how far it has come, the newest of it. */
function progressText(w: World, node: Node): string {
  let newest: [path: string, fact: Fact] | undefined;
  for (const [path, fact] of node.facts) {
    if (fact.stale !== undefined || !w.graph.variable(path)?.declared?.progress) continue;
    if (!newest || fact.at > newest[1].at) newest = [path, fact];
  }
  if (!newest) return '';
  const [path, { value, at }] = newest;
  return ` Last seen: ${path.slice(1).replaceAll('/', '.')} ${String(value)}, ${ago(w, at)} ago.`;
}

/** No service here can look at it or switch it on, and nobody has come as it yet. */
function isUnheard(w: World, node: Node): boolean {
  const { key, at, refused } = node.book;
  if (!isHosts(w, node) || node.live || key || at || refused || node.seen(PHYS) !== undefined) return false;
  return isOthers(w, node) || !hasSwitch(w, node);
}

function startText(w: World, node: Node): string {
  const name = shellWord(node.name || node.id);
  const parent = w.nodes.get(node.parent ?? w.self);
  return (
    `Start it on that machine: kraken up --parent ADDRESS-OF-${shellWord(parent?.name || 'THIS-HOST')} --id ${node.id} --ca PIN (kraken engine status shows the pin); ` +
    `it is let in by a token (kraken token create ${name}, then --token-file FILE there), or by your word → kraken node admit ${name}`
  );
}

/** `ipmi/powerOn (physState POWER_OFF → POWER_ON)`; an ask needs no more than its words. */
function named({ mutation, text }: StepText): string {
  return mutation.includes('/ask:') ? text : `${mutation} (${text})`;
}
