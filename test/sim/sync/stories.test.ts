/** What a tree of hosts promises, in virtual time: real engines, real links and real seals at every host; every power action counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LONG } from '../../long.ts';
import { Attacker } from './attacker.ts';
import { Acknowledged, TAG } from './checks/acknowledged.ts';
import { unconverged } from './checks/converged.ts';
import { Errors } from './checks/errors.ts';
import { Forgeries } from './checks/forgeries.ts';
import { Power } from './checks/power.ts';
import { noises } from './checks/quiet.ts';
import { HOUR, MINUTE, SECOND } from './clock.ts';
import { METER } from './modules.ts';
import type { SimHost } from './sim-host.ts';
import { Tree, type TreeOptions } from './tree.ts';

interface Story {
  readonly tree: Tree;
  readonly power: Power;
  readonly errors: Errors;
  readonly acknowledged: Acknowledged;
}

const YEAR = 365 * 24 * HOUR;

function begin(options: Partial<TreeOptions> = {}): Story {
  const tree = new Tree({ seed: 1, ...options });
  const story = { tree, power: new Power(tree), errors: new Errors(tree), acknowledged: new Acknowledged() };
  tree.sim.observe(story.power, story.errors, story.acknowledged);
  tree.up();
  tree.sim.clock.run(6 * MINUTE);
  return story;
}

/** At the end of each: all is well within the time, nothing lost, nobody held for dead who lives, no machine switched. */
function end({ tree, power, errors, acknowledged }: Story, within = 3 * MINUTE, actions = { on: 0, off: 0 }): void {
  tree.sim.clock.until(() => unconverged(tree).length === 0, within);
  assert.deepEqual(unconverged(tree), []);
  acknowledged.look(tree.root);
  assert.deepEqual([...power.breaches, ...errors.breaches, ...acknowledged.breaches], []);
  assert.deepEqual(power.actions, actions);
}

/** How long until it is so, in milliseconds. */
function takes({ sim }: Tree, isSo: () => boolean, within: number): number {
  const before = sim.clock.now;
  assert.ok(sim.clock.until(isSo, within, 1), `not within ${within} ms`);
  return sim.clock.now - before;
}

const tagOf = (host: SimHost, id: string): unknown => (host.cfg(id)?.['labels'] as { tag?: unknown } | undefined)?.tag;
const parentOf = (leaf: SimHost): string | undefined => {
  const { uplink } = leaf.process?.sync ?? {};
  return uplink?.state === 'connected' ? uplink.peer?.id : undefined;
};
const all = (tree: Tree): readonly string[] => tree.leaves.map(({ id }) => id);

for (const [name, weather, down, up] of [
  ['on an idle network', {}, 200, 200],
  ['at 10 % loss', { loss: 0.1, jitter: 5 }, 2_000, 2_000],
] as const) {
  test(`a change at the root is in force at every leaf two levels down, a reading of a leaf is at the root, ${name}`, () => {
    const story = begin({ leaves: 24 });
    const { tree } = story;
    Object.assign(tree.sim.net.weather, weather);
    for (let round = 1; round <= 5; round++) {
      tree.sim.set(all(tree), { [TAG]: round });
      assert.ok(takes(tree, () => tree.leaves.every((leaf) => tagOf(leaf, leaf.id) === round), 10 * SECOND) <= down);
      const leaf = tree.leaf(round);
      leaf.read();
      assert.ok(takes(tree, () => tree.root.seen(leaf.id, METER) === leaf.meter, 10 * SECOND) <= up);
      tree.sim.clock.run(10 * SECOND);
    }
    end(story);
  });
}

for (const [size, within] of [
  [3_000, 1_000],
  [200_000, 2_000],
  [1_500_000, 20_000],
] as const) {
  test(`a node whose state is ${size} bytes syncs`, () => {
    const story = begin();
    const { tree } = story;
    tree.sim.set(['l1'], { '/motd': 'm'.repeat(size) });
    takes(tree, () => String(tree.leaf(0).cfg('l1')?.['motd'] ?? '').length === size, within);
    assert.equal(tree.sim.net.figures.tooLong, 0);
    end(story);
  });
}

