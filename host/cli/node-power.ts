/** `kraken node power|reboot`: what switches machines, shown before it is done where more than one is disrupted. */
import type { Params } from '@kraken-hpc/sdk/wire';
import { shellWord } from '../core/shell.ts';
import { type Client, withClient } from './client.ts';
import { confirm, mustConfirm } from './confirm.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { askPlan } from './node-plan.ts';
import { revisionText } from './node-set.ts';
import { folder, readNames } from './nodes.ts';
import { printData } from './output.ts';
import { disrupted, planText } from './show-plan.ts';
import { count } from './words.ts';

export const power: Action = async (call) => {
  const [state = '', set = ''] = call.args;
  if (state !== 'on' && state !== 'off')
    throw usage(`power ${state} is no state`, 'Write kraken node power on SET, or kraken node power off SET');
  const values = { '/physState': state === 'on' ? 'POWER_ON' : 'POWER_OFF' };
  await withClient(call, async (client) => {
    await ask(client, call, { set, values });
    const answer = await client.ask('node/power', { set, to: state, ...reasons(call) });
    if (await printData(call, answer)) return;
    call.io.out(`${count(answer.nodes ?? 0, 'node')} wanted ${state}${revisionText(answer)}. Watch: kraken node watch ${shellWord(set)}\n`);
  });
};

export const reboot: Action = async (call) => {
  const [set = ''] = call.args;
  const cycle = call.flags['cycle'] === true;
  await withClient(call, async (client) => {
    await ask(client, call, { set, order: cycle ? 'cycle' : 'reboot' });
    const answer = await client.ask('node/reboot', { set, ...(cycle ? { cycle } : {}), ...reasons(call) });
    if (await printData(call, answer)) return;
    const what = cycle ? 'power cycle' : 'reboot';
    call.io.out(`${count(answer.nodes ?? 0, what)} ordered${revisionText(answer)}. End it: kraken node cancel ${shellWord(set)}\n`);
  });
};

async function ask(client: Client, call: Call, question: Params<'node/plan'>): Promise<void> {
  if (!mustConfirm(call)) return;
  const report = await askPlan(client, question);
  const hit = disrupted(report);
  if (hit <= 1) return;
  await confirm(call, `disrupts ${hit} nodes`, async () => planText(report, folder(await readNames(client)), call.style));
}

function reasons(call: Call): { why?: string; force?: string } {
  const why = flag(call, 'why');
  const force = flag(call, 'force');
  return { ...(why === undefined ? {} : { why }), ...(force === undefined ? {} : { force }) };
}
