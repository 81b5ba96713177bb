/** Random storms over a tree of hosts whose leaves never die: cuts, killed and restarted hosts, lost data directories. Nobody is switched. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from '../../host/core/explain.ts';
import { seededRandom } from '../../host/core/random.ts';
import { type Host, MINUTE, SECOND, Tree } from './tree.ts';

const SEEDS = Number(process.env['KRAKEN_SEEDS'] ?? 15);
const LEAVES = 6;
/** Shorter than the least grace, so that whoever is silent in it must not be touched. */
const LONGEST = 8 * MINUTE;

function doc(id: string, parentId: string, more: object = {}) {
  return { id, nodename: id, parentId, platform: 'ipmi', physState: 'POWER_ON', runState: 'SYNC', ...more };
}

function build(): Tree {
  const tree = new Tree();
  const root = tree.host('root');
  const ids = Array.from({ length: LEAVES }, (_, i) => `l${i + 1}`);
  const parents = (i: number): [string, string] => (i % 2 === 0 ? ['a', 'b'] : ['b', 'a']);
  root.apply([
    doc('a', 'root'),
    doc('b', 'root'),
    ...ids.map((id, i) => doc(id, parents(i)[0], { parents: [parents(i)[1]], images: { state: 'ACTIVE' } })),
  ]);
  for (const id of ['a', 'b']) tree.host(id, ['root']);
  for (const [i, id] of ids.entries()) tree.leaf(id, parents(i));
  root.operate({ kind: 'admit', nodes: ['a', 'b', ...ids] });
  tree.begin();
  assert.ok(tree.until(() => isWell(tree), 5 * MINUTE));
  return tree;
}

/** Every host has of every node that it holds what is true. */
function isWell(tree: Tree): boolean {
  return [...tree.hosts.values()].every((host) =>
    [...host.world.nodes.values()].every(
      (node) => host.up && node.seen('/runState') === 'SYNC' && (!node.id.startsWith('l') || node.seen('/images/state') === 'ACTIVE'),
    ),
  );
}

function unwell(tree: Tree): string {
  for (const host of tree.hosts.values())
    for (const node of host.world.nodes.values())
      if (node.seen('/runState') !== 'SYNC' || (node.id.startsWith('l') && node.seen('/images/state') !== 'ACTIVE'))
        return `${host.id} of ${node.id}: ${node.seen('/runState')} ${node.seen('/images/state')} ${JSON.stringify(node.book)} ${explain(host.world, node).summary}`;
  return '';
}

/** One misfortune; undone by what it returns. */
function misfortune(tree: Tree, random: () => number): () => void {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const kind = pick(['cut', 'cut', 'cut off', 'kill', 'lose'] as const);
  if (kind === 'cut') {
    const [x, y] = [pick(['a', 'b', 'root'] as const), pick([...tree.hosts.keys()])];
    tree.cut(x, y);
    return () => tree.cut(x, y, false);
  }
  if (kind === 'cut off') {
    const x = pick(['a', 'b'] as const);
    for (const y of tree.hosts.keys()) tree.cut(x, y);
    return () => {
      for (const y of tree.hosts.keys()) tree.cut(x, y, false);
    };
  }
  const host = tree.hosts.get(pick(kind === 'kill' ? ['root', 'a', 'b', 'l1', 'l2'] : ['a', 'b'])) as Host;
  if (!host.up) return () => undefined;
  tree.kill(host);
  return () => {
    if (kind === 'kill') return tree.restart(host);
    tree.startEmpty(host);
  };
}

for (let seed = 1; seed <= SEEDS; seed++) {
  test(`storm ${seed}: nobody is switched, and all is known again everywhere`, () => {
    const random = seededRandom(seed);
    const tree = build();
    for (let wave = 0; wave < 3; wave++) {
      const undo: (() => void)[] = [];
      for (let left = 1 + Math.floor(random() * 4); left > 0; left--) {
        undo.push(misfortune(tree, random));
        tree.run(Math.floor((random() * LONGEST) / 4));
      }
      for (const one of undo) one();
      tree.run(Math.floor(random() * 3 * MINUTE));
    }
    assert.ok(
      tree.until(() => isWell(tree), 15 * MINUTE),
      unwell(tree),
    );
    tree.run(20 * MINUTE);
    assert.deepEqual(tree.powerActions, { on: 0, off: 0 });
    assert.ok(isWell(tree), unwell(tree));
    assert.deepEqual(tree.untouched, []);
    tree.run(SECOND);
  });
}
