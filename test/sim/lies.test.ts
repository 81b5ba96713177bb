/**
 * Hosts and modules that lie, in a cluster in which every machine runs well: all that they can say, about everybody, and what is switched
 * because of it. A liar may harm its own node; nobody else's is touched.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { HOUR, Lab, nodeId } from './lab.ts';
import { type Host, MINUTE, SECOND, Tree } from './tree.ts';

interface Cluster {
  readonly tree: Tree;
  readonly hosts: Readonly<Record<string, Host>>;
}

/** Root, `a` and `b` below it, `l1` and `l2` at a (their other parent is b), `r1` at the root; all of it well for ten minutes. */
function cluster(): Cluster {
  const tree = new Tree();
  const root = tree.host('root');
  const doc = (id: string, parentId: string, more: object = {}) => ({
    ...{ id, nodename: id, parentId, platform: 'ipmi', physState: 'POWER_ON', runState: 'SYNC' },
    ...more,
  });
  const leaf = { images: { state: 'ACTIVE' } };
  root.apply([doc('a', 'root'), doc('b', 'root'), doc('r1', 'root', leaf)]);
  root.apply(['l1', 'l2'].map((id) => doc(id, 'a', { parents: ['b'], ...leaf })));
  const hosts = {
    root,
    a: tree.host('a', ['root']),
    b: tree.host('b', ['root']),
    r1: tree.leaf('r1', ['root']),
    l1: tree.leaf('l1', ['a', 'b']),
    l2: tree.leaf('l2', ['a', 'b']),
  };
  root.operate({ kind: 'admit', nodes: ['a', 'b', 'r1', 'l1', 'l2'] });
  tree.begin();
  tree.run(15 * MINUTE);
  for (const id of ['l1', 'l2', 'r1']) assert.equal(root.seen(id, '/images/state'), 'ACTIVE');
  assert.deepEqual(tree.powerActions, { on: 0, off: 0 });
  return { tree, hosts };
}

const LIES: readonly (readonly [member: string, value?: Json])[] = [
  ...['POWER_OFF', 'PHYS_HANG', 'PHYS_ERROR', 'POWER_ON'].map((value) => ['/physState', [value, 'ipmi', 'x']] as [string, Json]),
  ...['ERROR', 'INIT', 'UNKNOWN'].map((value) => ['/runState', [value, 'core', 'x']] as [string, Json]),
  ['/pxe/state', ['WAIT', 'pxe']],
  ['/images/state', ['FATAL', 'images', 'x']],
  ['/busy', ['FREE', 'core']],
  ['@heard'],
  ['@done', 'reboot-1'],
  ['@off', 'reboot-1'],
  ['@session', { host: 'b', term: 900, live: true, boot: 'x', key: 'x' }],
  ['/runState', ['ERROR', 'core', 'x']],
  ['@session', { host: 'b', term: 901, live: false, boot: 'x', key: 'x' }],
  ['@session'],
  ['@waits', { kind: 'stuck', text: 'x', since: 1 }],
  ['@used', 'A'.repeat(43)],
];

/** Who lies to whom, about whom; whose machine may be harmed by it. */
const LIARS: readonly { readonly liar: string; readonly to: string; readonly about: string; readonly mayHarm: readonly string[] }[] = [
  { liar: 'b', to: 'root', about: 'r1', mayHarm: [] },
  { liar: 'b', to: 'root', about: 'a', mayHarm: [] },
  { liar: 'b', to: 'root', about: 'root', mayHarm: [] },
  { liar: 'b', to: 'root', about: 'l1', mayHarm: [] },
  { liar: 'b', to: 'root', about: 'b', mayHarm: ['b'] },
  { liar: 'r1', to: 'root', about: 'l1', mayHarm: [] },
  { liar: 'r1', to: 'root', about: 'a', mayHarm: [] },
  { liar: 'l1', to: 'a', about: 'l2', mayHarm: [] },
  { liar: 'l1', to: 'a', about: 'a', mayHarm: [] },
  { liar: 'l1', to: 'a', about: 'l1', mayHarm: ['l1'] },
];

