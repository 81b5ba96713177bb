/** The edge whole: actions in, sockets and files, inputs out; two levels of hosts. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Claim } from '../../../host/core/event.ts';
import type { Address, EnrolOutcome } from '../../../host/sync/actions.ts';
import { issueHostCertificate, makeCa } from '../../../host/sync/edge/ca.ts';
import { SyncEdge, type SyncEdgeOptions } from '../../../host/sync/edge/edge.ts';
import type { Decision } from '../../../host/sync/edge/enrol-server.ts';
import { HostKeys } from '../../../host/sync/edge/host-keys.ts';
import { admissionOf, freshDir, until } from './cluster.ts';

const edges: SyncEdge[] = [];
after(async () => void (await Promise.all(edges.map((edge) => edge.close()))));

const ca = makeCa(freshDir());

/** A host's edge with all that it was told, as lines. */
async function host(options: Partial<SyncEdgeOptions> & { readonly keys: HostKeys }) {
  const told: string[] = [];
  const outcomes: EnrolOutcome[] = [];
  const datagrams: { from: Address; text: string }[] = [];
  const edge = new SyncEdge(
    { listen: [{ host: '127.0.0.1', port: 0 }], ...options },
    {
      datagram: (from, bytes) => void datagrams.push({ from, text: Buffer.from(bytes).toString() }),
      opened: (stream, from, incoming) => void told.push(`opened ${stream} ${from.host} ${incoming}`),
      frame: (stream, bytes) => void told.push(`frame ${stream} ${Buffer.from(bytes)}`),
      closed: (stream, why) => void told.push(`closed ${stream} ${why}`),
      enrolled: (attempt, outcome) => {
        outcomes.push(outcome);
        told.push(`enrolled ${attempt} ${outcome.kind}`);
      },
      settled: () => void told.push('settled'),
    },
  );
  edges.push(edge);
  const [at] = await edge.open();
  return { edge, told, outcomes, datagrams, at: at as Address };
}

const keysOf = (dir = freshDir()): HostKeys => new HostKeys(dir, { boot: 'this-boot', outliveBoot: false });

function rootKeys(id: string): HostKeys {
  const keys = keysOf();
  keys.keepChain([issueHostCertificate(ca, { id, publicKey: keys.publicKey }), ca.certificate]);
  return keys;
}

const admitting =
  (id: string, claims: Claim[]) =>
  async (claim: Claim): Promise<Decision> => {
    claims.push(claim);
    return { kind: 'admitted', admission: admissionOf(id, claim.term + 1) };
  };

const request = (to: Address, attempt = 1, node = 'middle') => ({
  type: 'enrol' as const,
  request: { attempt, to, node, term: 0, runs: false },
});
const uplink = { caPin: ca.pin, wantsCertificate: true, privileged: false };

test('a host enrols by name, keeps what it was given, and shows it the next time', async () => {
  const claims: Claim[] = [];
  const issue = async (node: string, publicKey: HostKeys['publicKey']) => issueHostCertificate(ca, { id: node, publicKey });
  const root = await host({ keys: rootKeys('root'), children: { decide: admitting('root', claims), issue } });
  const dir = freshDir();
  const keys = keysOf(dir);
  const below: Claim[] = [];
  const middle = await host({ keys, uplink, children: { decide: admitting('middle', below) } });
  const to = { host: 'localhost', port: root.at.port };

  middle.edge.perform(request(to));
  await until(() => middle.told.includes('settled'));
  assert.deepEqual(middle.told.splice(0), ['enrolled 1 admitted', 'settled']);
  assert.equal(claims[0]?.proof.kind, 'boot');
  assert.equal(claims[0]?.key, keys.keyHash);
  const admitted = middle.outcomes[0];
  assert.deepEqual(keys.session, admitted?.kind === 'admitted' ? { address: to, admission: admitted.admission } : undefined);
  // A process of the same boot goes on where this one was.
  const again = keysOf(dir);
  assert.deepEqual(again.session, keys.session);
  assert.equal(again.statement, keys.statement);
  assert.deepEqual(again.chain, keys.chain);

  middle.edge.perform(request(to, 2));
  await until(() => claims.length === 2);
  assert.deepEqual(claims[1]?.proof, { kind: 'certificate', issuer: 'root', boot: 'this-boot', term: 1 });

  // With what it was given it takes children of its own, which pin the CA and not it.
  const leaf = await host({ keys: keysOf(), uplink: { ...uplink, wantsCertificate: false } });
  leaf.edge.perform(request(middle.at, 1, 'leaf'));
  await until(() => leaf.told.includes('settled'));
  assert.equal(leaf.outcomes[0]?.kind, 'admitted');
  // Its statement, signed by the middle host, is good at the root.
  leaf.edge.perform(request(root.at, 2, 'leaf'));
  await until(() => claims.length === 3);
  assert.deepEqual(claims[2]?.proof, { kind: 'certificate', issuer: 'middle', boot: 'this-boot', term: 1 });
  const secrets = JSON.parse(readFileSync(join(dir, 'session.json'), 'utf8')).admission.secret;
  assert.equal(Buffer.from(secrets, 'base64').length, 32);
  assert.equal(root.edge.figures.enrol?.admitted, 3);
});

