/** A module that is not JavaScript: Python's standard library, under the real host. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { goal, Lab, service } from './lab.ts';

const PYTHON = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' });
const MODULE = fileURLToPath(new URL('../fixtures/python-module/module.py', import.meta.url));

test('a Python module: nodes are switched on by it, its log is kept', async (t) => {
  if (PYTHON.status !== 0) return t.skip('there is no python3 on this machine');
  const lab = new Lab(t, {});
  const dir = join(lab.folder, 'pypower');
  mkdirSync(dir);
  writeFileSync(join(dir, 'module.json'), JSON.stringify({ name: 'pypower', protocol: 1, command: [PYTHON.stdout.trim(), MODULE] }));
  lab.configure({ services: { pypower: { module: dir } } });
  await lab.up();
  const client = await lab.client();
  await service(client, 'pypower', 'ready');
  // What it is to be told of a node it must declare: it never hears of this label, and so does not fail.
  const nodes = [1, 2, 3].map((i) => ({ nodename: `py${i}`, physState: 'POWER_ON', labels: { broken: 'yes' } }));
  await client.ask('node/apply', { nodes, mode: 'create' });
  await goal(client, 'py[1-3]');
  const { out } = await lab.kraken('service', 'logs', 'pypower');
  assert.match(out, /powerOn: \d of \d/);
});
