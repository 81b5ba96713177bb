import { defineModule } from '@kraken-hpc/sdk';
import { machinesAt, type Power } from './machines.js';

/** The machine of a node has its name. */
function nameOf({ id, cfg }: { readonly id: string; readonly cfg: { readonly '/nodename'?: string } }): string {
  return cfg['/nodename'] ?? id;
}

/** The machine's word in Kraken's. */
function seen(power: Power) {
  return { '/physState': power === 'on' ? 'POWER_ON' : 'POWER_OFF' } as const;
}

export default defineModule({
  version: '0.1.0',
  // What whoever installs this module may set. Without any of it, the machines are simulated.
  config: {
    url: {
      type: 'string',
      format: 'uri',
      'x-optional': true,
      description: 'Where the machines are switched; without it they are simulated.',
    },
    token: { type: 'string', minLength: 1, 'x-secret': true, 'x-optional': true, description: 'Sent to the URL as a bearer token.' },
    folder: { type: 'string', minLength: 1, default: 'machines', description: "The simulated machines, in the service's own folder." },
  },
  // Which nodes are meant, and what is looked at of them beyond the paths below.
  requires: { '/platform': '@@module@@' },
  reads: ['/nodename'],
  mutations: {
    powerOn: {
      mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] },
      timeout: '60s',
      run: async ({ config, node, signal }) => seen(await machinesAt(config).switch(nameOf(node), 'on', signal)),
    },
    powerOff: {
      mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] },
      timeout: '60s',
      // It may kill what runs on the node: Kraken takes this step only where somebody wants it.
      disruptive: true,
      run: async ({ config, node, signal }) => seen(await machinesAt(config).switch(nameOf(node), 'off', signal)),
    },
  },
  pollers: {
    // There is no timer in a module: Kraken asks.
    power: {
      discovers: ['/physState'],
      every: '5s',
      poll: async ({ config, node, signal }) => seen(await machinesAt(config).look(nameOf(node), signal)),
    },
  },
});
