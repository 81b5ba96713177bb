/** One run of the kraken command: argv in, an exit code out. */
import { findPaths, type PathsFrom } from '../paths.ts';
import { familyOf, findCommand, findWords, parseArguments, unknownCommand } from './arguments.ts';
import type { Command } from './command.ts';
import { asFailure, EXIT, failureText, usage } from './failure.ts';
import { helpOf, helpOfAll, helpOfFamily } from './help.ts';
import type { Call, Flags, Format, Io } from './io.ts';
import { FORMAT_NAMES, isFormat } from './output.ts';
import { createStyle } from './style.ts';

export interface World {
  readonly io: Io;
  readonly uid: number | undefined;
  readonly userPaths: PathsFrom['user'];
  /** Where the environment does not say it. */
  readonly userName: () => string;
  readonly version: string;
}

/** Never rejects: what goes wrong is said on stderr. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  try {
    return await dispatch(argv, world);
  } catch (error) {
    const failure = asFailure(error);
    world.io.err(failureText(failure));
    return failure.exit;
  }
}

async function dispatch(argv: readonly string[], world: World): Promise<number> {
  const { io } = world;
  const { words, rest } = findWords(argv);
  const end = rest.indexOf('--');
  const wantsHelp = (end < 0 ? rest : rest.slice(0, end)).some((flag) => flag === '--help' || flag === '-h');
  const command = findCommand(words);
  const [first] = words;
  if (command && !wantsHelp) return perform(command, rest, world);
  if (command) io.out(helpOf(command));
  else if (first === undefined && (rest.includes('--version') || rest.includes('-V'))) io.out(`kraken ${world.version}\n`);
  else if (first === 'help' || (first === undefined && wantsHelp)) io.out(helpOfAll());
  else if (first === undefined && rest.length > 0) throw usage(`${rest[0]} without a command`, 'kraken --help shows all commands');
  else if (first === undefined) {
    io.err(helpOfAll());
    return EXIT.usage;
  } else if (wantsHelp && familyOf(first).length > 0) io.out(helpOfFamily(first, familyOf(first)));
  else throw unknownCommand(words);
  return EXIT.ok;
}

async function perform(command: Command, rest: readonly string[], world: World): Promise<number> {
  const { io } = world;
  const { args, flags } = parseArguments(command, rest);
  const call: Call = {
    io,
    style: createStyle(io.terminal.output, io.env),
    paths: findPaths({ flags: pathFlags(command, flags), env: io.env, uid: world.uid, user: world.userPaths }),
    args,
    flags,
    format: formatOf(command, flags),
    user: io.env['SUDO_USER'] || io.env['USER'] || world.userName(),
    uid: world.uid,
    version: world.version,
  };
  const action = await command.load();
  return (await action(call)) ?? EXIT.ok;
}

function pathFlags({ hasOwnConfig }: Command, flags: Flags): PathsFrom['flags'] {
  const text = (name: string): string | undefined => (typeof flags[name] === 'string' ? flags[name] : undefined);
  return { config: hasOwnConfig ? undefined : text('config'), dataDir: text('dataDir'), socket: text('socket') };
}

function formatOf(command: Command, flags: Flags): Format {
  if (flags['json'] === true) return 'json';
  const { output } = flags;
  if (typeof output !== 'string') return 'human';
  if (isFormat(output)) return output;
  if (output === 'dot' && command.words === 'graph') return 'human';
  throw usage(`there is no output format ${output}`, `They are ${FORMAT_NAMES}`);
}
