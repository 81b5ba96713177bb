/**
 * What somebody on the network can read of a host, and what he can do to it: a recording of enrolments and of 360 hellos, searched for
 * secrets and state; 100,000 forged datagrams and thousands of connections; claims with every wrong proof. And a long road to the parent.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Capture, type Recording } from './capture.ts';
import type { Job, Outcome } from './forger.ts';
import { install } from './install.ts';
import { Network } from './network.ts';
import { Cluster, type SyncHost, spread } from './sync-lab.ts';

const HELLO = 100;
const HELLOS = 360;
const PORT = 31415;
const DATAGRAMS = 100_000;
const GARBAGE = 2_000;
const HOUR = 3_600_000;
/** Words of state, as they would stand in clear. */
const CFG_WORD = 'the-word-in-cfg-of-7f3a';
const DSC_WORD = 'the-word-in-dsc-of-91be';
const SOURCE = ['--import', 'tsx', '--conditions=kraken-source'];

const idOf = (index: number): string => `00000000-0000-4000-8000-00000000000${index}`;

let network: Network;
let cluster: Cluster;
let root: SyncHost;
let tokened: SyncHost;
let placed: SyncHost;
let far: SyncHost;
let token = '';
let recording: Recording;

before(async () => {
  install({ tcpdump: 'tcpdump' });
  Cluster.build();
  network = new Network();
  cluster = new Cluster(network);
  const sync = { hello: HELLO, dead: 40_000 };
  root = cluster.add({ name: 'root', id: idOf(1), sync, echoes: true });
  cluster.pin = /sha256:[\w-]+/.exec(await root.told('init'))?.[0] ?? assert.fail('kraken init names no pin');
  tokened = cluster.add({ name: 'tokened', id: idOf(2), parents: ['root'], sync, echoes: true });
  placed = cluster.add({ name: 'placed', id: idOf(3), parents: ['root'], sync });
  const road = network.add('road');
  far = cluster.add({ name: 'far', id: idOf(4), parents: ['root'], addresses: [road.address], sync, echoes: true });
  network.add('foe');
  await root.start();
  const doc = (host: SyncHost, more: object = {}): object => ({
    id: host.id,
    nodename: host.name,
    parentId: root.id,
    runState: 'SYNC',
    labels: { word: CFG_WORD },
    ...more,
  });
  const at = (address: string): object => ({ ipv4: { ifaces: { kraken: { ip: { ip: address } } } } });
  await root.ask('node/apply', {
    nodes: [
      doc(tokened),
      doc(placed, at(placed.place.address)),
      doc(far),
      { ...doc(placed, at(network.place('foe').address)), id: idOf(5), nodename: 'window' },
      { ...doc(placed, at(network.place('foe').address)), id: idOf(6), nodename: 'late' },
    ] as never,
    mode: 'put',
  });
});

after(async () => {
  await cluster?.end();
  network?.end();
});

async function give(host: SyncHost): Promise<string> {
  const { tokens } = await root.ask('token/create', { set: host.name, until: Date.now() + HOUR });
  const made = tokens[0]?.token ?? assert.fail('no token');
  host.token(made);
  return made;
}

const inSync = (host: SyncHost): Promise<number> => root.sees('dsc', host.id, '/runState', 'SYNC', 20_000);

/** Everything that must not be read by others, from where it really is. */
function secrets(): Record<string, Buffer> {
  const keys = (host: SyncHost, name: string): Buffer => readFileSync(join(host.file('data'), 'keys', name));
  const seed = (pem: Buffer): Buffer => createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' }).subarray(-32);
  const session = JSON.parse(keys(tokened, 'session.json').toString()) as { admission: { secret: string } };
  return {
    'the token': Buffer.from(token),
    'the letters of the token': Buffer.from(token.replaceAll('-', '')),
    'the secret of the session': Buffer.from(session.admission.secret, 'base64'),
    'the key of the child': seed(keys(tokened, 'host.key')),
    'the key of the root': seed(keys(root, 'host.key')),
    'the key of the CA': seed(keys(root, 'ca.key')),
    'what sessions are made from': keys(root, 'master.key'),
    'a word of cfg': Buffer.from(CFG_WORD),
    'a word of dsc': Buffer.from(DSC_WORD),
    'a name of a member': Buffer.from('labels'),
    'a name of a state': Buffer.from('runState'),
  };
}

