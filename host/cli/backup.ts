/** `kraken backup|restore`: the file lies on the host, so its path is made absolute here. */
import { resolve } from 'node:path';
import { withClient } from './client.ts';
import { confirm, mustConfirm } from './confirm.ts';
import type { Action } from './io.ts';
import { printData } from './output.ts';
import { count, sizeText } from './words.ts';

export const backup: Action = async (call) => {
  const file = resolve(call.args[0] ?? '');
  const answer = await withClient(call, (client) => client.ask('engine/backup', { file }));
  if (await printData(call, answer, [file])) return;
  const { nodes, bytes, revision } = answer;
  call.io.out(`${file}: ${count(nodes, 'node')}, revision ${revision}, ${sizeText(bytes)}.\n`);
};

export const restore: Action = async (call) => {
  const file = resolve(call.args[0] ?? '');
  await withClient(call, async (client) => {
    const what = `replaces the state of the host on ${call.paths.socket} by that of ${file}`;
    if (mustConfirm(call)) await confirm(call, what, () => `This ${what}.\n`);
    const answer = await client.ask('engine/restore', { file });
    if (await printData(call, answer)) return;
    call.io.out(`Restored: ${count(answer.nodes, 'node')}, revision ${answer.revision}.\n`);
  });
};
