/** What --help says: of everything, of a family of commands, of one command. */
import { synopsis } from './arguments.ts';
import { pairs } from './columns.ts';
import { type Command, GLOBAL_OPTIONS } from './command.ts';
import { SECTIONS } from './table.ts';

const NAMING = `Nodes are named by name, id or set:
  kr1   kr[1-4,9]   kr[001-100]   @rack=r3   physState=POWER_OFF   cfg.pxe.state=INIT   !SET   A,B (either)   A&B (both)   all
In a shell, quote what has brackets, ! or & in it: 'kr[1-4]'.
`;

const ENVIRONMENT = `Environment:
${pairs(
  [
    ['KRAKEN_SOCKET', 'control socket of the host, as --socket'],
    ['KRAKEN_DATA_DIR', 'data directory of the host, as --data-dir'],
    ['KRAKEN_CONFIG', 'configuration of kraken up, as --config'],
    ['KRAKEN_PARENT, KRAKEN_ID, KRAKEN_CA', 'of kraken up, as --parent, --id, --ca'],
    ['KRAKEN_LISTEN, KRAKEN_RUN_DIR', 'as --listen, --run-dir'],
    ['KRAKEN_TOKEN, KRAKEN_TOKEN_FILE', 'the token itself, or as --token-file'],
    ['KRAKEN_CONSOLE', 'of kraken node console, as --command'],
    ['NO_COLOR', 'no colours'],
    ['SUDO_USER, USER', 'who is named in the history'],
  ],
  '  ',
)}`;

const EXITS = `Exit codes:
${pairs(
  [
    ['0', 'done'],
    ['1', 'failed; kraken doctor: there is a problem'],
    ['2', 'not understood, or to be confirmed with --yes'],
    ['3', 'refused'],
    ['4', 'no host answers'],
    ['5', 'no such node, service, plugin or limit'],
  ],
  '  ',
)}`;

export function helpOfAll(): string {
  const widest = Math.max(...SECTIONS.flatMap(([, commands]) => commands.map((command) => shortOf(command).length)));
  const sections = SECTIONS.map(
    ([title, commands]) => `${title}:\n${commands.map((command) => `  ${shortOf(command).padEnd(widest)}  ${command.summary}\n`).join('')}`,
  );
  return ['Usage: kraken COMMAND … [options]\n', ...sections, optionsText(GLOBAL_OPTIONS), NAMING, EXITS, ENVIRONMENT].join('\n');
}

export function helpOfFamily(word: string, commands: readonly Command[]): string {
  return `Usage: kraken ${word} COMMAND …\n\n${pairs(
    commands.map((command) => [shortOf(command), command.summary] as const),
    '  ',
  )}`;
}

export function helpOf(command: Command): string {
  const parts = [`Usage: ${synopsis(command)}\n`, `${sentence(command.summary)}\n`, optionsText([...command.options, ...GLOBAL_OPTIONS])];
  if (command.args.includes('set')) parts.push(NAMING);
  if (command.examples.length > 0) parts.push(`Examples:\n${command.examples.map((example) => `  ${example}\n`).join('')}`);
  return parts.join('\n');
}

function shortOf(command: Command): string {
  return synopsis(command).replace('kraken ', '');
}

function optionsText(options: Command['options']): string {
  return `Options:\n${pairs(
    options.map(([option, meaning]) => [option.replaceAll(/<(.*)>/g, (_, name: string) => name.toUpperCase()), meaning] as const),
    '  ',
  )}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
