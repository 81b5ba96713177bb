/** The virtual cluster on a virtual clock: what its machines do, what of it is noticed, and what each fault makes of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Answer, isTrouble } from './bmc.ts';
import { Cluster, type Done } from './cluster.ts';
import { FAULTS, type Fault, profileOf } from './profile.ts';
import type { Hearing, SavedNode, Seen } from './seen.ts';

const SECOND = 1000;
const A = 'a0000000-0000-4000-8000-000000000001';
const nodeId = (index: number): string => `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;

interface Noticed extends Hearing {
  readonly at: number;
  readonly node: string;
  readonly values: Seen;
}

type ProfileWords = Parameters<typeof profileOf>[0];

/** A cluster, its clock, and an ear. */
class World {
  now = 0;
  readonly noticed: Noticed[] = [];
  readonly cluster: Cluster;

  constructor(profile: ProfileWords = {}, saved: readonly SavedNode[] = [], now = 0) {
    this.now = now;
    this.cluster = new Cluster(
      { report: (node, values, hearing) => this.noticed.push({ at: this.now, node, values, ...hearing }) },
      profileOf(profile),
    );
    this.cluster.restore(saved, now);
  }

  run(time: number): void {
    const end = this.now + time;
    for (let next = this.cluster.next; next !== undefined && next <= end; next = this.cluster.next) {
      this.now = Math.max(this.now, next);
      this.cluster.advance(this.now);
    }
    this.now = end;
  }

  /** Asks, and lets time pass until the answer is there. */
  ask(question: (cluster: Cluster, now: number, done: Done) => void): Answer {
    const answers: Answer[] = [];
    question(this.cluster, this.now, (answer) => answers.push(answer));
    for (let left = 60 * SECOND; answers.length === 0 && left > 0; left -= 50) this.run(50);
    assert.equal(answers.length, 1, 'every question is answered once');
    return answers[0] as Answer;
  }

  power(action: 'on' | 'off' | 'read', node = A): Answer {
    return this.ask((cluster, now, done) => cluster.power(node, action, now, done));
  }

  host(action: 'sync' | 'quiesce', node = A): Answer {
    return this.ask((cluster, now, done) => cluster.host(node, action, now, done));
  }

  images(action: 'begin' | 'ACTIVE' | 'IDLE', node = A): Answer {
    return this.ask((cluster, now, done) => cluster.images(node, action, now, done));
  }

  fault(fault: Fault, node = A): void {
    this.cluster.setFault(node, fault, this.now);
  }

  /** What was noticed since the last call, as short words. */
  words(): string[] {
    return this.noticed.splice(0).map(({ values, heard, session }) => {
      const seen = Object.entries(values).map(([path, value]) => `${path.slice(1)}=${String(value)}`);
      const host = session === undefined ? [] : [`${session.live ? 'live' : 'gone'}:${session.boot.split('-').at(-1)}`];
      return [...(heard === undefined ? [] : [heard]), ...seen, ...host].join(' ');
    });
  }

  work(): void {
    this.power('on');
    this.run(10 * SECOND);
    this.host('sync');
    this.images('begin');
    this.images('ACTIVE');
    this.words();
  }
}

const short = (answer: Answer): string =>
  isTrouble(answer)
    ? answer.trouble
    : Object.entries(answer)
        .map(([path, value]) => `${path.slice(1)}=${String(value)}`)
        .join(' ');

const BOOT = ['dhcp pxe/state=WAIT runState=UNKNOWN', 'dhcp pxe/state=INIT runState=INIT'];
/** What a host says that is not there: of a machine that is on it may still come. */
const SILENT = 'silent';
const SYNCED = 'runState=SYNC images/state=ACTIVE';
const HOME = (boot: number): string => `session physState=POWER_ON runState=INIT busy=FREE live:${boot}`;

test('from cold metal to images and back, told only by what the machine then is', () => {
  const world = new World();
  assert.equal(short(world.power('read')), 'physState=POWER_OFF');
  assert.match(short(world.power('on')), /^physState=POWER_ON sim\/powerOns=1/);
  world.run(10 * SECOND);
  assert.deepEqual(world.words(), [...BOOT, HOME(1)]);
  assert.equal(short(world.host('sync')), 'runState=SYNC');
  assert.equal(short(world.images('begin')), 'images/state=IDLE');
  assert.equal(short(world.images('ACTIVE')), 'images/state=ACTIVE');
  assert.equal(short(world.images('IDLE')), 'images/state=IDLE');
  assert.equal(short(world.host('quiesce')), 'runState=INIT');
  assert.match(short(world.power('off')), /^physState=POWER_OFF sim\/powerOns=1 sim\/powerOffs=1/);
  world.run(10 * SECOND);
  assert.deepEqual(world.words(), ['gone:1']);
  assert.equal(short(world.power('read')), 'physState=POWER_OFF');
});

