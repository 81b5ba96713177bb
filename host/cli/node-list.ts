/** `kraken node list`. */
import { type Doc, setPath } from '@kraken-hpc/sdk/state';
import type { Json, NodeState, View } from '@kraken-hpc/sdk/wire';
import { withClient } from './client.ts';
import { table } from './columns.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { byName, nameOf, readNodes } from './nodes.ts';
import { printData } from './output.ts';
import type { Style } from './style.ts';
import { parsePathText } from './values.ts';
import { count, NONE, spanText, valueText } from './words.ts';

const NARROW = 'name,physState,runState,images.state';
const WIDE = `${NARROW},pxe.state,arch,platform,labels,id`;
/** Headings that people know. */
const HEADINGS: Readonly<Record<string, string>> = {
  physState: 'POWER',
  runState: 'RUN',
  'images.state': 'IMAGES',
  'pxe.state': 'BOOT',
};

/** `mixed` of the old tool is both views. */
export function viewOf(call: Call): View {
  const type = flag(call, 'type') ?? 'mixed';
  if (type === 'cfg' || type === 'dsc') return type;
  if (type === 'mixed' || type === 'both') return 'both';
  throw usage(`there is no type ${type}`, 'It is cfg (wanted), dsc (seen) or mixed (both)');
}

/** Whether documents are to be in the dialect of the original, which is for programs alone. */
export function isOriginal(call: Call): boolean {
  if (call.flags['original'] !== true) return false;
  if (call.format === 'json' || call.format === 'yaml') return true;
  throw usage('--original is how documents are written, and a table shows none', 'Add -o yaml or -o json');
}

export const list: Action = async (call) => {
  const view = viewOf(call);
  const original = isOriginal(call) ? { original: true } : {};
  const columns = columnsOf(call);
  const [set] = call.args;
  const isData = call.format === 'json' || call.format === 'yaml';
  const isWhole = isData && flag(call, 'fields') === undefined;
  if (!isWhole && 'original' in original) throw usage('--original prints nodes whole', 'Leave out --fields');
  const paths = isWhole ? {} : { paths: columns.flatMap(({ path }) => (path === undefined ? [] : [path])) };
  const nodes = await withClient(call, (client) =>
    readNodes(client, { ...(set === undefined ? {} : { set }), view, ...paths, ...original }),
  );
  nodes.sort(byName);
  const data = (): unknown[] => nodes.map((node) => (isWhole ? asData(node, view) : fieldsOf(node, columns, view)));
  if (await printData(call, isData ? { nodes: data() } : {}, nodes.map(nameOf))) return;
  if (nodes.length === 0) {
    call.io.err(set === undefined ? 'There are no nodes yet: kraken node create FILE\n' : `No node matches ${set}.\n`);
    return;
  }
  const rows = nodes.map((node) => columns.map((column) => cell(node, column, view, call)));
  const headings = columns.map(({ heading }) => heading);
  call.io.out(table(headings, rows, call.style, call.format === 'wide' ? undefined : call.io.columns));
  if (call.io.terminal.output) call.io.err(call.style.dim(`${count(nodes.length, 'node')}\n`));
};

/** One view: the documents themselves, as the old tool prints them; both: side by side. */
function asData(node: NodeState, view: View): unknown {
  if (view === 'both') return node;
  return (view === 'cfg' ? node.cfg : { id: node.id, ...(node.name ? { nodename: node.name } : {}), ...node.dsc }) ?? {};
}

/** The columns alone, as they were called; id and nodename always, as the old tool has it. */
function fieldsOf(node: NodeState, columns: readonly Column[], view: View): unknown {
  const values = (of: NodeState['cfg']): object =>
    Object.fromEntries(columns.flatMap(({ key, path }) => (path === undefined ? [] : [[key, member(of, path) ?? null]])));
  const head = { id: node.id, ...(node.name ? { nodename: node.name } : {}) };
  if (view === 'both') return { ...head, cfg: values(node.cfg), dsc: values(node.dsc) };
  return { ...head, ...values(view === 'cfg' ? node.cfg : node.dsc) };
}

interface Column {
  readonly heading: string;
  readonly key: string;
  /** Absent: the name or the id, which every node comes with. */
  readonly path?: string;
}

function columnsOf(call: Call): Column[] {
  const given = flag(call, 'fields');
  const columns = parseColumns(given ?? (call.format === 'wide' ? WIDE : NARROW));
  return given === undefined || columns.some(({ path }) => path === undefined) ? columns : [...parseColumns('name'), ...columns];
}

function parseColumns(fields: string): Column[] {
  if (/(?:^|,)\s*extensions\s*(?:,|$)/.test(fields))
    throw usage(
      "the original's column extensions is a member for each extension here",
      'Name them, as in -f ipv4,pxe,images; or -j --original',
    );
  return fields
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => {
      const key = text === 'nodename' || text === '/nodename' ? 'name' : text;
      const heading = HEADINGS[key] ?? (key === 'name' ? 'NODE' : key.replace(/^\//, '').replaceAll('/', '.').toUpperCase());
      return key === 'name' || key === 'id' ? { key, heading } : { key, heading, path: parsePathText(key) };
    });
}

function cell(node: NodeState, { key, path }: Column, view: View, { style, io }: Call): string {
  if (path === undefined) return key === 'id' ? node.id : nameOf(node);
  const wanted = below(node.cfg, path);
  const seen = below(node.dsc, path);
  if (view === 'cfg') return valueText(wanted);
  const stale = node.facts?.[path]?.stale;
  const age = stale === undefined ? '' : style.warn(` (${spanText(io.now() - stale)} old)`);
  const shown = coloured(seen, style) + age;
  if (view === 'dsc' || wanted === undefined || wanted === seen) return shown;
  // What nobody observes is known by what is wanted alone.
  if (seen === undefined && !STATES.test(path)) return valueText(wanted);
  return `${shown} ${style.dim('→')} ${style.bold(valueText(wanted))}`;
}

/** Where wanted and seen are different things. */
const STATES = /(?:[sS]tate|^\/busy)$/;

/** A value, or what stands below the path as `a=1 b=2`. */
function below(values: Readonly<Record<string, Json>> | undefined, path: string): Json | undefined {
  if (values?.[path] !== undefined) return values[path];
  const parts = partsBelow(values, path);
  if (parts.length === 0) return undefined;
  return parts.map(([at, value]) => `${at.slice(1).replaceAll('/', '.')}=${valueText(value)}`).join(' ');
}

/** The same, as data. */
function member(values: Readonly<Record<string, Json>> | undefined, path: string): Json | undefined {
  if (values?.[path] !== undefined) return values[path];
  const parts = partsBelow(values, path);
  return parts.length === 0 ? undefined : parts.reduce<Doc>((doc, [at, value]) => setPath(doc, at, value), {});
}

/** What stands below a path, by the rest of its path. */
function partsBelow(values: Readonly<Record<string, Json>> | undefined, path: string): [string, Json][] {
  const parts = Object.entries(values ?? {}).filter(([at]) => at.startsWith(`${path}/`));
  return parts.map(([at, value]) => [at.slice(path.length), value]);
}

function coloured(value: Json | undefined, style: Style): string {
  const text = valueText(value);
  if (text === NONE || /UNKNOWN/.test(text)) return style.dim(text);
  if (/ERROR|HANG|FATAL/.test(text)) return style.bad(text);
  if (/^(?:POWER_ON|SYNC|ACTIVE|RUN)$/.test(text)) return style.good(text);
  return text;
}
