/**
 * All nodes, as this page holds them: a few typed arrays, whatever their number. Events change them in place and say which nodes look
 * otherwise now; nothing here is a signal, so that a thousand changes a second cost what they change and no more.
 */
import type { Event, Listed } from '../api/answers.ts';
import { Column } from './column.ts';

/** `label:rack`, `parent`, `image`, `none`. */
export type Grouping = string;

export class Fleet {
  ids: string[] = [];
  names: string[] = [];
  readonly columns = new Map<string, Column>();
  /** Labels and parent of each node: what groups are made of. */
  labels: Readonly<Record<string, string>>[] = [];
  parents: string[] = [];
  readonly index = new Map<string, number>();
  /** Nodes that look otherwise than they were painted. */
  readonly dirty = new Set<number>();
  /** Counts up when nodes came, went, or changed their name or group: everything is laid out anew. */
  shape = 0;
  /** Changes that were taken in, of what is seen. */
  changes = 0;

  constructor(paths: readonly string[]) {
    for (const path of paths) this.columns.set(path, new Column(path));
  }

  get count(): number {
    return this.ids.length;
  }

  column(path: string): Column {
    const column = this.columns.get(path) ?? this.columns.values().next().value;
    if (!column) throw new Error('a fleet has at least one column');
    return column;
  }

  /** Everything anew. */
  load(nodes: readonly Listed[]): void {
    this.ids = nodes.map(({ id }) => id);
    this.names = nodes.map(({ id, name }) => name ?? id);
    this.parents = nodes.map(({ cfg }) => String(cfg?.['/parentId'] ?? ''));
    this.labels = nodes.map(({ cfg }) => labelsOf(cfg));
    this.index.clear();
    for (const [at, id] of this.ids.entries()) this.index.set(id, at);
    for (const column of this.columns.values()) {
      column.resize(nodes.length);
      for (const [at, { cfg, dsc }] of nodes.entries()) {
        column.set('seen', at, dsc?.[column.path]);
        column.set('wanted', at, cfg?.[column.path]);
      }
    }
    this.dirty.clear();
    this.shape++;
  }

  /** Takes events in; true: nodes came or went, and everything has to be read anew. */
  take(events: readonly Event[]): boolean {
    let isStale = false;
    for (const { kind, node, path, view, to } of events) {
      if (kind !== 'state' || node === undefined || path === undefined) continue;
      const at = this.index.get(node);
      if (path === '' || at === undefined) {
        isStale ||= view === 'cfg';
        continue;
      }
      if (view === 'note') continue;
      const column = this.columns.get(path);
      if (column) {
        if (view === 'dsc') this.changes++;
        if (column.set(view === 'dsc' ? 'seen' : 'wanted', at, to)) this.dirty.add(at);
        continue;
      }
      // A whole member may come or go at once.
      for (const below of this.columns.values()) {
        if (!below.path.startsWith(`${path}/`)) continue;
        if (below.set(view === 'dsc' ? 'seen' : 'wanted', at, within(to, below.path.slice(path.length)))) this.dirty.add(at);
      }
      if (view === 'cfg') this.#reshape(at, path, to);
    }
    return isStale;
  }

  /** What nodes are known by, or grouped by. */
  #reshape(at: number, path: string, to: unknown): void {
    if (path === '/nodename') this.names[at] = String(to ?? this.ids[at]);
    else if (path === '/parentId') this.parents[at] = String(to ?? '');
    else if (path === '/labels')
      this.labels[at] = Object.fromEntries(Object.entries((to ?? {}) as object).map(([name, value]) => [name, String(value)]));
    else if (path.startsWith('/labels/')) {
      const { [path.slice(8)]: _gone, ...others } = this.labels[at] ?? {};
      this.labels[at] = to === undefined ? others : { ...others, [path.slice(8)]: String(to) };
    } else return;
    this.shape++;
  }

  /** Whether it should be otherwise: of a node that is off and should be, nothing else is expected. */
  differs(column: Column, at: number): boolean {
    if (!column.differs(at)) return false;
    const power = this.columns.get('/physState');
    return power === undefined || power === column || power.value('wanted', at) !== 'POWER_OFF' || power.value('seen', at) !== 'POWER_OFF';
  }

  /** Something of it is not where it should be, whether that field is looked at or not. */
  isElsewhere(at: number): boolean {
    for (const column of this.columns.values()) if (this.differs(column, at)) return true;
    return false;
  }

  /** In which group a node stands; '' = in none. */
  groupOf(at: number, grouping: Grouping): string {
    if (grouping.startsWith('label:')) return this.labels[at]?.[grouping.slice(6)] ?? '';
    if (grouping !== 'parent') return '';
    const parent = this.parents[at] ?? '';
    const known = this.index.get(parent);
    return known === undefined ? parent : (this.names[known] ?? parent);
  }

  /** Names of all labels, the commonest first. */
  labelNames(): string[] {
    const counts = new Map<string, number>();
    for (const labels of this.labels) for (const name in labels) counts.set(name, (counts.get(name) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  }
}

/** The value at a path below this one. */
function within(value: unknown, path: string): unknown {
  return path
    .split('/')
    .slice(1)
    .reduce<unknown>(
      (below, name) => (typeof below === 'object' && below !== null ? (below as Record<string, unknown>)[name] : undefined),
      value,
    );
}

function labelsOf(cfg: Listed['cfg']): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  for (const path in cfg) if (path.startsWith('/labels/')) labels[path.slice(8)] = String(cfg[path]);
  return labels;
}
