/** `kraken plugin list|remove|enable|disable|restart|logs`. */
import { shellWord } from '../core/shell.ts';
import { oneLine, table } from './columns.ts';
import { confirm, mustConfirm } from './confirm.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { COUNTS_LATER, type PluginHost, withPlugins, withRunning } from './plugin-host.ts';
import { type PluginStatus, pluginNamed } from './plugin-named.ts';
import { servicesText } from './plugin-report.ts';
import { logs as serviceLogs } from './service.ts';
import { count, NONE, timeText } from './words.ts';

export const list: Action = async (call) => {
  const { plugins } = await withPlugins(call, (host) => host.ask('plugin/list', {}));
  const names = plugins.map(({ plugin }) => plugin);
  if (await printData(call, { plugins }, names)) return;
  if (plugins.length === 0) call.io.out('There are no plugins. Install one: kraken plugin install SOURCE\n');
  else call.io.out(pluginTable(plugins, call));
  for (const { plugin, problem } of plugins) if (problem !== undefined) call.io.out(`${plugin} cannot be used: ${oneLine(problem)}.\n`);
};

function pluginTable(plugins: readonly PluginStatus[], { style, io, format }: Call): string {
  const isWide = format === 'wide';
  const rows = plugins.map(({ plugin, version, kind, isBuiltIn, source, services, enabled, problem, ...rest }) => [
    oneLine(plugin),
    oneLine(version),
    kind,
    isBuiltIn ? 'kraken' : oneLine(source ?? NONE),
    services.join(',') || NONE,
    problem !== undefined ? style.bad('problem') : enabled ? style.good('enabled') : style.warn('disabled'),
    ...(isWide
      ? [
          rest.permissions.join(', ') || NONE,
          rest.installedAt === undefined ? NONE : timeText(rest.installedAt, io.now()),
          rest.installedBy ?? NONE,
        ]
      : []),
  ]);
  const headings = ['PLUGIN', 'VERSION', 'KIND', 'FROM', 'SERVICES', 'STATE', ...(isWide ? ['PERMISSIONS', 'INSTALLED', 'BY'] : [])];
  return table(headings, rows, style, io.columns);
}

export const remove: Action = async (call) => {
  const [name = ''] = call.args;
  await withPlugins(call, async (host) => {
    const { version, services } = await pluginNamed(host, name, 'removed');
    const its = services.length === 0 ? '' : ` and its ${servicesText(services)}`;
    const shown = `This removes ${name} ${oneLine(version)}${its}. What nodes hold of its state stays.\n`;
    if (mustConfirm(call)) await confirm(call, `removes ${name}${its}`, () => shown);
    const answer = await host.ask('plugin/remove', { plugin: name });
    if (await printData(call, answer, [name])) return;
    call.io.out(`${name} is removed${its === '' ? '' : `,${its}`}.${later(host)}\n`);
  });
};

export const enable: Action = async (call) => {
  const [name = ''] = call.args;
  await withPlugins(call, async (host) => {
    const { services } = await pluginNamed(host, name, 'enabled');
    const answer = await host.ask('plugin/enable', { plugin: name });
    if (await printData(call, answer, [name])) return;
    const run = host.isRunning && services.length > 0 ? `; ${servicesText(services)} ${services.length === 1 ? 'runs' : 'run'}` : '';
    call.io.out(`${name} is enabled${run}.${later(host)}\n`);
  });
};

export const disable: Action = async (call) => {
  const [name = ''] = call.args;
  await withPlugins(call, async (host) => {
    const { services, kind } = await pluginNamed(host, name, 'disabled');
    const what = services.length === 0 ? `disables ${name}` : `stops ${servicesText(services)}, until ${name} is enabled again`;
    const gone = kind === 'extension' ? ': nodes can no longer be given what it adds' : '';
    if (mustConfirm(call)) await confirm(call, what, () => `This ${what}${gone}.\n`);
    const answer = await host.ask('plugin/disable', { plugin: name });
    if (await printData(call, answer, [name])) return;
    const ended =
      host.isRunning && services.length > 0 ? `; ${servicesText(services)} ${services.length === 1 ? 'has' : 'have'} stopped` : '';
    call.io.out(`${name} is disabled${ended}. Undo: kraken plugin enable ${shellWord(name)}.${later(host)}\n`);
  });
};

const later = ({ isRunning }: PluginHost): string => (isRunning ? '' : ` ${COUNTS_LATER}`);

export const restart: Action = async (call) => {
  const [name = ''] = call.args;
  await withRunning(call, 'a plugin is restarted', async (client) => {
    const status = await pluginNamed(client, name);
    const services = servicesOf(status);
    for (const service of services) await client.ask('service/restart', { service });
    if (await printData(call, { services }, services)) return;
    const text = servicesText(services);
    call.io.out(`${text.charAt(0).toUpperCase()}${text.slice(1)} ${services.length === 1 ? 'is' : 'are'} restarted.\n`);
  });
};

export const logs: Action = async (call) => {
  const [name = ''] = call.args;
  const status = await withRunning(call, 'the log of a plugin is read', (client) => pluginNamed(client, name));
  const services = servicesOf(status);
  const wanted = flag(call, 'service');
  const [only = ''] = services;
  if (wanted === undefined && services.length > 1)
    throw usage(`${name} has ${count(services.length, 'service')}: ${services.join(', ')}`, 'Say whose log it shall be: --service NAME');
  if (wanted !== undefined && !services.includes(wanted))
    throw new Failure(EXIT.notFound, `${name} has no service ${wanted}`, `It has ${services.join(', ')}`);
  await serviceLogs({ ...call, args: [wanted ?? only] });
};

/** Throws where nothing of it runs. */
function servicesOf({ plugin, kind, enabled, services }: PluginStatus): readonly string[] {
  if (kind === 'extension') throw new Failure(EXIT.refused, `${plugin} is schemas alone: nothing of it runs`);
  if (!enabled)
    throw new Failure(EXIT.refused, `${plugin} is disabled: nothing of it runs`, `Let it run: kraken plugin enable ${shellWord(plugin)}`);
  if (services.length > 0) return services;
  const todo = `Make one: kraken service create NAME ${shellWord(plugin)}`;
  throw new Failure(EXIT.refused, `no service is made of ${plugin}: nothing of it runs`, todo);
}