test('a recording of two enrolments and of 360 hellos holds no secret, and no state in clear', async () => {
  const captures = [
    await Capture.start(network, tokened.name, root.file('tokened.pcap')),
    await Capture.start(network, placed.name, root.file('placed.pcap')),
  ] as const;
  token = await give(tokened);
  assert.match(await root.told('node', 'admit', placed.name), /./);
  await Promise.all([tokened.start(), placed.start()]);
  await Promise.all([tokened, placed].map(inSync));
  await tokened.sees('cfg', tokened.id, '/labels/word', CFG_WORD);
  await tokened.echo(DSC_WORD);
  await root.sees('dsc', tokened.id, '/echo/value', DSC_WORD);
  await sleep(HELLOS * HELLO * 1.1);
  // Shows that what was in clear would be found.
  const said = Buffer.concat([Buffer.from(CFG_WORD), Buffer.from(` ${secrets()['the key of the CA']?.toString('base64')}`)]);
  const script = `import('node:dgram').then(({ createSocket }) => { const s = createSocket('udp4'); s.send(Buffer.from('${said.toString('base64')}', 'base64'), 9, '${root.place.address}', () => s.close()); })`;
  const [program, args] = network.inside(tokened.name, process.execPath, ['-e', script]);
  const control = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(control.status, 0, control.stderr);
  const [a, b] = [await captures[0].stop(), await captures[1].stop()];
  recording = a;
  const hellos = a.datagrams.filter(({ from, to }) => from.startsWith(`${tokened.place.address}:`) && to.endsWith(`:${PORT}`));
  const streams = [...a.streams.values()];
  assert.ok(hellos.length >= HELLOS, `only ${hellos.length} datagrams of the child were recorded`);
  assert.ok(
    streams.some((bytes) => bytes[0] === 0x16),
    'the enrolment was not recorded',
  );
  console.log(
    `  ${a.datagrams.length} + ${b.datagrams.length} datagrams (${hellos.length} of the first child), ${a.streams.size + b.streams.size} directions of connections, ` +
      `${a.raw.length + b.raw.length} bytes; hellos of ${Math.min(...hellos.map(({ bytes }) => bytes.length))} bytes and more`,
  );
  const found = [...a.find(secrets()), ...b.find(secrets())].map((line) => line.replace(/ as .*/, ''));
  assert.deepEqual(
    [...new Set(found)].sort(),
    ['a word of cfg', 'the key of the CA'],
    'something else was found than what the test has sent in clear',
  );
  assert.equal(a.find({ word: Buffer.from(CFG_WORD) }).length, 2, 'the word is in more than the datagram of the test');
  for (const log of [root.log, tokened.log, placed.log]) {
    const text = Buffer.from(log);
    for (const [name, secret] of Object.entries(secrets()).slice(0, 7)) assert.ok(!text.includes(secret), `${name} is in a log`);
  }
});

/** What was dropped, in all and by kind. */
async function dropped(): Promise<{ readonly sum: number; readonly text: string; readonly by: Readonly<Record<string, number>> }> {
  const { sync } = await root.ask('peer/list', {});
  const by = sync?.dropped ?? assert.fail('the root says nothing of its neighbours');
  return { sum: Object.values(by).reduce((all, one) => all + one, 0), text: JSON.stringify(by), by };
}

