/** Down, both ends: what a parent tells is what its child holds, whatever was changed and in however many pieces it came. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../../host/core/declaration.ts';
import { holdersOf, inSubtree, nodesFor, tell } from '../../host/core/tell.ts';
import { type Host, MINUTE, SECOND, Tree } from '../sim/tree.ts';

const doc = (id: string, parentId: string, more: object = {}) => ({ id, nodename: id, parentId, ...more });

/** A root, a host `c` below it that is connected, nodes below that. */
function pair(): { tree: Tree; root: Host; c: Host } {
  const tree = new Tree();
  const root = tree.host('root', [], []);
  root.apply([
    doc('c', 'root'),
    doc('n1', 'c'),
    doc('n2', 'c', { labels: { rack: 'r1' } }),
    doc('other', 'root', { parents: ['c'] }),
    doc('far', 'root'),
  ]);
  const c = tree.host('c', ['root'], []);
  root.operate({ kind: 'admit', nodes: ['c'] });
  tree.begin();
  tree.run(5 * SECOND);
  return { tree, root, c };
}

/** What a host holds of what can be told, one host's as another's. */
function held(host: Host, to: string, id: string): Record<string, Json> {
  const node = host.world.nodes.get(id);
  if (!node) return {};
  const standing = [...tell(host.world, node, to)].filter(([member]) => !['@mark', '@at', '@heard', '@frozen'].includes(member));
  return Object.fromEntries(standing.filter(([member]) => !member.startsWith('=') || node.id !== 'c').sort(([x], [y]) => (x < y ? -1 : 1)));
}

function same({ root, c }: { root: Host; c: Host }): void {
  assert.deepEqual([...c.world.nodes.keys()].sort(), [...nodesFor(root.world, 'c')].map(({ id }) => id).sort());
  for (const id of c.world.nodes.keys()) assert.deepEqual(held(c, 'nobody', id), held(root, 'c', id), id);
  assert.deepEqual(c.world.tree.frozenAbove, root.world.frozen);
}

test('a child holds itself, its subtree and what may come to it, and nothing else', () => {
  const { root, c } = pair();
  same({ root, c });
  assert.deepEqual([...c.world.nodes.keys()].sort(), ['c', 'n1', 'n2', 'other']);
});

for (const [id, holders] of [
  ['root', []],
  ['c', ['c']],
  ['n1', ['c']],
  ['other', ['other', 'c']],
  ['far', ['far']],
] as const) {
  test(`${id} is told to ${holders.join(' and ') || 'nobody'}`, () => {
    const { root } = pair();
    const node = root.world.nodes.get(id);
    assert.ok(node);
    assert.deepEqual([...holdersOf(root.world, node)].sort(), [...holders].sort());
    for (const to of ['c', 'far'] as const)
      assert.equal([...nodesFor(root.world, to)].includes(node), (holders as readonly string[]).includes(to));
  });
}

test('parents that form a loop are climbed once', () => {
  const { root, c } = pair();
  c.send({
    type: 'told',
    request: 1,
    parent: 'root',
    all: false,
    items: [
      ['x', 'y'],
      ['y', 'x'],
    ].flatMap(([id = '', parentId = '']) => [
      { node: id, member: '/nodename', value: id },
      { node: id, member: '/parentId', value: parentId },
    ]),
  });
  const x = c.world.nodes.get('x');
  assert.ok(x);
  assert.deepEqual(holdersOf(c.world, x), []);
  assert.equal(inSubtree(c.world, x, 'root'), false);
  assert.equal(root.world.nodes.has('x'), false);
});

test('who set a value at the root set it below, too', () => {
  const { tree, root, c } = pair();
  root.set('n1', { '/labels': { rack: 'r9' } });
  tree.run(SECOND);
  const change = c.turns.flatMap(({ changes }) => changes).findLast(({ node, view }) => node === 'n1' && view === 'cfg');
  assert.deepEqual([change?.by, change?.path], ['alice', '/labels']);
});

