/** The commands about nodes: what is wanted of them, what is seen. */
import { type Command, command, FORCE, ORIGINAL, TYPE, WHY, YES } from './command.ts';

export const NODES: readonly Command[] = [
  command('node list', '[set]', 'list nodes', async () => (await import('./node-list.ts')).list, {
    options: [
      TYPE,
      ORIGINAL,
      ['-j, --json', 'the same as -o json'],
      ['-f, --filter, --fields <columns>', 'columns: name,id,physState,pxe.state,labels.rack'],
    ],
    examples: ['kraken node list', 'kraken node list @rack=r3 -f name,physState,images.state', 'kraken node list -t cfg -j'],
  }),
  command('node get', '<set>', 'show nodes whole; -o yaml prints what node apply takes', async () => (await import('./node-get.ts')).show, {
    options: [TYPE, ORIGINAL, ['-j, --json', 'the same as -o json']],
    examples: ['kraken node get kr1', 'kraken node get all -o yaml > nodes.yaml'],
  }),
  command(
    'node create',
    '[file] [...values]',
    'create nodes from a file, or one by name',
    async () => (await import('./node-apply.ts')).create,
    {
      options: [['--name <name>', 'create this node, without a file'], WHY, ['--dry-run', 'say what would change']],
      examples: ['kraken node create nodes.yaml', 'kraken node create --name kr17 physState=POWER_ON labels.rack=r2'],
    },
  ),
  command('node apply', '<file>', 'create or replace nodes as a file describes them', async () => (await import('./node-apply.ts')).apply, {
    options: [['--merge', 'change only what the file names (JSON Merge Patch)'], WHY, FORCE, ['--dry-run', 'say what would change']],
    examples: ['kraken node apply nodes.yaml', 'generate | kraken node apply -'],
  }),
  command('node update', '[type] <file>', 'replace nodes that exist', async () => (await import('./node-apply.ts')).update, {
    options: [WHY, FORCE, ['--dry-run', 'say what would change']],
  }),
  command('node import', '<file>', 'nodes from the file of another tool', async () => (await import('./node-import.ts')).importFile, {
    options: [
      ['--from <tool>', 'genders, hosts (/etc/hosts) or warewulf (nodes.conf of version 4)'],
      ['--only <names>', "of the nodes in it these: 'kr[1-16]'"],
      ['--prefix <bits>', 'of --from hosts: the size of the network, which such a file does not say'],
      WHY,
      ['--dry-run', 'say what would change'],
    ],
    examples: [
      'kraken node import /etc/warewulf/nodes.conf --from warewulf --dry-run',
      "kraken node import /etc/hosts --from hosts --only 'kr[1-16]' --prefix 24",
      'kraken node import /etc/genders --from genders -o yaml > nodes.yaml',
    ],
  }),
  command('node set', '<set> <...values>', 'set wanted values; PATH- removes one', async () => (await import('./node-set.ts')).set, {
    options: [WHY, FORCE],
    examples: ["kraken node set 'kr[1-4]' physState=POWER_ON images.state=IDLE", 'kraken node set kr7 labels.rack-'],
  }),
  command('node delete', '<set>', 'forget nodes; nothing is done to the machines', async () => (await import('./node-set.ts')).remove, {
    options: [WHY, YES],
  }),
  command('node watch', '[set]', 'tell every change until Ctrl-C', async () => (await import('./node-watch.ts')).watch, {
    options: [TYPE],
    examples: ['kraken node watch @rack=r3', 'kraken node watch -t dsc -o json'],
  }),
  command(
    'node explain',
    '<set>',
    'why nodes are where they are, and what comes next',
    async () => (await import('./node-explain.ts')).explain,
  ),
  command(
    'node plan',
    '[set] [...values]',
    'what a change would do; nothing is applied',
    async () => (await import('./node-plan.ts')).plan,
    {
      options: [
        ['--reboot', 'of a reboot'],
        ['--cycle', 'of a power cycle'],
        ['--file <file>', 'of node apply FILE'],
      ],
      examples: ["kraken node plan 'kr[1-16]' physState=POWER_OFF", 'kraken node plan @rack=r3 --reboot'],
    },
  ),
  command('node history', '[set]', 'what happened, newest first', async () => (await import('./node-history.ts')).history, {
    options: [
      ['-n, --limit <count>', 'lines at most (50)'],
      ['--since <duration>', 'not longer ago: 90s, 30m, 2h, 1d'],
    ],
  }),
];
