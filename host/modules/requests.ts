/** What is asked of a running module itself: to take a new config, to answer a call. Rejects with a RefusalError. */
import { CODES, type Declaration, type Peer, RpcError } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { refuse } from './refuse.ts';

type Members = { readonly [key: string]: Json };

/** A new config. Refused: the old one stays in force. */
export async function tellConfig(peer: Peer<'host'>, service: string, config: Members, timeoutMs: number): Promise<void> {
  await peer.request('config/update', { config }, { timeoutMs }).catch((error: Error) => {
    throw refuse(CODES.InvalidParams, service, 'the new config is refused, the old one stays', error.message, 'Correct the config');
  });
}

/** Until a call must be answered, in milliseconds. */
const CALL = 30_000;

/** One of the calls that the module declared. `clean` takes the secrets out of what it says. */
export async function callModule(
  { peer, declaration, service, clean }: { peer: Peer<'host'>; declaration: Declaration; service: string; clean(text: string): string },
  call: string,
  params: Members,
): Promise<Json> {
  const what = `the call ${call} is refused`;
  const names = Object.keys(declaration.calls ?? {});
  if (!names.includes(call)) {
    const why = names.length === 0 ? 'it has no calls' : `its calls are: ${names.join(', ')}`;
    throw refuse(CODES.NotFound, service, what, why, 'Correct the name');
  }
  try {
    return (await peer.request('module/call', { call, params }, { timeoutMs: CALL })).result;
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    const told = error.data as { readonly why?: unknown } | null | undefined;
    const why = clean(typeof told?.why === 'string' ? told.why : error.message);
    throw refuse(error.code, service, what, why, `Look at: kraken service logs ${service}`);
  }
}
