/** Who is let in: every rule of admission, with its window over freezes, holds and restarts of the host that is asked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Claim } from '../../host/core/event.ts';
import { explain } from '../../host/core/explain.ts';
import { waiting } from '../../host/core/waiting.ts';
import { type Host, MINUTE, SECOND, Tree } from './tree.ts';

const BOOT: Claim['proof'] = { kind: 'boot', privileged: true };
const HOUR = 60 * MINUTE;

interface Scene {
  readonly tree: Tree;
  readonly root: Host;
}

/** A root with a node `n` that is switched on, a host `m` with `below` below it, and `alone` beside them. */
function scene(cfg: Record<string, unknown> = {}): Scene {
  const tree = new Tree();
  const root = tree.host('root');
  const doc = (id: string, parentId: string, more: object = {}) => ({ id, nodename: id, parentId, runState: 'SYNC', ...more });
  root.apply([doc('m', 'root'), doc('n', 'root', { parents: ['m'], ...cfg }), doc('below', 'm'), doc('alone', 'root')]);
  return { tree, root };
}

const dhcp = ({ root }: Scene, node = 'n'): void =>
  root.observed('pxe', { node, values: { '/pxe/state': 'WAIT', '/runState': 'UNKNOWN' }, heard: 'dhcp' });

const admit = ({ root }: Scene, node = 'n'): void => void root.operate({ kind: 'admit', nodes: [node] });

/** By the word of m, with admission 5; then m is none of its parents any more. */
function attachedToM({ root, tree }: Scene): void {
  root.operate({ kind: 'admit', nodes: ['m'] });
  root.claim({ node: 'm' });
  root.send({
    type: 'reported',
    request: root.request(),
    host: 'm',
    term: 1,
    all: true,
    items: [{ node: 'n', member: '@session', value: { host: 'm', term: 5, live: false, boot: 'b1', key: 'k1' } }],
  });
  root.apply([{ id: 'n', nodename: 'n', parentId: 'root', runState: 'SYNC' }]);
  tree.run(SECOND);
}

/** What came of a claim: its number, or how it was refused. */
function outcome(answer: ReturnType<Host['claim']>): string {
  if ('term' in answer) return `admitted ${answer.term}`;
  return answer.todo.startsWith('reboot') ? 'reboot' : answer.code === -32004 ? 'wait' : 'no';
}

interface Case {
  readonly name: string;
  readonly cfg?: Record<string, unknown>;
  /** What went before. */
  readonly given?: (scene: Scene) => void;
  readonly claim?: Partial<Claim>;
  readonly expect: string;
  readonly why?: RegExp;
}

const ADDRESS = { ipv4: { ifaces: { kraken: { ip: { ip: '10.0.0.1', subnet: '255.0.0.0' } } } } };
const certificate = (issuer: string, term = 1, boot = 'b1'): Partial<Claim> => ({
  proof: { kind: 'certificate', issuer, boot, term },
  term,
});

