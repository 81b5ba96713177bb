/** Every command: its words, what it takes, and the file that does it, which is loaded when it is asked for. */
import { type Command, command, FOR, FORCE, WHY, YES } from './command.ts';
import { BOOT } from './table-boot.ts';
import { HOSTS } from './table-hosts.ts';
import { LAYER0 } from './table-layer0.ts';
import { NODES } from './table-nodes.ts';
import { PLUGINS, SERVICE_MAKING } from './table-plugins.ts';

const HOST: readonly Command[] = [
  command('up', '', 'run the host in the foreground', async () => (await import('./up.ts')).up, {
    options: [
      ['--config <file>', 'YAML or JSON; see kraken init'],
      ['--group <name>', 'a group that may use the control socket'],
      ['--id <uuid>', "id of this host's own node, where it is not known yet"],
      ['--parent <hosts>', 'its parents, HOST or HOST:PORT, the best first; without one it is the root'],
      ['--ca <pin>', "the cluster's CA, as kraken init printed it"],
      ['--token-file <file>', 'the token that lets it in, where kraken token create made one; mode 0600'],
      ['--listen <addresses>', 'where its children find it, or none; the root: 127.0.0.1, others: none'],
      ['--run-dir <path>', 'keys that end with the boot'],
      ['--kernel', 'take kraken.parent=, kraken.id= and kraken.ca= of /proc/cmdline for what nothing else says'],
      ['--accept-loss', 'start although acknowledged changes are lost'],
    ],
    examples: [
      'kraken up',
      'kraken up --data-dir /srv/kraken --group admins',
      'kraken up --listen 10.0.0.1',
      'kraken up --parent 10.0.0.1,10.0.0.2 --id 123e4567-e89b-12d3-a456-426655440000 --ca sha256:… --token-file token',
    ],
  }),
  command(
    'init',
    '',
    "make the data directory, the cluster's CA and a commented configuration",
    async () => (await import('./init.ts')).init,
    {
      options: [
        ['--config <file>', 'where to write the configuration'],
        ['--systemd', 'and a unit, /etc/systemd/system/kraken.service'],
        ['--user <name>', 'of --systemd: whom it runs as (kraken)'],
        ['--unit <file>', 'as --systemd, written there'],
      ],
      examples: ['sudo kraken init --systemd'],
    },
  ),
  command('doctor', '', 'what is wrong with this installation, and what to do', async () => (await import('./doctor.ts')).doctor, {
    options: [['--config <file>', 'of the host, where it is elsewhere']],
    examples: ['kraken doctor', 'kraken doctor -o json'],
  }),
  command(
    'completion',
    '<shell> [...words]',
    'a script that lets a shell complete commands, options and names',
    async () => (await import('./completion.ts')).completion,
    { examples: ['source <(kraken completion bash)', 'kraken completion fish > ~/.config/fish/completions/kraken.fish'] },
  ),
  command('sim', '', 'a whole host beside a simulated cluster', async () => (await import('./sim.ts')).sim, {
    options: [
      ['--nodes <count>', 'machines to simulate (16)'],
      ['--seed <number>', 'the same seed, the same story (1)'],
      ['--scale <factor>', 'multiplied with every latency (1)'],
      ['--http <port>', 'dashboard and REST on 127.0.0.1 (3141; another where that is taken; 0: none)'],
      ['--vm <count>', 'no simulation: so many virtual machines that really boot, with BMCs and network (as root)'],
      ['--machine <machine>', 'of --vm: qemu, whole PCs, or uml, Linux as a process, for many (qemu up to 2)'],
      ['--firmware <firmware>', 'of qemu: bios or uefi (bios)'],
      ['--kernel <file>', 'that qemu boots (the newest in /boot)'],
      ['--modules <path>', "the kernel's modules, or a .deb that has both"],
      ['--keep-logs <dir>', 'where the logs of head and machines stay'],
    ],
    examples: ['kraken sim --nodes 64', 'kraken sim --scale 0.2 --seed 7', 'kraken sim --vm 24 --keep-logs logs'],
  }),
  command('sim fault', '<set> <fault>', 'break simulated machines', async () => (await import('./sim.ts')).fault, {
    examples: ["kraken sim fault 'kr[1-4]' panic"],
  }),
  command('sim clear', '<set>', 'mend simulated machines', async () => (await import('./sim.ts')).clear),
];

