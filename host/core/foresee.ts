/** What a change would do, worked out by the planner and the guards that will also run it; nothing is applied. */

import { type Doc, get } from '@kraken-hpc/sdk/state';
import type { PlanGroup, PlanReport, ReasonKind } from './answers.ts';
import { draft } from './apply.ts';
import { check } from './check.ts';
import type { NodeClass } from './classes.ts';
import type { Json } from './declaration.ts';
import type { CfgChange } from './event.ts';
import { busy, hindrance } from './guard.ts';
import type { Node } from './node.ts';
import type { Plan, Steps } from './planner/plan.ts';
import { reasonOf } from './reasons.ts';
import type { NodeId } from './record.ts';
import { RefusalError } from './refusal.ts';
import { remarks } from './remarks.ts';
import { disruptiveSteps } from './request.ts';
import { BUSY, goalOf, PHYS, planOf } from './situation.ts';
import { isPowerOff } from './steps.ts';
import { blockerText, stepText } from './words.ts';
import type { World } from './world.ts';

/** A node as it would stand after the change. */
interface Foreseen {
  readonly id: NodeId;
  readonly node: Node | undefined;
  readonly doc: Doc;
  /** A person's order, not a change of cfg. */
  readonly isOrder: boolean;
  readonly plan: Plan;
  readonly cls: NodeClass;
  /** The plan before, to tell what was asked for. */
  readonly before: Plan | undefined;
}

export function planChange(w: World, change: CfgChange): PlanReport {
  const drafted = draft(w, change);
  const refusal = 'refusal' in drafted ? drafted.refusal : check(w, drafted.drafts);
  if (refusal) throw new RefusalError(refusal);
  if ('refusal' in drafted) throw new RefusalError(drafted.refusal);
  const foreseen: Foreseen[] = [];
  for (const [id, doc] of drafted.drafts) if (doc !== undefined) foreseen.push(foresee(w, id, doc));
  return report(w, foreseen);
}

/** The same for an order to reboot: to POWER_OFF first, all else moot. */
export function planOrder(w: World, nodes: readonly NodeId[]): PlanReport {
  const phys = w.graph.variable(PHYS);
  const foreseen: Foreseen[] = [];
  for (const id of nodes) {
    const node = w.nodes.get(id);
    if (!node || !phys) continue;
    const base = foresee(w, id, node.cfg);
    const goal = new Uint16Array(node.goal.length);
    goal[phys.index] = phys.code('POWER_OFF');
    foreseen.push({ ...base, isOrder: true, plan: base.cls.plan(node.view, goal) });
  }
  return report(w, foreseen);
}

function foresee(w: World, id: NodeId, doc: Doc): Foreseen {
  const node = w.nodes.get(id);
  const { variables } = w.graph;
  const view = new Uint16Array(variables.length);
  const goal = new Uint16Array(variables.length);
  for (const variable of variables) {
    const seen = node?.seen(variable.path);
    view[variable.index] = variable.code(variable.isMutable || seen !== undefined ? seen : get(doc, variable.path));
    goal[variable.index] = variable.isMutable && !variable.declared?.means ? variable.code(get(doc, variable.path)) : 0;
  }
  const name = typeof doc['nodename'] === 'string' ? doc['nodename'] : '';
  const serves = (service: string): boolean => w.servesDocument(service, id, name, doc, node);
  const cls = w.graph.classOf(serves, (variable) => view[variable.index] ?? 0);
  const order = node?.book.order && !node.book.order.off ? goalOf(w, node) : goal;
  return { id, node, doc, isOrder: false, cls, plan: cls.plan(view, order), before: node ? planOf(w, node) : undefined };
}