const CASES: readonly Case[] = [
  { name: 'nothing was seen of its boot', expect: 'wait', why: /neither caused nor saw/ },
  { name: 'its firmware was heard', given: dhcp, expect: 'admitted 1' },
  { name: 'a person said that it may come', given: admit, expect: 'admitted 1' },
  { name: 'a number is higher than any that is known', given: admit, claim: { term: 41 }, expect: 'admitted 42' },
  {
    name: 'from a port that any user can use',
    given: dhcp,
    claim: { proof: { kind: 'boot', privileged: false } },
    expect: 'no',
    why: /any user/,
  },
  { name: 'from its own address', cfg: ADDRESS, given: dhcp, expect: 'admitted 1' },
  { name: 'from another address', cfg: ADDRESS, given: dhcp, claim: { address: '10.0.0.2' }, expect: 'no', why: /10\.0\.0\.2 is none/ },
  { name: 'a node that is not known', claim: { node: 'stranger' }, expect: 'no', why: /no node has this id/ },
  { name: 'this host itself', claim: { node: 'root' }, expect: 'no', why: /loop/ },
  {
    name: 'the window is over',
    given: (s) => {
      admit(s);
      s.tree.run(60 * MINUTE);
    },
    expect: 'wait',
  },
  {
    name: 'the window is open for another second',
    given: (s) => {
      admit(s);
      s.tree.run(60 * MINUTE - SECOND);
    },
    expect: 'admitted 1',
  },
  {
    name: 'time in a freeze does not count',
    given: (s) => {
      admit(s);
      s.tree.run(50 * MINUTE);
      s.root.operate({ kind: 'freeze', why: 'a test' });
      s.tree.run(3 * HOUR);
      s.root.operate({ kind: 'thaw' });
      s.tree.run(9 * MINUTE);
    },
    expect: 'admitted 1',
  },
  {
    name: 'nor does time in a hold, that ran out by itself while the engine was frozen',
    given: (s) => {
      admit(s);
      s.root.operate({ kind: 'hold', nodes: ['n'], why: 'a test', until: s.tree.now + HOUR });
      s.tree.run(50 * MINUTE);
      s.root.operate({ kind: 'freeze', why: 'a test' });
      s.tree.run(HOUR);
      s.root.operate({ kind: 'thaw' });
      s.tree.run(59 * MINUTE);
    },
    expect: 'admitted 1',
  },
  {
    name: 'what is left after a hold is what was left before it',
    given: (s) => {
      admit(s);
      s.tree.run(50 * MINUTE);
      s.root.operate({ kind: 'hold', nodes: ['n'], why: 'a test' });
      s.tree.run(HOUR);
      s.root.operate({ kind: 'release', nodes: ['n'], busy: false });
      s.tree.run(10 * MINUTE + SECOND);
    },
    expect: 'wait',
  },
  {
    name: 'time while this host was down does not count',
    given: (s) => {
      admit(s);
      s.tree.run(30 * MINUTE);
      s.tree.kill(s.root);
      s.tree.run(5 * HOUR);
      s.tree.restart(s.root);
      s.tree.run(28 * MINUTE);
    },
    expect: 'admitted 1',
  },
  {
    name: 'time before and after it does',
    given: (s) => {
      admit(s);
      s.tree.run(30 * MINUTE);
      s.tree.kill(s.root);
      s.tree.run(5 * HOUR);
      s.tree.restart(s.root);
      s.tree.run(32 * MINUTE);
    },
    expect: 'wait',
  },
  {
    name: 'the engine is frozen',
    given: (s) => {
      admit(s);
      s.root.operate({ kind: 'freeze', why: 'a test' });
    },
    expect: 'wait',
    why: /frozen/,
  },
  {
    name: 'it is held',
    given: (s) => {
      admit(s);
      s.root.operate({ kind: 'hold', nodes: ['n'], why: 'the disk is changed' });
    },
    expect: 'wait',
    why: /the disk is changed/,
  },
  {
    name: 'the same key and boot again, long after the window',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n' });
      s.tree.run(5 * HOUR);
    },
    expect: 'admitted 2',
  },
  {
    name: 'the same key again in a freeze',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n' });
      s.root.operate({ kind: 'freeze', why: 'a test' });
    },
    expect: 'admitted 2',
  },
  {
    name: 'a key of T0 in another boot',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n' });
      s.tree.run(2 * HOUR);
    },
    claim: { boot: 'b2' },
    expect: 'wait',
  },
  {
    name: 'another key in the same window',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n' });
    },
    claim: { key: 'k2' },
    expect: 'wait',
    why: /two keys/,
  },
  {
    name: 'another key in the window of the next boot',
    given: (s) => {
      dhcp(s);
      s.root.claim({ node: 'n' });
      s.root.observed('core', { node: 'n', values: {}, session: { boot: 'b1', live: false } });
      dhcp(s);
    },
    claim: { key: 'k2', boot: 'b2' },
    expect: 'admitted 2',
  },
  {
    name: 'a key that was revoked',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n' });
      s.root.operate({ kind: 'revoke', nodes: ['n'], why: 'a test' });
    },
    expect: 'no',
    why: /revoked/,
  },
  {
    name: 'a certificate of a key that was revoked',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n' });
      s.root.operate({ kind: 'revoke', nodes: ['n'], why: 'a test' });
    },
    claim: certificate('root'),
    expect: 'no',
    why: /revoked/,
  },
  { name: 'a certificate that this host signed', claim: certificate('root', 7), expect: 'admitted 8' },
  { name: 'a certificate that one of its parents signed', claim: certificate('m'), expect: 'admitted 2' },
  { name: 'a certificate for a node below its issuer', claim: { node: 'below', ...certificate('m') }, expect: 'admitted 2' },
  {
    name: 'a certificate of a host in the middle for a node that is not below it',
    claim: { node: 'alone', ...certificate('m') },
    expect: 'no',
    why: /may not vouch/,
  },
  {
    name: 'a certificate of the host that it was attached to when it was moved away from there',
    given: attachedToM,
    claim: certificate('m'),
    expect: 'admitted 6',
  },
  {
    name: 'the same of another key',
    given: attachedToM,
    claim: { key: 'k2', ...certificate('m') },
    expect: 'no',
    why: /may not vouch/,
  },
  {
    name: 'another key in the window of a claim that was made at another of its parents',
    given: (s) => {
      admit(s);
      attachedToM(s);
    },
    claim: { key: 'k2', boot: 'b2' },
    expect: 'wait',
    why: /two keys/,
  },
  { name: 'a certificate of somebody who is not known', claim: certificate('stranger'), expect: 'no', why: /may not vouch/ },
  { name: 'a certificate of another boot', claim: certificate('root', 1, 'b0'), expect: 'no', why: /another boot/ },
  {
    name: 'an older certificate of another key',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n', term: 9 });
    },
    claim: { key: 'k2', ...certificate('root', 9) },
    expect: 'no',
    why: /another key was admitted since/,
  },
  {
    name: 'an older certificate of the same key, as it has in another boot of the process',
    given: (s) => {
      admit(s);
      s.root.claim({ node: 'n', term: 9 });
    },
    claim: certificate('root', 9),
    expect: 'admitted 11',
  },
  {
    name: 'a token',
    given: (s) => s.root.operate({ kind: 'token', nodes: ['n'], hash: 'h', until: s.tree.now + HOUR }),
    claim: { proof: { kind: 'token', hash: 'h' } },
    expect: 'admitted 1',
  },
  {
    name: 'another token',
    given: (s) => s.root.operate({ kind: 'token', nodes: ['n'], hash: 'h', until: s.tree.now + HOUR }),
    claim: { proof: { kind: 'token', hash: 'g' } },
    expect: 'no',
    why: /not the one/,
  },
  {
    name: 'a token that has expired',
    given: (s) => {
      s.root.operate({ kind: 'token', nodes: ['n'], hash: 'h', until: s.tree.now + HOUR });
      s.tree.run(HOUR);
    },
    claim: { proof: { kind: 'token', hash: 'h' } },
    expect: 'no',
    why: /expired/,
  },
  {
    name: 'a token that was used',
    given: (s) => {
      s.root.operate({ kind: 'token', nodes: ['n'], hash: 'h', until: s.tree.now + HOUR });
      s.root.claim({ node: 'n', proof: { kind: 'token', hash: 'h' } });
    },
    claim: { key: 'k2', boot: 'b2', proof: { kind: 'token', hash: 'h' } },
    expect: 'no',
    why: /used already/,
  },
  {
    name: 'a key that came by a token, in its next boot',
    given: (s) => {
      s.root.operate({ kind: 'token', nodes: ['n'], hash: 'h', until: s.tree.now + HOUR });
      s.root.claim({ node: 'n', proof: { kind: 'token', hash: 'h' } });
    },
    claim: { boot: 'b2' },
    expect: 'admitted 2',
  },
  {
    name: 'outside the window, where its boots are heard and nothing runs: it shall boot anew',
    given: (s) => {
      dhcp(s);
      s.tree.run(2 * HOUR);
    },
    expect: 'reboot',
  },
  {
    name: 'the same where something runs',
    given: (s) => {
      dhcp(s);
      s.tree.run(2 * HOUR);
    },
    claim: { runs: true },
    expect: 'wait',
    why: /runs something/,
  },
  {
    name: 'the same where repairs are used up',
    given: (s) => {
      dhcp(s);
      s.tree.run(2 * HOUR);
      for (const boot of ['x1', 'x2', 'x3']) assert.equal(outcome(s.root.claim({ node: 'n', boot })), 'reboot');
      assert.equal(outcome(s.root.claim({ node: 'n', boot: 'x3' })), 'reboot', 'asked again it is the same answer, and counts once');
    },
    expect: 'wait',
  },
];