/** One thing that a person does, or that a module of the root sees. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant('label'),
    node: fc.constantFrom('c', 'n1', 'n2', 'other', 'far'),
    value: fc.constantFrom('r1', 'r2', null),
  }),
  fc.record({
    kind: fc.constantFrom('hold', 'release', 'reboot', 'cancel', 'token', 'remove', 'create'),
    node: fc.constantFrom('n1', 'n2', 'other'),
  }),
  fc.record({ kind: fc.constant('move'), node: fc.constantFrom('n1', 'n2', 'far'), to: fc.constantFrom('c', 'root') }),
  fc.record({ kind: fc.constant('parents'), node: fc.constantFrom('n1', 'other', 'far'), to: fc.constantFrom('c', null) }),
  fc.record({ kind: fc.constant('see'), node: fc.constantFrom('n1', 'other', 'far'), value: fc.constantFrom('amd64', 'arm64') }),
  fc.record({ kind: fc.constantFrom('freeze', 'thaw', 'cut', 'heal', 'restart'), node: fc.constant('c') }),
);

type Step = { kind: string; node: string; value?: string | null; to?: string | null };

function take({ tree, root, c }: { tree: Tree; root: Host; c: Host }, { kind, node, value, to }: Step): void {
  const isThere = root.world.nodes.has(node);
  if (kind === 'create' && !isThere) root.apply([doc(node, 'c')]);
  if (!isThere) return;
  const nodes = [node];
  if (kind === 'label') root.set(node, { '/labels/rack': value });
  else if (kind === 'hold') root.operate({ kind, nodes, why: 'a test' });
  else if (kind === 'release') root.operate({ kind, nodes, busy: false });
  else if (kind === 'reboot') root.operate({ kind, nodes, cycle: false });
  else if (kind === 'cancel') root.operate({ kind, nodes });
  else if (kind === 'token') root.operate({ kind, nodes, hash: `h${tree.now}`, until: tree.now + MINUTE });
  else if (kind === 'freeze') root.operate({ kind, why: 'a test' });
  else if (kind === 'thaw') root.operate({ kind });
  else if (kind === 'remove') root.send({ type: 'apply', request: root.request(), author: { user: 'alice' }, change: { remove: [node] } });
  else if (kind === 'move') root.set(node, { '/parentId': to });
  else if (kind === 'parents') root.set(node, { '/parents': to === 'c' ? ['c'] : null });
  else if (kind === 'see') root.world.setFact(root.world.nodes.get(node) as never, '/arch', value as string, 'inventory');
  else if (kind === 'cut' || kind === 'heal') tree.cut('root', 'c', kind === 'cut');
  else if (kind === 'restart') tree.restart(c);
}

test('whatever is done at the root, connected or not, over restarts of the child: once it is heard they hold the same', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 25 }), (steps) => {
      const scene = pair();
      for (const one of steps) {
        take(scene, one as Step);
        scene.tree.run(200);
      }
      scene.tree.cut('root', 'c', false);
      scene.tree.run(5 * SECOND);
      same(scene);
      assert.deepEqual(scene.tree.untouched, []);
    }),
    { numRuns: 150 },
  );
});

test('what is not from the parent is refused, and changes nothing', () => {
  const { root, c } = pair();
  const told = (host: Host, parent: string): void => {
    const request = host.request();
    host.send({ type: 'told', request, parent, all: true, items: [{ node: 'n1', member: '/nodename', value: 'thief' }] });
    assert.ok(host.refusals.has(request));
  };
  told(root, 'c');
  told(c, 'n1');
  assert.equal(c.world.nodes.get('n1')?.name, 'n1');
});

test('values of any shape from a parent do not end the host', () => {
  const { c } = pair();
  const members = [
    '@hold',
    '@order',
    '@retry',
    '@admit',
    '@revoked',
    '@token',
    '@at',
    '@deaf',
    '@heard',
    '@sync',
    '@frozen',
    '@mark',
    '@new',
    '=/arch',
    '/labels',
  ];
  fc.assert(
    fc.property(fc.constantFrom('c', 'n1', 'new'), fc.constantFrom(...members), fc.jsonValue(), (node, member, value) => {
      c.send({ type: 'told', request: c.request(), parent: 'root', all: false, items: [{ node, member, value: value as Json }] });
    }),
    { numRuns: 300 },
  );
  assert.ok(c.world.nodes.has('c'));
});
