/** The commands about plugins, and those that make services of them. */
import { type Command, command, type Option, YES } from './command.ts';
import { PLUGIN_CHECK } from './table-plugin-check.ts';
import { PLUGIN_NEW } from './table-plugin-new.ts';

const SERVES: Option = ['--serves <set>', 'the nodes that it is for (all)'];
const CONFIG: Option = ['--config <file>', 'its config (YAML or JSON)'];
const SCRIPTS: Option = ['--allow-scripts', 'run the install scripts of its packages'];

export const PLUGINS: readonly Command[] = [
  command('plugin list', '', 'plugins: those that were installed, and those of the host', async () => (await import('./plugin.ts')).list),
  command(
    'plugin info',
    '<plugin>',
    'all that is known of one: what it may do, and what of that is enforced',
    async () => (await import('./plugin-info.ts')).info,
  ),
  command(
    'plugin install',
    '<source>',
    'try a plugin (a folder, a tarball or NAME[@VERSION]), show what it would change, and install it',
    async () => (await import('./plugin-install.ts')).install,
    {
      hasOwnConfig: true,
      options: [YES, ['--service <name>', 'name of the service that is made with it (that of the plugin)'], SERVES, CONFIG, SCRIPTS],
      examples: [
        'kraken plugin install ./pdu',
        'kraken plugin install @site/pdu@1.1.0 --serves @rack=r3 --config pdu.yaml',
        'kraken plugin install kraken-module-pdu-1.0.0.tgz --yes',
      ],
    },
  ),
  command(
    'plugin upgrade',
    '<plugin> [source]',
    'another version in place of the one that is there, which runs until the new one does',
    async () => (await import('./plugin-install.ts')).upgrade,
    {
      options: [YES, SCRIPTS],
      examples: ['kraken plugin upgrade pdu', 'kraken plugin upgrade pdu ./pdu', 'kraken plugin upgrade pdu @site/pdu@1.1.0'],
    },
  ),
  command('plugin remove', '<plugin>', 'stop its services, and forget it and them', async () => (await import('./plugin.ts')).remove, {
    options: [YES],
  }),
  command('plugin enable', '<plugin>', 'let its services run', async () => (await import('./plugin.ts')).enable),
  command('plugin disable', '<plugin>', 'stop its services until it is enabled', async () => (await import('./plugin.ts')).disable, {
    options: [YES],
  }),
  command('plugin restart', '<plugin>', 'stop and start its services', async () => (await import('./plugin.ts')).restart),
  command('plugin logs', '<plugin>', 'the last lines of the log of its service', async () => (await import('./plugin.ts')).logs, {
    options: [
      ['-f, --follow', 'and what comes, until Ctrl-C'],
      ['-n, --lines <count>', 'so many (100)'],
      ['--service <name>', 'which, where it has several'],
    ],
  }),
  ...PLUGIN_NEW,
  ...PLUGIN_CHECK,
];

const ENTRY: readonly Option[] = [
  SERVES,
  CONFIG,
  ['--permissions <list>', 'instead of those of its module, with commas, or none'],
  ['--env <names>', "variables of the host's environment that it may see, with commas"],
  ['--memory <mib>', 'MiB that it may use (512)'],
];

export const SERVICE_MAKING: readonly Command[] = [
  command(
    'service create',
    '<name> <module>',
    'another service of a module, with its own config and nodes',
    async () => (await import('./service-create.ts')).create,
    { hasOwnConfig: true, options: ENTRY, examples: ['kraken service create pdu-row2 pdu --serves @row=2 --config row2.yaml'] },
  ),
  command(
    'service set',
    '<service>',
    'change one that was made so, or with a plugin: what is given replaces what it has',
    async () => (await import('./service-create.ts')).set,
    { hasOwnConfig: true, options: ENTRY, examples: ['kraken service set pdu-row2 --config row2.yaml'] },
  ),
  command(
    'service remove',
    '<service>',
    'stop a service that was made so, or with a plugin, and forget it',
    async () => (await import('./service-create.ts')).remove,
    { options: [YES] },
  ),
];
