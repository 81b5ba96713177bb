/** Up, both ends: what a child reports is what its parent holds, as far as the child may speak of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../../host/core/declaration.ts';
import type { Item } from '../../host/core/event.ts';
import { report } from '../../host/core/report.ts';
import { type Host, MINUTE, SECOND, Tree } from '../sim/tree.ts';
import { discovery, service } from './layercake.ts';

const doc = (id: string, parentId: string, more: object = {}) => ({ id, nodename: id, parentId, ...more });
const SEER = service('seer', {
  discoveries: [discovery('seer/all', ['/arch', '/platform', '/images/state', '/pxe/state', '/physState'])],
});

interface Scene {
  readonly tree: Tree;
  readonly root: Host;
  readonly c: Host;
}

/** A root with `c` and `d`, each connected, a node below each, and one of `d` that `c` may take in. */
function scene(): Scene {
  const tree = new Tree();
  const root = tree.host('root', [], []);
  root.apply([
    doc('c', 'root', { runState: 'SYNC' }),
    doc('d', 'root', { runState: 'SYNC' }),
    doc('n', 'c'),
    doc('dn', 'd'),
    doc('both', 'd', { parents: ['c'] }),
  ]);
  const c = tree.host('c', ['root'], [SEER]);
  assert.equal(c.refusals.size, 0, 'what it sees is declared');
  tree.host('d', ['root'], []);
  root.operate({ kind: 'admit', nodes: ['c', 'd', 'n', 'both'] });
  tree.begin();
  tree.run(5 * SECOND);
  return { tree, root, c };
}

function reported({ root }: Scene, items: readonly Item[], more: { host?: string; term?: number; all?: boolean } = {}): boolean {
  const request = root.request();
  const host = more.host ?? 'c';
  const term = more.term ?? root.book(host).key?.term ?? 0;
  root.send({ type: 'reported', request, host, term, all: more.all ?? false, items });
  return root.answers.has(request);
}

const see = ({ c }: Scene, node: string, values: Record<string, Json>): void => c.observed('seer', { node, values });

function same({ root, c }: Scene): void {
  for (const node of c.world.nodes.values()) {
    const said = [...report(c.world, node)].filter(([member]) => member.startsWith('/'));
    for (const [path, value] of said) {
      const fact = root.fact(node.id, path);
      assert.deepEqual([fact?.value, fact?.by, fact?.via], [(value as Json[])[0], (value as Json[])[1], 'c'], `${node.id} ${path}`);
    }
    for (const [path, fact] of root.world.nodes.get(node.id)?.facts ?? [])
      if (fact.via === 'c')
        assert.ok(
          said.some(([member]) => member === path),
          `${node.id} ${path} is not reported any more`,
        );
  }
}

test('what a child sees of its own node and its subtree is at the parent, with who saw it and through whom', () => {
  const s = scene();
  see(s, 'c', { '/arch': 'arm64', '/images/state': 'ACTIVE' });
  see(s, 'n', { '/arch': 'amd64', '/physState': 'POWER_OFF' });
  s.tree.run(SECOND);
  assert.deepEqual(
    [s.root.fact('c', '/arch'), s.root.fact('n', '/physState')].map((fact) => [fact?.value, fact?.by, fact?.via, fact?.boot]),
    [
      ['arm64', 'seer', 'c', 'c-boot1'],
      ['POWER_OFF', 'seer', 'c', undefined],
    ],
  );
  same(s);
  see(s, 'n', { '/physState': 'PHYS_UNKNOWN' });
  s.tree.run(SECOND);
  assert.equal(s.root.seen('n', '/physState'), undefined);
  same(s);
});

test('its run state is reported when the parent has led it to SYNC; its power is not', () => {
  const s = scene();
  const own = s.c.world.nodes.get('c');
  assert.ok(own);
  assert.deepEqual(
    [...report(s.c.world, own).keys()].filter((path) => path === '/physState' || path === '/runState'),
    ['/runState'],
  );
  assert.equal(s.root.fact('c', '/runState')?.via, 'c');
  assert.equal(s.root.seen('c', '/runState'), 'SYNC');
});

test('what is known through a child outlives a restart, with its path', () => {
  const s = scene();
  see(s, 'n', { '/arch': 'amd64' });
  s.tree.run(SECOND);
  const before = s.root.fact('n', '/arch');
  s.tree.restart(s.root);
  const { value, by, via } = s.root.fact('n', '/arch') ?? {};
  assert.deepEqual({ value, by, via }, { value: before?.value, by: before?.by, via: 'c' });
});

/** Path, or word, of a node that is not the child's to speak of; what the root has of it before and after is the same. */
for (const [name, node, member, value] of [
  ['a node of another host', 'dn', '/arch', ['amd64', 'seer']],
  ['another host', 'd', '/arch', ['amd64', 'seer']],
  ['the parent itself', 'root', '/arch', ['amd64', 'seer']],
  ['a node that is not known', 'stranger', '/arch', ['amd64', 'seer']],
  ['its own power', 'c', '/physState', ['POWER_OFF', 'seer']],
  ['a value outside the enum', 'n', '/runState', ['DANCING', 'seer']],
  ['a value without a speaker', 'n', '/arch', ['amd64']],
  ['its own place', 'c', '@session', { host: 'c', term: 99, live: true }],
  ['the place of a node of another host', 'dn', '@session', { host: 'c', term: 99, live: true }],
  ['the order of a node of another host', 'dn', '@done', 'reboot-1'],
] as const) {
  test(`a child does not speak of ${name}`, () => {
    const s = scene();
    const before = JSON.stringify(s.root.world.nodes.get(node)?.book);
    const facts = JSON.stringify([...(s.root.world.nodes.get(node)?.facts ?? [])].map(([path, fact]) => [path, fact.value, fact.via]));
    reported(s, [{ node, member, value: value as unknown as Json }]);
    assert.equal(JSON.stringify(s.root.world.nodes.get(node)?.book), before);
    assert.equal(
      JSON.stringify([...(s.root.world.nodes.get(node)?.facts ?? [])].map(([path, fact]) => [path, fact.value, fact.via])),
      facts,
    );
    assert.equal(s.root.world.nodes.has('stranger'), false);
  });
}

