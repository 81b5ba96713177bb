/** Who acts on a node in a tree of hosts: real engines at the root, in the middle and on the nodes, every power action counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explain } from '../../host/core/explain.ts';
import { waiting } from '../../host/core/waiting.ts';
import { type Host, MINUTE, SECOND, Tree } from './tree.ts';

const NONE = { on: 0, off: 0 };
const HOUR = 60 * MINUTE;

interface Cluster {
  readonly tree: Tree;
  readonly root: Host;
  readonly a: Host;
  readonly b: Host;
  readonly leaves: readonly Host[];
}

/** A root, two hosts below it, leaves of the first whose other parent is the second; all of it running and settled. */
function cluster(count = 4, leafCfg: Record<string, unknown> = {}): Cluster {
  const tree = new Tree();
  const root = tree.host('root');
  const doc = (id: string, parentId: string, more: object = {}) => ({
    id,
    nodename: id,
    parentId,
    platform: 'ipmi',
    physState: 'POWER_ON',
    runState: 'SYNC',
    ...more,
  });
  const ids = Array.from({ length: count }, (_, i) => `l${i + 1}`);
  root.apply([
    doc('a', 'root'),
    doc('b', 'root'),
    ...ids.map((id) => doc(id, 'a', { parents: ['b'], images: { state: 'ACTIVE' }, ...leafCfg })),
  ]);
  const [a, b] = [tree.host('a', ['root']), tree.host('b', ['root'])];
  const leaves = ids.map((id) => tree.leaf(id, ['a', 'b']));
  root.operate({ kind: 'admit', nodes: ['a', 'b', ...ids] });
  tree.begin();
  assert.ok(
    tree.until(() => leaves.every(({ id }) => isWell(root, id) && isWell(a, id)), 3 * MINUTE),
    why(root, 'l1'),
  );
  tree.run(10 * MINUTE);
  return { tree, root, a, b, leaves };
}

function isWell(host: Host, id: string): boolean {
  return host.seen(id, '/runState') === 'SYNC' && host.seen(id, '/images/state') === 'ACTIVE';
}

function why(host: Host, id: string): string {
  const node = host.world.nodes.get(id);
  return node ? JSON.stringify(explain(host.world, node)) : `${host.id} does not know ${id}`;
}

function walk(host: Host, id: string): string | undefined {
  return host.world.nodes.get(id)?.walk;
}

/** What holds at the end of every story: nothing changed that no change touched. */
function settle({ tree }: Cluster): void {
  assert.deepEqual(tree.untouched, []);
}

test('a tree comes up: each host holds its subtree, the root all of it, and nobody is switched', () => {
  const all = cluster();
  const { tree, root, a, b } = all;
  assert.deepEqual([...root.world.nodes.keys()].sort(), ['a', 'b', 'l1', 'l2', 'l3', 'l4', 'root']);
  assert.deepEqual([...a.world.nodes.keys()].sort(), ['a', 'l1', 'l2', 'l3', 'l4']);
  assert.deepEqual([...b.world.nodes.keys()].sort(), ['b', 'l1', 'l2', 'l3', 'l4'], 'a standby holds what may come');
  for (const host of [root, a, b]) assert.ok([...host.world.nodes.keys()].every((id) => walk(host, id) === 'atGoal'));
  assert.equal(root.fact('l1', '/images/state')?.via, 'a');
  assert.equal(b.fact('l1', '/images/state')?.via, 'root');
  assert.deepEqual(tree.powerActions, NONE);
  settle(all);
});

test('a leaf moves to its other parent while the first is cut off: zero power actions, and the first lets go of it', () => {
  const all = cluster(8);
  const { tree, root, a, b, leaves } = all;
  for (const { id } of [root, ...leaves]) tree.cut('a', id);
  assert.ok(
    tree.until(() => leaves.every(({ id }) => root.book(id).at?.host === 'b' && isWell(b, id)), 2 * MINUTE),
    why(b, 'l1'),
  );
  tree.run(6 * MINUTE);
  assert.equal(a.seen('l1', '/runState'), 'ERROR', 'all that it knows');
  tree.cut('a', 'root', false);
  tree.run(2 * HOUR);
  for (const host of [root, a, b]) assert.ok(isWell(host, 'l1'), `${host.id}: ${why(host, 'l1')}`);
  assert.equal(a.book('l1').at?.host, 'b');
  assert.equal(a.book('l1').lost, undefined);
  assert.deepEqual(tree.powerActions, NONE);
  settle(all);
});