test('kill -9 of a parent with 24 children during a change, back after 20 s: no child in ERROR, nothing lost, nobody moves for long', () => {
  const story = begin({ middles: 1, leaves: 24 });
  const { tree } = story;
  const [a] = tree.middles as [SimHost];
  const errors: string[] = [];
  tree.sim.observe({
    turn: (_host, turn) =>
      errors.push(...turn.changes.filter(({ path, to }) => path === '/runState' && to === 'ERROR').map(({ node }) => node)),
  });
  for (let round = 1; round <= 3; round++) {
    tree.sim.set(all(tree), { [TAG]: round });
    tree.sim.clock.run(round * 3);
    a.restart(20 * SECOND);
    tree.leaf(round).read();
    tree.sim.clock.run(MINUTE);
    assert.ok(tree.leaves.every((leaf) => tagOf(leaf, leaf.id) === round));
  }
  assert.deepEqual(
    errors.filter((id) => id !== 'a'),
    [],
  );
  end(story);
});

test('a parent is away for five minutes: its children run on with their last cfg, and come back', () => {
  const story = begin({ middles: 1, leaves: 24 });
  const { tree } = story;
  tree.sim.set(all(tree), { [TAG]: 1 });
  tree.sim.clock.run(SECOND);
  tree.middle(0).restart(5 * MINUTE);
  tree.sim.clock.run(4 * MINUTE);
  for (const leaf of tree.leaves) {
    assert.equal(tagOf(leaf, leaf.id), 1);
    assert.equal(leaf.seen(leaf.id, '/runState'), 'SYNC');
    assert.equal(leaf.images, 'ACTIVE');
  }
  tree.sim.clock.run(MINUTE);
  end(story, 2 * MINUTE);
});

for (const [how, within] of [
  ['refused', 3 * SECOND],
  ['silent', 45 * SECOND],
] as const) {
  test(`a leaf whose parent died is in sync with the other parent within ${within / SECOND} s (${how}), and later moves back`, () => {
    const story = begin();
    const { tree } = story;
    const a = tree.middle(0);
    const moved = tree.of(a);
    if (how === 'refused') a.kill();
    else tree.sim.net.isolate(a.address);
    takes(
      tree,
      () =>
        moved.every(
          (leaf) => parentOf(leaf) === leaf.parents[1] && tree.sim.host(leaf.parents[1] as string).seen(leaf.id, '/runState') === 'SYNC',
        ),
      within,
    );
    tree.sim.clock.run(10 * MINUTE);
    if (how === 'refused') a.start();
    else tree.sim.net.isolate(a.address, false);
    takes(tree, () => moved.every((leaf) => parentOf(leaf) === 'a'), 2 * MINUTE);
    tree.sim.clock.run(30 * MINUTE);
    end(story);
  });
}

test('a leaf is moved by cfg: it is soon with its new parent, without a hand', () => {
  const story = begin();
  const { tree } = story;
  const leaf = tree.leaf(0);
  tree.sim.set([leaf.id], { '/parentId': leaf.parents[1], '/parents': [leaf.parents[0]] });
  takes(tree, () => parentOf(leaf) === leaf.parents[1], 2 * MINUTE);
  tree.sim.clock.run(30 * MINUTE);
  end(story);
});

test('a node that reboots by itself comes back without a hand, and so does one whose process was away until it was held for dead', () => {
  const story = begin();
  const { tree } = story;
  tree.leaf(0).reboot();
  tree.leaf(1).restart(10 * MINUTE);
  tree.sim.clock.run(4 * MINUTE);
  assert.equal(tree.root.seen('l1', '/images/state'), 'ACTIVE');
  assert.equal(tree.root.seen('l2', '/runState'), 'ERROR');
  tree.sim.clock.run(6 * MINUTE);
  end(story);
});

