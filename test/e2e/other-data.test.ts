/** A host that is to be one node, on the data of another: it is refused before it has touched a key or opened a socket. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { RefusalError } from '../../host/core/refusal.ts';
import { type Host, type HostOptions, startHost } from '../../host/main.ts';
import { DEFAULT_SYNC } from '../../host/sync/settings.ts';

const ONE = '10000000-0000-4000-8000-000000000000';
const OTHER = '20000000-0000-4000-8000-000000000000';

function keysIn(dir: string): string[] {
  return readdirSync(dir).map((name) => `${name} ${readFileSync(join(dir, name)).toString('base64')}`);
}

test('the data of another node is refused before anything is opened, also where its identity is in the journal alone', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-other-'));
  const door = createServer();
  let running: Host | undefined;
  t.after(async () => {
    await running?.stop('the test is over');
    door.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const runDir = join(folder, 'run');
  const options = (id: string | undefined, port: number): HostOptions => ({
    dataDir: join(folder, 'data'),
    socket: join(folder, 'k.sock'),
    config: { settings: {}, services: {}, sync: {} },
    log: () => undefined,
    ...(id === undefined ? {} : { id }),
    sync: {
      listen: [{ host: '127.0.0.1', port }],
      parents: [{ host: '127.0.0.1', port: 1 }],
      caPin: `sha256:${'A'.repeat(43)}`,
      runDir,
      keepsKeys: true,
      settings: DEFAULT_SYNC,
    },
  });
  running = await startHost(options(ONE, 0));
  await running.stop('started once');
  const keys = keysIn(runDir);

  // Whoever opens its sockets first fails at this one, and with other words.
  await new Promise<void>((resolve) => void door.listen(0, '127.0.0.1', resolve));
  const { port } = door.address() as { port: number };
  await assert.rejects(startHost(options(OTHER, port)), (error: RefusalError) => {
    assert.ok(error instanceof RefusalError, String(error));
    assert.match(error.message, new RegExp(`holds the data of node ${ONE}, and this host is to be ${OTHER}`));
    assert.match(error.refusal.todo, /--data-dir/);
    return true;
  });
  assert.deepEqual(keysIn(runDir), keys, 'no generation was used up');

  for (const id of [ONE, undefined]) {
    running = await startHost(options(id, 0));
    assert.equal(running.port.engine.self, ONE);
    await running.stop('it may');
  }
});
