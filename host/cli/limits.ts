/** `kraken limits list|set|remove`. */
import type { Limit } from '@kraken-hpc/sdk/wire';
import { withClient } from './client.ts';
import { table } from './columns.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { parseAmount, parseCount, parseDuration } from './values.ts';
import { NONE, spanText } from './words.ts';

export const list: Action = (call) => change(call, {});

export const set: Action = (call) => {
  const atOnce = flag(call, 'atOnce');
  const perSecond = flag(call, 'perSecond');
  const timeout = flag(call, 'timeout');
  const perLabel = flag(call, 'perLabel');
  if (atOnce === undefined && perSecond === undefined && timeout === undefined)
    throw usage('this limits nothing', 'Give --at-once, --per-second or --timeout');
  const limit: Limit = {
    name: call.args[0] ?? '',
    mutation: flag(call, 'mutation') ?? '*',
    selector: flag(call, 'nodes') ?? '',
    ...(perLabel === undefined ? {} : { perLabel }),
    ...(atOnce === undefined ? {} : { atOnce: parseCount(atOnce, '--at-once', 1) }),
    ...(perSecond === undefined ? {} : { perSecond: parseAmount(perSecond, '--per-second', 1) }),
    ...(timeout === undefined ? {} : { timeout: parseDuration(timeout, '--timeout') }),
  };
  return change(call, { set: [limit] });
};

export const remove: Action = (call) => change(call, { remove: [call.args[0] ?? ''] });

/** Whatever was changed, all of them are shown. */
async function change(call: Call, question: { set?: Limit[]; remove?: string[] }): Promise<undefined> {
  const { limits } = await withClient(call, (client) => client.ask('engine/limits', question));
  if (
    await printData(
      call,
      { limits },
      limits.map(({ name }) => name),
    )
  )
    return;
  if (limits.length === 0) call.io.out('There are no limits. Set one: kraken limits set NAME --at-once 10\n');
  else
    call.io.out(
      table(['NAME', 'MUTATION', 'NODES', 'APART BY', 'AT ONCE', 'A SECOND', 'TIMEOUT'], limits.map(row), call.style, call.io.columns),
    );
}

function row({ name, mutation, selector, perLabel, atOnce, perSecond, timeout }: Limit): string[] {
  const number = (value: number | undefined): string => (value === undefined ? NONE : String(value));
  return [
    name,
    mutation,
    selector || 'all',
    perLabel ?? NONE,
    number(atOnce),
    number(perSecond),
    timeout === undefined ? NONE : spanText(timeout),
  ];
}
