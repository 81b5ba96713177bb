import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { testModule } from '@kraken-hpc/sdk/testing';
import module from './module.js';

const nodes = { n1: { cfg: { '/nodename': 'kr1' } }, n2: { cfg: { '/nodename': 'kr2' } } };

test('it switches simulated machines, which keep their power', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'machines-'));
  const bench = await testModule(module, { config: { folder }, nodes });
  const off = { '/physState': 'POWER_OFF' };
  const on = { '/physState': 'POWER_ON' };

  assert.deepEqual((await bench.poll('power')).observed, { n1: off, n2: off });
  assert.deepEqual((await bench.run('powerOn')).observed, { n1: on, n2: on });
  assert.deepEqual((await bench.run('powerOff', { nodes: ['n2'] })).observed, { n2: off });
  await bench.stop();

  const again = await testModule(module, { config: { folder }, nodes });
  assert.deepEqual((await again.poll('power')).observed, { n1: on, n2: off });

  // Somebody pulls the plug of kr1: the next look sees it.
  writeFileSync(join(folder, 'kr1.txt'), 'off\n');
  assert.deepEqual((await again.poll('power')).observed, { n1: off, n2: off });
  await again.stop();
  rmSync(folder, { recursive: true });
});

test('it switches real machines over HTTP, and tells apart what can go wrong', async () => {
  const machines = new Map([['kr1', 'off']]);
  const server = createServer(async (request, response) => {
    const name = (request.url ?? '').slice(1);
    if (request.headers.authorization !== 'Bearer sesame') return response.writeHead(401).end('who are you?');
    if (!machines.has(name)) return response.writeHead(404).end('no such machine');
    let body = '';
    for await (const chunk of request) body += chunk;
    if (request.method === 'PUT') machines.set(name, body);
    return response.end(machines.get(name));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  const bench = await testModule(module, { config: { url, token: 'sesame' }, nodes });
  const on = await bench.run('powerOn');
  assert.deepEqual(on.observed, { n1: { '/physState': 'POWER_ON' } });
  assert.equal(on.failed.n2?.error, 'Terminal');
  assert.equal(machines.get('kr1'), 'on');

  const stranger = await testModule(module, { config: { url, token: 'guess' }, nodes });
  const refused = await stranger.poll('power', { nodes: ['n1'] });
  assert.equal(refused.failed.n1?.error, 'LoginRefused');
  assert.doesNotMatch(JSON.stringify([refused, stranger.log, stranger.complaints]), /guess/);

  // Not being able to ask is not a state: a silent machine is not off.
  server.close();
  server.closeAllConnections();
  const silent = await bench.poll('power', { nodes: ['n1'] });
  assert.deepEqual([silent.observed, silent.failed.n1?.error], [{}, 'NodeUnreachable']);
  await bench.stop();
  await stranger.stop();
});

test('a config that does not fit is refused', async () => {
  await assert.rejects(testModule(module, { config: { url: 'not a URL' } }), /\/url must be a URI/);
  await assert.rejects(testModule(module, { config: { colour: 'blue' } }), /\/colour is not known/);
});

test('it says the version that its package has', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal(module.definition.version, version);
});
