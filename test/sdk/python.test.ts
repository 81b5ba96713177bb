import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { CODES } from '@kraken-hpc/sdk/wire';
import { fixture, initialize, start } from './child.ts';

test('a module in Python, with nothing but its standard library', { skip: spawnSync('python3', ['--version']).status !== 0 }, async () => {
  const child = start(['python3', fixture('python-module/module.py')]);
  const { peer } = child;
  await assert.rejects(peer.request('initialize', initialize({ protocols: [2] })), {
    code: CODES.NoCommonVersion,
    data: { offered: [2], supported: [1] },
  });
  const { declaration, module } = await peer.request('initialize', initialize({ service: 'py1', module: 'python' }));
  assert.deepEqual([module, Object.keys(declaration.mutations ?? {})], [{ name: 'python', version: '1.0.0' }, ['powerOn']]);
  peer.notify('initialized', {});
  assert.deepEqual(await peer.request('ping', {}), {});
  const nodes = ['kr1', 'kr2'].map((id) => ({ id, cfg: id === 'kr2' ? { '/labels/broken': 'yes' } : {}, dsc: {}, revision: 3 }));
  assert.deepEqual(await peer.request('mutation/run', { mutation: 'powerOn', deadline: Date.now() + 5000, nodes }), {
    observed: [{ node: 'kr1', values: { '/physState': 'POWER_ON' }, asOf: 3 }],
    failed: [{ node: 'kr2', error: { code: -32005, message: 'übel: it is broken' } }],
  });
  const polled = await peer.request('poller/run', { poller: 'power', deadline: Date.now() + 5000, nodes });
  assert.deepEqual(
    polled.observed.map(({ values }) => values['/physState']),
    ['POWER_ON', 'POWER_OFF'],
  );
  await assert.rejects(peer.request('session/probe', { node: 'kr1' }), { code: CODES.MethodNotFound });
  assert.deepEqual(child.log, [{ level: 'info', message: 'powerOn: 1 of 2' }]);
  await peer.request('shutdown', { reason: 'test', grace: 1000 });
  peer.notify('exit', {});
  assert.equal((await child.ended()).how, 0);
  assert.deepEqual(child.faults, []);
});