for (const { liar, to, about, mayHarm } of LIARS)
  test(`${liar} lies to ${to} about ${about}: ${mayHarm.length > 0 ? 'at most its own machine is switched' : 'nobody is switched'}`, () => {
    const { tree, hosts } = cluster();
    const host = hosts[to];
    assert.ok(host);
    for (const all of [false, true])
      for (const [member, value] of LIES) {
        const items = [{ node: about, member, ...(value === undefined ? {} : { value }) }];
        const term = host.book(liar).key?.term ?? 0;
        // Again and again, for longer than any grace.
        for (let i = 0; i < 3; i++) {
          host.send({ type: 'reported', request: host.request(), host: liar, term, all, items });
          tree.run(6 * MINUTE);
        }
        for (const id in hosts)
          if (!mayHarm.includes(id))
            assert.deepEqual(tree.machine(id).actions, { on: 0, off: 0 }, `${member} ${JSON.stringify(value)} (${id})`);
      }
  });

test('a report of an admission that is over is not looked at', () => {
  const { tree, hosts } = cluster();
  const root = hosts['root'] as Host;
  const term = root.book('r1').key?.term ?? 0;
  root.operate({ kind: 'admit', nodes: ['r1'] });
  tree.run(SECOND);
  const before = root.fact('r1', '/images/state');
  root.send({
    type: 'reported',
    request: root.request(),
    host: 'r1',
    term,
    all: false,
    items: [{ node: 'r1', member: '/images/state', value: ['FATAL', 'images', 'x'] }],
  });
  assert.deepEqual(root.fact('r1', '/images/state'), before);
});

/** A poller that mixes nodes up, and one that answers with what it saw before others looked: the nodes run, and their hosts are heard. */
for (const [name, lie] of [
  [
    'says OFF of nodes that run',
    (lab: Lab) =>
      lab.send({ type: 'observed', service: 'ipmi', items: lab.ids.map((node) => ({ node, values: { '/physState': 'POWER_OFF' } })) }),
  ],
  [
    'says OFF of one node that runs',
    (lab: Lab) => lab.send({ type: 'observed', service: 'ipmi', items: [{ node: nodeId(0), values: { '/physState': 'POWER_OFF' } }] }),
  ],
  [
    'says HANG of nodes that run',
    (lab: Lab) =>
      lab.send({ type: 'observed', service: 'ipmi', items: lab.ids.map((node) => ({ node, values: { '/physState': 'PHYS_HANG' } })) }),
  ],
  [
    'says ERROR of what it does not own',
    (lab: Lab) =>
      lab.send({
        type: 'observed',
        service: 'ipmi',
        items: lab.ids.map((node) => ({ node, values: { '/runState': 'ERROR', '/images/state': 'FATAL' } })),
      }),
  ],
  [
    'answers from before',
    (lab: Lab) =>
      lab.send({
        type: 'observed',
        service: 'ipmi',
        items: lab.ids.map((node) => ({ node, values: { '/physState': 'POWER_OFF' }, asOf: 1 })),
      }),
  ],
  [
    'answers from a time to come',
    (lab: Lab) =>
      lab.send({
        type: 'observed',
        service: 'ipmi',
        items: lab.ids.map((node) => ({ node, values: { '/physState': 'POWER_OFF' }, asOf: 1e15 })),
      }),
  ],
  [
    'ends sessions that are not its own to end',
    (lab: Lab) =>
      lab.send({
        type: 'observed',
        service: 'pxe',
        items: lab.ids.map((node) => ({ node, values: {}, session: { boot: 'x', live: false } })),
      }),
  ],
  [
    'hears firmware of nodes that run',
    (lab: Lab) =>
      lab.send({
        type: 'observed',
        service: 'pxe',
        items: lab.ids.map((node) => ({ node, values: { '/pxe/state': 'WAIT', '/runState': 'UNKNOWN' }, heard: 'dhcp' })),
      }),
  ],
] as const)
  test(`a module ${name}, for two hours, over a restart: nobody is switched`, () => {
    const lab = new Lab({ nodes: 6 });
    lab.create();
    assert.ok(lab.until(() => lab.allAtGoal(), 10 * MINUTE));
    lab.run(HOUR);
    lab.forgetActions();
    for (let i = 0; i < 40; i++) {
      lie(lab);
      lab.run(3 * MINUTE);
      if (i === 20) lab.restart(5 * SECOND);
    }
    assert.deepEqual(lab.powerActions, { on: 0, off: 0 });
    assert.ok(
      lab.until(() => lab.allAtGoal(), 10 * MINUTE),
      'and all are well when it lies no more',
    );
  });
