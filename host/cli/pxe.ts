/** `kraken pxe show`: what a node would be booted with, as the service says that serves its boot. */
import { withClient } from './client.ts';
import { oneLine, pairs } from './columns.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { sizeText, spanText, timeText } from './words.ts';

interface FileShown {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What the service answers to its call `show`. */
interface Shown {
  readonly node: string;
  readonly id: string;
  readonly ready: boolean;
  readonly missing: readonly string[];
  readonly lease?: {
    readonly interface: string;
    readonly mac: string;
    readonly ip: string;
    readonly prefix: number;
    readonly router?: string;
    readonly seconds: number;
  };
  readonly boot?: string;
  readonly booted?: string;
  readonly current: 'UNKNOWN' | 'CURRENT' | 'OLD';
  readonly kernel?: FileShown;
  readonly initramfs?: FileShown;
  readonly loaders: Readonly<Record<string, FileShown | string>>;
  readonly args: string;
  readonly parents: readonly string[];
  readonly url?: string;
  readonly script?: string;
  readonly last?: { readonly kind: string; readonly at: string; readonly steps: readonly { readonly step: string; readonly ms: number }[] };
}

export const show: Action = async (call) => {
  const [node = ''] = call.args;
  const service = flag(call, 'service') ?? 'pxe';
  const { result } = await withClient(call, (client) => client.ask('service/call', { service, call: 'show', params: { node } }));
  const shown = result as unknown as Shown;
  if (await printData(call, shown, [shown.node])) return;
  const { style, io } = call;
  io.out(`${shown.node} (${shown.id}) ${shown.ready ? style.good('can be booted') : style.bad('cannot be booted')}.\n`);
  for (const missing of shown.missing) io.out(`  missing: ${oneLine(missing)}\n`);
  io.out(pairs(rows(shown, call), '  '));
  if (shown.script !== undefined) io.out(`\n${shown.script}`);
};

function rows(shown: Shown, { io }: Call): [string, string][] {
  const { lease, boot, booted, current, kernel, initramfs, loaders, args, parents, url, last } = shown;
  const found: (readonly [string, string | undefined])[] = [
    [
      'lease',
      lease &&
        `${lease.ip}/${lease.prefix} for ${lease.mac} (interface ${lease.interface}), ${lease.router ? `router ${lease.router}` : 'no router'}, for ${spanText(lease.seconds * 1000)}`,
    ],
    ['boot', boot],
    ['it runs', booted && `${booted}${current === 'OLD' ? ', which is not what it would be given now' : ''}`],
    ['kernel', kernel && fileText(kernel)],
    ['initramfs', initramfs && fileText(initramfs)],
    ...Object.entries(loaders).map(
      ([kind, file]) => [`loader ${kind}`, typeof file === 'string' ? oneLine(file) : fileText(file)] as const,
    ),
    ['arguments', args || undefined],
    ['parent', parents.join(', ') || undefined],
    ['script', url],
    [
      'last boot',
      last &&
        `${timeText(Date.parse(last.at), io.now())} by ${last.kind}: ${last.steps.map(({ step, ms }) => `${step} ${ms} ms`).join(', ')}`,
    ],
  ];
  return found.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]]));
}

const fileText = ({ path, bytes, sha256 }: FileShown): string => `${path}, ${sizeText(bytes)}, sha256 ${sha256.slice(0, 16)}…`;