function report(w: World, foreseen: readonly Foreseen[]): PlanReport {
  const byPlan = new Map<Plan, Foreseen[]>();
  for (const one of foreseen) {
    const group = byPlan.get(one.plan);
    if (group) group.push(one);
    else byPlan.set(one.plan, [one]);
  }
  const groups: PlanGroup[] = [];
  const unreachable: { nodes: NodeId[]; reasons: string[] }[] = [];
  let atGoal = 0;
  const cycles: [number, number] = [0, 0];
  for (const [plan, nodes] of byPlan) {
    if (plan.kind === 'blocked')
      unreachable.push({
        nodes: nodes.map((one) => one.id),
        reasons: plan.reasons.map((reason) => blockerText(w, reason, valueAt(nodes[0]))),
      });
    // What can be reached goes on beside what cannot.
    const steps = plan.kind === 'blocked' ? plan.rest : plan;
    if (steps.steps.length > 0) {
      const group = groupOf(w, steps, nodes);
      groups.push(group);
      cycles[0] += group.powerCycles[0] * nodes.length;
      cycles[1] += group.powerCycles[1] * nodes.length;
    } else if (plan.kind === 'plan') atGoal += nodes.length;
  }
  groups.sort((a, b) => b.nodes.length - a.nodes.length);
  const noted = remarks(
    w,
    foreseen.flatMap(({ node }) => node ?? []),
  );
  return {
    revision: w.revision,
    changed: foreseen.length,
    atGoal,
    groups,
    unreachable,
    powerCycles: cycles,
    ...(noted.length > 0 && { remarks: noted }),
  };
}

function groupOf(w: World, plan: Steps, nodes: readonly Foreseen[]): PlanGroup {
  const branches = plan.branches.map((branch) => {
    const variable = w.graph.variables[branch.variable];
    const answer = `${variable?.path.slice(1)} ${String(variable?.value(branch.code) ?? '?')}`;
    const steps =
      branch.plan.kind === 'plan'
        ? branch.plan.steps.map(({ mutation }) => mutation.id)
        : branch.plan.reasons.map((reason) => blockerText(w, reason, valueAt(nodes[0])));
    return { answer, steps };
  });
  return {
    nodes: nodes.map((one) => one.id),
    steps: plan.steps.map(({ mutation }) => ({ mutation: mutation.id, text: stepText(mutation), disruptive: mutation.disruptive })),
    cost: plan.cost,
    disruptive: range(plan, (steps) => steps.filter(({ mutation }) => mutation.disruptive).length),
    powerCycles: range(plan, (steps) => steps.filter(({ mutation }) => isPowerOff(mutation)).length),
    branches,
    waiting: waitingOf(w, plan, nodes),
    moot: plan.moot.map((index) => w.graph.variables[index]?.path ?? ''),
  };
}

/** A node's values as they would be after the change. */
function valueAt(one: Foreseen | undefined): (path: string) => Json | undefined {
  return (path) => one?.node?.seen(path) ?? (one && get(one.doc, path));
}

/** From–to over the ways that the plan can go, by what asking answers. */
function range(plan: Steps, count: (steps: Steps['steps']) => number): [number, number] {
  const counts = [count(plan.steps), ...plan.branches.flatMap((branch) => (branch.plan.kind === 'plan' ? [count(branch.plan.steps)] : []))];
  return [Math.min(...counts), Math.max(...counts)];
}

/** Who would wait, and why: by the guards of the first steps, and by leases for what comes to be disruptive on the way expected. */
function waitingOf(w: World, plan: Steps, nodes: readonly Foreseen[]): PlanGroup['waiting'] {
  const groups = new Map<string, { kind: ReasonKind; text: string; nodes: NodeId[] }>();
  const disrupts = plan.steps.flatMap(({ mutation }) => (mutation.disruptive ? [mutation.id] : []));
  const first = plan.steps.filter((step) => step.after.length === 0).map((step) => step.mutation);
  for (const one of nodes) {
    const { node, id } = one;
    if (!node) continue;
    const requested = wouldBeRequested(one, disrupts);
    const found =
      (disrupts.length > 0 ? busy(w, node, requested || !node.facts.has(BUSY)) : undefined) ??
      first
        .map((mutation) => hindrance(w, node, mutation.disruptive && requested ? { ...mutation, disruptive: false } : mutation))
        .find((hindered) => hindered !== undefined);
    if (!found) continue;
    const { kind, text } = reasonOf(w, node, found);
    const group = groups.get(`${kind} ${text}`);
    if (group) group.nodes.push(id);
    else groups.set(`${kind} ${text}`, { kind, text, nodes: [id] });
  }
  return [...groups.values()];
}

/** As `isRequested` will judge once the change is made. */
function wouldBeRequested({ isOrder, doc, before }: Foreseen, disrupts: readonly string[]): boolean {
  if (isOrder || get(doc, PHYS) === 'POWER_OFF') return true;
  const earlier = before ? disruptiveSteps(before) : undefined;
  return disrupts.some((step) => !earlier?.has(step));
}