test('a host dies for good and a leaf with it: its other parent hears the rest, and nobody repairs what the dead one may hear', () => {
  const all = cluster(4);
  const { tree, root, a, b, leaves } = all;
  const [l1, ...rest] = leaves as [Host, ...Host[]];
  root.operate({ kind: 'hold', nodes: ['a'], why: 'it is looked at by hand' });
  tree.kill(a);
  tree.kill(l1);
  assert.ok(
    tree.until(() => rest.every(({ id }) => root.book(id).at?.host === 'b' && isWell(root, id) && isWell(b, id)), 3 * MINUTE),
    why(b, 'l2'),
  );
  tree.run(3 * HOUR);
  assert.deepEqual(b.book('l1').deaf, ['a']);
  assert.deepEqual(
    { leaves: rest.map(({ id }) => tree.machine(id).actions), l1: tree.machine('l1').actions },
    { leaves: rest.map(() => NONE), l1: NONE },
  );
  settle(all);
});

test('a leaf that died at its other parent is repaired by its own, once: by whoever acts on it, after the grace', () => {
  const all = cluster(4);
  const { tree, root, a, b, leaves } = all;
  const [l1] = leaves as [Host];
  for (const { id } of leaves) tree.cut('a', id);
  assert.ok(tree.until(() => leaves.every(({ id }) => isWell(b, id) && root.book(id).at?.host === 'b'), 3 * MINUTE));
  tree.run(10 * MINUTE);
  tree.cut('a', 'l1', false);
  tree.kill(l1);
  assert.ok(
    tree.until(() => tree.machine('l1').boots === 2, 40 * MINUTE),
    `${why(a, 'l1')}\n${why(b, 'l1')}`,
  );
  assert.ok(b.steps.every((step) => !step.startsWith('ipmi/')));
  assert.ok(
    tree.until(() => isWell(root, 'l1') && isWell(a, 'l1'), 5 * MINUTE),
    why(a, 'l1'),
  );
  assert.deepEqual(tree.machine('l1').actions, { on: 1, off: 1 });
  assert.deepEqual(tree.powerActions, { on: 1, off: 1 });
  settle(all);
});

test('the other parent is deaf: a leaf that both may hear is left alone until it is back, and waits for a person after an hour', () => {
  const all = cluster(2);
  const { tree, root, a, leaves } = all;
  const [l1] = leaves as [Host];
  root.operate({ kind: 'hold', nodes: ['b'], why: 'it is looked at by hand' });
  for (const id of ['root', 'a', 'l1', 'l2']) tree.cut('b', id);
  tree.run(MINUTE);
  assert.deepEqual(a.book('l1').deaf, ['b']);
  tree.kill(l1);
  tree.run(2 * HOUR);
  assert.deepEqual(tree.machine('l1').actions, NONE);
  assert.match(why(a, 'l1'), /host b, another parent of l1, is not connected: it may be the one that hears it/);
  const group = waiting(root.world).find(({ kind }) => kind === 'deaf');
  assert.deepEqual(group?.nodes, ['l1'], 'the root counts what waits below it');
  tree.cut('b', 'root', false);
  assert.ok(
    tree.until(() => tree.machine('l1').boots === 2, 20 * MINUTE),
    why(a, 'l1'),
  );
  assert.deepEqual(tree.machine('l1').actions, { on: 1, off: 1 });
  settle(all);
});

test('a leaf is switched off from the root: its own host lowers the barriers, its parent switches, each once', () => {
  const all = cluster(2);
  const { tree, root, a, leaves } = all;
  const [l1] = leaves as [Host];
  for (const host of [root, a, l1]) host.steps.length = 0;
  root.set('l1', { '/physState': 'POWER_OFF' });
  assert.ok(
    tree.until(() => root.seen('l1', '/physState') === 'POWER_OFF', 5 * MINUTE),
    `${why(a, 'l1')}\n${why(l1, 'l1')}`,
  );
  assert.deepEqual(l1.steps, ['images/stop l1', 'core/quiesce l1']);
  assert.deepEqual(a.steps, ['ipmi/powerOff l1']);
  assert.deepEqual(root.steps, []);
  tree.run(HOUR);
  assert.deepEqual(tree.powerActions, { on: 0, off: 1 });
  root.set('l1', { '/physState': 'POWER_ON' });
  assert.ok(
    tree.until(() => isWell(root, 'l1'), 5 * MINUTE),
    why(a, 'l1'),
  );
  assert.deepEqual(tree.powerActions, { on: 1, off: 1 });
  settle(all);
});

