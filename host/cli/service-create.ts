/** `kraken service create|set|remove`. */
import type { Params } from '@kraken-hpc/sdk/wire';
import { confirm, mustConfirm } from './confirm.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { configOf, listOf } from './plugin-config.ts';
import { COUNTS_LATER, withPlugins } from './plugin-host.ts';

const LEAST_MIB = 64;
const MOST_MIB = 65_536;

export const create: Action = async (call) => {
  const [service = '', module = ''] = call.args;
  const params = { service, module, ...(await entryOf(call)) };
  await withPlugins(call, async (host) => {
    const answer = await host.ask('service/create', params);
    if (await printData(call, answer, [service])) return;
    call.io.out(`Service ${service} of ${module} is ${host.isRunning ? 'ready.' : `made. ${COUNTS_LATER}`}\n`);
  });
};

export const set: Action = async (call) => {
  const [service = ''] = call.args;
  const change = await entryOf(call);
  if (Object.keys(change).length === 0)
    throw usage('there is nothing to change', 'Give --config, --serves, --permissions, --env or --memory');
  await withPlugins(call, async (host) => {
    const answer = await host.ask('service/set', { service, ...change });
    if (await printData(call, answer, [service])) return;
    call.io.out(`Service ${service} is changed${host.isRunning ? '.' : `. ${COUNTS_LATER}`}\n`);
  });
};

async function entryOf(call: Call): Promise<Omit<Params<'service/set'>, 'service'>> {
  const serves = flag(call, 'serves');
  const permissions = flag(call, 'permissions');
  const env = flag(call, 'env');
  const memory = flag(call, 'memory');
  const config = await configOf(call);
  return {
    ...(serves === undefined ? {} : { serves }),
    ...(config === undefined ? {} : { config }),
    ...(permissions === undefined ? {} : { permissions: listOf(permissions) }),
    ...(env === undefined ? {} : { env: listOf(env) }),
    ...(memory === undefined ? {} : { memoryMiB: parseMiB(memory) }),
  };
}

function parseMiB(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= LEAST_MIB && value <= MOST_MIB) return value;
  throw usage(`--memory ${text} is no whole number of MiB from ${LEAST_MIB} to ${MOST_MIB}`);
}

export const remove: Action = async (call) => {
  const [service = ''] = call.args;
  const what = `stops service ${service} and forgets it`;
  await withPlugins(call, async (host) => {
    if (mustConfirm(call)) await confirm(call, what, () => `This ${what}. What nodes hold of its state stays.\n`);
    const answer = await host.ask('service/remove', { service });
    if (await printData(call, answer, [service])) return;
    call.io.out(`Service ${service} is removed.${host.isRunning ? '' : ` ${COUNTS_LATER}`}\n`);
  });
};
