/** The commands about booting over the network. */
import { type Command, command, type Option, WHY } from './command.ts';

const SERVICE: Option = ['--service <name>', 'the service that boots it (pxe)'];

export const BOOT: readonly Command[] = [
  command('pxe show', '<node>', 'what a node would be booted with, and what is missing', async () => (await import('./pxe.ts')).show, {
    options: [SERVICE],
  }),
  command(
    'node adopt',
    '[mac] [...values]',
    'unknown machines that ask for an address; make one a node',
    async () => (await import('./node-adopt.ts')).adopt,
    {
      options: [
        ['--name <name>', 'what it is to be called'],
        ['--ip <address>', 'with its prefix: 10.0.0.7/24'],
        ['--iface <name>', 'the interface in cfg (kraken)'],
        ['--arch <arch>', 'amd64 or arm64 (what it said when it asked)'],
        ['--platform <name>', 'ipmi, redfish, …'],
        SERVICE,
        WHY,
      ],
      examples: ['kraken node adopt', 'kraken node adopt aa:bb:cc:dd:ee:07 --name kr7 --ip 10.0.0.7/24 labels.rack=r3'],
    },
  ),
];
