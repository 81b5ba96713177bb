/** The commands about the nodes' own hosts, and how they are let in. */
import { type Command, command, type Option, WHY, YES } from './command.ts';

const REST: Option = ['--service <service>', 'the one that serves REST (restapi)'];

export const HOSTS: readonly Command[] = [
  command('peers', '', 'the hosts beside this one: its parent, its children', async () => (await import('./peers.ts')).peers, {
    options: [['-w, --watch', 'again every second, until Ctrl-C']],
  }),
  command(
    'token create',
    '[set]',
    "let a node's own host in once, or a person at REST: a secret",
    async () => (await import('./token.ts')).create,
    {
      options: [
        ['--for <duration>', 'how long it is good (a node: 1h, 30d at most; a person: 90d)'],
        ['--user <name>', 'instead of a node: a person or program that speaks REST'],
        ['--role <role>', 'of --user: viewer, operator or admin'],
        REST,
      ],
      examples: [
        'kraken token create kr7',
        "kraken token create 'kr[1-4]' --for 1d -o json",
        'kraken token create --user ann --role operator --for 30d',
      ],
    },
  ),
  command('token list', '', 'tokens of nodes that were not used yet', async () => (await import('./token.ts')).list, {
    options: [['--users', 'those of people and programs'], REST],
  }),
  command('token revoke', '<set>', 'end the tokens of nodes, or the one with this id', async () => (await import('./token.ts')).revoke, {
    options: [REST],
  }),
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