for (const { name, cfg, given, claim, expect, why } of CASES) {
  test(`a claim: ${name}: ${expect}`, () => {
    const s = scene(cfg);
    given?.(s);
    const answer = s.root.claim({ node: 'n', proof: BOOT, ...claim });
    assert.equal(outcome(answer), expect, JSON.stringify(answer));
    if (why) assert.match('why' in answer ? answer.why : '', why);
    assert.deepEqual(s.tree.powerActions, { on: 0, off: 0 });
  });
}

test('an admitted node is on and in INIT, and is led to SYNC; its key, its place and its session stand', () => {
  const s = scene();
  admit(s);
  s.root.claim({ node: 'n' });
  assert.deepEqual([s.root.seen('n', '/physState'), s.root.seen('n', '/runState')], ['POWER_ON', 'INIT']);
  const { key, at } = s.root.book('n');
  assert.deepEqual([key?.fp, key?.boot, key?.term, key?.kind], ['k1', 'b1', 1, 'boot']);
  assert.deepEqual(at, { host: 'root', term: 1, live: true, key: 'k1' });
  s.tree.run(SECOND);
  assert.ok(s.root.steps.includes('core/sync n'));
});

test('who was admitted and says nothing more is asked, and given up', () => {
  const s = scene();
  admit(s);
  s.root.claim({ node: 'n' });
  s.tree.run(2 * MINUTE);
  assert.equal(s.root.seen('n', '/runState'), 'ERROR');
  assert.equal(s.root.book('n').at?.live, false);
});

