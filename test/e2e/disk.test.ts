/** A disk that fails under a running host: nothing is acknowledged, the host ends, and says why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KRAKEN, Lab, until } from './lab.ts';

/** In blocks of a kilobyte: a limit of the shell takes the place of a full disk. */
const LIMIT = 256;

test('and it ends kraken sim with exit code 1 and the reason', async (t) => {
  const lab = new Lab(t, {});
  const sim = 'exec "$0" "$@"';
  const host = lab.spawn('/bin/bash', ['-c', `ulimit -f ${LIMIT}; ${sim}`, process.execPath, KRAKEN, 'sim', '--nodes', '500']);
  const { exit, err } = await host.ended;
  assert.equal(exit, 1, err);
  assert.match(err, /the host has stopped: .*the store has failed; nothing is acknowledged any more.*then restart the host/);
  await lab.assertNothingLeft();
});

test('a store that fails ends kraken up with exit code 1 and the reason; what was acknowledged is there after a restart', async (t) => {
  const lab = new Lab(t, {});
  const host = lab.spawn('/bin/bash', ['-c', `ulimit -f ${LIMIT}; exec "$0" "$@"`, process.execPath, KRAKEN, 'up']);
  await until('the host is up', () => host.out().includes('kraken is up'), 20_000, 10, host.err);
  const client = await lab.client();
  let acknowledged = 0;
  const label = 'x'.repeat(200);
  const labels = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`l${i}`, label]));
  await assert.rejects(async () => {
    for (; acknowledged < 500; acknowledged++)
      await client.ask('node/apply', { nodes: [{ nodename: `n${acknowledged}`, labels }], mode: 'create' });
  });
  const { exit, err } = await host.ended;
  assert.equal(exit, 1, err);
  assert.match(err, /the host has stopped: .*the store has failed; nothing is acknowledged any more.*then restart the host/);
  await lab.assertNothingLeft();

  await lab.up();
  const again = await lab.client();
  const { nodes } = await again.ask('engine/status', {});
  assert.ok(acknowledged > 5 && nodes - 1 >= acknowledged, `${acknowledged} were acknowledged, ${nodes - 1} are there`);
});
