/** What the engine tells a person to type, and what it tells of services, is as it can be used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Questions } from '../../host/core/ask.ts';
import { Lab, MINUTE, nodeId } from './lab.ts';

test('a command for several nodes names all of them, quoted for the shell; one that names no node stays as it is', () => {
  const lab = new Lab({ nodes: 3 });
  lab.create();
  const commands = (): string[] => lab.waiting().map(({ command }) => command);
  lab.operate({ kind: 'hold', nodes: [nodeId(0), nodeId(1), nodeId(2)], why: 'a test' });
  lab.run(MINUTE);
  assert.deepEqual(commands(), ["kraken node release 'kr[1-3]'"]);
  lab.operate({ kind: 'release', nodes: [nodeId(1), nodeId(2)], busy: false });
  lab.run(MINUTE);
  assert.deepEqual(commands(), ['kraken node release kr1']);
  lab.operate({ kind: 'freeze', why: 'a test' });
  lab.set({ '/physState': 'POWER_OFF' });
  lab.run(MINUTE);
  assert.deepEqual(commands(), ['kraken engine thaw']);
});

test('engine status tells of the services that somebody can start and stop, not of core', () => {
  const lab = new Lab({ nodes: 1 });
  const { services } = new Questions(lab.engine.world).status(lab.now);
  assert.deepEqual(services.map(({ service }) => service).sort(), ['images', 'ipmi', 'pxe']);
});
