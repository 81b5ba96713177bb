/** Turns and nodes to store, made from numbers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Change, EngineRecord, NodeRecord, Turn } from '../../host/core/record.ts';
import { type OpenedStore, openStore, type StoreOptions } from '../../host/store/store.ts';

export const START = 1_700_000_000_000;

export function nodeId(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** Turn `seq` sets /value of node `seq % nodes` to `seq`. */
export function turnOf(seq: number, more: { nodes?: number; pad?: number; changes?: Change[] } = {}): Turn {
  const node = nodeId(seq % (more.nodes ?? 10));
  const change: Change = {
    rev: seq,
    node,
    view: 'cfg',
    path: '/value',
    from: seq - 1,
    to: seq,
    by: 'test',
    ...(more.pad ? { why: 'x'.repeat(more.pad) } : {}),
  };
  return { seq, at: START + seq, rev: seq, changes: more.changes ?? [change], engine: { count: seq } };
}

export function nodeOf(number: number, value: number, pad = 0): NodeRecord {
  const id = nodeId(number);
  return {
    id,
    cfg: { id, value },
    marks: { '/value': { by: 'test', at: START + value, rev: value } },
    dsc: {},
    record: pad ? { pad: 'x'.repeat(pad) } : {},
  };
}

/** All nodes that turnOf() touches. */
export function allNodes(value = 0): NodeRecord[] {
  return Array.from({ length: 10 }, (_, number) => nodeOf(number, value));
}

/** A node of the size that a real one has: 1.4 kB of JSON. */
export function realNode(number: number): NodeRecord {
  const id = nodeId(number);
  const cfg = {
    id,
    nodename: `kr${number}`,
    arch: 'amd64',
    platform: 'supermicro',
    labels: { rack: `r${number % 40}`, pdu: `p${number % 20}` },
    physState: 'POWER_ON',
    runState: 'SYNC',
    ipv4: {
      ifaces: {
        kraken: {
          name: 'eth0',
          mac: `02:00:00:00:${number % 99}:01`,
          ip: { ip: `10.0.${number >> 8}.${number & 255}`, subnet: '255.255.0.0' },
        },
      },
    },
    pxe: { method: 'iPXE', state: 'COMP' },
    images: { state: 'ACTIVE', image: 'compute-2026.11' },
  };
  const marks = { '': { by: 'alice', at: START, rev: number, why: 'first cfg' }, '/physState': { by: 'alice', at: START, rev: number } };
  const fact = (value: string, by: string) => ({ value, by, at: START + number, rev: number, boot: 'b-5b1c6e0a' });
  const dsc = {
    '/physState': fact('POWER_ON', 'ipmi'),
    '/runState': fact('SYNC', 'core'),
    '/pxe/state': fact('COMP', 'pxe'),
    '/images/state': fact('ACTIVE', 'images'),
    '/arch': fact('amd64', 'inventory'),
  };
  return { id, cfg, marks, dsc, record: { heard: START + number, admitted: true, cycles: 0, failures: [], bootTime: 93_000 } };
}

/** What a state is made of, as the engine would: records, then turns replayed over them. */
export interface State {
  readonly values: Map<string, number>;
  count: number;
  lastSeq: number;
}

export function replay(opened: Pick<OpenedStore, 'engine' | 'nodes' | 'tail'>): State {
  const state: State = { values: new Map(), count: Number(opened.engine?.count ?? 0), lastSeq: Number(opened.engine?.count ?? 0) };
  for (const node of opened.nodes) state.values.set(node.id, Number(node.cfg.value));
  for (const turn of opened.tail) applyTurn(state, turn);
  return state;
}

export function applyTurn(state: State, turn: Turn): void {
  for (const change of turn.changes) {
    if (change.path === '' && change.to === undefined) state.values.delete(change.node);
    else state.values.set(change.node, Number(change.to));
  }
  state.count = Number(turn.engine?.count ?? state.count);
  state.lastSeq = turn.seq;
}

export function engineOf(state: State): EngineRecord {
  return { rev: state.lastSeq, count: state.count };
}

export function* recordsOf(state: State, ids: Iterable<string>): Generator<NodeRecord> {
  for (const id of ids) {
    const value = state.values.get(id);
    if (value !== undefined) yield { id, cfg: { id, value }, marks: {}, dsc: {}, record: {} };
  }
}

export function temporary(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kraken-store-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, 'data');
}

/** Opens, and collects what was logged. */
export async function opened(dir: string, options: Partial<StoreOptions> = {}): Promise<OpenedStore & { lines: string[] }> {
  const lines: string[] = [];
  const found = await openStore(dir, { now: () => START, log: (level, message) => lines.push(`${level}: ${message}`), ...options });
  return { ...found, lines };
}
