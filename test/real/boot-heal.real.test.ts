/** Machines that are at goal, or on their way, and break: each comes back by the graph alone, with no power action that is not needed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BoxLab } from './box-lab.ts';

/** Seconds: graces and a boot on a busy machine. */
const LIMIT = 150;
/** Milliseconds: the box's hosts are dead after 8 seconds, and a probe. */
const SILENCE = 14_000;

/** By what happens to a machine, what its BMC must be told then. `kr1` … are used up one after the other. */
interface Case {
  readonly number: number;
  readonly breaks: (number: number) => Promise<void> | void;
  readonly wanted: readonly string[];
}

let lab: BoxLab;

const CASES: Readonly<Record<string, Case>> = {
  'its power is cut: it is found off, and switched on': {
    number: 1,
    breaks: (number) => lab.box.cutPower(number),
    wanted: ['set power 1'],
  },
  'its kernel panics and starts again: welcomed, and nothing is done to it': {
    number: 2,
    breaks: (number) => lab.box.machine(number).panic(),
    wanted: [],
  },
  'it hangs, kernel and all: nobody hears it, and its power is cycled': {
    number: 3,
    breaks: (number) => lab.box.machine(number).freeze(),
    wanted: ['set power 0', 'set power 1'],
  },
};

before(async () => {
  lab = await BoxLab.open({ machines: 5, kind: 'uml', firmware: 'bios', args: 'panic=2 sysrq_always_enabled' });
  await lab.apply();
  await lab.until('all in sync', LIMIT, async () => (await lab.inSync()).length === 5);
});
after(() => lab?.end());

for (const [name, { number, breaks, wanted }] of Object.entries(CASES))
  test(name, async () => {
    const from = Date.now();
    const bootsBefore = lab.box.machine(number).boots;
    await breaks(number);
    const isBack = async (): Promise<boolean> => {
      const changes = (await lab.history(from)).filter(
        ({ node, view, path }) => node === `kr${number}` && view === 'dsc' && path === '/runState',
      );
      return changes.length > 0 && changes.at(-1)?.to === 'SYNC';
    };
    await lab.until(`kr${number} back in sync`, LIMIT, isBack);
    console.log(`  back in sync after ${((Date.now() - from) / 1000).toFixed(1)} s`);
    assert.deepEqual(lab.switched(number, from), wanted);
    assert.equal(lab.box.machine(number).boots - bootsBefore, 1, 'went through its firmware');
  });

test('its host is killed: layer 0 starts another, which is where the last one was; nothing is done to the machine', async () => {
  const from = Date.now();
  const machine = lab.box.machine(4);
  const boots = machine.boots;
  const starts = (): number =>
    lab.box
      .serial(4)
      .lines()
      .filter(({ text }) => /kraken is up/.test(text)).length;
  const before = starts();
  await machine.killProcesses();
  await lab.until('another host', LIMIT, () => starts() > before);
  // Longer than a silent host is held for alive.
  await sleep(SILENCE);
  assert.equal((await lab.seen('/runState')).get('kr4'), 'SYNC');
  assert.doesNotMatch(await lab.kraken('node', 'explain', 'kr4'), /dead|silent/);
  assert.deepEqual(lab.switched(4, from), []);
  assert.equal(machine.boots, boots, 'it went through its firmware');
});

test('it hangs while it boots: it is power-cycled, and comes', async () => {
  // A step that never ends is given up after minutes: real machines are slow, these are not.
  await lab.kraken('limits', 'set', 'short', '--mutation', 'core/sync', '--timeout', '20s');
  const from = Date.now();
  const machine = lab.box.machine(5);
  const seen = lab.box.serial(5).lines().length;
  await lab.kraken('node', 'reboot', 'kr5', '--cycle', '--yes', '--why', 'it is to hang');
  const isBooting = (): boolean =>
    lab.box
      .serial(5)
      .lines()
      .slice(seen)
      .some(({ text }) => /layer0: \S+ kernel/.test(text));
  await lab.until('layer 0', 300, isBooting);
  machine.freeze();
  const frozen = Date.now();
  await lab.until('a second cycle', LIMIT, () => lab.switched(5, frozen).length >= 2);
  await lab.until('kr5 in sync', LIMIT, async () => {
    const changes = (await lab.history(frozen)).filter(({ node, path, to }) => node === 'kr5' && path === '/runState' && to === 'SYNC');
    return changes.length > 0;
  });
  console.log(`  hung while it booted; in sync ${((Date.now() - frozen) / 1000).toFixed(1)} s later`);
  assert.deepEqual(lab.switched(5, from), ['set power 0', 'set power 1', 'set power 0', 'set power 1']);
});
