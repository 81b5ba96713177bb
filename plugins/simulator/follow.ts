/** What the simulator reads of its nodes' documents: faults to inject, names, and where the power is somebody else's. */
import type { Watcher } from '@kraken-hpc/sdk';
import { isFault, type Simulation } from './simulation.ts';

export const PLATFORM = 'sim';
type Change = Parameters<Watcher['changes']>[0][number];
type Values = Readonly<Record<string, unknown>>;

/** Keeps the virtual cluster in step with what is wanted of it. `playsPower` false: real BMCs switch its machines, and it follows. */
export function follow(simulation: Simulation): Watcher {
  const { parts, start } = simulation.profile;
  const playsPower = parts.includes('power');
  const meet = (node: string, cfg: Values, dsc: Values): void => {
    if (playsPower && cfg['/platform'] !== PLATFORM) return;
    simulation.touch((cluster, now) => {
      if (typeof cfg['/nodename'] === 'string') cluster.name(node, cfg['/nodename'], now);
      if (isFault(cfg['/sim/fault'])) cluster.setFault(node, cfg['/sim/fault'], now);
      if (start !== 'off') cluster.node(node, now);
      if (!playsPower) switched(simulation, node, dsc['/physState']);
    });
  };
  return {
    nodes: (nodes) => {
      for (const { id, cfg = {}, dsc = {} } of nodes) meet(id, cfg, dsc);
    },
    changes: (changes) => {
      for (const change of changes) {
        if (change.view === 'dsc') {
          if (!playsPower && change.path === '/physState') switched(simulation, change.node, change.to);
          continue;
        }
        const cfg = { '/platform': to(change, '/platform'), '/nodename': to(change, '/nodename') };
        if (cfg['/platform'] !== undefined || cfg['/nodename'] !== undefined)
          meet(change.node, { '/platform': PLATFORM, ...defined(cfg) }, {});
        if (covers(change, '/sim/fault')) setFault(simulation, change.node, to(change, '/sim/fault'));
        if (change.path.startsWith('/images/images') && change.from !== undefined)
          simulation.touch((cluster, now) => cluster.imagesChanged(change.node, now));
      }
    },
  };
}

function setFault(simulation: Simulation, node: string, value: unknown): void {
  simulation.touch((cluster, now) => cluster.setFault(node, isFault(value) ? value : 'none', now));
}

function switched(simulation: Simulation, node: string, physState: unknown): void {
  if (physState !== 'POWER_ON' && physState !== 'POWER_OFF') return;
  simulation.touch((cluster, now) => cluster.follow(node, physState === 'POWER_ON', now));
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

const defined = (values: Values): Values => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