test('an order of the root is carried out below, once, and is done above too', () => {
  const all = cluster(2);
  const { tree, root, a } = all;
  root.operate({ kind: 'reboot', nodes: ['l1'], cycle: false });
  assert.ok(
    tree.until(() => tree.machine('l1').boots === 2 && isWell(root, 'l1') && !root.book('l1').order, 10 * MINUTE),
    `${why(root, 'l1')}\n${why(a, 'l1')}`,
  );
  assert.equal(a.book('l1').order, undefined);
  tree.run(2 * HOUR);
  assert.deepEqual(tree.powerActions, { on: 1, off: 1 });
  settle(all);
});

for (const [name, stop, go] of [
  ['a hold', { kind: 'hold', nodes: ['l1'], why: 'a test' }, { kind: 'release', nodes: ['l1'], busy: false }],
  ['a freeze', { kind: 'freeze', why: 'a test' }, { kind: 'thaw' }],
] as const) {
  test(`${name} of the root holds below it, and ends there when it ends`, () => {
    const all = cluster(2);
    const { tree, root, a, leaves } = all;
    root.operate(stop);
    tree.run(SECOND);
    root.set('l1', { '/physState': 'POWER_OFF' });
    tree.run(30 * MINUTE);
    assert.deepEqual(tree.powerActions, NONE);
    assert.equal(leaves[0]?.seen('l1', '/images/state'), 'ACTIVE');
    assert.match(why(a, 'l1'), /by alice/);
    root.operate(go);
    assert.ok(
      tree.until(() => root.seen('l1', '/physState') === 'POWER_OFF', 5 * MINUTE),
      why(a, 'l1'),
    );
    settle(all);
  });
}

test('a parent is killed and comes back on its data after 20 s: no child goes to ERROR, what was said meanwhile arrives', () => {
  const all = cluster(4);
  const { tree, root, a, leaves } = all;
  tree.run(HOUR);
  tree.kill(a);
  root.set('l1', { '/labels': { rack: 'r7' } });
  tree.run(20 * SECOND);
  tree.restart(a);
  tree.run(10 * MINUTE);
  for (const { id } of leaves) {
    for (const host of [root, a]) {
      assert.ok(isWell(host, id), `${host.id} ${why(host, id)}`);
      assert.ok(
        host.turns.every(({ changes }) => changes.every((change) => change.node !== id || change.to !== 'ERROR')),
        `${host.id} took ${id} for dead`,
      );
    }
  }
  assert.deepEqual(leaves[0]?.world.nodes.get('l1')?.cfg['labels'], { rack: 'r7' });
  assert.deepEqual(tree.powerActions, NONE);
  settle(all);
});

test('a host in the middle loses its data directory: it is let in anew, its children too, and nobody is switched', () => {
  const all = cluster(4);
  const { tree, root, a, b, leaves } = all;
  for (const { id } of leaves) tree.cut('b', id);
  tree.kill(a);
  tree.run(MINUTE);
  tree.startEmpty(a);
  assert.ok(
    tree.until(() => leaves.every(({ id }) => isWell(root, id) && isWell(a, id)), 10 * MINUTE),
    `${why(a, 'l1')}${a.logs.at(-1)}`,
  );
  tree.run(2 * HOUR);
  assert.deepEqual(tree.powerActions, NONE);
  assert.equal(b.book('l1').at?.host, 'a');
  settle(all);
});

test('a host in the middle loses its data directory while nobody hears its leaves: what it is told to want asks for no power action', () => {
  const all = cluster(4);
  const { tree, a, leaves } = all;
  for (const { id } of leaves) for (const parent of ['a', 'b']) tree.cut(parent, id);
  tree.run(2 * MINUTE);
  tree.kill(a);
  tree.run(MINUTE);
  tree.startEmpty(a);
  tree.run(3 * HOUR);
  assert.deepEqual(tree.powerActions, NONE, why(a, 'l1'));
  assert.match(why(a, 'l1'), /never heard in this cluster/);
  settle(all);
});

