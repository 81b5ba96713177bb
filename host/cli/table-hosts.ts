/** The commands about the nodes' own hosts, and how they are let in. */
import { type Command, command, WHY, YES } from './command.ts';

export const HOSTS: readonly Command[] = [
  command('peers', '', 'the hosts beside this one: its parent, its children', async () => (await import('./peers.ts')).peers, {
    options: [['-w, --watch', 'again every second, until Ctrl-C']],
  }),
  command('token create', '<set>', "let a node's own host in once: a secret for it", async () => (await import('./token.ts')).create, {
    options: [['--for <duration>', 'how long it is good (1h; 30d at most)']],
    examples: ['kraken token create kr7', "kraken token create 'kr[1-4]' --for 1d -o json"],
  }),
  command('token list', '', 'tokens that were not used yet', async () => (await import('./token.ts')).list),
  command('token revoke', '<set>', 'end the tokens of nodes', async () => (await import('./token.ts')).revoke),
  command(
    'node replace',
    '<node> [...values]',
    'another board in the place of a node',
    async () => (await import('./node-replace.ts')).replace,
    {
      options: [
        ['--mac <mac>', 'of the interface that it boots from'],
        ['--bmc <address>', 'where its BMC is'],
        ['--iface <name>', 'the interface in cfg (kraken)'],
        WHY,
        YES,
      ],
      examples: ['kraken node replace kr7 --mac aa:bb:cc:00:11:07 --bmc 10.0.1.7 --why "new board"'],
    },
  ),
  command(
    'node admit',
    '<set>',
    "let nodes' own hosts in without a token, the next that asks",
    async () => (await import('./admission.ts')).admit,
    {
      options: [WHY],
    },
  ),
  command(
    'node revoke',
    '<set>',
    "end the keys of nodes' own hosts, here and everywhere",
    async () => (await import('./admission.ts')).revoke,
    {
      options: [WHY],
      examples: ['kraken node revoke kr7 --why stolen'],
    },
  ),
];
