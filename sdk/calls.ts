/** What operators ask of the module itself: finds the call, checks what it is given. */
import { checkConfig } from './config.ts';
import type { AnyDefinition } from './define.ts';
import { type Json, type Params, type Result, refusal, rpcError } from './wire/index.ts';

/** Rejects with NotFound or InvalidParams before anything is called. */
export async function answerCall(
  calls: AnyDefinition['calls'],
  { call: name, params }: Params<'module/call'>,
  signal: AbortSignal,
): Promise<Result<'module/call'>> {
  const found = calls !== undefined && Object.hasOwn(calls, name) ? calls[name] : undefined;
  if (found === undefined) {
    const names = Object.keys(calls ?? {}).join(', ');
    throw rpcError('NotFound', `this module has no call ${name} (${names === '' ? 'it has none' : `it has: ${names}`})`);
  }
  const { config: checked, problems } = checkConfig(found.params ?? {}, params);
  if (problems.length > 0) throw refusal('InvalidParams', 'the call is refused', `parameters of ${name}`, problems.join('; '));
  return { result: ((await found.call(checked, { signal })) ?? null) as Json };
}
