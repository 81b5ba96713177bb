/** `kraken plugin info`: all that is known of one plugin. */
import type { Result } from '@kraken-hpc/sdk/wire';
import { oneLine, pairs, table } from './columns.ts';
import type { Action, Call } from './io.ts';
import { printData } from './output.ts';
import { withPlugins } from './plugin-host.ts';
import { NONE, timeText } from './words.ts';

type Info = Result<'plugin/info'>;

export const info: Action = async (call) => {
  const [plugin = ''] = call.args;
  const { answer, isRunning } = await withPlugins(call, async (host) => {
    return { answer: await host.ask('plugin/info', { plugin }), isRunning: host.isRunning };
  });
  if (await printData(call, answer, [plugin])) return;
  call.io.out(headText(answer, call) + declaresText(answer, isRunning) + confinementText(answer, call));
};

function headText({ status, dir, integrity, changed }: Info, { style, io }: Call): string {
  const { plugin, version, kind, isBuiltIn, enabled, permissions, services, source, installedAt, installedBy, problem } = status;
  const rows: (readonly [string, string])[] = [
    ['package', oneLine(status.package)],
    ['from', isBuiltIn ? 'kraken: it came with the host' : oneLine(source ?? NONE)],
  ];
  if (installedAt !== undefined)
    rows.push(['installed', `${timeText(installedAt, io.now())}${installedBy ? ` by ${oneLine(installedBy)}` : ''}`]);
  rows.push(['permissions', permissions.join(', ') || 'none'], ['services', services.join(', ') || 'none'], ['files', oneLine(dir)]);
  if (changed !== undefined)
    rows.push(['', changed ? style.bad('they are not those that were installed: install it again') : 'as they were installed']);
  if (integrity !== undefined) rows.push(['integrity', oneLine(integrity)]);
  const state = enabled ? style.good('enabled') : style.warn('disabled');
  const head = `${style.bold(`${oneLine(plugin)} ${oneLine(version)}`)}: ${kind === 'module' ? 'a module' : 'schemas for nodes'}, ${state}\n`;
  const trouble = problem === undefined ? '' : style.bad(`It cannot be used: ${oneLine(problem)}.\n`);
  return `${head}${pairs(rows, '  ')}${trouble}`;
}

function declaresText({ status: { services, enabled, kind }, declares }: Info, isRunning: boolean): string {
  if (declares.length > 0) return `\nIt declares:\n${declares.map((line) => `  ${oneLine(line)}\n`).join('')}`;
  if (kind === 'extension') return '';
  const why = !isRunning ? 'the host does not run' : !enabled ? 'it is disabled' : services.length === 0 ? 'no service is made of it' : '';
  return why === '' ? '' : `\nWhat it declares is known where it runs: ${why}.\n`;
}

/** Of what it may not do: what is enforced here, and what is only its word. */
function confinementText({ confinement }: Info, { style, io }: Call): string {
  const colour = { enforced: style.good, declared: style.warn, granted: style.warn };
  return [...new Set(confinement.map(({ service }) => service))]
    .map((service) => {
      const lines = confinement.filter((one) => one.service === service);
      const rows = lines.map(({ what, state, how }) => [oneLine(what), colour[state](state), oneLine(how)]);
      return `\nWhat holds service ${oneLine(service)} back:\n${table(['WHAT', 'STATE', 'HOW'], rows, style, io.columns)}`;
    })
    .join('');
}