/** Datagrams that the kernel has handed to the root, and those for which it had no room. */
function received(): { readonly datagrams: number; readonly lost: number } {
  const lines = readFileSync(`/proc/${root.pid}/net/snmp`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Udp:'));
  const [names = [], values = []] = lines.map((line) => line.split(' '));
  const of = (name: string): number => Number(values[names.indexOf(name)]);
  return { datagrams: of('InDatagrams'), lost: of('RcvbufErrors') };
}

async function attack(job: Omit<Job, 'to' | 'port' | 'pin' | 'from'>, from: readonly string[]): Promise<Outcome> {
  const whole: Job = { ...job, to: root.place.address, port: PORT, pin: cluster.pin, from };
  const [program, args] = network.inside('foe', process.execPath, [...SOURCE, fileURLToPath(new URL('./forger.ts', import.meta.url))]);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], cwd: fileURLToPath(new URL('../..', import.meta.url)) });
  child.stdin.end(JSON.stringify(whole));
  return JSON.parse(await text(child.stdout)) as Outcome;
}

/** All that the root knows, without times. */
async function knowledge(): Promise<unknown> {
  const { nodes } = await root.ask('state/read', { view: 'both' });
  return nodes.map(({ id, cfg, dsc }) => ({ id, cfg, dsc }));
}

test('a second claim in one window: neither is trusted any more, the node is held, a person is told; outside of a window nobody is let in', async () => {
  const foe = [network.place('foe').address];
  const job = { recorded: [], datagrams: 0, garbage: 0 };
  const claim = (index: number, privileged = true): Job['claims'][number] => ({
    node: idOf(index),
    proof: { kind: 'boot' },
    privileged,
    times: 1,
  });
  const answer = async (...claims: Job['claims']): Promise<string> =>
    Object.keys((await attack({ ...job, claims }, foe)).answers).join('\n');
  assert.match(await answer(claim(6)), /wait: this host neither caused nor saw its boot/);
  await root.told('node', 'admit', 'window');
  assert.match(await answer(claim(5, false)), /no: it came from a port that any user can use/);
  assert.match(await answer(claim(5)), /admitted/);
  assert.match(await answer(claim(5)), /wait: two keys were shown for it in one boot/);
  const waiting = await root.told('node', 'waiting');
  assert.match(waiting, /window/, waiting);
  const said = await root.told('node', 'explain', 'window');
  assert.match(said, /held|two keys/, said);
  assert.match(await answer(claim(5)), /wait/, 'a third is let in');
  const { changes } = await root.ask('node/history', { set: 'window', limit: 100 });
  const sent = changes.filter(({ view, path, to }) => view === 'note' && path === 'sent' && to !== 'core/sync');
  assert.deepEqual(sent, [], 'something was done to the machine');
});

