/**
 * 24 machines from cold to SYNC, while three lose their power, one panics, one has a dead BMC, and the head is killed: what reached the
 * BMCs is exactly what the faults call for. KRAKEN_SEED repeats a run's moments.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { BoxLab } from './box-lab.ts';

const COUNT = 24;
const DEAD = 11;
const SEED = Number(process.env['KRAKEN_SEED'] ?? Date.now() % 100_000);
/** Seconds, from the panic on. */
const LIMIT = 240;

/** Mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('24 machines boot; three lose power, one panics, one BMC is dead, the head is killed: 23 in sync, no needless power action', async () => {
  console.log(`  KRAKEN_SEED=${SEED}`);
  const chance = random(SEED);
  const lab = await BoxLab.open({ machines: COUNT, kind: 'uml', firmware: 'bios', args: 'panic=2 sysrq_always_enabled' });
  const { box } = lab;
  try {
    const others = box.machines.map(({ number }) => number).filter((number) => number !== DEAD);
    const shuffled = others.map((number) => ({ number, key: chance() })).sort((a, b) => a.key - b.key);
    const [cut, [panicked = 0]] = [shuffled.slice(0, 3).map(({ number }) => number), shuffled.slice(3, 4).map(({ number }) => number)];
    box.network.cutBmc(DEAD);
    const from = await lab.apply();
    const seconds = (): string => ((Date.now() - from) / 1000).toFixed(1);
    const events: string[] = [];
    const note = (text: string): void => void events.push(`${seconds().padStart(7)} s  ${text}`);
    const isUp = async (): Promise<boolean> => (await lab.inSync().catch(() => [])).length > 0;
    const faults = cut.map(async (number) => {
      await lab.until(`kr${number} on`, 300, () => box.machine(number).isOn);
      await sleep(1000 + chance() * 25_000);
      note(`kr${number} loses its power`);
      box.cutPower(number);
    });
    await lab.until('the first in sync', 300, isUp);
    await sleep(chance() * 4000);
    note(`the head is killed, ${(await lab.inSync()).length} in sync`);
    await lab.kill();
    await sleep(chance() * 3000);
    await lab.up();
    note('the head is up again');
    await lab.until(`kr${panicked} in sync`, 300, async () => (await lab.inSync()).includes(`kr${panicked}`));
    note(`kr${panicked} panics`);
    const panickedAt = Date.now();
    await box.machine(panicked).panic();
    await Promise.all(faults);
    await lab.until(`kr${panicked} gone through its firmware again`, 300, () => box.machine(panicked).boots > 1);
    const booted = async (number: number): Promise<boolean> =>
      (await lab.history(panickedAt)).some(({ node, path, to }) => node === `kr${number}` && path === '/runState' && to === 'SYNC');
    await lab.until('23 in sync', LIMIT, async () => (await lab.inSync()).length === COUNT - 1 && (await booted(panicked)));
    note('23 in sync');
    // What comes late would come within the graces.
    await sleep(10_000);
    assert.deepEqual((await lab.inSync()).sort(), others.map((number) => `kr${number}`).sort());
    tell(lab, from, events);
    for (const { number, name } of box.machines) {
      const wanted = number === DEAD ? [] : ['set power 1', ...(cut.includes(number) ? ['set power 1'] : [])];
      assert.deepEqual(lab.switched(number), wanted, `${name}: the BMC was told something else than its faults call for`);
    }
    assert.match(await lab.kraken('node', 'explain', `kr${DEAD}`), /BMC \S+ did not answer/);
  } finally {
    await lab.end();
  }
});

/** Who was when where: power, firmware, kernel, host, by machine. */
function tell(lab: BoxLab, from: number, events: readonly string[]): void {
  console.log(events.map((event) => `  ${event}`).join('\n'));
  const at = (ms: number): string => ((ms - from) / 1000).toFixed(1);
  for (const { number, name } of lab.box.machines) {
    const told = lab.box
      .serial(number)
      .lines()
      .flatMap(({ at: when, text }) => {
        const what =
          /\*\*\* (.*)/.exec(text)?.[1] ??
          /firmware: \S+ (DHCP: \S+)/.exec(text)?.[1] ??
          /layer0: \S+ (network|host started)/.exec(text)?.[1];
        const joined = /connected to/.test(text) ? 'connected' : what;
        return joined === undefined ? [] : [`${at(when)} ${joined}`];
      });
    console.log(`  ${name.padEnd(5)} ${told.join(' · ')}`);
  }
}
