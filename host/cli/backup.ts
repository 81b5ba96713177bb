/** `kraken backup|restore`: the file lies on the host, so its path is made absolute here. */
import { resolve } from 'node:path';
import { openClient, withClient } from './client.ts';
import { confirm, mustConfirm } from './confirm.ts';
import { EXIT, Failure } from './failure.ts';
import type { Action, Call } from './io.ts';
import { printData } from './output.ts';
import { count, sizeText } from './words.ts';

/** The machines went on since. */
const LOOK = 'The engine is frozen: look at `kraken node explain all`, then `kraken engine thaw`.';

export const backup: Action = async (call) => {
  const file = resolve(call.args[0] ?? '');
  const answer = await withClient(call, (client) => client.ask('engine/backup', { file }));
  if (await printData(call, answer, [file])) return;
  const { nodes, bytes, revision } = answer;
  call.io.out(`${file}: ${count(nodes, 'node')}, revision ${revision}, ${sizeText(bytes)}.\n`);
};

export const restore: Action = async (call) => {
  const file = resolve(call.args[0] ?? '');
  const client = await openClient(call).catch((error: unknown) => {
    if (error instanceof Failure && error.exit === EXIT.unreachable) return undefined;
    throw error;
  });
  try {
    const where = client ? `the host on ${call.paths.socket}` : `the stopped host of ${call.paths.dataDir}`;
    const what = `replaces the state of ${where} by that of ${file}`;
    if (mustConfirm(call)) await confirm(call, what, () => `This ${what}.\n`);
    if (!client) {
      await restoreStopped(call, file);
      return;
    }
    const answer = await client.ask('engine/restore', { file });
    if (await printData(call, answer)) return;
    call.io.out(`Restored: ${count(answer.nodes, 'node')}, revision ${answer.revision}. ${LOOK}\n`);
  } finally {
    client?.close();
  }
};

/** Nobody answers on the socket; the lock of the data directory says whether nobody runs on it either. */
async function restoreStopped(call: Call, file: string): Promise<void> {
  const { restoreStoppedHost } = await import('../main.ts');
  const { dataDir } = call.paths;
  const { revision } = await restoreStoppedHost(dataDir, file);
  if (await printData(call, { revision })) return;
  call.io.out(`Restored into ${dataDir}, for the next kraken up: revision ${revision}. ${LOOK}\n`);
}