test('sync is taken of a node on its way, and done when it has come: whenever that is', () => {
  const check = (fault: Fault, at: number, expected: string[]): void => {
    const world = new World();
    world.power('on');
    world.fault(fault);
    world.run(at * SECOND);
    assert.equal(short(world.host('sync')), '', 'taken, and nothing to be seen');
    world.run(60 * SECOND);
    world.fault('none');
    world.run(60 * SECOND);
    assert.deepEqual(world.words(), expected);
  };
  const SYNC = 'session runState=SYNC live:1';
  check('none', 0, [...BOOT, HOME(1), SYNC]);
  check('hangAtBoot', 30, [...BOOT, HOME(1), SYNC]);
  check('crash', 30, [...BOOT, HOME(1), SYNC]);
  check('panic', 30, BOOT);
  const off = new World();
  assert.equal(short(off.host('sync')), 'unreachable');
  off.power('on');
  off.run(20 * SECOND);
  assert.equal(off.words().at(-1), HOME(1), 'nobody asked while it was on');
});

test('nothing answers that is not there', () => {
  const world = new World();
  const check = (answer: Answer, expected: string): void => assert.equal(short(answer), expected);
  check(world.host('quiesce'), 'unreachable');
  check(world.images('ACTIVE'), 'unreachable');
  assert.equal(world.cluster.answers(A, world.now), false);
  world.power('on');
  world.run(10 * SECOND);
  check(world.images('ACTIVE'), 'failed');
  assert.equal(world.cluster.answers(A, world.now), true);
});

/** What each fault makes of a machine at work: what is noticed in a minute, what its BMC and its host say, and what is noticed in the minute after it was cleared. */
const FAULT_STORIES: Readonly<Record<Exclude<Fault, 'none'>, { noticed: string[]; bmc: string; host: string; cleared: string[] }>> = {
  deadBmc: { noticed: [], bmc: 'unreachable', host: SYNCED, cleared: [] },
  bmcNetwork: { noticed: [], bmc: 'unreachable', host: SYNCED, cleared: [] },
  loginRefused: { noticed: [], bmc: 'login', host: SYNCED, cleared: [] },
  busyBmc: { noticed: [], bmc: 'busy', host: SYNCED, cleared: [] },
  flapping: { noticed: [], bmc: '*', host: SYNCED, cleared: [] },
  stuckPower: { noticed: [], bmc: 'physState=POWER_ON', host: SYNCED, cleared: [] },
  hangAtBoot: { noticed: [], bmc: 'physState=POWER_ON', host: SYNCED, cleared: [] },
  slowPost: { noticed: [], bmc: 'physState=POWER_ON', host: SYNCED, cleared: [] },
  slowDisk: { noticed: [], bmc: 'physState=POWER_ON', host: SYNCED, cleared: [] },
  crash: { noticed: ['gone:1'], bmc: 'physState=POWER_ON', host: SILENT, cleared: [HOME(1)] },
  linkDown: {
    noticed: ['gone:1'],
    bmc: 'physState=POWER_ON',
    host: SILENT,
    cleared: ['session physState=POWER_ON runState=SYNC busy=FREE images/state=ACTIVE live:1'],
  },
  panic: { noticed: ['gone:1'], bmc: 'physState=POWER_ON', host: SILENT, cleared: [] },
  powerCut: { noticed: ['gone:1'], bmc: 'unreachable', host: SILENT, cleared: [] },
  imageError: {
    noticed: ['session images/state=ERROR live:1'],
    bmc: 'physState=POWER_ON',
    host: 'runState=SYNC images/state=ERROR',
    cleared: [],
  },
  selfReboot: { noticed: ['gone:1', 'dhcp', HOME(2), '…'], bmc: 'physState=POWER_ON', host: '*', cleared: [] },
};

