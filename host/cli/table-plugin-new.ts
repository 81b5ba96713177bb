/** The command that makes a plugin of one's own. */
import { type Command, command } from './command.ts';

export const PLUGIN_NEW: readonly Command[] = [
  command(
    'plugin new',
    '<name>',
    'make a plugin of your own: a folder that is complete, with tests that pass',
    async () => (await import('./plugin-new.ts')).pluginNew,
    {
      options: [
        ['--template <template>', 'module-ts, module-python, module-bare or extension (module-ts)'],
        ['--dir <path>', 'the folder to make (NAME)'],
        ['--from <file>', 'what the module does, in YAML or JSON: mutations, pollers, discoveries; - is stdin'],
        ['--mutates <steps>', 'the same in short: NAME:PATH=FROM..TO, with commas between several'],
        ['--description <text>', 'what it does, in a sentence'],
        ['--author <name>', 'for package.json'],
        ['--license <id>', 'for package.json (BSD-3-Clause)'],
        ['--permissions <list>', 'what the module may do beyond its own paths, with commas, or none (net)'],
        ['--member <name>', 'of an extension: where it is in a node (NAME)'],
        ['-y, --yes', 'do not ask'],
      ],
      examples: [
        'kraken plugin new pdu',
        'kraken plugin new @site/pdu --template module-python --dir pdu --yes',
        'kraken plugin new daq --from daq.yaml --yes',
        'kraken plugin new door --mutates open:/door/state=SHUT..OPEN,shut:/door/state=OPEN..SHUT --yes',
        'kraken plugin new cooling --template extension',
      ],
    },
  ),
];
