/** The operator methods about services. */

import { get } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import { closest } from '../core/closest.ts';
import type { Json } from '../core/declaration.ts';
import { packLines } from './lines.ts';
import type { HostPort } from './port.ts';
import { type ApiSession, authorOf, type Params, refusal } from './session.ts';

/** One that follows a log and has not read this much misses lines, and is told how many. */
const SLOW_BYTES = 1_000_000;

export function list(port: HostPort): Json {
  return { services: port.services.list() } as unknown as Json;
}

/** What somebody stopped stays stopped over a restart of the host: cfg of the host's own node says so, as if it had been set there. */
export async function act(port: HostPort, action: 'start' | 'stop' | 'restart', params: Params, session: ApiSession): Promise<Json> {
  const service = known(port, params);
  const { self } = port.engine;
  const path = `/services/${service}/state`;
  const isStopped = get(port.engine.node(self)?.cfg ?? {}, path) === 'STOP';
  const want = async (state: 'STOP' | null): Promise<void> => {
    const change = { set: { nodes: [self], values: { [path]: state } } };
    await port.ask((request) => ({ type: 'apply', request, author: authorOf(params, session), change }));
  };
  if (action !== 'stop' && isStopped) await want(null);
  await port.services[action](service);
  if (action === 'stop' && !isStopped) await want('STOP');
  return {};
}

export async function call(port: HostPort, params: Params): Promise<Json> {
  const given = (params['params'] ?? {}) as { readonly [key: string]: Json };
  return { result: await port.services.call(known(port, params), String(params['call']), given) };
}

/** What each session follows: asked again, the log is followed once. */
const followed = new WeakMap<ApiSession, Map<string, () => void>>();

export function logs(port: HostPort, params: Params, session: ApiSession): Json {
  const service = known(port, params);
  const count = Number(params['lines']);
  if (params['follow'] !== true) return { lines: [...port.services.logs(service, count).lines] };
  let own = followed.get(session);
  if (!own) {
    own = new Map();
    followed.set(session, own);
  }
  own.get(service)?.();
  let dropped = 0;
  const { lines, stop } = port.services.logs(service, count, (line) => {
    if (session.pendingBytes > SLOW_BYTES) {
      dropped++;
      return;
    }
    const head = { service, ...(dropped > 0 ? { dropped } : {}) };
    for (const text of packLines('service/logged', head, 'lines', [JSON.stringify(line)])) session.sendRaw(text);
    dropped = 0;
  });
  own.set(service, stop);
  session.onClose(stop);
  return { lines: [...lines] };
}

function known(port: HostPort, params: Params): string {
  const service = String(params['service']);
  const names = port.services.list().map((one) => one.service);
  if (names.includes(service)) return service;
  const near = closest(service, names);
  const todo = `${near === undefined ? '' : `Did you mean ${near}? `}kraken service list shows all`;
  throw refusal(CODES.NotFound, `no service is named ${service}`, '', 'the configuration of this host has none of that name', todo);
}