test('a revoked node stays out until a person lets it in', () => {
  const story = begin();
  const { tree } = story;
  const leaf = tree.leaf(0);
  story.errors.out.add(leaf);
  tree.sim.operate({ kind: 'revoke', nodes: [leaf.id], why: 'it was stolen' });
  tree.sim.clock.run(10 * SECOND);
  assert.equal(parentOf(leaf), undefined);
  assert.equal(tree.at(leaf), undefined);
  tree.sim.clock.run(20 * MINUTE);
  leaf.restart(SECOND);
  tree.sim.clock.run(10 * MINUTE);
  assert.equal(parentOf(leaf), undefined);
  assert.deepEqual(story.power.actions, { on: 0, off: 0 });
  tree.sim.operate({ kind: 'admit', nodes: [leaf.id] });
  end(story);
});

test('claims of others: from an unprivileged port, from outside the window: refused; a second claim in the window trusts neither', () => {
  const story = begin();
  const { tree } = story;
  const { sim } = tree;
  const attacker = new Attacker(sim, new Forgeries());
  const [a, l1] = [tree.middle(0), tree.leaf(0)];
  const unprivileged = attacker.claim('l1', a, { privileged: false });
  sim.clock.run(SECOND);
  assert.equal(unprivileged.answer, 'no');
  sim.clock.run(61 * MINUTE);
  const outside = attacker.claim('l1', a);
  sim.clock.run(SECOND);
  assert.equal(outside.answer, 'wait');
  assert.equal(tree.at(l1), 'a', 'who is there stays');
  end(story);
  l1.reboot();
  sim.clock.run(MINUTE);
  assert.equal(tree.at(l1), 'a');
  const second = attacker.claim('l1', a, { boot: l1.boot });
  sim.clock.run(MINUTE);
  assert.equal(second.answer, 'wait');
  assert.equal(tree.at(l1), undefined, 'neither is trusted');
  assert.equal(a.process?.world.nodes.get('l1')?.book.hold?.by, 'core');
  sim.clock.run(30 * MINUTE);
  assert.equal(parentOf(l1), undefined, 'nor at its other parent');
  assert.deepEqual(story.power.actions, { on: 0, off: 0 });
  story.errors.out.add(l1);
  sim.operate({ kind: 'admit', nodes: ['l1'] });
  end(story);
});

for (const [from, time] of [
  ['its leaves', 30 * MINUTE],
  ['all', 4 * MINUTE],
] as const)
  test(`a leaf moved to B while A is cut off from ${from} for ${time / MINUTE} minutes; then the way to A is back: zero power actions`, () => {
    const story = begin();
    const { tree } = story;
    const a = tree.middle(0);
    const cut = (what: 'all' | 'none'): void => {
      for (const { id } of [...tree.of(a), ...(from === 'all' ? [tree.root] : [])]) tree.sim.cut(a.id, id, what);
    };
    cut('all');
    takes(tree, () => tree.of(a).every((leaf) => tree.at(leaf) === leaf.parents[1]), MINUTE);
    tree.sim.clock.run(time);
    cut('none');
    tree.sim.clock.run(HOUR);
    end(story);
  });

test('a rack switch is off for 8 minutes: zero power actions, and everybody is back', () => {
  const story = begin({ leaves: 24 });
  const { tree } = story;
  const rack = tree.of(tree.middle(0));
  for (const { address } of rack) tree.sim.net.isolate(address);
  tree.sim.clock.run(8 * MINUTE);
  for (const { address } of rack) tree.sim.net.isolate(address, false);
  tree.sim.clock.run(20 * MINUTE);
  end(story);
});

test('the head dies, and is back after an hour: zero power actions, the leaves stay where they are', () => {
  const story = begin({ leaves: 24 });
  const { tree } = story;
  tree.root.restart(HOUR);
  tree.sim.clock.run(HOUR - SECOND);
  assert.ok(tree.leaves.every((leaf) => parentOf(leaf) === leaf.parents[0]));
  end(story, 3 * MINUTE);
});

