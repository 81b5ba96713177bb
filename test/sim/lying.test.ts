/** A child's host that lies: it may harm what is below it, and for no longer than it is believed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { explain } from '../../host/core/explain.ts';
import { waiting } from '../../host/core/waiting.ts';
import { type Host, MINUTE, SECOND, Tree } from './tree.ts';

interface Scene {
  readonly tree: Tree;
  readonly root: Host;
}

/** A root with a node `n` of its own that is in sync, and a host `m` that n names as its other parent. */
function scene(): Scene {
  const tree = new Tree();
  const root = tree.host('root');
  const doc = (id: string, more: object = {}) => ({ id, nodename: id, parentId: 'root', runState: 'SYNC', ...more });
  root.apply([doc('m', { physState: 'POWER_ON' }), doc('n', { physState: 'POWER_ON', parents: ['m'] })]);
  tree.host('m', ['root'], []);
  tree.leaf('n', ['root', 'm']);
  root.operate({ kind: 'admit', nodes: ['m', 'n'] });
  tree.begin();
  tree.run(10 * SECOND);
  assert.equal(root.seen('n', '/runState'), 'SYNC');
  return { tree, root };
}

function say({ root }: Scene, member: string, value: unknown, node = 'n'): void {
  const items = [{ node, member, value: value as Json }];
  root.send({ type: 'reported', request: root.request(), host: 'm', term: root.book('m').key?.term ?? 0, all: false, items });
}

for (const term of [Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, 1e15, 7.5, -1, Number.NaN])
  test(`an admission of ${term} that a child makes up is none`, () => {
    const s = scene();
    const before = s.root.book('n').at;
    say(s, '@session', { host: 'm', term, live: true, boot: 'x' });
    assert.deepEqual(s.root.book('n').at, before);
  });

for (const term of [Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, 7.5, Number.NaN])
  test(`a claim that says it knows of admission ${term} leaves numbers for those to come`, () => {
    const { root } = scene();
    const own = root.book('n').key?.fp ?? '';
    for (const boot of ['b2', 'b3']) {
      root.operate({ kind: 'admit', nodes: ['n'] });
      const before = root.book('n').at?.term ?? 0;
      const answer = root.claim({ node: 'n', key: `${own}-${boot}`, boot, term });
      assert.ok('term' in answer);
      assert.ok(Number.isSafeInteger(answer.term) && answer.term > before && answer.term < 1e9, String(answer.term));
    }
  });

test('what a person must do, of any shape, is kept as text of a bounded length', () => {
  const s = scene();
  const huge = 'x'.repeat(100_000);
  for (const member of ['@waits', '@refused'])
    for (const value of [
      { kind: {}, why: 7, text: [], since: 'soon' },
      { kind: huge, why: huge, text: huge, since: Number.NaN, command: huge, more: huge },
      { kind: 'noWay', why: 'second', text: huge, since: 1, command: {}, more: huge },
    ])
      say(s, member, value);
  assert.ok(JSON.stringify(s.root.book('n')).length < 5_000, `${JSON.stringify(s.root.book('n')).length}`);
  waiting(s.root.world);
  const node = s.root.world.nodes.get('n');
  assert.ok(node);
  explain(s.root.world, node);
});

test('keys that are no keys, and tokens, are not kept', () => {
  const s = scene();
  say(s, '@revoked', ['x'.repeat(100_000), {}, 7]);
  say(s, '@used', 'x'.repeat(100_000));
  assert.ok(JSON.stringify(s.root.book('n')).length < 5_000);
});

test('paths that a child makes up do not fill the host, of its own node or another', () => {
  const s = scene();
  for (const node of ['m', 'n']) for (let i = 0; i < 3_000; i++) say(s, `/made/up${i}`, ['x', 'seer'], node);
  const node = s.root.world.nodes.get('n');
  assert.ok((node?.said?.get('m')?.size ?? 0) <= 1_024 && (node?.facts.size ?? 0) <= 2_048);
  assert.ok((s.root.world.nodes.get('m')?.facts.size ?? 0) <= 2_048);
});

test('what the root itself sees of the power of its node is not overruled by another of its parents', () => {
  const s = scene();
  s.root.apply([{ id: 'q', nodename: 'q', parentId: 'root', parents: ['m'], physState: 'POWER_ON' }]);
  s.tree.machine('q').on = true;
  s.root.observed('ipmi', { node: 'q', values: { '/physState': 'POWER_ON' } });
  s.tree.run(MINUTE);
  assert.equal(s.root.seen('q', '/physState'), 'POWER_ON');
  for (const said of [
    ['PHYS_HANG', 'ipmi'],
    ['PHYS_HANG', 'ipmi', 'x'],
    ['POWER_OFF', 'ipmi'],
  ]) {
    say(s, '/physState', said, 'q');
    s.tree.run(MINUTE);
  }
  assert.deepEqual([s.root.seen('q', '/physState'), s.root.fact('q', '/physState')?.via], ['POWER_ON', undefined]);
});

test('over a session that lives goes no word of one that does not', () => {
  const s = scene();
  const before = s.root.book('n').at;
  say(s, '@session', { host: 'm', term: 9, live: false, key: 'made-up' });
  s.tree.run(MINUTE);
  assert.deepEqual([s.root.book('n').at, s.root.seen('n', '/runState'), s.root.world.nodes.get('n')?.live], [before, 'SYNC', true]);
});

test('two keys for a node, seen by its other parent: the node is held here too, until a person lets one in', () => {
  const s = scene();
  say(s, '@refused', { since: 1, why: 'second', text: 'two keys were shown for it' });
  assert.deepEqual([s.root.book('n').hold?.by, s.root.book('n').hold?.why], ['core', 'two keys were shown for it']);
  s.root.operate({ kind: 'admit', nodes: ['n'] });
  assert.equal(s.root.book('n').hold, undefined);
  say(s, '@refused', { since: 1, why: 'window', text: 'its boot was not seen' });
  assert.equal(s.root.book('n').hold, undefined);
});
