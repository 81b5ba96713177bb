/** What taking in a declaration would mean, worked out without taking it in. */
import { parseNodeSet } from '@kraken-hpc/sdk/state';
import type { ServiceDeclaration } from './declaration.ts';
import { buildGraph } from './graph.ts';
import type { Plan } from './planner/plan.ts';
import type { NodeId } from './record.ts';
import { classOf, planOf } from './situation.ts';
import { blockerText } from './words.ts';
import type { World } from './world.ts';

export interface DeclarationPreview {
  /** Why it would be refused beside the services that there are; empty: it would be taken. */
  readonly conflicts: readonly string[];
  /** Nodes that it would serve. */
  readonly served: number;
  /** Nodes whose way to what is wanted of them would be another, by the two ways in words. */
  readonly ways: readonly { readonly nodes: readonly NodeId[]; readonly before: string; readonly after: string }[];
}

/** `replaces`: the services whose place it takes. The world is afterwards as it was. */
export function previewDeclaration(w: World, declaration: ServiceDeclaration, replaces: readonly string[]): DeclarationPreview {
  const others = [...w.services.values()].map((other) => other.declaration).filter(({ service }) => !isReplaced(service));
  const { refused } = buildGraph([...others, declaration], w.variables);
  const contradictions = refused.filter(({ service }) => service === declaration.service).map(({ text }) => text);
  if (contradictions.length > 0) return { conflicts: contradictions, served: 0, ways: [] };
  const before = ways(w);
  const services = new Map(w.services);
  try {
    for (const service of services.keys()) if (isReplaced(service)) w.services.delete(service);
    const serves = declaration.serves ? parseNodeSet(declaration.serves) : undefined;
    w.services.set(declaration.service, { state: 'ready', since: w.now, why: undefined, declaration, serves });
    w.rebuild([...others, declaration]);
    const conflicts = new Set<string>();
    let served = 0;
    for (const node of w.nodes.values()) {
      for (const conflict of classOf(w, node).conflicts) conflicts.add(conflict);
      if (w.serves(declaration.service, node)) served += 1;
    }
    return { conflicts: [...conflicts].sort(), served, ways: differences(before, ways(w)) };
  } finally {
    w.services.clear();
    for (const [name, service] of services) w.services.set(name, service);
    w.rebuild([...services.values()].map((service) => service.declaration));
  }

  function isReplaced(service: string): boolean {
    return service === declaration.service || replaces.includes(service);
  }
}

/** The way of every node, in words; nodes of one situation share the text. */
function ways(w: World): Map<NodeId, string> {
  const texts = new Map<Plan, string>();
  const found = new Map<NodeId, string>();
  for (const node of w.nodes.values()) {
    const plan = planOf(w, node);
    let text = texts.get(plan);
    if (text === undefined) texts.set(plan, (text = textOf(w, plan)));
    found.set(node.id, text);
  }
  return found;
}

function textOf(w: World, plan: Plan): string {
  const { steps } = plan.kind === 'blocked' ? plan.rest : plan;
  const way = steps.map(({ mutation }) => mutation.id).join(' → ');
  if (plan.kind !== 'blocked') return way || 'at goal';
  const why = plan.reasons.map((reason) => blockerText(w, reason, () => undefined)).join('; ');
  return `no way${way === '' ? '' : ` beyond ${way}`}: ${why}`;
}

function differences(before: ReadonlyMap<NodeId, string>, after: ReadonlyMap<NodeId, string>): DeclarationPreview['ways'] {
  const groups = new Map<string, { nodes: NodeId[]; before: string; after: string }>();
  for (const [node, now] of after) {
    const was = before.get(node) ?? '';
    if (was === now) continue;
    const group = groups.get(`${was}\n${now}`);
    if (group) group.nodes.push(node);
    else groups.set(`${was}\n${now}`, { nodes: [node], before: was, after: now });
  }
  return [...groups.values()].sort((a, b) => b.nodes.length - a.nodes.length);
}
