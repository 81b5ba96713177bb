/** What a person is shown of a node: what it would be given now, and what is missing. */
import type { Plans } from './boot/plan.ts';
import { FIRMWARE, machineOf } from './boot/plan.ts';
import type { BootWord } from './boot/standing.ts';
import type { BootSteps } from './follow.ts';
import { textAt } from './nodes/document.ts';
import type { KnownNode } from './nodes/nodes.ts';

export interface Preview {
  readonly node: string;
  readonly id: string;
  /** Nothing is missing. */
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly lease?: {
    readonly interface: string;
    readonly mac: string;
    readonly ip: string;
    readonly prefix: number;
    readonly router?: string;
    readonly dns: readonly string[];
    readonly domain?: string;
    readonly mtu?: number;
    readonly seconds: number;
  };
  /** The boot id: what a kernel, an initramfs and arguments are called together. */
  readonly boot?: string;
  /** What its own host says that it was booted with. */
  readonly booted?: string;
  readonly current: BootWord;
  readonly kernel?: FileSeen;
  readonly initramfs?: FileSeen;
  readonly loaders: Readonly<Record<string, FileSeen | string>>;
  readonly args: string;
  readonly parents: readonly string[];
  /** The first address of a boot client. */
  readonly url?: string;
  readonly script?: string;
  /** The boot that was seen last, with milliseconds from its beginning. */
  readonly last?: { readonly kind: string; readonly at: string; readonly steps: readonly { readonly step: string; readonly ms: number }[] };
}

interface FileSeen {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

type Found = Omit<FileSeen, 'bytes'> & { readonly size: number };

const fileSeen = ({ name, path, size, sha256 }: Found): FileSeen => ({ name, path, bytes: size, sha256 });

interface Beside {
  readonly word: (boot: string | undefined) => BootWord;
  /** Why nothing is served to anybody. */
  readonly faults: readonly string[];
  /** What was seen of its last boot. */
  readonly boot?: BootSteps;
}

export async function preview(node: KnownNode, plans: Plans, { word, faults, boot }: Beside): Promise<Preview> {
  const look = plans.files.look();
  const plan = await plans.of(node, look);
  const { lease, kernel, initramfs, args, parents } = plan;
  const missing = [...faults, ...plan.missing];
  const loaders = await Promise.all(
    FIRMWARE.filter((kind) => plans.fits(node, kind)).map(async (kind) => {
      const found = await look.find(plans.names(node).loader(kind), machineOf(node));
      return [kind, typeof found === 'string' ? found : fileSeen(found)] as const;
    }),
  );
  const booted = node.dsc['/booted/id'];
  return {
    node: textAt(node.cfg, 'nodename') ?? node.id,
    id: node.id,
    ready: missing.length === 0,
    missing,
    ...(lease !== undefined && { lease: leaseSeen(lease), url: `${plans.urlFor(lease)}/boot.ipxe` }),
    ...(plan.boot !== undefined && { boot: plan.boot }),
    ...(typeof booted === 'string' && { booted }),
    current: word(plan.boot),
    ...(kernel !== undefined && { kernel: fileSeen(kernel) }),
    ...(initramfs !== undefined && { initramfs: fileSeen(initramfs) }),
    loaders: Object.fromEntries(loaders),
    args,
    parents,
    ...(plan.missing.length === 0 && { script: await plans.script(node, plan, look) }),
    ...(boot !== undefined && { last: bootSeen(boot) }),
  };
}

function leaseSeen(lease: NonNullable<Awaited<ReturnType<Plans['of']>>['lease']>): NonNullable<Preview['lease']> {
  const { iface, mac, ip, prefix, router, dns, domain, mtu, seconds } = lease;
  const more = { ...(router !== undefined && { router }), ...(domain !== undefined && { domain }), ...(mtu !== undefined && { mtu }) };
  return { interface: iface, mac, ip, prefix, dns, seconds, ...more };
}

function bootSeen({ kind, since, steps }: BootSteps): NonNullable<Preview['last']> {
  const seen = steps.map(({ step, kind: by, at }) => ({
    step: by === undefined || by === kind ? step : `${step} (${by})`,
    ms: at - since,
  }));
  return { kind, at: new Date(since).toISOString(), steps: seen };
}
