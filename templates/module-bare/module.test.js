import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Host } from './fake-host.js';
import { module } from './module.js';

const seen = (node, power) => ({ node, values: { '/physState': power }, asOf: 7 });

async function opened(config) {
  const host = new Host(module);
  await host.open(config);
  return host;
}

test('it switches simulated machines, which keep their power', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'machines-'));
  const host = await opened({ folder });
  const both = [seen('n1', 'POWER_ON'), seen('n2', 'POWER_ON')];
  assert.deepEqual((await host.step('mutation', 'powerOn', ['n1', 'n2'])).result, { observed: both, failed: [] });
  await host.step('mutation', 'powerOff', ['n2']);

  const again = await opened({ folder });
  const looked = await again.step('poller', 'power', ['n1', 'n2', 'n3']);
  assert.deepEqual(looked.result.observed, [seen('n1', 'POWER_ON'), seen('n2', 'POWER_OFF'), seen('n3', 'POWER_OFF')]);

  // Somebody pulls the plug: the next look sees it.
  writeFileSync(join(folder, 'kn1.txt'), 'off\n');
  assert.deepEqual((await again.step('poller', 'power', ['n1'])).result.observed, [seen('n1', 'POWER_OFF')]);
  rmSync(folder, { recursive: true });
});

test('it switches real machines over HTTP, and tells apart what can go wrong', async () => {
  let power = 'off';
  const server = createServer(async (request, response) => {
    if (request.headers.authorization !== 'Bearer sesame') return response.writeHead(401).end('who are you?');
    if (request.url !== '/kn1') return response.writeHead(404).end('no such machine');
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.method === 'PUT') power = body;
    return response.end(power);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}/`;

  const host = await opened({ url, token: 'sesame' });
  const on = await host.step('mutation', 'powerOn', ['n1', 'n2']);
  assert.deepEqual(on.result.observed, [seen('n1', 'POWER_ON')]);
  assert.equal(on.result.failed[0].error.code, -32006);
  assert.equal(power, 'on');

  const stranger = await opened({ url, token: 'guess' });
  assert.equal((await stranger.step('poller', 'power', ['n1'])).result.failed[0].error.code, -32003);
  assert.doesNotMatch(stranger.said.join('\n'), /guess/);

  // Not being able to ask is not a state: a silent machine is not off.
  server.close();
  server.closeAllConnections();
  const silent = await host.step('poller', 'power', ['n1']);
  assert.deepEqual([silent.result.observed, silent.result.failed[0].error.code], [[], -32001]);
});

test('it says the version that its package has', () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
  assert.equal(module.version, version);
});