test('what cannot be kept, for want of room, is good for as long as the process lives, and said', async () => {
  const root = await host({ keys: rootKeys('root'), children: { decide: admitting('root', []) } });
  const dir = freshDir();
  const keys = keysOf(dir);
  const faults: unknown[] = [];
  const leaf = await host({ keys, uplink: { ...uplink, fault: (error) => faults.push(error) } });
  rmSync(dir, { recursive: true });
  leaf.edge.perform(request(root.at, 1, 'leaf'));
  await until(() => leaf.told.includes('settled'));
  assert.equal(leaf.outcomes[0]?.kind, 'admitted');
  assert.match(String(faults), /ENOENT/);
  assert.equal(keys.session?.admission.parent, 'root');
});

test('a proof that is good no more is followed by the others, and a reboot is only the last word', async () => {
  const seen: string[] = [];
  let says: Record<string, Decision['kind']> = {};
  const decide = async ({ proof, term }: Claim): Promise<Decision> => {
    seen.push(proof.kind);
    const kind = says[proof.kind] ?? 'admitted';
    return kind === 'admitted' ? { kind, admission: admissionOf('root', term + 1) } : { kind, why: `${proof.kind} ${kind}` };
  };
  const root = await host({ keys: rootKeys('root'), children: { decide, limits: { failuresPerMinute: 1_000 } } });
  const node = await host({ keys: keysOf(), uplink: { ...uplink, token: () => 'a-token' } });
  let attempt = 0;
  const check = async (kinds: typeof says, expect: string, asked: readonly string[]): Promise<void> => {
    says = kinds;
    node.edge.perform(request(root.at, ++attempt));
    await until(() => node.outcomes.length === attempt);
    const outcome = node.outcomes.at(-1);
    assert.deepEqual([outcome && 'why' in outcome ? outcome.why : outcome?.kind, ...seen.splice(0)], [expect, ...asked]);
  };
  await check({}, 'admitted', ['token']);
  await check({ certificate: 'no' }, 'admitted', ['certificate', 'token']);
  await check({ certificate: 'reboot', token: 'no' }, 'admitted', ['certificate', 'token', 'boot']);
  await check({ certificate: 'wait' }, 'certificate wait', ['certificate']);
  await check({ certificate: 'no', token: 'no', boot: 'wait' }, 'boot wait', ['certificate', 'token', 'boot']);
  await check({ certificate: 'no', token: 'no', boot: 'reboot' }, 'boot reboot', ['certificate', 'token', 'boot']);
  await check({ certificate: 'reboot', token: 'no', boot: 'no' }, 'boot no', ['certificate', 'token', 'boot']);
});

test('a key that was revoked is replaced, once, and what was certified of it goes', async () => {
  const seen: string[] = [];
  let isBad = (_: string): boolean => false;
  const decide = async ({ proof, key, term }: Claim): Promise<Decision> => {
    seen.push(proof.kind);
    return isBad(key) ? { kind: 'no', why: 'revoked', newKey: true } : { kind: 'admitted', admission: admissionOf('root', term + 1) };
  };
  const root = await host({ keys: rootKeys('root'), children: { decide } });
  const dir = freshDir();
  const keys = keysOf(dir);
  const node = await host({ keys, uplink });
  node.edge.perform(request(root.at, 1));
  await until(() => node.outcomes.length === 1);
  const { keyHash: first } = keys;
  isBad = (key) => key === first;
  node.edge.perform(request(root.at, 2));
  await until(() => node.outcomes.length === 2);
  assert.deepEqual(seen.splice(0), ['boot', 'certificate', 'boot']);
  assert.equal(node.outcomes[1]?.kind, 'admitted');
  assert.notEqual(keys.keyHash, first);
  assert.equal(keysOf(dir).keyHash, keys.keyHash);
  isBad = () => true;
  node.edge.perform(request(root.at, 3));
  await until(() => node.outcomes.length === 3);
  assert.deepEqual(seen, ['certificate', 'boot']);
  assert.deepEqual(node.outcomes[2], { kind: 'no', why: 'revoked' });
  assert.deepEqual([keys.statement, keys.session, keysOf(dir).session], [undefined, undefined, undefined]);
});