for (const [fault, { noticed, bmc, host, cleared }] of Object.entries(FAULT_STORIES)) {
  test(`a machine at work, fault ${fault}: as it must be, and well again when it is cleared`, () => {
    const world = new World();
    world.work();
    world.fault(fault as Fault);
    world.run(60 * SECOND);
    const words = world.words();
    if (noticed.includes('…')) {
      for (const word of noticed.slice(0, -1))
        assert.ok(
          words.some((one) => one.startsWith(word)),
          `${word} in ${words.join('; ')}`,
        );
    } else assert.deepEqual(words, noticed);
    if (bmc !== '*') assert.equal(short(world.power('read')), bmc);
    if (host === SILENT) assert.equal(short(world.host('quiesce')), 'unreachable');
    else if (host !== '*') assert.equal(short(world.host('sync')), host);
    world.fault('none');
    world.run(60 * SECOND);
    if (fault !== 'selfReboot') assert.deepEqual(world.words(), cleared);
    world.words();
    assert.ok(!isTrouble(world.power('off')), 'its BMC takes commands again');
    assert.match(short(world.power('on')), /^physState=POWER_ON/);
    world.run(30 * SECOND);
    const boots = world.words();
    assert.ok(
      boots.some((word) => word.startsWith('session ')),
      `it boots as before: ${boots.join('; ')}`,
    );
    assert.equal(short(world.host('sync')), 'runState=SYNC');
    assert.equal(short(world.images('begin')), 'images/state=IDLE');
    assert.equal(short(world.images('ACTIVE')), 'images/state=ACTIVE');
  });
}

test('every fault has its story', () => {
  assert.deepEqual([...Object.keys(FAULT_STORIES)].sort(), FAULTS.filter((fault) => fault !== 'none').sort());
});

/** Faults that only show at a boot: what is noticed within so many seconds after power-on, and after it was cleared. */
const BOOT_STORIES: { fault: Fault; seconds: number; on: string; noticed: string[]; cleared: string[] }[] = [
  { fault: 'none', seconds: 8, on: 'physState=POWER_ON', noticed: [...BOOT, HOME(1)], cleared: [] },
  { fault: 'hangAtBoot', seconds: 60, on: 'physState=POWER_ON', noticed: [], cleared: [...BOOT, HOME(1)] },
  { fault: 'slowPost', seconds: 13, on: 'physState=POWER_ON', noticed: [], cleared: [...BOOT, HOME(1)] },
  { fault: 'linkDown', seconds: 60, on: 'physState=POWER_ON', noticed: [], cleared: [...BOOT, HOME(1)] },
  { fault: 'crash', seconds: 60, on: 'physState=POWER_ON', noticed: BOOT, cleared: [HOME(1)] },
  { fault: 'panic', seconds: 60, on: 'physState=POWER_ON', noticed: BOOT, cleared: [] },
  { fault: 'stuckPower', seconds: 60, on: 'physState=POWER_OFF', noticed: [], cleared: [] },
  { fault: 'powerCut', seconds: 60, on: 'unreachable', noticed: [], cleared: [] },
  { fault: 'deadBmc', seconds: 60, on: 'unreachable', noticed: [], cleared: [] },
  { fault: 'loginRefused', seconds: 60, on: 'login', noticed: [], cleared: [] },
];
for (const { fault, seconds, on, noticed, cleared } of BOOT_STORIES) {
  test(`a machine that is switched on, fault ${fault}`, () => {
    const world = new World();
    world.fault(fault);
    const answer = world.power('on');
    assert.equal(isTrouble(answer) ? answer.trouble : `physState=${answer['/physState']}`, on);
    world.run(seconds * SECOND);
    assert.deepEqual(world.words(), noticed);
    world.fault('none');
    world.run(60 * SECOND);
    assert.deepEqual(world.words(), cleared);
  });
}

test('the third image that fails is fatal, and a new boot gives another chance', () => {
  const world = new World();
  world.work();
  world.fault('imageError');
  const states = [1, 2, 3].map(() => {
    const answer = world.images('ACTIVE');
    return isTrouble(answer) ? `${answer.trouble} ${answer.seen?.['/images/state']}` : short(answer);
  });
  assert.deepEqual(states, ['failed ERROR', 'failed ERROR', 'failed FATAL']);
  world.fault('none');
  world.power('off');
  world.power('on');
  world.run(10 * SECOND);
  world.host('sync');
  assert.equal(short(world.images('begin')), 'images/state=IDLE');
  assert.equal(short(world.images('ACTIVE')), 'images/state=ACTIVE');
});

test('the same seed gives the same cluster, whatever order its nodes come in; another seed another one', () => {
  const story = (seed: number, order: readonly number[]): string => {
    const world = new World({ seed, start: 'on', faults: [{ fault: 'deadBmc', share: 0.3 }] });
    for (const index of order) world.cluster.node(nodeId(index), 0);
    world.run(20 * SECOND);
    const lines = world.noticed.map(({ at, node, values }) => `${node} ${at} ${Object.values(values).join()}`).sort();
    return [...lines, ...order.map((index) => `${index} ${world.cluster.glance(nodeId(index), world.now) === undefined}`).sort()].join(
      '\n',
    );
  };
  const forward = [...Array(50).keys()];
  assert.equal(story(7, forward), story(7, [...forward].reverse()));
  assert.notEqual(story(7, forward), story(8, forward));
});

