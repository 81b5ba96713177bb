/** What the simulator reads of its nodes' documents: faults to inject, names, and where the power is somebody else's. */
import type { Watcher } from '@kraken-hpc/sdk';
import type { Cluster } from './cluster.ts';
import { FAULTS, type Fault } from './profile.ts';
import type { Simulation } from './simulation.ts';

export const PLATFORM = 'sim';
type Change = Parameters<Watcher['changes']>[0][number];
type Values = Readonly<Record<string, unknown>>;

/** Keeps the virtual cluster in step with what is wanted of it, and with the power where real BMCs switch its machines. */
export function follow(simulation: Simulation): Watcher {
  const { parts, start } = simulation.profile;
  const playsPower = parts.includes('power');
  const meet = (cluster: Cluster, now: number, node: string, cfg: Values, dsc: Values): void => {
    if (playsPower && cfg['/platform'] !== PLATFORM) return;
    named(cluster, now, node, cfg['/nodename']);
    cluster.setFault(node, faultOf(cfg['/sim/fault']), now);
    if (start !== 'off') cluster.node(node, now);
    if (!playsPower) switched(cluster, now, node, dsc['/physState']);
  };
  const changed = (cluster: Cluster, now: number, change: Change): void => {
    const { node, view, path } = change;
    if (view === 'dsc') {
      if (!playsPower && path === '/physState') switched(cluster, now, node, change.to);
      return;
    }
    if (covers(change, '/nodename')) named(cluster, now, node, to(change, '/nodename'));
    if (covers(change, '/sim/fault')) cluster.setFault(node, faultOf(to(change, '/sim/fault')), now);
    if (start !== 'off' && (!playsPower || to(change, '/platform') === PLATFORM)) cluster.node(node, now);
    if (path.startsWith('/images/images') && change.from !== undefined) cluster.imagesChanged(node, now);
  };
  return {
    nodes: (nodes) =>
      simulation.touch((cluster, now) => {
        for (const { id, cfg = {}, dsc = {} } of nodes) meet(cluster, now, id, cfg, dsc);
      }),
    changes: (changes) =>
      simulation.touch((cluster, now) => {
        for (const change of changes) changed(cluster, now, change);
      }),
  };
}

const faultOf = (value: unknown): Fault => FAULTS.find((fault) => fault === value) ?? 'none';

function named(cluster: Cluster, now: number, node: string, name: unknown): void {
  if (typeof name === 'string') cluster.name(node, name, now);
}

function switched(cluster: Cluster, now: number, node: string, physState: unknown): void {
  if (physState === 'POWER_ON' || physState === 'POWER_OFF') cluster.follow(node, physState === 'POWER_ON', now);
}

const covers = (change: Change, path: string): boolean => path === change.path || path.startsWith(`${change.path}/`);

/** The value that the change gives to this path. */
function to(change: Change, path: string): unknown {
  if (!covers(change, path)) return undefined;
  let value: unknown = change.to;
  for (const member of path.slice(change.path.length + 1).split('/'))
    if (member !== '') value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[member] : undefined;
  return value;
}