test('tethers and datagrams, and `settled` once for what came together', async () => {
  const root = await host({ keys: rootKeys('root'), children: { decide: admitting('root', []) } });
  const node = await host({ keys: keysOf(), listen: [] });
  node.edge.perform({ type: 'dial', stream: -1, to: { host: 'localhost', port: root.at.port } });
  await until(() => node.told.includes('settled'));
  assert.deepEqual(node.told.splice(0), ['opened -1 127.0.0.1 false', 'settled']);
  for (const text of ['one', 'two', 'three']) node.edge.perform({ type: 'frame', stream: -1, bytes: Buffer.from(text) });
  await until(() => root.told.includes('frame 1 one'));
  root.edge.perform({ type: 'accept', stream: 1 });
  await until(() => root.told.includes('frame 1 three'));
  node.edge.perform({ type: 'hangUp', stream: -1 });
  await until(() => root.told.includes('closed 1 ended'));
  assert.deepEqual(
    root.told.filter((line) => line !== 'settled'),
    ['opened 1 127.0.0.1 true', 'frame 1 one', 'frame 1 two', 'frame 1 three', 'closed 1 ended'],
  );

  root.told.length = 0;
  for (let count = 0; count < 50; count++) node.edge.perform({ type: 'datagram', to: root.at, bytes: Buffer.from(`d${count}`) });
  await until(() => root.datagrams.length === 50);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(root.told.length < 25, `${root.told.length} times settled for 50 datagrams`);
  root.edge.perform({ type: 'datagram', to: root.datagrams[0]?.from as Address, bytes: Buffer.from('back') });
  await until(() => node.datagrams.length === 1);
  assert.deepEqual(node.datagrams, [{ from: root.at, text: 'back' }]);

  node.told.length = 0;
  node.edge.perform({ type: 'dial', stream: -2, to: { host: 'no-such-name.invalid', port: 5 } });
  await until(() => node.told.includes('closed -2 error'));
  node.edge.perform({ type: 'enrol', request: request({ host: 'no-such-name.invalid', port: 5 }).request });
  node.edge.perform({ type: 'dial', stream: -3, to: { host: 'also-none.invalid', port: 5 } });
  node.edge.perform({ type: 'hangUp', stream: -3 });
  await until(() => node.told.includes('enrolled 1 noAnswer'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(!node.told.some((line) => line.includes('-3')));
});

test('a host without children or certificate hangs up on who would enrol; a port that is taken opens nothing', async () => {
  const leaf = await host({ keys: keysOf() });
  const other = await host({ keys: keysOf(), uplink });
  other.edge.perform(request(leaf.at));
  await until(() => other.outcomes.length === 1);
  assert.equal(other.outcomes[0]?.kind, 'noAnswer');
  const inputs = { datagram() {}, opened() {}, frame() {}, closed() {}, enrolled() {}, settled() {} };
  const second = new SyncEdge({ listen: [{ host: '::1', port: 0 }, leaf.at], keys: keysOf() }, inputs);
  await assert.rejects(second.open(), /EADDRINUSE/);
});

test('after `close` nothing is told any more', async () => {
  const root = await host({ keys: rootKeys('root'), children: { decide: () => new Promise(() => {}) } });
  const node = await host({ keys: keysOf(), uplink });
  node.edge.perform(request(root.at));
  node.edge.perform({ type: 'dial', stream: -1, to: root.at });
  await until(() => node.told.length > 0 && root.edge.figures.enrol !== undefined);
  await Promise.all([node.edge.close(), root.edge.close()]);
  const before = [node.told.length, root.told.length];
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual([node.told.length, root.told.length], before);
});
