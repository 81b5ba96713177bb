import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createWriter } from '@kraken-hpc/sdk/wire';

const never = (): void => assert.fail('must not be called');

test('lines of one turn share a write', async () => {
  const writes: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      writes.push(String(chunk));
      done();
    },
  });
  const writer = createWriter(stream, { limit: 1000, onOverflow: never });
  writer.send('a\n');
  writer.send('b\n');
  await Promise.resolve().then(() => writer.send('c\n'));
  assert.equal(writer.pendingBytes, 6);
  await writer.drained();
  assert.deepEqual([writes, writer.pendingBytes], [['a\nb\nc\n'], 0]);
  writer.send('d\n');
  await writer.drained();
  assert.deepEqual(writes, ['a\nb\nc\n', 'd\n']);
});

test('a stream that does not take anything is given up at the limit', async () => {
  const overflows: number[] = [];
  const writer = createWriter(new Writable({ decodeStrings: false, write: () => {} }), {
    limit: 100,
    onOverflow: (bytes) => overflows.push(bytes),
  });
  for (let i = 0; i < 50; i++) {
    writer.send('0123456789\n');
    await sleep(0);
  }
  assert.equal(overflows.length, 1);
  assert.ok(overflows[0]! > 100 && overflows[0]! <= 111);
  await writer.drained();
});

test('a stream that breaks ends the waiting', async () => {
  const errors: string[] = [];
  const stream = new PassThrough({ highWaterMark: 1 });
  const writer = createWriter(stream, { limit: 1000, onOverflow: never, onError: ({ message }) => errors.push(message) });
  writer.send('never read\n');
  const drained = writer.drained();
  stream.destroy(new Error('EPIPE'));
  await drained;
  writer.send('more\n');
  assert.deepEqual([errors, writer.pendingBytes > 0], [['EPIPE'], false]);
});
