/**
 * Booting over the network: DHCP, TFTP and HTTP for the nodes that state describes. Nothing is given to anybody else, and every boot
 * is followed step by step. What is served to whom: boot/source.ts; when a boot is a new one: follow.ts.
 */
import { defineModule, type Module } from '@kraken-hpc/sdk';
import { type OpenServers, openServers } from './servers.ts';
import { type Config, type PxeLife, PxeService } from './service.ts';
import { CONFIG, DISCOVERIES, STEPS } from './words.ts';

/** A module with servers of its own: a process needs one, a test may want several, or others. */
export function pxe(servers: OpenServers = openServers): Module {
  let running: PxeService | undefined;
  let life: PxeLife | undefined;
  const service = (): PxeService => {
    if (running === undefined) throw new Error('the module is not running');
    return running;
  };
  const open = (config: Config, waits: boolean): Promise<PxeService> => {
    if (life === undefined) throw new Error('the module is not running');
    const { self, host, log } = life;
    return PxeService.open({ config, self, host, log }, servers, waits);
  };
  return defineModule({
    config: CONFIG,
    reads: ['/nodename', '/arch', '/platform', '/parentId', '/ipv4/' as never, '/pxe/' as never, '/booted/id'],
    permissions: ['net', 'ports', 'sessions'],
    mutations: {
      wait: {
        ...STEPS.wait,
        run: async ({ node }) => {
          await service().prepare(node.id);
          return { '/pxe/state': 'WAIT' };
        },
      },
      // There is nothing to do but to wait for the node's own boot client, which is reported when it is heard.
      boot: { ...STEPS.boot, runMany: () => {} },
    },
    discoveries: DISCOVERIES,
    calls: {
      show: {
        description: 'What a node would be given now: lease, boot loader, script, files; and what is missing.',
        params: { node: { type: 'string', minLength: 1, maxLength: 253, description: 'Its name or id.' } },
        call: async ({ node }) => (await service().show(String(node))) as never,
      },
      strangers: {
        description: 'Machines that asked for an address and are no node.',
        call: () => ({ strangers: service().strangers() }) as never,
      },
    },
    start: async (given) => {
      life = given;
      running = await open(given.config, true);
    },
    stop: () => running?.close(),
    update: async (config) => {
      const before = service();
      const old = before.config;
      await before.close();
      try {
        running = await open(config, false);
      } catch (error) {
        running = await open(old, true);
        throw error;
      }
    },
  });
}

export default pxe();
