/** The operator methods about plugins: for people on the control socket, whose connection is also how they take it back. */

import { CODES, encodeLine, type Params as ParamsOf } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import type { Asker, StageOptions } from '../core/installing.ts';
import type { PluginsPort } from './port.ts';
import { type ApiSession, authorOf, type Params, refusal } from './session.ts';

type Plugins = () => PluginsPort;

/** `onBehalfOf` is said in `asker`; what is left is the entry. */
export async function stage(plugins: Plugins, params: Params, session: ApiSession): Promise<Json> {
  const { onBehalfOf: _who, ...options } = params as unknown as ParamsOf<'plugin/stage'>;
  const staged = await plugins().stage(options as StageOptions, askerOf(params, session, 'plugin/stage'));
  // It may have been given up meanwhile; then it was never staged.
  session.onClose(() => plugins().abandon(staged.stage));
  return staged as unknown as Json;
}

export async function commit(plugins: Plugins, params: Params, session: ApiSession): Promise<Json> {
  const asker = askerOf(params, session, 'plugin/commit');
  return (await plugins().commit(String(params['stage']), asker)) as unknown as Json;
}

export function list(plugins: Plugins): Json {
  return plugins().list() as unknown as Json;
}

export async function info(plugins: Plugins, params: Params): Promise<Json> {
  return (await plugins().info(String(params['plugin']))) as unknown as Json;
}

export async function remove(plugins: Plugins, params: Params, session: ApiSession): Promise<Json> {
  await plugins().remove(String(params['plugin']), askerOf(params, session, 'plugin/remove'));
  return {};
}

export async function enable(plugins: Plugins, enabled: boolean, params: Params, session: ApiSession): Promise<Json> {
  const method = enabled ? 'plugin/enable' : 'plugin/disable';
  await plugins().enable(String(params['plugin']), enabled, askerOf(params, session, method));
  return {};
}

export async function create(plugins: Plugins, params: Params, session: ApiSession): Promise<Json> {
  const { onBehalfOf: _who, service, ...entry } = params as unknown as ParamsOf<'service/create'>;
  await plugins().create(service, entry as Parameters<PluginsPort['create']>[1], askerOf(params, session, 'service/create'));
  return {};
}

export async function set(plugins: Plugins, params: Params, session: ApiSession): Promise<Json> {
  const { onBehalfOf: _who, service, ...change } = params as unknown as ParamsOf<'service/set'>;
  await plugins().set(service, change as Parameters<PluginsPort['set']>[1], askerOf(params, session, 'service/set'));
  return {};
}

export async function forget(plugins: Plugins, params: Params, session: ApiSession): Promise<Json> {
  await plugins().delete(String(params['service']), askerOf(params, session, 'service/remove'));
  return {};
}

/** What is run on a host is for those to say who may do everything on it: no module, whatever it was granted, brings in another. */
function askerOf(params: Params, session: ApiSession, method: string): Asker {
  if (session.permissions !== 'all') {
    const who = session.author.user;
    const todo = 'Use the kraken command on the host';
    throw refusal(CODES.NotPermitted, `${method} is refused`, who, 'plugins are installed by people, on the control socket', todo);
  }
  const ended = new AbortController();
  session.onClose(() => ended.abort(refusal(CODES.Disconnected, 'it was given up', '', 'who asked for it has gone', 'Ask again')));
  return {
    user: authorOf(params, session).user,
    signal: ended.signal,
    progress: (text) => {
      const line = encodeLine({ jsonrpc: '2.0', method: 'plugin/progress', params: { text } });
      if (line !== undefined) session.sendRaw(line);
    },
  };
}
