/** The commands about booting over the network, and about what is seen of it. */
import { type Command, command, type Option, WHY, YES } from './command.ts';

const SERVICE: Option = ['--service <service>', 'the service that boots it (pxe)'];

export const BOOT: readonly Command[] = [
  command('node console', '<node>', 'the console of a node, until you leave it', async () => (await import('./node-console.ts')).console, {
    options: [
      ['--command <text>', 'run this by the shell instead: %n is the name, %i the id of the node (as the variable KRAKEN_CONSOLE)'],
      ['--config <file>', 'of the host: it names the file of the password'],
      YES,
    ],
    examples: ['kraken node console kr7', "KRAKEN_CONSOLE='conman %n' kraken node console kr7", 'kraken node console kr7 -o json'],
  }),
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
