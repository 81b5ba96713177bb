/**
 * Cold machines to SYNC, in a cluster in a box (as root, Debian packages): `--machines 1 --kind qemu|uml --firmware bios|uefi`. ownMs is what
 * Kraken itself takes of one machine's boot: headMs, and emulatedMs of the node by as much less as its CPU is slower than this machine's.
 */
import { boxText, nativeMs, partsOfBoot } from '../real/boot-parts.ts';
import { BoxLab } from '../real/box-lab.ts';

const LIMIT = 600;

interface Options {
  readonly machines?: number;
  readonly kind?: 'qemu' | 'uml';
  readonly firmware?: 'bios' | 'uefi';
  readonly json?: boolean;
}

export async function run({
  machines = 1,
  kind = machines > 2 ? 'uml' : 'qemu',
  firmware = 'bios',
}: Options): Promise<Record<string, number>> {
  const lab = await BoxLab.open({ machines, kind, firmware, args: kind === 'qemu' ? 'console=ttyS0' : '' });
  try {
    const from = await lab.apply();
    await lab.until('all in sync', LIMIT, async () => (await lab.inSync()).length === machines);
    const seconds = (Date.now() - from) / 1000;
    const history = await lab.history();
    const boots = lab.box.machines.map(({ number, name }) =>
      partsOfBoot(
        history.filter(({ node }) => node === name),
        lab.box.serial(number).lines(),
      ),
    );
    const [slowest] = boots.toSorted((a, b) => b.totalMs - a.totalMs);
    if (slowest) console.error(boxText(slowest));
    const mean = (of: (boot: (typeof boots)[number]) => number): number => boots.reduce((sum, boot) => sum + of(boot), 0) / boots.length;
    const native = await lab.nativeStart();
    return {
      machines,
      seconds,
      ownMs: mean((boot) => nativeMs(boot, native)),
      headMs: mean(({ krakenMs }) => krakenMs),
      emulatedMs: mean(({ agentMs }) => agentMs),
    };
  } finally {
    await lab.end();
  }
}
