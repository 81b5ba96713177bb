/** `kraken node list`. */
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
  const whole = call.format === 'json' || call.format === 'yaml';
  const paths = whole ? {} : { paths: columns.flatMap(({ path }) => (path === undefined ? [] : [path])) };
  const nodes = await withClient(call, (client) =>
    readNodes(client, { ...(set === undefined ? {} : { set }), view, ...paths, ...original }),
  );
  nodes.sort(byName);
  if (await printData(call, { nodes: nodes.map((node) => asData(node, view)) }, nodes.map(nameOf))) return;
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

interface Column {
  readonly heading: string;
  readonly key: string;
  /** Absent: the name or the id, which every node comes with. */
  readonly path?: string;
}

function columnsOf(call: Call): Column[] {
  const fields = flag(call, 'fields') ?? (call.format === 'wide' ? WIDE : NARROW);
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
  if (!values) return undefined;
  if (values[path] !== undefined) return values[path];
  const parts = Object.entries(values).filter(([at]) => at.startsWith(`${path}/`));
  if (parts.length === 0) return undefined;
  return parts.map(([at, value]) => `${at.slice(path.length + 1).replaceAll('/', '.')}=${valueText(value)}`).join(' ');
}

function coloured(value: Json | undefined, style: Style): string {
  const text = valueText(value);
  if (text === NONE || /UNKNOWN/.test(text)) return style.dim(text);
  if (/ERROR|HANG|FATAL/.test(text)) return style.bad(text);
  if (/^(?:POWER_ON|SYNC|ACTIVE|RUN)$/.test(text)) return style.good(text);
  return text;
}