test('a key that is revoked while its session is only remembered: that session ends too', () => {
  const s = scene();
  admit(s);
  s.root.claim({ node: 'n' });
  s.root.observed('core', { node: 'n', values: { '/runState': 'INIT' }, session: { boot: 'b1', live: true }, heard: 'hello' });
  assert.equal(s.root.book('n').at?.live, true);
  s.tree.restart(s.root);
  assert.deepEqual([s.root.world.nodes.get('n')?.live, s.root.book('n').at?.live], [false, true]);
  s.root.operate({ kind: 'revoke', nodes: ['n'], why: 'a test' });
  assert.deepEqual([s.root.seen('n', '/runState'), s.root.book('n').at?.live], ['ERROR', false]);
});

test('a second key: neither is trusted, the session ends, the node is held, and a person is told what to do', () => {
  const s = scene();
  admit(s);
  s.root.claim({ node: 'n' });
  s.root.claim({ node: 'n', key: 'k2' });
  const book = s.root.book('n');
  assert.deepEqual([book.key, book.revoked, book.hold?.by, book.lost], [undefined, ['k1', 'k2'], 'core', undefined]);
  assert.equal(s.root.world.nodes.get('n')?.live, false);
  for (const key of ['k1', 'k2']) assert.equal(outcome(s.root.claim({ node: 'n', key })), 'no');
  assert.equal(outcome(s.root.claim({ node: 'n', key: 'k3' })), 'wait', 'it is held');
  assert.ok(s.root.logs.some((line) => /two keys.*kraken node admit n/.test(line)));
  const group = waiting(s.root.world).find(({ kind }) => kind === 'refusedClaim');
  assert.deepEqual([group?.nodes, group?.command], [['n'], 'kraken node admit n']);
  s.tree.run(3 * HOUR);
  assert.deepEqual(s.tree.powerActions, { on: 0, off: 0 });
  admit(s);
  assert.equal(s.root.book('n').hold, undefined);
  assert.equal(outcome(s.root.claim({ node: 'n', key: 'k1' })), 'no');
  assert.equal(outcome(s.root.claim({ node: 'n', key: 'k3' })), 'admitted 2');
  assert.equal(
    waiting(s.root.world).find(({ kind }) => kind === 'refusedClaim'),
    undefined,
  );
});

