/** What the replica serves is asked of nobody: with a host that answers nothing more, all reads of nodes go on. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Config } from '../../plugins/restapi/config.ts';
import { Service } from '../../plugins/restapi/service.ts';
import { Mirror } from './mirror.ts';

const CONFIG: Config = {
  listen: '127.0.0.1:0',
  loopback: 'admin',
  hosts: [],
  origins: [],
  pages: '',
  bodyMiB: 1,
  connections: 100,
  requestsPerSecond: 0,
};

test('no read of nodes reaches the host', async (t) => {
  const mirror = new Mirror(20);
  const folder = mkdtempSync(join(tmpdir(), 'kraken-reads-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const asked: string[] = [];
  let isDeaf = false;
  const host = mirror.watched((method) => {
    asked.push(method);
    if (isDeaf) throw new Error(`${method} was asked`);
  });
  const opening = Service.open(CONFIG, { host: host as never, log: () => undefined, self: { node: 'x', listens: [] } }, folder);
  const settling = setInterval(() => void mirror.settle(), 5);
  t.after(() => clearInterval(settling));
  const service = await opening;
  t.after(() => service.close());
  isDeaf = true;
  asked.length = 0;
  const id = mirror.host.port.engine.named('kr3')?.id;
  const paths = [
    ...['/cfg/nodes', '/dsc/nodes', `/cfg/node/${id}`, `/dsc/node/${id}`, '/enumerables', '/ws'],
    ...[
      'nodes',
      'nodes?selector=@rack=r1',
      'nodes?fields=physState&view=cfg',
      'nodes/kr3',
      'nodes/kr3?facts=true',
      'schema',
      'me',
      'ready',
    ].map((path) => `/api/v1/${path}`),
  ];
  for (const path of paths) {
    const answer = await fetch(`${service.url.origin}${path}`);
    assert.equal(answer.status, 200, `${path}: ${await answer.text()}`);
  }
  assert.deepEqual(asked, []);
  assert.equal((await fetch(`${service.url.origin}/api/v1/nodes/kr3/explain`)).status, 500, 'what only the engine knows is asked of it');
  assert.deepEqual(asked, ['node/explain']);
});
