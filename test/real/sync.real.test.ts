/**
 * A tree of hosts as it runs in production: a root, 3 middle hosts and 24 leaves, each a process of the built command in a network
 * namespace of its own. Frames are lost, cables pulled, hosts killed; what the hosts know is read from their own control sockets.
 * Every middle host and every second leaf comes with a token (T1); the others show nothing but their place and a root's port (T0),
 * in a window that an operator opened at the root.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Network } from './network.ts';
import { Cluster, type SyncHost, spread } from './sync-lab.ts';

const MIDDLES = 3;
const LEAVES = 24;
/** Every second leaf has a module whose observations the test chooses. */
const TOKEN_HOUR = 3_600_000;

let cluster: Cluster;
let root: SyncHost;
let middles: SyncHost[] = [];
let leaves: SyncHost[] = [];
let count = 0;

const idOf = (kind: number, index: number): string => `0000000${kind}-0000-4000-8000-${String(index).padStart(12, '0')}`;
const middleOf = (leaf: number): number => leaf % MIDDLES;
const others = (index: number): number[] => [1, 2].map((step) => (index + step) % MIDDLES);

before(async () => {
  Cluster.build();
  cluster = new Cluster(new Network());
  root = cluster.add({ name: 'root', id: idOf(0, 1) });
  cluster.pin = /sha256:[\w-]+/.exec(await root.told('init'))?.[0] ?? assert.fail('kraken init names no pin');
  root.configure();
  middles = Array.from({ length: MIDDLES }, (_, i) => cluster.add({ name: `m${i + 1}`, id: idOf(1, i + 1), parents: ['root'] }));
  leaves = Array.from({ length: LEAVES }, (_, i) => {
    const parents = [middleOf(i), others(middleOf(i))[0] ?? 0].map((middle) => `m${middle + 1}`);
    return cluster.add({ name: `l${String(i + 1).padStart(2, '0')}`, id: idOf(2, i + 1), parents, echoes: i % 6 === 0 });
  });
});

after(async () => {
  await cluster?.end();
});

const docOf = (host: SyncHost, parents: readonly SyncHost[]): object => ({
  id: host.id,
  nodename: host.name,
  parentId: parents[0]?.id,
  ...(parents.length > 1 ? { parents: parents.slice(1).map(({ id }) => id) } : {}),
  runState: 'SYNC',
  ipv4: { ifaces: { kraken: { ip: { ip: host.place.address } } } },
});

const parentsOf = (leaf: SyncHost): SyncHost[] => (leaf.plan.parents ?? []).map((name) => cluster.host(name));
const all = <T>(hosts: readonly SyncHost[], work: (host: SyncHost, index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(hosts.map(work));
/** In sync, as this host knows it. */
const inSync = (at: SyncHost, hosts: readonly SyncHost[], limit: number): Promise<number[]> =>
  all(hosts, (host) => at.sees('dsc', host.id, '/runState', 'SYNC', limit));

async function tokens(hosts: readonly SyncHost[]): Promise<void> {
  const set = hosts.map(({ id }) => id).join(',');
  const { tokens: made } = await root.ask('token/create', { set, until: Date.now() + TOKEN_HOUR });
  for (const { node, token } of made) hosts.find(({ id }) => id === node)?.token(token ?? '');
}

/** Ways of a change, ms: from before it was said until it was seen at the other end. */
async function downward(at: SyncHost, limit: number): Promise<number> {
  const value = `c${++count}`;
  const from = performance.now();
  await root.ask('node/set', { set: at.id, values: { '/labels/change': value } });
  return (await at.sees('cfg', at.id, '/labels/change', value, limit)) - from;
}

async function upward(at: SyncHost, limit: number): Promise<number> {
  const value = `d${++count}`;
  const from = performance.now();
  await at.echo(value);
  return (await root.sees('dsc', at.id, '/echo/value', value, limit)) - from;
}

test('27 hosts come: with tokens, and by their place in windows that were opened at the root; all are in sync, two levels down', async () => {
  await root.start();
  await root.ask('node/apply', {
    nodes: [...middles.map((host) => docOf(host, [root])), ...leaves.map((leaf) => docOf(leaf, parentsOf(leaf)))] as never,
    mode: 'put',
  });
  await tokens(middles);
  const from = performance.now();
  await all(middles, (host) => host.start());
  await inSync(root, middles, 20_000);
  const middlesAfter = performance.now() - from;
  const withToken = leaves.filter((_, i) => i % 2 === 1);
  await tokens(withToken);
  for (const leaf of leaves.filter((_, i) => i % 2 === 0)) await root.told('node', 'admit', leaf.name);
  for (let i = 0; i < LEAVES; i += 6) await all(leaves.slice(i, i + 6), (leaf) => leaf.start());
  await inSync(root, leaves, 60_000);
  console.log(
    `  3 middle hosts in sync ${Math.round(middlesAfter)} ms after their start began, 24 leaves in ${Math.round(performance.now() - from - middlesAfter)} ms more`,
  );
  for (const leaf of leaves) assert.equal(parentsOf(leaf)[0]?.last('dsc', leaf.id, '/runState'), 'SYNC');
});

test('a change of cfg at the root is in force at every leaf within 200 ms, and what a leaf observes is at the root', async () => {
  const echoing = leaves.filter(({ plan }) => plan.echoes);
  for (const leaf of leaves) await downward(leaf, 5_000);
  for (const leaf of echoing) await upward(leaf, 5_000);
  const down: number[] = [];
  const up: number[] = [];
  for (let round = 0; round < 5; round++) for (const leaf of leaves) down.push(await downward(leaf, 5_000));
  for (let round = 0; round < 15; round++) for (const leaf of echoing) up.push(await upward(leaf, 5_000));
  const broadcast = await together(10, 5_000);
  console.log(`  down, one leaf at a time: ${spread(down).text}\n  up, one leaf at a time:   ${spread(up).text}`);
  console.log(`  down, all 24 at once:     ${spread(broadcast).text}`);
  for (const times of [down, up, broadcast]) assert.ok(spread(times).max <= 200, spread(times).text);
});

/** One change for all leaves: until each has it. */
async function together(rounds: number, limit: number): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const value = `b${++count}`;
    const from = performance.now();
    await root.ask('node/set', { set: leaves.map(({ id }) => id).join(','), values: { '/labels/all': value } });
    times.push(...(await all(leaves, async (leaf) => (await leaf.sees('cfg', leaf.id, '/labels/all', value, limit)) - from)));
  }
  return times;
}