test('a hold of a person does not end when the node is let in', () => {
  const s = scene();
  s.root.operate({ kind: 'hold', nodes: ['n'], why: 'mine' });
  admit(s);
  assert.equal(s.root.book('n').hold?.by, 'alice');
});

test('whoever claims is heard, accepted or not, if it is at the address of the node', () => {
  const s = scene(ADDRESS);
  s.root.claim({ node: 'n', address: '10.9.9.9' });
  assert.equal(s.root.world.nodes.get('n')?.heardAt, undefined);
  s.root.claim({ node: 'n' });
  assert.equal(s.root.world.nodes.get('n')?.heardAt, s.tree.now);
});

test('claims of nodes that are not known are told of once a minute, those of one node for one reason too; all are counted', () => {
  const s = scene();
  for (let i = 0; i < 120; i++) {
    s.root.claim({ node: `stranger${i}` });
    s.root.claim({ node: 'n', proof: { kind: 'boot', privileged: false } });
    s.tree.run(SECOND);
  }
  assert.equal(s.root.logs.filter((line) => /no node has this id/.test(line)).length, 2);
  assert.equal(s.root.logs.filter((line) => /any user/.test(line)).length, 2);
  assert.equal(s.root.world.dropped.claims, 240);
});

test('a power-on of ours opens the window; explain says how long it is open', () => {
  const s = scene({ platform: 'ipmi', physState: 'POWER_ON' });
  s.tree.run(20 * SECOND);
  assert.deepEqual(s.tree.machine('n').actions, { on: 1, off: 0 });
  s.tree.run(8 * MINUTE);
  const node = s.root.world.nodes.get('n');
  assert.ok(node);
  assert.match(
    JSON.stringify(explain(s.root.world, node)),
    /its window for a first claim is open for 5[12] min more \(this host switched it on\)/,
  );
  assert.equal(outcome(s.root.claim({ node: 'n' })), 'admitted 1');
});

test('a stranger beside a session that lives is a line in the log: nothing waits for a person', () => {
  const s = scene();
  admit(s);
  s.root.claim({ node: 'n' });
  for (let i = 0; i < 8; i++) {
    s.tree.run(10 * MINUTE);
    s.root.observed('core', { node: 'n', values: {}, heard: 'hello', session: { boot: 'b1', live: true } });
  }
  assert.equal(outcome(s.root.claim({ node: 'n', key: 'k2' })), 'wait');
  assert.equal(s.root.book('n').refused, undefined);
  assert.equal(s.root.book('n').key?.fp, 'k1');
});

test('everything about an admission outlives a restart of the host', () => {
  const s = scene();
  admit(s);
  s.root.claim({ node: 'n' });
  s.root.operate({ kind: 'token', nodes: ['alone'], hash: 'h', until: s.tree.now + 10 * HOUR });
  const before = structuredClone(s.root.book('n'));
  s.tree.kill(s.root);
  s.tree.run(20 * SECOND);
  s.tree.restart(s.root);
  const { key, at } = s.root.book('n');
  assert.deepEqual([key, at], [before.key, before.at]);
  assert.equal(outcome(s.root.claim({ node: 'n', key: 'k2' })), 'wait', 'the second claim of that window still');
  assert.equal(outcome(s.root.claim({ node: 'alone', proof: { kind: 'token', hash: 'h' } })), 'admitted 1');
});
