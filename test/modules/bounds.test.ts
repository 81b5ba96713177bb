/** What bounds a module: its log, how often it is complained of, how fast it may report, what fits in one request. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rpcError } from '@kraken-hpc/sdk/wire';
import fc from 'fast-check';
import type { TaskNode } from '../../host/core/effect.ts';
import { split } from '../../host/modules/batch.ts';
import { Bucket } from '../../host/modules/bucket.ts';
import { Complaints } from '../../host/modules/complaints.ts';
import { FloodGate } from '../../host/modules/flood.ts';
import { Heartbeat } from '../../host/modules/heartbeat.ts';
import { defaultLimits } from '../../host/modules/limits.ts';
import { ModuleLog } from '../../host/modules/logs.ts';
import { needOf } from '../../host/modules/permissions.ts';

const bare = (line: string): string => line.replace(/^\S+ /, '');

function log(limits: { logPerSecond?: number; logLines?: number; logLine?: number } = {}) {
  const clock = { now: 0 };
  const made = new ModuleLog(
    { logPerSecond: 1000, logLines: 5, logLine: 20, ...limits },
    () => clock.now,
    (line) => line.replaceAll('hunter22', '***'),
  );
  return { clock, made, lines: () => made.tail(100).map(bare) };
}

test('pieces cut anywhere become lines; what is over the ring goes, oldest first', () => {
  const { made, lines } = log();
  for (const piece of ['a', 'b\nc', '\n\nd\ne\nf', '\ng\n', 'rest']) made.chunk(piece);
  assert.deepEqual(lines(), ['c', 'd', 'e', 'f', 'g']);
  made.end();
  assert.deepEqual(lines(), ['d', 'e', 'f', 'g', 'rest']);
  assert.deepEqual(made.tail(2).map(bare), ['g', 'rest']);
  assert.equal(made.last, 'rest');
});

test('a line that is too long is cut, and secrets do not get in', () => {
  const { made, lines } = log();
  made.chunk(`${'x'.repeat(30)}\nuser hunter22\n`);
  made.chunk('y'.repeat(200));
  made.chunk('y'.repeat(200));
  made.chunk('\n');
  assert.deepEqual(lines(), [`${'x'.repeat(20)}… (cut at 20 characters)`, 'user ***', `${'y'.repeat(20)}… (cut at 20 characters)`]);
});

test('over its bytes a second a log is dropped, and says how much', () => {
  const { clock, made, lines } = log();
  made.chunk(`${'z'.repeat(9)}\n`.repeat(100));
  made.chunk('lost 1\nlost 2\n');
  made.chunk('q'.repeat(5000));
  clock.now = 2000;
  made.line('again');
  assert.deepEqual(lines().slice(-2), [
    'kraken: dropped 3 lines (5014 bytes) of its log in 2 s: the limit is 1000 bytes a second',
    'again',
  ]);
});

test('followers get every line until they stop', () => {
  const { made } = log();
  const got: string[] = [];
  const stop = made.follow((line) => got.push(bare(line)));
  made.chunk('one\ntwo\n');
  stop();
  made.chunk('three\n');
  assert.deepEqual(got, ['one', 'two']);
});

test('one kind of complaint is said once in 10 s, then with how many there were', () => {
  let now = 0;
  const said: string[] = [];
  const complaints = new Complaints(
    () => now,
    (sentence) => said.push(sentence),
  );
  for (let i = 0; i < 5; i++) complaints.complain('a', `a${i}`);
  complaints.complain('b', 'b');
  now = 10_000;
  complaints.complain('a', 'a5');
  assert.deepEqual(said, ['a0', 'b', 'a5 (and 4 more of this kind)']);
});

test('a bucket lets through no more than its rate and one bucket', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ after: fc.integer({ min: 0, max: 500 }), amount: fc.integer({ min: 1, max: 100 }) })), (takes) => {
      const bucket = new Bucket(100, 0);
      let now = 0;
      let through = 0;
      for (const { after, amount } of takes) {
        now += after;
        if (bucket.take(amount, now)) through += amount;
        else assert.ok(bucket.wait(amount) > 0);
        assert.ok(through <= 100 + now / 10 + 1e-6, `${through} in ${now} ms`);
      }
    }),
  );
});

const node = (id: string, size: number): TaskNode => ({ id, cfg: { '/x': 'é'.repeat(size) }, dsc: {}, revision: 1 });

test('nodes are split so that every request fits, in order, and what fits in no line is named', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 50 }), (sizes) => {
      const nodes = sizes.map((size, index) => node(`n${index}`, size));
      const limits = { line: 4096, nodesPerRequest: 7 };
      const { batches, tooLarge } = split(nodes, limits);
      const large = new Set(tooLarge.map((one) => one.node));
      assert.deepEqual(
        batches.flat(),
        nodes.filter((one) => !large.has(one)),
      );
      for (const batch of batches) {
        assert.ok(batch.length > 0 && batch.length <= 7);
        assert.ok(
          Buffer.byteLength(
            JSON.stringify({
              jsonrpc: '2.0',
              id: 1,
              method: 'mutation/run',
              params: { mutation: 'x'.repeat(64), deadline: 1, nodes: batch },
            }),
          ) <= 4096,
        );
      }
      for (const { bytes } of tooLarge) assert.ok(bytes > 3072);
    }),
  );
  const many = Array.from({ length: 100 }, (_, index) => node(`n${index}`, 1));
  assert.equal(split(many, { line: 1 << 22, nodesPerRequest: 100 }).batches[0], many);
});

test('which method needs what', () => {
  const cases = {
    'state/discover': 'free',
    'state/read': 'declared',
    'state/watch': 'declared',
    'state/unwatch': 'free',
    'state/propose': 'cfg:write',
    'events/watch': 'state:read *',
    'node/apply': 'operate',
    'engine/stop': 'operate',
    'service/logs': 'operate',
    'graph/get': 'operate',
    'state/delete': 'unknown',
    'node/': 'unknown',
    toString: 'unknown',
    initialize: 'unknown',
  };
  for (const [method, need] of Object.entries(cases)) assert.equal(needOf(method), need, method);
});

test('a flood: so many a second, so many waiting, and no longer than it is tolerated', () => {
  const gate = new FloodGate({ ...defaultLimits, eventsPerSecond: 100, eventsQueued: 120, floodTolerated: 3000 }, 0);
  const enter = (count: number, now: number): string => {
    try {
      gate.enter(count, now);
      return 'in';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const tooFast = 'more than 100 observations a second';
  assert.equal(enter(100, 0), 'in');
  assert.equal(enter(10, 0), tooFast);
  assert.equal(enter(10, 100), 'in');
  assert.equal(enter(50, 1000), '110 observations wait for the engine, the limit is 120');
  gate.leave(110);
  assert.equal(enter(80, 1000), 'in');
  assert.equal(gate.tooLong(1000), undefined);
  gate.leave(80);
  const passed: number[] = [];
  for (let now = 10_000; now <= 13_500; now += 500) {
    if (enter(100, now) !== 'in') continue;
    passed.push(now);
    gate.leave(100);
  }
  assert.deepEqual(passed, [10_000, 11_000, 12_000, 13_000]);
  assert.equal(gate.tooLong(13_499), undefined);
  assert.equal(gate.tooLong(13_500), 'it went on sending too many observations for 3 s after it was told (400 refused)');
  assert.equal(gate.tooLong(14_501), undefined);
  assert.equal(enter(1, 16_000), 'in');
});

/** What comes of a ping: `pong` says when the late answer is read, after the deadline has passed. */
async function pinged(answer: 'answered' | 'deadline' | 'gone', late: boolean): Promise<string[]> {
  const hung: string[] = [];
  const beat: Heartbeat = new Heartbeat({
    limits: { idle: 5, ping: 5 },
    now: Date.now,
    hung: (why) => hung.push(why),
    peer: {
      request: async () => {
        if (late) setImmediate(() => beat.pong());
        if (answer === 'deadline') throw rpcError('DeadlineExceeded', 'ping');
        if (answer === 'gone') throw rpcError('Disconnected', 'ping');
        return {} as never;
      },
    },
  });
  beat.start();
  await new Promise((resolve) => setTimeout(resolve, 60));
  beat.stop();
  return hung;
}

test('an unanswered ping ends a module, unless it was this process that stood still', async () => {
  assert.deepEqual(await pinged('answered', false), []);
  assert.deepEqual((await pinged('deadline', false)).at(0), 'it did not answer a ping for 0.005 s');
  assert.deepEqual(await pinged('deadline', true), []);
  assert.deepEqual(await pinged('gone', false), []);
});