test('a report of another admission, or of nobody in session, is refused whole', () => {
  const s = scene();
  const item = { node: 'n', member: '/arch', value: ['amd64', 'seer'] };
  assert.equal(reported(s, [item], { term: 77 }), false);
  assert.equal(reported(s, [item], { host: 'n', term: 0 }), false);
  assert.equal(reported(s, [item], { host: 'stranger' as never, term: 1 }), false);
  assert.equal(s.root.seen('n', '/arch'), undefined);
  assert.equal(reported(s, [item]), true);
  assert.equal(s.root.seen('n', '/arch'), 'amd64');
});

test('the highest admission owns a node: what an older owner says of it is dropped, and what it said is forgotten', () => {
  const s = scene();
  const at = (host: string, term: number, live = true) => ({ node: 'both', member: '@session', value: { host, term, live, boot: 'b' } });
  const arch = (value: string) => ({ node: 'both', member: '/arch', value: [value, 'seer', 'b'] });
  reported(s, [at('d', 5), arch('old')], { host: 'd' });
  assert.equal(s.root.seen('both', '/arch'), 'old');
  reported(s, [at('c', 6)]);
  assert.equal(s.root.seen('both', '/arch'), undefined);
  reported(s, [arch('stale')], { host: 'd' });
  reported(s, [at('d', 5)], { host: 'd' });
  assert.equal(s.root.seen('both', '/arch'), undefined);
  reported(s, [arch('new')]);
  const { host, term, via } = s.root.book('both').at ?? {};
  assert.deepEqual([s.root.seen('both', '/arch'), host, term, via], ['new', 'c', 6, 'c']);
  s.tree.run(SECOND);
  assert.equal(s.tree.hosts.get('d')?.book('both').at?.host, 'c', 'the others are told');
});

test('a host whose session ends: what it said of itself is over, what it said of its subtree is stale', () => {
  const s = scene();
  see(s, 'c', { '/arch': 'arm64' });
  see(s, 'n', { '/arch': 'amd64' });
  s.tree.run(SECOND);
  s.tree.kill(s.c);
  s.tree.run(2 * MINUTE);
  assert.deepEqual([s.root.seen('c', '/runState'), s.root.seen('c', '/arch')], ['ERROR', undefined]);
  const fact = s.root.fact('n', '/arch');
  assert.equal(fact?.value, 'amd64');
  assert.notEqual(fact?.stale, undefined);
  assert.equal(s.root.world.nodes.get('n')?.book.lost, undefined, 'nobody below it has died');
  s.tree.restart(s.c);
  s.tree.run(MINUTE);
  assert.equal(s.root.fact('n', '/arch')?.stale, undefined);
  assert.equal(s.root.seen('c', '/runState'), 'SYNC');
});

test('a node that is heard by a host that does not act on it: whoever does is told', () => {
  const s = scene();
  const d = s.tree.hosts.get('d');
  assert.ok(d);
  s.tree.run(10 * MINUTE);
  s.c.observed('seer', { node: 'both', values: {}, heard: 'dhcp' });
  const heard = s.tree.now;
  s.tree.run(MINUTE);
  for (const host of [s.root, d]) {
    const at = host.world.nodes.get('both')?.heardAt ?? 0;
    assert.ok(at >= heard && at <= heard + SECOND, `${host.id}: ${at - heard}`);
  }
});

const value = fc.record({
  node: fc.constantFrom('c', 'n', 'both'),
  path: fc.constantFrom('/arch', '/images/state', '/pxe/state'),
  value: fc.constantFrom('UNKNOWN', 'ACTIVE', 'IDLE', 'WAIT', 'NONE', 'amd64'),
});
const step = fc.oneof(value, fc.record({ kind: fc.constantFrom('cut', 'heal', 'restart c', 'restart root') }));

test('whatever a child sees, connected or not, over restarts of both: once it is heard the parent holds the same', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const s = scene();
      for (const one of steps) {
        if ('path' in one) see(s, one.node, { [one.path]: one.value });
        else if (one.kind === 'cut' || one.kind === 'heal') s.tree.cut('root', 'c', one.kind === 'cut');
        else s.tree.restart(one.kind === 'restart c' ? s.c : s.root);
        s.tree.run(200);
      }
      s.tree.cut('root', 'c', false);
      s.tree.run(5 * SECOND);
      same(s);
      assert.deepEqual(s.tree.untouched, []);
    }),
    { numRuns: 150 },
  );
});

test('values of any shape from a child do not end the host', () => {
  const s = scene();
  const members = ['@session', '@heard', '@done', '@off', '@refused', '@used', '@waits', '/arch', '/runState', '/busy', '@new'];
  fc.assert(
    fc.property(fc.constantFrom('c', 'n', 'both', 'new'), fc.constantFrom(...members), fc.jsonValue(), (node, member, any) => {
      reported(s, [{ node, member, value: any as Json }]);
      s.tree.run(100);
    }),
    { numRuns: 300 },
  );
  assert.ok(s.root.world.nodes.has('c'));
});
