/**
 * A tree of hosts as it runs in production: a root, 3 middle hosts and 24 leaves, each a process of the built command in a network
 * namespace of its own. Frames are lost, cables pulled, hosts killed; what the hosts know is read from their own control sockets.
 * Every middle host and every second leaf comes with a token (T1); the others show nothing but their place and a root's port (T0),
 * in a window that an operator opened at the root.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Network } from './network.ts';
import { Cluster, type SyncHost, spread } from './sync-lab.ts';

const MIDDLES = 3;
const LEAVES = 24;
/** Every second leaf has a module whose observations the test chooses. */
const TOKEN_HOUR = 3_600_000;

let network: Network;
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
  network = new Network();
  cluster = new Cluster(network);
  root = cluster.add({ name: 'root', id: idOf(0, 1), echoes: true });
  cluster.pin = /sha256:[\w-]+/.exec(await root.told('init'))?.[0] ?? assert.fail('kraken init names no pin');
  root.configure();
  middles = Array.from({ length: MIDDLES }, (_, i) => cluster.add({ name: `m${i + 1}`, id: idOf(1, i + 1), parents: ['root'] }));
  leaves = Array.from({ length: LEAVES }, (_, i) => {
    const parents = [middleOf(i), others(middleOf(i))[0] ?? 0].map((middle) => `m${middle + 1}`);
    return cluster.add({ name: `l${String(i + 1).padStart(2, '0')}`, id: idOf(2, i + 1), parents, echoes: i % 5 === 0 });
  });
});

