/** `kraken layer0 build`: the small Linux that nodes boot, as the pxe service serves it. */
import { resolve } from 'node:path';
import type { Layer0Options, Layer0Report } from '../layer0/build.ts';
import type { Compression } from '../layer0/compress.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { partsTable } from './layer0-inspect.ts';
import { printData } from './output.ts';
import { count, sizeText } from './words.ts';

const MOST_LEVEL = 19;

export const build: Action = async (call) => {
  const options = optionsOf(call);
  if (call.io.terminal.output && call.format === 'human')
    call.io.err('Building; the compression for release takes half a minute, --level 3 takes a second.\n');
  const { buildLayer0 } = await import('../layer0/build.ts');
  const report = await buildLayer0(options);
  if (await printData(call, report, report.written)) return;
  call.io.out(reportText(report, call));
};

function optionsOf(call: Call): Layer0Options {
  const out = flag(call, 'out');
  if (out === undefined)
    throw usage(
      'where is it to be written?',
      'Name a folder with --out, such as the root of the pxe service and the architecture: --out ROOT/amd64',
    );
  const compress = flag(call, 'compress');
  if (compress !== undefined && compress !== 'zstd' && compress !== 'gzip' && compress !== 'none')
    throw usage(`there is no compression ${compress}`, 'They are zstd, gzip and none');
  const level = levelOf(flag(call, 'level'), compress ?? 'zstd');
  const kernel = flag(call, 'kernel');
  const options: Layer0Options = {
    out: resolve(out),
    addModules: listOf(flag(call, 'addModule')),
    plugins: listOf(flag(call, 'plugin')),
    ...(compress !== undefined && { compress }),
    ...(level !== undefined && { level }),
    ...(kernel !== undefined && { kernel: kernel === 'none' ? kernel : resolve(kernel) }),
  };
  const files = (['modules', 'busybox', 'node'] as const).flatMap((name) => {
    const file = flag(call, name);
    return file === undefined ? [] : [[name, resolve(file)] as const];
  });
  return { ...options, ...Object.fromEntries(files) };
}

const listOf = (text: string | undefined): readonly string[] =>
  (text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

function levelOf(text: string | undefined, compress: Compression): number | undefined {
  if (text === undefined) return undefined;
  const most = compress === 'gzip' ? 9 : MOST_LEVEL;
  const level = Number(text);
  if (compress === 'none') throw usage('--level without compression', 'Leave it out, or take zstd or gzip');
  if (!/^\d{1,2}$/.test(text) || level < 1 || level > most) throw usage(`${text} is no level of ${compress}`, `They are 1 to ${most}`);
  return level;
}

function reportText(report: Layer0Report, call: Call): string {
  const { bytes, kernel, modules } = report;
  const withKernel = kernel
    ? `kernel ${kernel.version} (${sizeText(bytes.kernel ?? 0)}), ${count(modules.length, 'module')}`
    : 'no kernel and no modules';
  return (
    `${partsTable(report.parts, call)}\n` +
    `${report.out}: ${report.written.join(', ')}\n` +
    `Layer 0 ${report.id} for ${report.machine}: Kraken ${report.kraken}, Node.js ${report.node}, BusyBox ${report.busybox}, ${withKernel}.\n` +
    `Initramfs ${sizeText(bytes.initramfs)}, unpacked ${sizeText(bytes.unpacked)}, sha256 ${report.sha256}; ${report.seconds.toFixed(1)} s.\n`
  );
}