test('a node that leaves the subtree is dropped there, one that comes is taken, without any action', () => {
  const all = cluster(2);
  const { tree, root, a, b } = all;
  root.set('l1', { '/parentId': 'b', '/parents': null });
  tree.run(10 * MINUTE);
  assert.equal(a.world.nodes.has('l1'), true, 'it is still attached there');
  root.set('l2', { '/labels': { rack: 'r1' } });
  root.send({ type: 'apply', request: root.request(), author: { user: 'alice' }, change: { remove: ['l2'] } });
  tree.run(MINUTE);
  for (const host of [root, a, b]) assert.equal(host.world.nodes.has('l2'), false, host.id);
  assert.deepEqual(tree.powerActions, NONE);
  settle(all);
});

test('what a person said last about whom to let in is so at every host that could be asked', () => {
  const { tree, root, a, b } = cluster(1);
  for (const parent of ['a', 'b']) tree.cut(parent, 'l1');
  const windows = (): readonly boolean[] => [root, a, b].map((host) => host.world.nodes.get('l1')?.book.window !== undefined);
  root.operate({ kind: 'admit', nodes: ['l1'] });
  tree.run(SECOND);
  assert.deepEqual(windows(), [true, true, true]);
  root.operate({ kind: 'token', nodes: ['l1'], hash: 'h', until: tree.now + MINUTE });
  root.operate({ kind: 'revoke', nodes: ['l1'], why: 'a test' });
  tree.run(SECOND);
  assert.deepEqual(windows(), [false, false, false]);
  for (const host of [root, a, b]) assert.equal(host.world.nodes.get('l1')?.book.token, undefined, host.id);
  root.operate({ kind: 'admit', nodes: ['l1'] });
  tree.run(SECOND);
  assert.deepEqual(windows(), [true, true, true]);
});

test('a host with a parent takes no cfg and no orders of its own, and says where they belong; a freeze and a retry it does', () => {
  const { a } = cluster(1);
  const refused = [
    a.apply([{ id: 'x', nodename: 'x' }]),
    a.operate({ kind: 'hold', nodes: ['l1'], why: 'a test' }),
    a.operate({ kind: 'power', nodes: ['l1'], to: 'off' }),
    a.operate({ kind: 'reboot', nodes: ['l1'], cycle: true }),
    a.operate({ kind: 'admit', nodes: ['l1'] }),
    a.operate({ kind: 'revoke', nodes: ['l1'], why: 'a test' }),
    a.operate({ kind: 'token', nodes: ['l1'], hash: 'h', until: 1 }),
    a.operate({ kind: 'busy', nodes: ['l1'], owner: 'me' }),
    a.operate({ kind: 'cancel', nodes: ['l1'] }),
    a.operate({ kind: 'release', nodes: ['l1'], busy: false }),
  ].map((request) => a.refusals.get(request));
  for (const refusal of refused) assert.match(refusal?.todo ?? '', /at the root of the cluster, the host of node root/);
  for (const request of [
    a.operate({ kind: 'freeze', why: 'a test' }),
    a.operate({ kind: 'thaw' }),
    a.operate({ kind: 'retry', nodes: ['l1'], disruptive: false }),
  ])
    assert.ok(a.answers.has(request));
});

test('a parent dies between leading a child to SYNC and hearing of it: the step is sent again at once, not after its deadline', () => {
  const tree = new Tree();
  const root = tree.host('root');
  root.apply([{ id: 'a', nodename: 'a', parentId: 'root', runState: 'SYNC' }]);
  const a = tree.host('a', ['root']);
  root.operate({ kind: 'admit', nodes: ['a'] });
  tree.begin();
  assert.ok(tree.until(() => root.seen('a', '/runState') === 'INIT', MINUTE));
  root.syncs.clear();
  tree.kill(root);
  tree.run(10 * SECOND);
  tree.restart(root);
  assert.ok(
    tree.until(() => root.seen('a', '/runState') === 'SYNC' && a.seen('a', '/runState') === 'SYNC', 20 * SECOND),
    why(root, 'a'),
  );
});

