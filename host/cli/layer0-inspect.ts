/** `kraken layer0 inspect`: what is in an initramfs. */
import { resolve } from 'node:path';
import type { Layer0Inspection } from '../layer0/inspect.ts';
import type { Part } from '../layer0/parts.ts';
import { table } from './columns.ts';
import type { Action, Call } from './io.ts';
import { printData } from './output.ts';
import { sizeText } from './words.ts';

export const inspect: Action = async (call) => {
  const { inspectLayer0 } = await import('../layer0/inspect.ts');
  const found = await inspectLayer0(resolve(call.args[0] ?? ''));
  if (await printData(call, found, found.facts ? [found.facts.id] : [])) return;
  call.io.out(inspectionText(found, call));
};

/** What it consists of, the largest first. */
export function partsTable(parts: readonly Part[], { style, io }: Call): string {
  const rows = parts.map(({ name, files, bytes }) => [name, String(files), sizeText(bytes)]);
  return table(['PART', 'FILES', 'SIZE'], rows, style, io.columns);
}

function inspectionText(found: Layer0Inspection, call: Call): string {
  const { facts } = found;
  const packed = found.compression === 'none' ? 'not compressed' : `${found.compression}, unpacked ${sizeText(found.unpacked)}`;
  const biggest = found.biggest.map(({ path, bytes }) => [path, sizeText(bytes)]);
  const lines = facts
    ? [
        `Layer 0 ${facts.id} for ${facts.machine}: Kraken ${facts.kraken}, Node.js ${facts.node}, BusyBox ${facts.busybox}`,
        facts.kernel ? `Kernel   ${facts.kernel.version}, sha256 ${facts.kernel.sha256}` : 'Kernel   none: for one that has all built in',
        `Modules  ${facts.modules.join(', ') || 'none'}`,
        `Plugins  ${facts.plugins.join(', ') || 'none'}`,
        `Packages ${facts.packages.join(', ') || 'none'}`,
      ]
    : ['kraken layer0 build did not make this: it has no etc/kraken/layer0.json'];
  const head = `${found.file}: ${sizeText(found.bytes)}, ${packed}, ${found.entries} entries, sha256 ${found.sha256}`;
  return `${[head, ...lines].join('\n')}\n\n${partsTable(found.parts, call)}\n${table(['BIGGEST', 'SIZE'], biggest, call.style, call.io.columns)}`;
}
