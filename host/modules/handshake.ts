/** `initialize` and what its answer, or the lack of one, means for the life of the module. */
import { CODES, type Declaration, type Peer, PROTOCOL, type RpcError } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import type { RefusalError } from '../core/refusal.ts';
import type { SupervisorOptions } from './hooks.ts';
import type { Limits } from './limits.ts';
import { refuse } from './refuse.ts';
import type { ServiceSpec } from './registry.ts';

export interface HandshakeOptions {
  readonly peer: Peer<'host'>;
  readonly spec: ServiceSpec;
  readonly limits: Limits;
  readonly hooks: Pick<SupervisorOptions, 'now' | 'host' | 'place'>;
}

/** Rejects with a RefusalError when starting it again would not help; with an Error when it is a crash. */
export async function initialize(
  { peer, spec, limits, hooks }: HandshakeOptions,
  config: { readonly [key: string]: Json },
): Promise<Declaration> {
  const { name, version, node } = hooks.host;
  const { service, module } = spec;
  const host = { name, version, ...hooks.place?.() };
  const params = { protocols: [PROTOCOL], host, node, service, module, config, capabilities: [], now: hooks.now() };
  const bytes = Buffer.byteLength(JSON.stringify(params));
  const no = (why: string, todo: string): RefusalError => refuse(CODES.InvalidParams, service, 'it cannot be initialized', why, todo);
  if (bytes > limits.initialize) throw no(`its config makes ${bytes} bytes, the limit is ${limits.initialize}`, 'Make the config smaller');
  const answer = await peer.request('initialize', params, { timeoutMs: limits.start }).catch((error: RpcError) => {
    throw meaning(error, no, limits.start);
  });
  if (answer.protocol === PROTOCOL) return answer.declaration;
  throw no(`it picked protocol ${answer.protocol}, this host speaks ${PROTOCOL}`, 'Upgrade the older of the two');
}

function meaning(error: RpcError, no: (why: string, todo: string) => RefusalError, start: number): Error {
  const data = error.data as { readonly supported?: unknown; readonly field?: unknown } | null | undefined;
  switch (error.code) {
    case CODES.NoCommonVersion:
      return no(
        `it speaks protocol ${JSON.stringify(data?.supported ?? 'unknown')}, this host speaks ${PROTOCOL}`,
        'Upgrade the older of the two',
      );
    case CODES.InvalidParams:
    case CODES.InvalidValue:
    case CODES.Terminal:
      return no(`it says: ${error.message}`, 'Correct the config of this service; it then starts by itself');
    case CODES.DeadlineExceeded:
      return new Error(`it did not answer initialize in ${start / 1000} s`);
    default:
      return typeof data?.field === 'string'
        ? no(error.message, 'A defect of the module: report it to its author')
        : new Error(error.message);
  }
}