const NODES = LONG ? 200 : 30;
for (const [who, andKeys] of [
  ['a host in the middle loses its journal', false],
  ['the root loses its journal, and is given the same cfg again', false],
] as const) {
  test(`${who} beside ${NODES} running nodes: zero power actions`, () => {
    const story = begin({ leaves: NODES, middles: 4 });
    const { tree } = story;
    const host = who.startsWith('the root') ? tree.root : tree.middle(0);
    const docs = tree.all.filter(({ kind }) => kind !== 'root').map(({ id }) => tree.root.cfg(id) as { id: string });
    host.loseData(andKeys);
    tree.sim.clock.run(10 * SECOND);
    host.start();
    tree.sim.clock.run(5 * SECOND);
    if (host === tree.root) {
      tree.sim.apply({ nodes: docs.map((doc) => ({ mode: 'put' as const, id: doc.id, doc: doc as never })) });
      tree.sim.clock.run(10);
      tree.sim.operate({ kind: 'admit', nodes: docs.map(({ id }) => id).filter((id) => tree.sim.host(id).kind === 'middle') });
    }
    tree.sim.clock.run(20 * MINUTE);
    end(story);
  });
}

test('wall clocks jump by a year, both ways, at hosts of every kind, and the hosts are started anew: nothing happens', () => {
  const story = begin();
  const { tree } = story;
  for (const wall of [YEAR, -YEAR]) {
    for (const host of [tree.root, tree.middle(0), tree.leaf(0), tree.leaf(1)]) {
      host.wall = wall;
      tree.sim.clock.run(MINUTE);
      host.restart(SECOND);
      tree.sim.clock.run(2 * MINUTE);
    }
    tree.sim.set(all(tree), { [TAG]: wall > 0 ? 1 : 2 });
    tree.sim.clock.run(5 * SECOND);
  }
  end(story);
});

test('a way on which no datagrams get through: all goes over the connections, and back when it is well', () => {
  const story = begin();
  const { tree } = story;
  for (const leaf of tree.leaves) tree.sim.cut(leaf.id, leaf.parents[0] as string, 'udp');
  tree.sim.clock.run(2 * MINUTE);
  tree.sim.set(all(tree), { [TAG]: 1 });
  takes(tree, () => tree.leaves.every((leaf) => tagOf(leaf, leaf.id) === 1), 3 * SECOND);
  assert.ok(tree.leaves.every((leaf) => parentOf(leaf) === leaf.parents[0]));
  for (const leaf of tree.leaves) tree.sim.cut(leaf.id, leaf.parents[0] as string, 'none');
  tree.sim.clock.run(MINUTE);
  end(story);
});

test('3,000 forged, replayed, truncated and random datagrams change nothing', () => {
  const story = begin();
  const { tree } = story;
  const forgeries = new Forgeries();
  const attacker = new Attacker(tree.sim, forgeries);
  tree.sim.clock.run(MINUTE);
  for (let i = 0; i < 3_000; i++) {
    if (i % 500 === 0) {
      tree.sim.set(all(tree), { [TAG]: i });
      tree.sim.clock.run(SECOND);
    }
    attacker.attack();
  }
  assert.deepEqual(forgeries.breaches, []);
  assert.ok(forgeries.count > 2_500, `${forgeries.count} reached anybody`);
  end(story);
});

test('a cluster at rest: only hellos, of 100 bytes at most each way', () => {
  const story = begin({ leaves: 24 });
  assert.deepEqual(noises(story.tree, 10 * MINUTE), []);
  end(story);
});

test('four levels of hosts', () => {
  const story = begin({ depth: 3, middles: 2, leaves: 6 });
  const { tree } = story;
  tree.sim.set(all(tree), { [TAG]: 7 });
  assert.ok(takes(tree, () => tree.leaves.every((leaf) => tagOf(leaf, leaf.id) === 7), 5 * SECOND) < 200);
  end(story);
});
