/** The operator methods about the engine and the host as a whole. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import type { Command, Limit } from '../core/event.ts';
import type { HostPort } from './port.ts';
import { parseSet } from './select.ts';
import { type ApiSession, authorOf, type Params, refusal } from './session.ts';

export function operate(port: HostPort, params: Params, session: ApiSession, command: Command): Promise<Json> {
  return port.ask((request) => ({ type: 'operate', request, author: authorOf(params, session), command }));
}

/** The engine's view of itself, with what the supervisor knows of its processes. */
export function status(port: HostPort): Json {
  const services = port.services.list();
  const known = port.engine.status(port.now());
  const sync = port.sync();
  return {
    ...known,
    ...(sync ? { sync } : {}),
    services: [...services, ...known.services.filter(({ service }) => service === 'core')],
  } as unknown as Json;
}

export async function limits(port: HostPort, params: Params, session: ApiSession): Promise<Json> {
  const set = (params['set'] ?? []) as unknown as readonly Limit[];
  const remove = (params['remove'] ?? []) as readonly string[];
  for (const { name, selector, atOnce, perSecond, timeout } of set) {
    if (selector !== '') parseSet(selector);
    if (atOnce === undefined && perSecond === undefined && timeout === undefined)
      throw refusal(CODES.InvalidParams, 'the limit is refused', name, 'it limits nothing', 'Give it atOnce, perSecond or timeout');
  }
  const known = new Set(port.engine.limits().map(({ name }) => name));
  const missing = remove.find((name) => !known.has(name));
  if (missing !== undefined)
    throw refusal(CODES.NotFound, 'the limit cannot be removed', missing, 'there is no such limit', 'kraken limits shows all');
  if (set.length > 0 || remove.length > 0) await operate(port, params, session, { kind: 'limits', set, remove });
  return { limits: port.engine.limits() } as unknown as Json;
}

/** Answered before it stops: the port stops later. */
export function stop(port: HostPort, params: Params, session: ApiSession): Json {
  const { user, why } = authorOf(params, session);
  port.stop(`${user} asked for it${why ? `: ${why}` : ''}`);
  return {};
}

export async function backup(port: HostPort, params: Params): Promise<Json> {
  return { ...(await port.backup(String(params['file']))) };
}

export async function restore(port: HostPort, params: Params): Promise<Json> {
  return { ...(await port.restore(String(params['file']))) };
}

export function graph(port: HostPort, params: Params): Json {
  const { node } = params;
  if (typeof node !== 'string') return port.engine.graph() as unknown as Json;
  const found = port.engine.node(node) ?? port.engine.named(node);
  if (!found) throw refusal(CODES.UnknownNode, 'there is no graph', node, 'no node has this id or name', 'kraken node list shows all');
  return port.engine.graph(found.id) as unknown as Json;
}