const ORDERS: readonly Command[] = [
  command('node power', '<state> <set>', 'want nodes on or off', async () => (await import('./node-power.ts')).power, {
    options: [YES, WHY, FORCE],
    examples: ["kraken node power on 'kr[1-16]'", 'kraken node power off @rack=r3 --why "new PDU"'],
  }),
  command(
    'node reboot',
    '<set>',
    'reboot nodes once; what is wanted does not change',
    async () => (await import('./node-power.ts')).reboot,
    {
      options: [['--cycle', 'by power'], YES, WHY, FORCE],
    },
  ),
  command('node cancel', '<set>', 'end the orders of nodes', async () => (await import('./node-order.ts')).cancel),
  command('node hold', '<set>', 'leave these nodes alone', async () => (await import('./node-order.ts')).hold, {
    options: [WHY, FOR],
    examples: ['kraken node hold kr7 --why "new DIMM" --for 2h'],
  }),
  command('node release', '<set>', 'end a hold', async () => (await import('./node-order.ts')).release, {
    options: [['--busy', 'end a busy lease too']],
  }),
  command('node busy', '<set>', 'lease nodes: no disruptive step while it lasts', async () => (await import('./node-order.ts')).busy, {
    options: [['--owner <name>', 'whose lease it is (you)'], FOR],
  }),
  command('node retry', '<set>', 'forget failures and try again', async () => (await import('./node-order.ts')).retry, {
    options: [['--disruptive', 'repairs that wait for a person may go on']],
  }),
  command('node waiting', '[set]', 'nodes that only a person can bring back', async () => (await import('./node-waiting.ts')).waiting),
];

const ENGINE: readonly Command[] = [
  command('engine status', '', 'the engine in one look', async () => (await import('./engine.ts')).status),
  command('engine freeze', '', 'send no step until thaw', async () => (await import('./engine.ts')).freeze, { options: [WHY] }),
  command('engine thaw', '', 'end a freeze', async () => (await import('./engine.ts')).thaw),
  command('engine stop', '', 'end the host, its modules first', async () => (await import('./engine.ts')).stop, { options: [WHY] }),
  command('limits list', '', 'limits on steps', async () => (await import('./limits.ts')).list),
  command('limits set', '<name>', 'add or replace a limit', async () => (await import('./limits.ts')).set, {
    options: [
      ['--mutation <id>', 'SERVICE/MUTATION, SERVICE/* or * (*)'],
      ['--nodes <set>', 'the nodes that it is for (all)'],
      ['--per-label <label>', 'apart for each value of this label'],
      ['--at-once <count>', 'steps at once'],
      ['--per-second <count>', 'steps a second'],
      ['--timeout <duration>', 'how long a step may take'],
    ],
    examples: ['kraken limits set racks --mutation ipmi/powerOn --per-label rack --at-once 4'],
  }),
  command('limits remove', '<name>', 'end a limit', async () => (await import('./limits.ts')).remove),
  command(
    'graph',
    '[node]',
    'the mutation graph of a node, or of all; -o dot for Graphviz',
    async () => (await import('./graph.ts')).graph,
  ),
  command('events', '', 'tell what happens until Ctrl-C', async () => (await import('./node-watch.ts')).events, {
    options: [
      ['--kinds <kinds>', 'state,mutation,discovery,service (mutation,service)'],
      ['--nodes <set>', 'only of these'],
    ],
  }),
  command('service list', '', 'services and how they are', async () => (await import('./service.ts')).list),
  command('service start', '<service>', 'start a service', async () => (await import('./service.ts')).start),
  command('service stop', '<service>', 'stop a service', async () => (await import('./service.ts')).stop),
  command('service restart', '<service>', 'stop and start a service', async () => (await import('./service.ts')).restart),
  ...SERVICE_MAKING,
  command(
    'service call',
    '<service> <call> [params]',
    'ask something of a module itself',
    async () => (await import('./service.ts')).callOne,
    {
      examples: [`kraken service call pxe show '{"node":"kr1"}'`],
    },
  ),
  command('service logs', '<service>', 'the last lines of a log', async () => (await import('./service.ts')).logs, {
    options: [
      ['-f, --follow', 'and what comes, until Ctrl-C'],
      ['-n, --lines <count>', 'so many (100)'],
    ],
  }),
  command('backup', '<file>', 'write all that is durable into a file of the host', async () => (await import('./backup.ts')).backup),
  command('restore', '<file>', 'take the state of a backup; what is there is replaced', async () => (await import('./backup.ts')).restore, {
    options: [YES],
  }),
];

/** In the order of the help, by what they are about. */
export const SECTIONS: readonly (readonly [title: string, commands: readonly Command[]])[] = [
  ['Host', HOST],
  ['Nodes', NODES],
  ['Orders', ORDERS],
  ['Hosts on nodes', HOSTS],
  ['Booting', BOOT],
  ['What nodes boot', LAYER0],
  ['Engine and services', ENGINE],
  ['Plugins', PLUGINS],
];

export const COMMANDS: readonly Command[] = SECTIONS.flatMap(([, commands]) => commands);

/** What the old tool and tired fingers say, and what is meant. */
export const OLD_WORDS: ReadonlyMap<string, string> = new Map([
  ['node info', 'node get'],
  ['node show', 'node get'],
  ['node freeze', 'node hold'],
  ['sme freeze', 'engine freeze'],
  ['sme thaw', 'engine thaw'],
  ['sme status', 'engine status'],
  ['limits', 'limits list'],
  ['plugin add', 'plugin install'],
  ['plugin update', 'plugin upgrade'],
  ['plugin uninstall', 'plugin remove'],
  ['service add', 'service create'],
  ['service delete', 'service remove'],
]);
