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
