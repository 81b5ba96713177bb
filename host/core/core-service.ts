import type { ServiceDeclaration } from './declaration.ts';

/** What the core itself declares: the power state and run state that every host observes of itself, sync, and the barrier before a power-off. */
export const CORE: ServiceDeclaration = {
  service: 'core',
  module: 'core',
  serves: '',
  variables: [],
  mutations: [
    {
      id: 'core/quiesce',
      service: 'core',
      name: 'quiesce',
      mutates: { '/runState': ['SYNC', 'INIT'] },
      requires: {},
      excludes: {},
      context: 'self',
      timeout: 300_000,
      failTo: {},
      cost: 1,
      disruptive: false,
    },
    {
      id: 'core/sync',
      service: 'core',
      name: 'sync',
      mutates: { '/runState': ['INIT', 'SYNC'] },
      requires: { '/physState': 'POWER_ON' },
      excludes: {},
      context: 'child',
      timeout: 300_000,
      failTo: { '/physState': 'PHYS_HANG' },
      cost: 1,
      disruptive: false,
    },
  ],
  pollers: [],
  discoveries: [
    { id: 'core/power', service: 'core', name: 'power', discovers: ['/physState'], requires: {} },
    { id: 'core/session', service: 'core', name: 'session', discovers: ['/runState'], requires: { '/physState': 'POWER_ON' } },
  ],
  quiet: {},
  reads: [],
  permissions: [],
  playsHosts: false,
};

/**
 * What the parent of a host can do to the host's own node, as far as the host must know it to do its own part before: its plan to be
 * switched off leads through the barriers. None of this is run here, or serves any other node.
 */
export const PARENT: ServiceDeclaration = {
  service: 'parent',
  module: 'core',
  serves: '',
  variables: [],
  mutations: [
    {
      id: 'parent/powerOff',
      service: 'parent',
      name: 'powerOff',
      mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] },
      requires: {},
      excludes: { '/runState': 'SYNC' },
      context: 'child',
      timeout: 300_000,
      failTo: {},
      cost: 1,
      disruptive: true,
    },
  ],
  pollers: [],
  discoveries: [],
  quiet: {},
  reads: [],
  permissions: [],
  playsHosts: false,
};
