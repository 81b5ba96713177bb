/** `kraken node set|delete`. */

import { foldNames } from '@kraken-hpc/sdk/state';
import { withClient } from './client.ts';
import { confirm, mustConfirm } from './confirm.ts';
import { type Action, flag } from './io.ts';
import { nameOf, readNodes } from './nodes.ts';
import { printData } from './output.ts';
import { parseValues } from './values.ts';
import { count } from './words.ts';

export const set: Action = async (call) => {
  const [set = '', ...words] = call.args;
  const values = parseValues(words);
  const why = flag(call, 'why');
  const force = flag(call, 'force');
  const question = { set, values, ...(why === undefined ? {} : { why }), ...(force === undefined ? {} : { force }) };
  const answer = await withClient(call, (client) => client.ask('node/set', question));
  if (await printData(call, answer)) return;
  call.io.out(`${count(answer.nodes ?? 0, 'node')} set${revisionText(answer)}.\n`);
};

export function revisionText({ revision }: { readonly revision?: number }): string {
  return revision === undefined ? '' : `, revision ${revision}`;
}

/** Nothing is done to a machine, but what was wanted of it is gone. */
export const remove: Action = async (call) => {
  const [set = ''] = call.args;
  const why = flag(call, 'why');
  await withClient(call, async (client) => {
    if (mustConfirm(call)) {
      const nodes = await readNodes(client, { set, paths: ['/nodename'], view: 'cfg' });
      const what = `deletes ${count(nodes.length, 'node')} (${foldNames(nodes.map(nameOf))}); the machines are left as they are`;
      if (nodes.length > 1) await confirm(call, what, () => `This ${what}.\n`);
    }
    const answer = await client.ask('node/delete', { set, ...(why === undefined ? {} : { why }) });
    if (await printData(call, answer)) return;
    call.io.out(`${count(answer.nodes ?? 0, 'node')} deleted${revisionText(answer)}.\n`);
  });
};
