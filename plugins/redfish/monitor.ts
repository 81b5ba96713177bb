/** A task monitor (DSP0266, "Asynchronous operations"): asked until what it watches is done. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { Answer } from './exchange.ts';
import { retryAfter, saidBy } from './trouble.ts';

const PAUSE_FIRST = 100;
const PAUSE_MOST = 2000;
const FAILED = new Set(['Exception', 'Killed', 'Cancelled', 'Interrupted']);

/** Where what was accepted (202) can be watched; undefined where the BMC names no place. */
export function monitorOf(client: Client, { headers, body }: Answer): string | undefined {
  const named = headers.location ?? body['TaskMonitor'] ?? body['@odata.id'];
  return typeof named === 'string' ? client.exchanges.local(named) : undefined;
}

/** Whether it still runs; one that is gone was done. Throws where it failed. */
export function isRunning({ status, body }: Answer, bmc: string, what: string): boolean {
  if (status === 404 || status === 410) return false;
  const state = body['TaskState'];
  if (typeof state === 'string' && FAILED.has(state)) throw new Error(`BMC ${bmc} did not manage ${what} (task ${state})${saidBy(body)}`);
  return typeof state === 'string' ? state !== 'Completed' : status === 202;
}

/** Resolves when it is done; rejects where it failed, or with the signal's reason: its time is over. */
export async function followTask(client: Client, accepted: Answer, what: string, signal: AbortSignal): Promise<void> {
  const uri = monitorOf(client, accepted);
  if (uri === undefined) return;
  let answer = accepted;
  for (let pause = PAUSE_FIRST; ; pause = Math.min(PAUSE_MOST, pause * 2)) {
    await sleep(retryAfter(answer.headers['retry-after'], pause), undefined, { signal });
    answer = await client.ask({ method: 'GET', uri }, what, signal, [404, 410]);
    if (!isRunning(answer, client.name, what)) return;
  }
}