test('three levels: what is set at the root is in force at the leaf, what it sees is at the root, and each acts on its own', () => {
  const tree = new Tree();
  const root = tree.host('root');
  const doc = (id: string, parentId: string, more: object = {}) => ({
    id,
    nodename: id,
    parentId,
    platform: 'ipmi',
    physState: 'POWER_ON',
    runState: 'SYNC',
    ...more,
  });
  root.apply([doc('m', 'root'), doc('s', 'm'), doc('leaf', 's', { images: { state: 'ACTIVE' } })]);
  const hosts = [tree.host('m', ['root']), tree.host('s', ['m'])];
  const leaf = tree.leaf('leaf', ['s']);
  root.operate({ kind: 'admit', nodes: ['m', 's', 'leaf'] });
  tree.begin();
  assert.ok(
    tree.until(() => isWell(root, 'leaf'), 3 * MINUTE),
    why(root, 'leaf'),
  );
  const { host, via } = root.book('leaf').at ?? {};
  assert.deepEqual([host, via], ['s', 'm']);
  root.set('leaf', { '/labels': { rack: 'r1' } });
  tree.run(SECOND);
  assert.deepEqual(leaf.world.nodes.get('leaf')?.cfg['labels'], { rack: 'r1' });
  root.operate({ kind: 'reboot', nodes: ['leaf'], cycle: false });
  assert.ok(
    tree.until(() => tree.machine('leaf').boots === 2 && isWell(root, 'leaf') && !root.book('leaf').order, 10 * MINUTE),
    `${why(root, 'leaf')}${why(hosts[1] as Host, 'leaf')}`,
  );
  tree.run(HOUR);
  assert.deepEqual(tree.powerActions, { on: 1, off: 1 });
  assert.deepEqual(
    [root, ...hosts].map(({ steps }) => steps.filter((step) => step.startsWith('ipmi/')).length),
    [0, 0, 2],
  );
  assert.deepEqual(tree.untouched, []);
});

test('a second key below: the root counts who waits, lets it in, and the hold of the host below ends', () => {
  const all = cluster(1);
  const { tree, root, a } = all;
  root.operate({ kind: 'admit', nodes: ['l1'] });
  tree.run(3 * MINUTE);
  const kind = waiting(root.world).find(({ nodes }) => nodes.includes('l1'))?.kind;
  assert.equal(kind, 'refusedClaim', 'its key was revoked, and it asks on with it');
  const answer = a.claim({ node: 'l1', key: 'new', boot: 'l1-boot1' });
  assert.ok('term' in answer, JSON.stringify(answer));
  a.claim({ node: 'l1', key: 'thief', boot: 'l1-boot1' });
  tree.run(SECOND);
  assert.equal(a.book('l1').hold?.by, 'core');
  assert.equal(waiting(root.world).find(({ nodes }) => nodes.includes('l1'))?.kind, 'refusedClaim');
  tree.run(2 * HOUR);
  assert.deepEqual(tree.powerActions, NONE);
  root.operate({ kind: 'admit', nodes: ['l1'] });
  tree.run(SECOND);
  assert.equal(a.book('l1').hold, undefined);
  settle(all);
});

test('a node that nothing can look at, and whose own host was never heard: what to do stands in the explanation, until it comes', () => {
  const tree = new Tree();
  const root = tree.host('root', [], []);
  const wanted = { physState: 'POWER_ON', runState: 'SYNC' };
  root.apply([
    { id: 'm1', nodename: 'm1', parentId: 'root' },
    { id: 'l1', nodename: 'kr1', parentId: 'root', ...wanted },
    { id: 'l2', nodename: 'kr2', parentId: 'm1', ...wanted },
  ]);
  tree.begin();
  tree.run(10 * SECOND);
  const said = (id: string): { summary: string; todo: string } => {
    const node = root.world.nodes.get(id);
    assert.ok(node);
    const { summary, todo } = explain(root.world, node);
    return { summary, todo: todo.join('\n') };
  };
  for (const [id, name, parent] of [
    ['l1', 'kr1', 'root'],
    ['l2', 'kr2', 'm1'],
  ] as const)
    assert.deepEqual(said(id), {
      summary: `${name} waits for its own host, which was never heard: only that can say runState, physState.`,
      todo: `Start it on that machine: kraken up --parent ADDRESS-OF-${parent} --id ${id} --ca PIN (kraken engine status shows the pin); it is let in by a token (kraken token create ${name}, then --token-file FILE there), or by your word → kraken node admit ${name}`,
    });
  root.operate({ kind: 'admit', nodes: ['l1'] });
  root.claim({ node: 'l1' });
  assert.doesNotMatch(`${said('l1').summary} ${said('l1').todo}`, /never heard|kraken up/);
});