test('faults of the profile: a share of the nodes, the same ones each time, from when to when', () => {
  const world = new World({
    faults: [
      { fault: 'deadBmc', share: 0.05, at: 1000, for: 5000 },
      { fault: 'loginRefused', nodes: [A, 'kr9'] },
    ],
  });
  const dead = (): number => [...Array(4000).keys()].filter((index) => world.cluster.glance(nodeId(index), world.now) === undefined).length;
  assert.equal(dead(), 0);
  world.run(2000);
  const share = dead();
  assert.ok(share > 140 && share < 260, `${share} of 4000 are dead, about 200 are meant`);
  world.run(5000);
  assert.equal(dead(), 0);
  assert.equal(short(world.power('read')), 'login');
  const named = nodeId(8);
  assert.equal(short(world.power('read', named)), 'physState=POWER_OFF');
  world.cluster.name(named, 'kr9', world.now);
  assert.equal(short(world.power('read', named)), 'login');
});

const random = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
};

test('sessions: one boot id a boot; live only while it is up; each that was heard ends or lives on, whatever happens', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const dice = random(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(dice() * list.length)] as T;
    const world = new World({ seed });
    for (let step = 0; step < 30; step++) {
      const done = (): void => {};
      if (dice() < 0.4) world.fault(pick(FAULTS));
      else if (dice() < 0.7) world.cluster.power(A, pick(['on', 'off']), world.now, done);
      else world.cluster.host(A, 'sync', world.now, done);
      world.run(dice() * 6 * SECOND);
    }
    world.fault('none');
    world.run(60 * SECOND);
    const open = new Set<string>();
    for (const { session } of world.noticed) {
      if (session?.live === true) open.add(session.boot);
      else if (session !== undefined) open.delete(session.boot);
    }
    const lives = world.cluster.answers(A, world.now);
    const now = world.cluster.voice(A, world.now).session?.boot;
    assert.deepEqual([...open], lives ? [now] : [], `seed ${seed}: the sessions that are open are those that live`);
  }
});

test('a process that is killed at any moment leaves the machines as they are: off stays off, a boot goes on, a host comes back', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const before = new World({ seed });
    const dice = random(seed);
    before.cluster.power(A, 'on', 0, () => {});
    const kill = dice() * 12 * SECOND;
    before.run(kill);
    const was = before.power('read');
    const heard = before.noticed.some(({ heard }) => heard === 'session');
    const [saved] = [...before.cluster.all()];
    assert.ok(saved !== undefined);
    // What was put on record by and by is what all of it says.
    assert.deepEqual(before.cluster.takeChanged().at(-1), saved, `seed ${seed}`);
    const after = new World({ seed }, JSON.parse(JSON.stringify([saved])), before.now);
    assert.equal(short(after.power('read')), short(was), `seed ${seed}: killed at ${kill}`);
    after.run(20 * SECOND);
    const words = after.words();
    assert.equal(
      words.filter((word) => word.startsWith('session')).length,
      short(was).includes('ON') ? 1 : 0,
      `seed ${seed}: ${words.join('; ')}`,
    );
    if (heard) assert.equal(words.at(-1), HOME(1), `seed ${seed}: the same boot`);
  }
});

test('each part can be left out, and nothing is said for it then', () => {
  const check = (parts: NonNullable<ProfileWords>['parts'], expected: string[]): void => {
    const world = new World({ ...(parts !== undefined && { parts }) });
    world.cluster.follow(A, true, 0);
    world.run(20 * SECOND);
    assert.deepEqual(world.words(), expected);
  };
  check(['power', 'pxe', 'hosts', 'images'], [...BOOT, HOME(1)]);
  check(['power', 'hosts'], [HOME(1)]);
  check(
    ['power', 'pxe'],
    BOOT.map((word) => word.replace('dhcp ', '')),
  );
  check(['power'], []);
});

test('cost: a node at rest costs nothing, a boot a handful of events', () => {
  const world = new World({ scale: 1 });
  const nodes = 10_000;
  for (let index = 0; index < nodes; index++) world.cluster.power(nodeId(index), 'on', 0, () => {});
  let events = 0;
  for (let next = world.cluster.next; next !== undefined && next < 30 * SECOND; next = world.cluster.next) {
    events++;
    world.cluster.advance(next);
  }
  assert.equal(world.cluster.next, undefined, 'nothing is set to happen when all have booted');
  assert.ok(world.noticed.length === 3 * nodes, `${world.noticed.length} reports`);
  assert.ok(events <= 6 * nodes, `${events} events for ${nodes} boots`);
});
