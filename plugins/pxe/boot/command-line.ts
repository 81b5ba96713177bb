/** The kernel's command line: who the node is, where its parent is, and what it was booted with. No secret: everybody on its network can read it. */
import { createHash } from 'node:crypto';
import type { OwnLease } from '../nodes/leases.ts';

/** The kernel's own limit on x86 and arm64, with its closing zero. */
const LONGEST = 2048;

/** One for a kernel, an initramfs and arguments: what was booted is compared by it. Digests in hex, arguments without kraken.*. */
export const bootIdOf = (kernel: string, initramfs: string, args: string): string =>
  createHash('sha256').update([kernel, initramfs, args].join('\n')).digest('hex').slice(0, 16);

/** The arguments of service and node as one line, and what is wrong with them. */
export function readArguments(...given: readonly (string | undefined)[]): { readonly args: string; readonly faults: readonly string[] } {
  const words = given.flatMap((text) => text?.split(/\s+/).filter((word) => word !== '') ?? []);
  const faults = words.flatMap((word) => {
    if (/^"?kraken\./.test(word)) return [`argument ${word.split('=')[0]} is Kraken's own to set: take it out`];
    if (word.startsWith('#') || ['&&', '||', ';'].includes(word) || word.includes('${'))
      return [`argument ${word} would be read by the boot loader as its own: take it out`];
    return [];
  });
  return { args: words.join(' '), faults };
}

export interface Words {
  readonly lease: OwnLease;
  /** ADDRESS or ADDRESS:PORT, the best first. */
  readonly parents: readonly string[];
  readonly ca: string;
  readonly boot: string;
  readonly args: string;
}

/** Throws where it is longer than a kernel takes. */
export function commandLine({ lease, parents, ca, boot, args }: Words): string {
  const { node, name, ip, prefix, router, mac } = lease;
  const words = [
    `kraken.parent=${parents.join(',')}`,
    `kraken.id=${node}`,
    `kraken.ca=${ca}`,
    `kraken.ip=${ip}/${prefix}`,
    ...(router === undefined ? [] : [`kraken.gw=${router}`]),
    `kraken.mac=${mac}`,
    `kraken.name=${name}`,
    `kraken.boot=${boot}`,
    ...(args === '' ? [] : [args]),
  ];
  const line = words.join(' ');
  // iPXE adds the name of the initramfs to it.
  if (line.length + 32 > LONGEST) throw new Error(`the kernel's command line would have ${line.length} characters: shorten pxe.args`);
  return line;
}
