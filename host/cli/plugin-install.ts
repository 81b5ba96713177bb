/** `kraken plugin install|upgrade`: fetched and tried by the host, shown here, and done when a person has said yes. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Params, Result } from '@kraken-hpc/sdk/wire';
import { shellWord } from '../core/shell.ts';
import { oneLine } from './columns.ts';
import { confirm, mustConfirm } from './confirm.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { configOf } from './plugin-config.ts';
import { COUNTS_LATER, isProse, NOTHING_CHANGED, type PluginHost, withPlugins } from './plugin-host.ts';
import { type PluginStatus, pluginNamed } from './plugin-named.ts';
import { type PluginReport, reportText, servicesText } from './plugin-report.ts';

type StageParams = Params<'plugin/stage'>;

const TAKEN_BACK = new Failure(
  EXIT.failed,
  'it was interrupted: the host takes back what it had begun',
  'kraken plugin list shows what is installed',
);

export const install: Action = async (call) => {
  const service = flag(call, 'service');
  const serves = flag(call, 'serves');
  const config = await configOf(call);
  const params = {
    source: sourceOf(call, call.args[0] ?? ''),
    ...(service === undefined ? {} : { service }),
    ...(serves === undefined ? {} : { serves }),
    ...(config === undefined ? {} : { config }),
    ...scripts(call),
  };
  await withPlugins(call, (host) => bring(call, host, params));
};

export const upgrade: Action = async (call) => {
  const [name = '', source] = call.args;
  await withPlugins(call, async (host) => {
    const status = await pluginNamed(host, name, 'upgraded');
    const params = { source: source === undefined ? sourceAgain(status) : sourceOf(call, source), upgrade: true, ...scripts(call) };
    await bring(call, host, params, status);
  });
};

function scripts(call: Call): Pick<StageParams, 'allowScripts'> {
  return call.flags['allowScripts'] === true ? { allowScripts: true } : {};
}

/** A path is the host's to read, whose working directory is another; all else is a name of the registry. */
function sourceOf({ io }: Call, text: string): string {
  const home = io.env['HOME'];
  if (home !== undefined && (text === '~' || text.startsWith('~/'))) return join(home, text.slice(1));
  return /^[./~]/.test(text) || existsSync(text) ? resolve(text) : text;
}

/** What it was installed from; one version of the registry is for ever the same. */
function sourceAgain({ plugin, version, source, package: whole }: PluginStatus): string {
  if (source !== undefined && source !== `${whole}@${version}`) return source;
  const text =
    source === undefined
      ? `what ${plugin} was installed from is not known`
      : `${plugin} was installed from ${source}, which is what is there`;
  throw usage(text, `Name what is to take its place: kraken plugin upgrade ${plugin} ${whole}@latest`);
}

/** `was`: what it must be a version of. */
async function bring(call: Call, host: PluginHost, params: StageParams, was?: PluginStatus): Promise<void> {
  const { stage, report } = await host.ask('plugin/stage', params, NOTHING_CHANGED);
  mustFit(call, report, params.source, was);
  const text = reportText(report, { services: was?.services ?? [], isRunning: host.isRunning, style: call.style });
  if (isProse(call)) call.io.out(text);
  const no = refusalOf(report, params.source);
  if (no) {
    if (!isProse(call)) await printData(call, { report });
    throw no;
  }
  const { plugin, version, replaces } = report;
  const name = `${oneLine(plugin)} ${oneLine(version)}`;
  const would = replaces === undefined ? `installs ${name}` : `puts ${name} in place of ${oneLine(replaces)}`;
  if (mustConfirm(call)) await confirm(call, would, () => (isProse(call) ? '' : text));
  const done = await host.ask('plugin/commit', { stage }, TAKEN_BACK);
  if (await printData(call, { report, ...done }, [plugin])) return;
  call.io.out(doneText(done, report, host, was));
}

/** What was staged is not what was meant: nothing of it may be installed by a yes. */
function mustFit(call: Call, { plugin, service, kind }: PluginReport, source: string, was: PluginStatus | undefined): void {
  if (was && was.plugin !== plugin)
    throw usage(`nothing was changed: ${source} is the plugin ${oneLine(plugin)}, not ${was.plugin}`, 'Name a source of the same plugin');
  const given = ['service', 'serves', 'config'].find((name) => flag(call, name) !== undefined);
  if (given === undefined || service !== undefined) return;
  const why =
    kind === 'extension' ? 'no service is made of schemas' : `there are services of ${oneLine(plugin)} already, and they stay as they are`;
  throw usage(`nothing was changed: --${given} is for the service that is made with a plugin, and ${why}`, `Leave out --${given}`);
}

function refusalOf({ plugin, version, replaces, checks: { failed }, conflicts }: PluginReport, source: string): Failure | undefined {
  const name = `${oneLine(plugin)} ${oneLine(version)}`;
  const no = (why: string, todo: string): Failure =>
    new Failure(EXIT.refused, `${name} is not installed, and nothing was changed: ${why}`, todo);
  if (failed.length > 0) {
    const isFolder = source.startsWith('/') && !/\.t(?:ar\.)?gz$/.test(source);
    const what = isFolder
      ? `What was said: kraken plugin check ${shellWord(source)}`
      : 'In its folder, kraken plugin check shows what was said: tell its author';
    return no('it does not keep to the protocol', what);
  }
  if (conflicts.length === 0) return undefined;
  const other = replaces === undefined ? 'Give it other nodes with --serves' : 'Have the others serve other nodes';
  return no('it cannot be beside what is there', `${other}, or remove what it conflicts with`);
}

function doneText(
  { plugin, version, services }: Result<'plugin/commit'>,
  { kind, replaces }: PluginReport,
  { isRunning }: PluginHost,
  was: PluginStatus | undefined,
): string {
  const head = `${oneLine(plugin)} ${oneLine(version)} is installed${replaces === undefined ? '' : ` in place of ${oneLine(replaces)}`}`;
  const isDisabled = was?.enabled === false;
  if (!isRunning) return `${head}${services.length === 0 ? '' : `, with ${servicesText(services)}`}. ${COUNTS_LATER}\n`;
  if (isDisabled) return `${head}, and still disabled. To let it run: kraken plugin enable ${shellWord(plugin)}\n`;
  if (kind === 'extension') return `${head}; nodes can hold what it adds.\n`;
  if (services.length === 0) return `${head}; no service runs with it. Make one: kraken service create NAME ${shellWord(plugin)}\n`;
  return `${head}; ${servicesText(services)} ${services.length === 1 ? 'is' : 'are'} ready.\n`;
}
