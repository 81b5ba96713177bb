/** One PC from cold to SYNC, whole: BMC, firmware, PXE, kernel, layer 0, phone home; where its time goes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxText, nativeMs, partsOfBoot } from './boot-parts.ts';
import { BoxLab } from './box-lab.ts';

/** Seconds of an emulated machine on a machine that does other things, too. Alone, it is half of that. */
const LIMIT: Readonly<Record<string, number>> = { bios: 60, uefi: 90 };
/** Kraken's own part, on a CPU that is not emulated, and busy with others. */
const OWN_LIMIT = 1000;

for (const firmware of ['bios', 'uefi'] as const)
  test(`one machine with ${firmware.toUpperCase()} firmware, described while it is off, boots and is in sync`, async () => {
    const lab = await BoxLab.open({ machines: 1, kind: 'qemu', firmware, args: 'console=ttyS0 unknown_nmi_panic panic=1' });
    try {
      const from = await lab.apply();
      await lab.until('SYNC', 300, async () => (await lab.inSync()).length === 1);
      const seconds = (Date.now() - from) / 1000;
      const history = (await lab.history()).filter(({ node }) => node === 'kr1');
      const boot = partsOfBoot(history, lab.box.serial(1).lines());
      console.log(`${firmware}: SYNC ${seconds.toFixed(1)} s after the description\n${boxText(boot)}`);
      assert.deepEqual(lab.switched(1), ['set power 1'], 'the BMC was told something else than to switch it on, once');
      assert.equal(lab.box.machine(1).boots, 1, 'it went through its firmware more than once');
      const own = nativeMs(boot, await lab.nativeStart());
      console.log(`  Kraken's own share, were the node's CPU this machine's: ${own.toFixed(0)} ms`);
      assert.ok(own < OWN_LIMIT, `Kraken's own share is ${own.toFixed(0)} ms`);
      assert.ok(seconds < (LIMIT[firmware] ?? 0), `it took ${seconds} s`);
      const steps = history.filter(({ view, path }) => view === 'dsc' && path === '/pxe/step').map(({ to }) => String(to));
      const wanted =
        firmware === 'bios' ? ['ACK', 'SCRIPT', 'KERNEL', 'INITRAMFS'] : ['ACK', 'LOADER', 'ACK', 'SCRIPT', 'KERNEL', 'INITRAMFS'];
      assert.deepEqual(
        steps.filter((step) => !['DISCOVER', 'OFFER', 'REQUEST'].includes(step)),
        wanted,
        'the history does not follow the boot',
      );
      assert.equal((await lab.seen('/pxe/boot')).get('kr1'), 'CURRENT');
      if (firmware === 'bios') await panics(lab);
    } finally {
      await lab.end();
    }
  });

/** Its kernel panics, and the machine starts anew by itself, through its own firmware: nobody switches anything. */
async function panics(lab: BoxLab): Promise<void> {
  const from = Date.now();
  await lab.box.machine(1).panic();
  await lab.until('in sync again', 300, async () => {
    const changes = (await lab.history(from)).filter(({ node, view, path }) => node === 'kr1' && view === 'dsc' && path === '/runState');
    return changes.length > 1 && changes.at(-1)?.to === 'SYNC';
  });
  console.log(`  panicked, and in sync again after ${((Date.now() - from) / 1000).toFixed(1)} s`);
  assert.deepEqual(lab.switched(1), ['set power 1'], 'its power was touched');
}
