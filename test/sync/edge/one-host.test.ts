/** Two hosts with one directory of keys would be one node in two places, and could seal two messages with one nonce. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SyncOptions } from '../../../host/sync/options.ts';
import { openPlace } from '../../../host/sync-place.ts';

test('the second host on a directory of keys is refused in words, and nothing of it is used; when the first has ended, it may', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kraken-keys-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const options = { parents: [{ host: '127.0.0.1', port: 1 }], runDir: join(dir, 'run'), keepsKeys: false } as unknown as SyncOptions;
  const first = await openPlace(options, join(dir, 'a'));
  assert.ok(first);
  await assert.rejects(openPlace(options, join(dir, 'b')), /run: the directory of keys is in use: process \d+ runs on it.*--run-dir/);
  first.lock.release();
  const second = await openPlace(options, join(dir, 'b'));
  assert.ok(second && second.keys.generation > first.keys.generation);
  assert.equal(second.keys.keyHash, first.keys.keyHash);
  second.lock.release();
});
