/** Which node a new host is: what a file of nodes may say about that, what it says of it, and from when on nothing does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import type { Refusal } from '../../host/core/effect.ts';
import { Engine } from '../../host/core/engine.ts';
import type { Event } from '../../host/core/event.ts';
import type { Turn } from '../../host/core/record.ts';

const NOW = 1_800_000_000_000;

/** A root as it is after its first start, with what it stores. */
class Root {
  engine: Engine;
  readonly turns: Turn[] = [];

  constructor(given: boolean) {
    this.engine = this.#start(given);
    this.ask({ type: 'apply', author: { user: 'core' }, change: { nodes: [{ mode: 'create', id: 'head', doc: { nodename: 'head' } }] } });
  }

  #start(given: boolean): Engine {
    const remembered = { engine: undefined, nodes: [], tail: [...this.turns] };
    return new Engine({ variables: [], self: 'head', seed: 1, now: NOW, hosts: true, given }, remembered);
  }

  restart(given = false): void {
    this.engine = this.#start(given);
  }

  ask(event: Event extends infer E ? (E extends { request?: number } ? Omit<E, 'request'> : never) : never): Json | Refusal {
    let answer: Json | Refusal = null;
    for (const effect of this.engine.turn([{ ...event, request: 1 } as Event], NOW)) {
      if (effect.type === 'journal') this.turns.push(effect.turn);
      if (effect.type === 'answer') answer = effect.result;
      if (effect.type === 'refuse') answer = effect.refusal;
    }
    return answer;
  }

  create(...docs: readonly { readonly id: string; readonly [member: string]: Json }[]): { readonly self?: Json } {
    const nodes = docs.map(({ id, ...doc }) => ({ mode: 'create' as const, id, doc: { nodename: id, ...doc } }));
    return this.ask({ type: 'apply', author: { user: 'ada' }, change: { nodes } }) as { readonly self?: Json };
  }

  parent(id: string): string | undefined {
    return this.engine.world.nodes.get(id)?.parent;
  }
}

const FILE = [{ id: 'm1' }, { id: 'l1', parentId: 'm1' }];

interface Case {
  readonly name: string;
  readonly given?: boolean;
  readonly before?: (root: Root) => void;
  readonly file: readonly { readonly id: string; readonly [member: string]: Json }[];
  readonly becomes?: string;
}

const remove = (root: Root, id: string): void => void root.ask({ type: 'apply', author: { user: 'ada' }, change: { remove: [id] } });

function admitOne(root: Root): void {
  root.create({ id: 'n' });
  root.ask({ type: 'operate', author: { user: 'ada' }, command: { kind: 'token', nodes: ['n'], hash: 'h', until: NOW + 1_000 } });
  const claim = { node: 'n', boot: 'b', key: 'k', address: '10.0.0.1', term: 0, runs: false, proof: { kind: 'token', hash: 'h' } } as const;
  assert.deepEqual(root.ask({ type: 'claim', claim }), { term: 1 });
  remove(root, 'n');
}

const CASES: readonly Case[] = [
  { name: 'a new host, and a file that names its own root', file: FILE, becomes: 'm1' },
  { name: 'also after a restart', before: (root) => root.restart(), file: FILE, becomes: 'm1' },
  { name: 'its id was given', given: true, file: FILE },
  { name: 'its id was given at an earlier start', given: true, before: (root) => root.restart(), file: FILE },
  { name: 'its id was given at a later start', before: (root) => root.restart(true), file: FILE },
  { name: 'it has let a host in', before: admitOne, file: FILE },
  {
    name: 'it has let a host in, and was started anew',
    before: (root) => {
      admitOne(root);
      root.restart();
    },
    file: FILE,
  },
  {
    name: 'the parent of others names its own',
    file: [
      { id: 'm1', parentId: 'head' },
      { id: 'l1', parentId: 'm1' },
    ],
  },
  { name: 'two might be the root', file: [...FILE, { id: 'm2' }, { id: 'l2', parentId: 'm2' }] },
  { name: 'another node of the file hangs on this host', file: [...FILE, { id: 'n', parentId: 'head' }] },
  { name: 'nodes were made before', before: (root) => void root.create({ id: 'n' }), file: FILE },
];

for (const { name, given = false, before, file, becomes } of CASES)
  test(`${name}: ${becomes ? `it is ${becomes} then, and says so` : 'it stays who it is'}`, () => {
    const root = new Root(given);
    before?.(root);
    const answer = root.create(...file);
    assert.deepEqual(answer.self, becomes && { id: becomes, name: becomes, was: 'head' });
    const { self, nodes } = root.engine.world;
    assert.equal(self, becomes ?? 'head');
    assert.equal(nodes.has('head'), becomes === undefined);
    assert.equal(root.parent('m1'), becomes === undefined ? 'head' : undefined);
    assert.equal(root.parent('l1'), 'm1');
  });