after(async () => {
  await cluster?.end();
  network?.end();
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
  await all(leaves, (leaf) => inSync(parentsOf(leaf)[0] ?? root, [leaf], 2_000));
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

test('with every tenth frame lost, both ways take less than 2 s', async () => {
  network.lose(0.1);
  try {
    const echoing = leaves.filter(({ plan }) => plan.echoes);
    const down: number[] = [];
    const up: number[] = [];
    for (let round = 0; round < 4; round++) for (const leaf of leaves) down.push(await downward(leaf, 20_000));
    for (let round = 0; round < 15; round++) for (const leaf of echoing) up.push(await upward(leaf, 20_000));
    const broadcast = await together(10, 20_000);
    console.log(`  down, one leaf at a time: ${spread(down).text}\n  up, one leaf at a time:   ${spread(up).text}`);
    console.log(`  down, all 24 at once:     ${spread(broadcast).text}`);
    for (const times of [down, up, broadcast]) assert.ok(spread(times).max <= 2_000, spread(times).text);
  } finally {
    network.lose(0);
  }
});

test('what one node has to tell may be large: 200 kB and 1.8 MB, both ways, and small changes after it', async () => {
  const leaf = leaves[0] ?? assert.fail();
  for (const size of [200_000, 1_800_000]) {
    const text = `${size} `.padEnd(size, 'kraken ');
    const from = performance.now();
    await root.ask('node/set', { set: leaf.id, values: { '/echo/wanted': text } });
    const down = (await leaf.sees('cfg', leaf.id, '/echo/wanted', text, 20_000)) - from;
    const started = performance.now();
    await leaf.echo(text);
    const up = (await root.sees('dsc', leaf.id, '/echo/value', text, 20_000)) - started;
    const after = await downward(leaf, 5_000);
    console.log(`  ${size} bytes: down ${Math.round(down)} ms, up ${Math.round(up)} ms; a small change after it ${Math.round(after)} ms`);
  }
  await root.ask('node/set', { set: leaf.id, values: { '/echo/wanted': null } });
  await leaf.echo('small');
  await root.sees('dsc', leaf.id, '/echo/value', 'small');
});

const turnedSince = (hosts: readonly SyncHost[], since: number): { by: string; node: string; to: unknown }[] =>
  hosts.flatMap(({ name, runStates }) => runStates.filter(({ at }) => at > since).map(({ node, to }) => ({ by: name, node, to })));

test('the root is killed with -9 in the middle of a change and comes back after 20 s: nobody goes to ERROR, nothing is lost', async () => {
  const echoing = leaves.filter(({ plan }) => plan.echoes);
  // What the tests before have led to is told everywhere.
  await sleep(1_000);
  const value = `k${++count}`;
  const taken = new Map<SyncHost, string>();
  const said = async (): Promise<void> => {
    for (let round = 0; ; round++)
      for (const leaf of leaves) {
        await root.ask('node/set', { set: leaf.id, values: { '/labels/killed': `${value} ${round}` } });
        taken.set(leaf, `${value} ${round}`);
      }
  };
  const saying = said().catch(() => undefined);
  while (taken.size < LEAVES / 2) await sleep(1);
  const killed = performance.now();
  await root.kill();
  await saying;
  await sleep(2_000);
  // What is observed while it is away is told when it is back.
  await all(echoing, (leaf) => leaf.echo(value));
  await sleep(Math.max(0, killed + 20_000 - performance.now()));
  assert.deepEqual(turnedSince([...middles, ...leaves], killed), [], 'a run state has changed meanwhile');
  const started = performance.now();
  await root.start();
  await all(echoing, (leaf) => root.sees('dsc', leaf.id, '/echo/value', value, 10_000));
  // What was answered is durable; the one that was not may be there too.
  const [least = ''] = [...taken.values()].sort();
  await all([...taken.keys()], (leaf) => leaf.sees('cfg', leaf.id, '/labels/killed', (is: unknown) => String(is) >= least, 10_000));
  for (const [leaf, last] of taken) assert.ok(String(leaf.last('cfg', leaf.id, '/labels/killed')) >= last, `${leaf.name} lost ${last}`);
  await all(leaves, (leaf) => downward(leaf, 10_000));
  console.log(
    `  killed after ${taken.size} changes were taken, the next under way; all there ${Math.round(performance.now() - started)} ms after the start began`,
  );
  await inSync(root, [...middles, ...leaves], 10_000);
  await sleep(3_000);
  const wrong = turnedSince([root], started).filter(({ to }) => to !== 'INIT' && to !== 'SYNC');
  assert.deepEqual(wrong, [], 'the root has taken a host for dead, or forgotten it');
  assert.deepEqual(turnedSince([...middles, ...leaves], killed), [], 'a run state has changed');
});

/** Those that are attached to this middle host by what cfg says. */
const leavesOf = (middle: SyncHost): SyncHost[] => leaves.filter((leaf) => parentsOf(leaf)[0] === middle);
const otherOf = (leaf: SyncHost): SyncHost => parentsOf(leaf)[1] ?? assert.fail();

/** Until each of these is connected to its host there, and was led to SYNC by it after that time; ms from then. */
async function arrive(hosts: readonly SyncHost[], at: (host: SyncHost) => SyncHost, since: number, limit: number): Promise<number[]> {
  return all(hosts, async (host) => {
    const there = at(host);
    const isSynced = (): boolean => there.runStates.some((one) => one.node === host.id && one.to === 'SYNC' && one.at > since);
    for (let end = since + limit; ; await sleep(20)) {
      if (isSynced() && (await parentOf(host)) === there.id) return performance.now() - since;
      if (performance.now() < end) continue;
      end = Number.POSITIVE_INFINITY;
      const turns = there.runStates.filter(({ node }) => node === host.id).map(({ to, at: when }) => `${to} ${Math.round(when - since)}`);
      const logs = [host, there].map(({ name, log }) => `${name}: ${log.slice(-2500)}`);
      assert.fail(
        `${host.name} is not in sync with ${there.name} in ${limit} ms; its run states there: ${turns.join(', ')}\n${logs.join('\n')}`,
      );
    }
  });
}

/** The id of the host that it is connected to. */
async function parentOf(host: SyncHost): Promise<string | undefined> {
  const { peers } = await host.ask('peer/list', {});
  return peers.find(({ role, state }) => role === 'parent' && state === 'connected')?.id;
}

/** They are reached through where they are now, in both directions. */
async function reached(hosts: readonly SyncHost[]): Promise<void> {
  await all(hosts, (leaf) => downward(leaf, 5_000));
  await all(
    hosts.filter(({ plan }) => plan.echoes),
    (leaf) => upward(leaf, 5_000),
  );
}

test('a middle host is killed with -9: its leaves are in sync with the other parent within 3 s, and go back when it has been there for a while', async () => {
  const middle = middles[0] ?? assert.fail();
  const own = leavesOf(middle);
  const killed = performance.now();
  await middle.kill();
  try {
    const times = await arrive(own, otherOf, killed, 10_000);
    console.log(`  ${own.length} leaves in sync with the other parent: ${spread(times).text}`);
    assert.ok(spread(times).max <= 3_000, spread(times).text);
    await reached(own);
  } finally {
    await middle.start();
  }
  const started = performance.now();
  const back = await arrive(own, () => middle, started, 60_000);
  console.log(`  back ${spread(back).text} after its start`);
  await reached(own);
});

test('a middle host is cut off without a word: its leaves are in sync with the other parent within 45 s', async () => {
  const middle = middles[1] ?? assert.fail();
  const own = leavesOf(middle);
  const cut = performance.now();
  network.link(middle.name, 'down');
  try {
    const times = await arrive(own, otherOf, cut, 60_000);
    console.log(`  ${own.length} leaves in sync with the other parent: ${spread(times).text}`);
    assert.ok(spread(times).max <= 45_000, spread(times).text);
    await reached(own);
  } finally {
    network.link(middle.name, 'up');
  }
  const mended = performance.now();
  const back = await arrive(own, () => middle, mended, 90_000);
  console.log(`  back ${spread(back).text} after its link was up`);
  await reached(own);
});

test('a subtree is cut off for a minute: its leaves keep running on their last cfg, and both sides are told everything when it heals', async () => {
  const middle = middles[2] ?? assert.fail();
  const own = leavesOf(middle);
  const echoing = own.filter(({ plan }) => plan.echoes);
  const before = own.map((leaf) => leaf.runStates.length);
  const atRoot = root.runStates.length;
  const value = `p${++count}`;
  network.cut(middle.name, ...own.map(({ name }) => name));
  const cut = performance.now();
  await sleep(20_000);
  await root.ask('node/set', { set: own.map(({ id }) => id).join(','), values: { '/labels/cut': value } });
  await all(echoing, (leaf) => leaf.echo(value));
  await sleep(cut + 60_000 - performance.now());
  for (const leaf of own) assert.notEqual(leaf.last('cfg', leaf.id, '/labels/cut'), value, 'the cut lets something through');
  network.mend();
  const mended = performance.now();
  const down = (await all(own, (leaf) => leaf.sees('cfg', leaf.id, '/labels/cut', value, 70_000))).map((at) => at - mended);
  const up = (await all(echoing, (leaf) => root.sees('dsc', leaf.id, '/echo/value', value, 70_000))).map((at) => at - mended);
  await inSync(root, [middle, ...own], 30_000);
  console.log(`  after it healed: cfg at the leaves ${spread(down).text}; dsc at the root ${spread(up).text}`);
  assert.deepEqual(
    own.map((leaf) => leaf.runStates.length),
    before,
    'a leaf has changed its run state',
  );
  const wrong = root.runStates.slice(atRoot).filter(({ node, to }) => to === 'ERROR' && node !== middle.id);
  assert.deepEqual(wrong, [], 'the root took a leaf for dead, whose host was not heard');
  await reached(own);
});

test('a leaf whose parents are changed at the root goes there', async () => {
  const leaf = leaves[3] ?? assert.fail();
  const second = otherOf(leaf);
  const moved = performance.now();
  await root.ask('node/apply', { nodes: [{ id: leaf.id, parentId: second.id, parents: null }] as never, mode: 'merge' });
  const [time = 0] = await arrive([leaf], () => second, moved, 60_000);
  console.log(`  moved in ${Math.round(time)} ms`);
  await reached([leaf]);
});

test('a revoked leaf stays out; when it is admitted again, it comes back, and so does one that has booted anew', async () => {
  const [revoked, rebooted, onDisk] = [leaves[4], leaves[6], leaves[5]] as [SyncHost, SyncHost, SyncHost];
  const since = performance.now();
  assert.match(await root.told('node', 'revoke', revoked.name, '--why', 'stolen'), /1 node locked out/);
  await all([revoked], (leaf) => root.sees('dsc', leaf.id, '/runState', 'ERROR', 5_000));
  await all([rebooted, onDisk], (leaf) => leaf.kill());
  for (const leaf of [rebooted, onDisk]) leaf.rebooted();
  await all([rebooted, onDisk], (leaf) => leaf.start());
  // A key on disk is good in every boot.
  await arrive([onDisk], (leaf) => parentsOf(leaf)[0] ?? root, since, 30_000);
  await sleep(10_000);
  for (const leaf of [revoked, rebooted]) assert.equal(await parentOf(leaf), undefined, `${leaf.name} is in again`);
  const waiting = await root.told('node', 'waiting');
  assert.match(waiting, /l\[05,07\]/, waiting);
  console.log(waiting.trimEnd().replaceAll(/^/gm, '  '));
  const admitted = performance.now();
  for (const { name } of [revoked, rebooted]) await root.told('node', 'admit', name);
  await all([revoked, rebooted], (leaf) => root.sees('dsc', leaf.id, '/runState', 'SYNC', 90_000));
  console.log(`  back ${Math.round(performance.now() - admitted)} ms after they were admitted`);
  await reached([revoked, rebooted, onDisk]);
});

test('in all of this nothing was done to any machine, and nothing is left to wait for', async () => {
  const sent = new Set<unknown>();
  // The history of the one with large values is read change by change: a page of them would be too long for a line.
  for (const [set, limit] of [
    [`!${leaves[0]?.name}`, 1_000],
    [leaves[0]?.name ?? '', 1],
  ] as const) {
    let before: number | undefined;
    do {
      const page = await root.ask('node/history', { set, limit, ...(before === undefined ? {} : { before }) });
      for (const { view, path, to } of page.changes) if (view === 'note' && path === 'sent') sent.add(to);
      before = page.next;
    } while (before !== undefined);
  }
  assert.deepEqual([...sent], ['core/sync']);
  await inSync(root, [...middles, ...leaves], 5_000);
});
