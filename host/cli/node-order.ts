/** `kraken node cancel|hold|release|busy|retry`: what is said to the engine about nodes. */
import type { Result } from '@kraken-hpc/sdk/wire';
import { type Client, withClient } from './client.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { revisionText } from './node-set.ts';
import { printData } from './output.ts';
import { parseDuration } from './values.ts';
import { count, timeText } from './words.ts';

type Done = Result<'node/hold'>;

/** `done` is what was done to them, as in `4 nodes held`; `next` a sentence about what comes of it. */
export async function order(
  call: Call,
  ask: (client: Client, set: string) => Promise<Done>,
  done: string,
  next?: string,
): Promise<undefined> {
  const [set = ''] = call.args;
  const answer = await withClient(call, (client) => ask(client, set));
  if (await printData(call, answer)) return;
  call.io.out(`${count(answer.nodes ?? 0, 'node')} ${done}${revisionText(answer)}.${next === undefined ? '' : ` ${next}`}\n`);
}

export const cancel: Action = (call) => order(call, (client, set) => client.ask('node/cancel', { set }), 'freed of their orders');

export const hold: Action = (call) => {
  const why = flag(call, 'why');
  if (why === undefined) throw usage('a hold needs a reason', 'Give it with --why: who comes next will ask');
  const { until, text } = untilOf(call);
  return order(call, (client, set) => client.ask('node/hold', { set, why, ...until }), `held${text}`);
};

export const release: Action = (call) => {
  const busy = call.flags['busy'] === true;
  return order(
    call,
    (client, set) => client.ask('node/release', { set, ...(busy ? { busy } : {}) }),
    busy ? 'released, FREE too' : 'released',
  );
};

export const busy: Action = (call) => {
  const owner = flag(call, 'owner') ?? call.user;
  const { until, text } = untilOf(call);
  return order(call, (client, set) => client.ask('node/busy', { set, owner, ...until }), `BUSY for ${owner}${text}`);
};

export const retry: Action = (call) => {
  const disruptive = call.flags['disruptive'] === true;
  const done = disruptive ? 'tried again, disruptive steps too' : 'tried again';
  return order(call, (client, set) => client.ask('node/retry', { set, ...(disruptive ? { disruptive } : {}) }), done);
};

function untilOf(call: Call): { readonly until: { until?: number }; readonly text: string } {
  const text = flag(call, 'for');
  if (text === undefined) return { until: {}, text: '' };
  const until = call.io.now() + parseDuration(text, '--for');
  return { until: { until }, text: ` until ${timeText(until, call.io.now())}` };
}
