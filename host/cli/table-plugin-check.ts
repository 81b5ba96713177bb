/** The command that drives a module through every rule of the protocol. */
import { type Command, command } from './command.ts';

export const PLUGIN_CHECK: readonly Command[] = [
  command(
    'plugin check',
    '<path> [...words]',
    'drive a module through every rule of the protocol; PATH is its folder, or a command with its arguments after --',
    async () => (await import('./plugin-check.ts')).check,
    {
      hasOwnConfig: true,
      options: [
        ['--config <file>', 'the config that it is given (YAML or JSON); without it an empty one'],
        ['--permission <names>', 'permissions beside those of its manifest, with commas between them'],
        ['--only <ids>', 'only these requirements, or families of them: wire.json,init'],
        ['--json', 'as -o json'],
      ],
      examples: [
        'kraken plugin check ./my-module',
        'kraken plugin check -- python3 module.py --verbose',
        'kraken plugin check ./my-module --config test.yaml --only mutation,poller',
      ],
    },
  ),
];