test('100,000 forged datagrams and thousands of connections change nothing, are counted, and cost no memory that stays', async () => {
  const recorded = recording.datagrams
    .filter(({ from, to }) => [from, to].some((address) => address === `${root.place.address}:${PORT}`))
    .map(({ bytes }) => bytes.toString('base64'));
  const addresses = network.addresses('foe', 60);
  const wrong = { kind: 'token', token: 'AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH' } as const;
  const claims: Job['claims'] = [
    { node: tokened.id, proof: wrong, privileged: false, times: 150 },
    { node: tokened.id, proof: { kind: 'boot' }, privileged: false, times: 150 },
    { node: placed.id, proof: { kind: 'boot' }, privileged: true, times: 150 },
    { node: placed.id, proof: { kind: 'certificate', statement: 'eyJ2IjoxfQ.AAAA.AAAA.AAAA' }, privileged: false, times: 150 },
    { node: '99999999-0000-4000-8000-000000000000', proof: wrong, privileged: false, times: 150 },
    { node: root.id, proof: wrong, privileged: false, times: 50 },
  ];
  const job = { recorded, datagrams: DATAGRAMS / 5, garbage: GARBAGE / 5, claims: [] };
  // The first tenth warms up what stays warm.
  await attack(job, addresses);
  await sleep(6_000);
  const before = {
    known: await knowledge(),
    dropped: await dropped(),
    received: received(),
    rss: root.rssMb,
    turns: root.runStates.length,
  };
  const started = performance.now();
  const { answers } = await attack({ ...job, datagrams: DATAGRAMS, garbage: GARBAGE, claims }, addresses);
  const seconds = (performance.now() - started) / 1000;
  await sleep(6_000);
  const now = { dropped: await dropped(), received: received(), rss: root.rssMb };
  const datagrams = ['forged', 'replayed', 'malformed', 'unknown', 'oversized'].reduce(
    (sum, kind) => sum + (now.dropped.by[kind] ?? 0) - (before.dropped.by[kind] ?? 0),
    0,
  );
  const lost = now.received.lost - before.received.lost;
  console.log(
    `  in ${seconds.toFixed(1)} s: ${DATAGRAMS} datagrams (${lost} had no room in the kernel), ${GARBAGE} connections, and claims:`,
  );
  for (const [answer, times] of Object.entries(answers).sort()) console.log(`    ${String(times).padStart(4)} ${answer}`);
  console.log(`  dropped before ${before.dropped.text}\n  and after      ${now.dropped.text}`);
  console.log(`  memory of the root ${before.rss.toFixed(1)} MB before, ${now.rss.toFixed(1)} MB after`);
  assert.ok(datagrams >= DATAGRAMS - lost, `${datagrams} of ${DATAGRAMS - lost} datagrams were counted`);
  assert.deepEqual(await knowledge(), before.known, 'they have changed something');
  assert.equal(root.runStates.length, before.turns, 'a run state has changed');
  assert.ok(now.rss - before.rss < 40, 'the memory stays used');
  assert.deepEqual(
    Object.keys(answers).filter((answer) => answer.includes('admitted')),
    [],
    'somebody was let in',
  );
  for (const host of [tokened, placed]) {
    const from = performance.now();
    await root.ask('node/set', { set: host.id, values: { '/labels/after': 'the attack' } });
    await host.sees('cfg', host.id, '/labels/after', 'the attack');
    console.log(`  ${host.name}: a change took ${Math.round(performance.now() - from)} ms after all of it`);
  }
});

test('a parent behind a road of 20 to 50 ms: a change takes little more than the road', async () => {
  const script = fileURLToPath(new URL('./delay-proxy.ts', import.meta.url));
  const road = network.place('road');
  const [program, args] = network.inside('road', process.execPath, [...SOURCE, script, road.address, root.place.address, '20', '50']);
  const proxy = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(proxy.stdout, 'data');
    await give(far);
    await far.start();
    await inSync(far);
    const times: number[] = [];
    for (let round = 0; round < 50; round++) {
      const from = performance.now();
      await root.ask('node/set', { set: far.id, values: { '/labels/road': `r${round}` } });
      times.push((await far.sees('cfg', far.id, '/labels/road', `r${round}`)) - from);
    }
    const large = 'road '.repeat(40_000);
    const from = performance.now();
    await far.echo(large);
    const arrived = await root.sees('dsc', far.id, '/echo/value', large, 25_000).catch(() => undefined);
    const { peers } = await far.ask('peer/list', {});
    if (arrived === undefined)
      assert.fail(`200 kB did not arrive: ${JSON.stringify(peers)}\n${far.log.slice(-1500)}\n${root.log.slice(-1500)}`);
    const took = arrived - from;
    console.log(`  ${spread(times).text}; 200 kB up ${Math.round(took)} ms; round trip ${peers[0]?.rtt?.toFixed(0)} ms`);
    assert.ok(spread(times).max <= 200, spread(times).text);
    assert.ok((peers[0]?.rtt ?? 0) >= 40, 'the road is shorter than it should be');
  } finally {
    proxy.kill();
  }
});
