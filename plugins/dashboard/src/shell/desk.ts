/** What the page knows and shows: one fleet that events change in place, and signals for all that is small. */
import { batch, computed, effect, signal } from '@preact/signals';
import type { EngineStatus, Event, Hold, Me, Schema } from '../api/answers.ts';
import { api, type Refusal, refusalOf } from '../api/client.ts';
import { type Connection, Live } from '../api/live.ts';
import { Fleet } from '../fleet/fleet.ts';
import { go, route } from './route.ts';
import { settings } from './settings.ts';
import { Trend } from './trend.ts';

/** Fields that are always looked at: what the table shows, and what colours are mostly made of. */
const FIELDS = ['/physState', '/runState', '/pxe/state', '/images/state'];
const STATUS_EVERY = 3_000;
const FILTER_EVERY = 2_000;

export const me = signal<Me | undefined>(undefined);
/** 401: the page asks for a token. */
export const isLoginNeeded = signal(false);
export const connection = signal<Connection>('connecting');
/** When the page last knew everything. */
export const knownAt = signal(Date.now());
export const status = signal<EngineStatus | undefined>(undefined);
export const holds = signal<readonly Hold[]>([]);
export const schema = signal<Schema | undefined>(undefined);
/** Counts up when the fleet has another shape. */
export const shape = signal(0);
/** Counts up with every event of the node that is open. */
export const openedChanges = signal(0);
/** Nodes of the filter; undefined: all. */
export const shown = signal<ReadonlySet<number> | undefined>(undefined);
export const filterRefusal = signal<Refusal | undefined>(undefined);
export const selected = signal<ReadonlySet<number>>(new Set());
export const focused = signal<number | undefined>(undefined);
export const heldNodes = computed(() => {
  void shape.value;
  return new Set(holds.value.flatMap(({ node }) => fleet.index.get(node) ?? []));
});
/** Nodes that wait for a person, as the engine says. */
export const waitingNodes = computed(() => {
  void shape.value;
  return new Set((status.value?.waiting ?? []).flatMap(({ nodes }) => nodes.flatMap((id) => fleet.index.get(id) ?? [])));
});
/** What a square shows by signs, in words. */
export function marksOf(node: number): string[] {
  const marks = { selected, held: heldNodes, 'waits for a person': waitingNodes };
  return Object.entries(marks).flatMap(([mark, nodes]) => (nodes.value.has(node) ? [mark] : []));
}
/** What was said last, to be read out and shown for a while. */
export const notice = signal<{ readonly kind: 'done' | 'refused'; readonly text: string; readonly todo: string } | undefined>(undefined);
/** Fields that squares can be coloured by. */
export const fields = computed(() => [...new Set([...FIELDS, settings.value.left, settings.value.right])]);

export let fleet = new Fleet(FIELDS);
export const trend = new Trend();

let live: Live | undefined;
const painters = new Set<() => void>();

/** Called when nodes look otherwise; the same frame paints all of them. Returns the way to stop. */
export function onDirty(paint: () => void): () => void {
  painters.add(paint);
  return () => painters.delete(paint);
}

export function say(kind: 'done' | 'refused', text: string, todo = ''): void {
  notice.value = { kind, text, todo };
}

export function complain(error: unknown): void {
  const { message, where, why, todo, status: code } = refusalOf(error);
  if (code === 401) isLoginNeeded.value = true;
  else say('refused', [where, [message, why].filter((part) => part !== '').join(': ')].filter((part) => part !== '').join(' — '), todo);
}

export async function start(): Promise<void> {
  try {
    me.value = await api.me();
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal.status === 401) isLoginNeeded.value = true;
    else setTimeout(() => void start(), 3_000);
    if (refusal.status === 0) connection.value = 'lost';
    return;
  }
  isLoginNeeded.value = false;
  schema.value = await api.schema().catch(() => undefined);
  live?.end();
  live = new Live({ events: take, load, connection: (state) => void (connection.value = state) });
}

async function load(): Promise<number> {
  const paths = fields.value;
  const { nodes, revision } = await api.list(['/nodename', '/parentId', '/labels/', ...paths], '');
  const next = new Fleet(paths);
  next.load(nodes);
  const opened = focused.value === undefined ? undefined : fleet.ids[focused.value];
  const kept = [...selected.value].flatMap((at) => next.index.get(fleet.ids[at] ?? '') ?? []);
  batch(() => {
    fleet = next;
    selected.value = new Set(kept);
    focused.value = opened === undefined ? undefined : next.index.get(opened);
    knownAt.value = Date.now();
    shape.value++;
  });
  await Promise.all([look(), filter()]);
  return revision;
}

let reading: number | undefined;
/** Nodes came or went: they are read anew soon, however many did. */
function readSoon(): void {
  if (reading !== undefined) return;
  reading = window.setTimeout(() => {
    reading = undefined;
    void load().catch(complain);
  }, 1_000);
}

function take(events: readonly Event[]): void {
  const before = fleet.shape;
  if (fleet.take(events)) readSoon();
  if (fleet.shape !== before) shape.value++;
  const opened = route.value.node;
  if (opened !== undefined && events.some(({ node }) => node === opened)) openedChanges.value++;
  if (fleet.dirty.size > 0) for (const paint of painters) paint();
}

/** How the engine is, and who holds nodes. */
export async function look(): Promise<void> {
  const [engine, held] = await Promise.all([api.engine(), api.holds()]);
  batch(() => {
    status.value = engine;
    holds.value = held.holds;
    knownAt.value = Date.now();
  });
}

/** Which nodes the filter names now; the host that knows sets says so. */
async function filter(): Promise<void> {
  const { filter: text } = route.value;
  if (text === '') {
    batch(() => {
      shown.value = undefined;
      filterRefusal.value = undefined;
    });
    return;
  }
  try {
    const { nodes } = await api.list(['/nodename'], text);
    if (route.value.filter !== text) return;
    batch(() => {
      shown.value = new Set(nodes.flatMap(({ id }) => fleet.index.get(id) ?? []));
      filterRefusal.value = undefined;
    });
  } catch (error) {
    filterRefusal.value = refusalOf(error);
  }
}

/** The node that was opened by keys: its panel takes the focus. */
export let entered: string | undefined;

export function open(node: string | undefined, byKeys = false): void {
  entered = byKeys ? node : undefined;
  go({ node });
}

/** All of these but the host's own: it is done to where it is named, and nobody means it by "all". */
export function withoutHost(nodes: Iterable<number>): ReadonlySet<number> {
  const own = fleet.index.get(me.value?.node ?? '');
  return new Set([...nodes].filter((at) => at !== own));
}

effect(() => {
  void route.value.filter;
  void filter();
});

effect(() => {
  // Another field colours the squares: it is read for all.
  if (fields.value.some((path) => !fleet.columns.has(path)) && live) void load().catch(complain);
});

setInterval(() => {
  if (document.hidden || connection.value !== 'live') return;
  void look().catch(complain);
}, STATUS_EVERY);

setInterval(() => {
  if (document.hidden || route.value.filter === '' || connection.value !== 'live') return;
  void filter();
}, FILTER_EVERY);

setInterval(() => trend.sample(fleet.column(settings.value.left), fleet.changes), 1_000);
