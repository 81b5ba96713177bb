/** Once all is healed: every host runs the cfg that the root has for it, and the root sees what the hosts themselves see. */
import { isDeepStrictEqual } from 'node:util';
import { explain } from '../../../../host/core/explain.ts';
import type { SimHost } from '../sim-host.ts';
import type { Tree } from '../tree.ts';

/** Facts that a host's parent or its power service says, not the host. */
const NOT_ITS_OWN = new Set(['/physState', '/pxe/state']);

/** What is not so, in words; nothing = it has converged. `isOut`: hosts that are kept out on purpose. */
export function unconverged(tree: Tree, isOut: (host: SimHost) => boolean = () => false): string[] {
  const found: string[] = [];
  for (const host of tree.all) {
    if (host.kind === 'root' || isOut(host)) continue;
    const why = ofHost(tree, host);
    if (why) found.push(`${host.id} ${why}`);
  }
  return found;
}

function ofHost(tree: Tree, host: SimHost): string | undefined {
  const { process } = host;
  const root = tree.root.process;
  if (!root) return 'has no root to be compared with';
  if (!process) return 'does not run';
  const { uplink } = process.sync;
  if (uplink?.state !== 'connected' || !uplink.peer) return `is ${uplink?.state}: ${uplink?.why}`;
  const parent = tree.sim.host(uplink.peer.id);
  const above = tree.root.process?.world.nodes.get(host.id);
  if (above?.book.at?.host !== parent.id || !above.book.at.live)
    return `is attached to ${parent.id}, and the root holds ${JSON.stringify(above?.book.at)}`;
  const wanted = tree.root.cfg(host.id);
  for (const holder of [host, parent])
    if (!isDeepStrictEqual(holder.cfg(host.id), wanted)) return `has another cfg at ${holder.id}: ${differs(holder.cfg(host.id), wanted)}`;
  return (
    ofNodes(tree, host) ??
    ofFacts(host, above) ??
    (above.walk === 'atGoal' ? undefined : `is not at goal for the root: ${JSON.stringify(explain(root.world, above)).slice(0, 600)}`)
  );
}

/** It holds no node of which nothing is below it any more. */
function ofNodes(tree: Tree, host: SimHost): string | undefined {
  for (const id of host.process?.world.nodes.keys() ?? []) {
    if (host.kind === 'middle' ? isBelow(tree, host.id, id) : id === host.id) continue;
    return `holds ${id}, which is not below it`;
  }
  return undefined;
}

function isBelow(tree: Tree, host: string, id: string, depth = 0): boolean {
  const { cfg, book } = tree.root.process?.world.nodes.get(id) ?? {};
  if (id === host) return true;
  if (!cfg || id === 'root' || depth > 8) return false;
  const parents = Array.isArray(cfg['parents']) ? cfg['parents'] : [];
  const hosts = [cfg['parentId'], ...parents, book?.at?.host].filter((one): one is string => typeof one === 'string');
  return hosts.some((one) => isBelow(tree, host, one, depth + 1));
}

type Seen = NonNullable<SimHost['process']>['world']['nodes'] extends Map<string, infer N> ? N : never;

function ofFacts(host: SimHost, above: Seen): string | undefined {
  const own = host.process?.world.nodes.get(host.id);
  for (const [path, fact] of own?.facts ?? []) {
    if (fact.via !== undefined || NOT_ITS_OWN.has(path)) continue;
    const seen = above.seen(path);
    if (!isDeepStrictEqual(seen, fact.value))
      return `says ${path} is ${JSON.stringify(fact.value)}, and the root sees ${JSON.stringify(seen)}`;
  }
  for (const [path, fact] of above.facts) {
    if (fact.via === undefined || NOT_ITS_OWN.has(path)) continue;
    if (own?.seen(path) === undefined) return `does not see ${path}, and the root holds ${JSON.stringify(fact.value)} of ${fact.via}`;
  }
  return undefined;
}

function differs(a: Record<string, unknown> | undefined, b: Record<string, unknown> | undefined): string {
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  const other = [...names].filter((name) => !isDeepStrictEqual(a?.[name], b?.[name]));
  return other.map((name) => `${name} ${short(a?.[name])} for ${short(b?.[name])}`).join(', ');
}

function short(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 80);
}

/** Every leaf is with the parent that its cfg names first. */
export function astray(tree: Tree): string[] {
  return tree.leaves
    .filter((leaf) => leaf.process)
    .map((leaf) => ({ leaf, wanted: tree.root.cfg(leaf.id)?.['parentId'], at: leaf.process?.sync.uplink?.peer?.id }))
    .filter(({ leaf, wanted, at }) => leaf.parents.includes(String(wanted)) && at !== wanted)
    .map(({ leaf, wanted, at }) => `${leaf.id} is at ${at}, and belongs to ${wanted}`);
}
