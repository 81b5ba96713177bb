/**
 * Cold machines to SYNC, in a cluster in a box (as root, Debian packages): `--machines 1 --kind qemu|uml --firmware bios|uefi`. ownMs is what
 * Kraken itself took of one machine's boot, on head and node; the node's part of it runs on an emulated CPU.
 */
import { boxText, partsOfBoot } from '../real/boot-parts.ts';
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
    return { machines, seconds, ownMs: mean(({ krakenMs, agentMs }) => krakenMs + agentMs), headMs: mean(({ krakenMs }) => krakenMs) };
  } finally {
    await lab.end();
  }
}
