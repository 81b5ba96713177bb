/** `kraken node plan`. */

import type { Params } from '@kraken-hpc/sdk/wire';
import type { PlanReport } from '../core/answers.ts';
import { shellWord } from '../core/shell.ts';
import { type Client, withClient } from './client.ts';
import { readDocuments } from './documents.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { folder, readNames } from './nodes.ts';
import { printData } from './output.ts';
import { planText } from './show-plan.ts';
import { parseValues } from './values.ts';

export const plan: Action = async (call) => {
  const question = await questionOf(call);
  await withClient(call, async (client) => {
    const report = await askPlan(client, question);
    if (await printData(call, report)) return;
    const names = new Map([...(await namesIn(question.nodes ?? [])), ...(await readNames(client))]);
    call.io.out(planText(report, folder(names), call.style));
  });
};

/** Nodes that are only planned have their names in the file alone. */
async function namesIn(docs: readonly unknown[]): Promise<[id: string, name: string][]> {
  if (docs.length === 0) return [];
  const { idOfName } = await import('../documents/parse.ts');
  return docs.flatMap((doc): [string, string][] => {
    const { id, nodename } = (doc ?? {}) as { readonly id?: unknown; readonly nodename?: unknown };
    if (typeof nodename !== 'string') return [];
    return [[typeof id === 'string' ? id : idOfName(nodename), nodename]];
  });
}

export async function askPlan(client: Client, question: Params<'node/plan'>): Promise<PlanReport> {
  return (await client.ask('node/plan', question)) as PlanReport;
}

/** Documents, values, an order, or nothing: what is going to happen anyway. */
async function questionOf(call: Call): Promise<Params<'node/plan'>> {
  const [set = '', ...words] = call.args;
  const file = flag(call, 'file');
  const orders = (['reboot', 'cycle'] as const).filter((order) => call.flags[order] === true);
  const [order] = orders;
  const given = orders.length + (words.length > 0 ? 1 : 0) + (file === undefined ? 0 : 1);
  if (given > 1) throw usage('a plan is of values, of a file, of --reboot or of --cycle', 'Give one of them');
  if (file !== undefined) return { set: '', nodes: await readDocuments(call.io, file) };
  if (set.includes('=') && words.length === 0 && /^[\w.]*[sS]tate=/.test(set) && order === undefined)
    call.io.err(`kraken: ${set} is taken as the nodes to plan for; for a change write: kraken node plan SET ${shellWord(set)}\n`);
  if (order !== undefined) return { set: set === '' ? 'all' : set, order };
  return { set, ...(words.length > 0 ? { values: parseValues(words) } : {}) };
}
