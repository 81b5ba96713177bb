/**
 * `npm run bench -- NAME [--json] [--option value …]`: runs test/bench/NAME.ts, which exports `run(options)` and resolves to figures.
 * With --json the last line is one object {bench, version, node, cpus, …figures}; without it people get a table.
 */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { peakRssMb } from './frame.ts';

type Value = string | number | boolean;
type Options = Record<string, Value>;
type Run = (options: Options) => Promise<Readonly<Record<string, Value>>>;

const NAMES = ['engine', 'rpc', 'store', 'converge', 'sync', 'boot', 'rest', 'dashboard'];

/** `--nodes 1000 --via socket --quick` → {nodes: 1000, via: 'socket', quick: true}. */
function readOptions(args: readonly string[]): Options {
  const options: Options = {};
  for (let index = 0; index < args.length; index++) {
    const [, name = '', inline] = /^--([a-z][\w-]*)(?:=(.*))?$/i.exec(args[index] ?? '') ?? [];
    if (name === '') fail(`"${args[index]}" is no option: write --name value`);
    const next = args[index + 1];
    const text = inline ?? (next === undefined || next.startsWith('--') ? undefined : next);
    if (inline === undefined && text !== undefined) index += 1;
    options[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())] = asValue(text);
  }
  return options;
}

function asValue(text: string | undefined): Value {
  if (text === undefined || text === 'true') return true;
  if (text === 'false') return false;
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

function fail(why: string): never {
  console.error(`${why}\nusage: npm run bench -- ${NAMES.join('|')} [--json] [--option value …]`);
  process.exit(64);
}

function rounded(value: Value): Value {
  return typeof value === 'number' ? Number(value.toPrecision(4)) : value;
}

const [bench, ...args] = process.argv.slice(2);
if (bench === undefined || !NAMES.includes(bench)) fail(bench === undefined ? 'which bench?' : `there is no bench "${bench}"`);
const file = new URL(`./${bench}.ts`, import.meta.url);
if (!existsSync(file)) fail(`test/bench/${bench}.ts is not there`);
const { json = false, ...options } = readOptions(args);
const { run } = (await import(file.href)) as { run: Run };
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
const measured = await run(options);
const figures = Object.entries({ rssMb: peakRssMb(), ...measured }).map(([key, value]) => [key, rounded(value)] as const);
const report = { bench, version, node: process.versions.node, cpus: availableParallelism(), ...Object.fromEntries(figures) };
if (json) console.log(JSON.stringify(report));
else for (const [key, value] of Object.entries(report)) console.log(`${key.padEnd(22)} ${value}`);
