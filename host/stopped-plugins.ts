/** Plugins of a host that does not run: in its files, by the same rules. What is written down counts from its next start on. */

import { existsSync } from 'node:fs';
import type { Params, Result } from '@kraken-hpc/sdk/wire';
import { readConfig } from './config.ts';
import type { Asker, ServiceChange, ServiceEntry, StageOptions } from './core/installing.ts';
import { parseConfig } from './documents/config.ts';
import { Schemas } from './documents/schemas.ts';
import { installedRegistry, installedServices } from './installed.ts';
import { Confinement } from './modules/confine/confinement.ts';
import { createRegistry } from './modules/registry.ts';
import { commonGround, stoppedGround } from './plugin-ground.ts';
import { pluginsDir, readBook } from './plugins/book.ts';
import { Plugins } from './plugins/plugins.ts';
import { servicesDir } from './services.ts';
import { nodeDisk } from './store/disk.ts';
import { lockStore } from './store/format.ts';

export type PluginMethod =
  | 'plugin/stage'
  | 'plugin/commit'
  | 'plugin/list'
  | 'plugin/info'
  | 'plugin/remove'
  | 'plugin/enable'
  | 'plugin/disable'
  | 'service/create'
  | 'service/set'
  | 'service/remove';

export interface StoppedPlugins {
  /** As a host answers it. Rejects with a RefusalError; when `signal` is aborted nothing has been changed. */
  ask<M extends PluginMethod>(
    method: M,
    params: Params<M>,
    user: string,
    signal: AbortSignal,
    progress: (text: string) => void,
  ): Promise<Result<M>>;
  /** What was staged and not installed is forgotten. */
  close(): Promise<void>;
}

/** Throws a RefusalError where a host runs on that data directory. `config`: the file that it would start with. */
export async function openStoppedPlugins(options: { readonly dataDir: string; readonly config: string }): Promise<StoppedPlugins> {
  const { dataDir } = options;
  const lock = await lockStore(nodeDisk, dataDir);
  try {
    const plugins = openPlugins(dataDir, options.config);
    const staged = new Set<string>();
    return {
      ask: async (method, params, user, signal, progress) => {
        const answer = await handle(plugins, method, params, { user, signal, progress });
        if (method === 'plugin/stage') staged.add((answer as Result<'plugin/stage'>).stage);
        return answer as never;
      },
      close: async () => {
        for (const stage of staged) plugins.abandon(stage);
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openPlugins(dataDir: string, file: string): Plugins {
  // No file is no error: a host without services is a host.
  const config = existsSync(file) ? readConfig(file) : parseConfig({}, file);
  const own = createRegistry();
  const schemas = new Schemas();
  const book = readBook(pluginsDir(dataDir));
  const dirs = { dataDir, services: servicesDir(dataDir) };
  const { extensions } = installedServices(config.services, book, installedRegistry(own, book, dataDir), dirs, () => undefined);
  for (const { plugin, schemas: members } of extensions) schemas.add(plugin, { extensions: members });
  const common = commonGround(config, dataDir, new Confinement(dataDir), Date.now);
  return new Plugins({ dataDir, ground: stoppedGround(common, schemas), registry: (now) => installedRegistry(own, now, dataDir) });
}

async function handle(plugins: Plugins, method: PluginMethod, params: object, asker: Asker): Promise<unknown> {
  const given = params as { readonly [member: string]: unknown };
  const plugin = String(given['plugin']);
  const { service, onBehalfOf: _who, ...entry } = given;
  switch (method) {
    case 'plugin/stage':
      return plugins.stage(params as StageOptions, asker);
    case 'plugin/commit':
      return plugins.commit(String(given['stage']), asker);
    case 'plugin/list':
      return plugins.list();
    case 'plugin/info':
      return plugins.info(plugin);
    case 'plugin/remove':
      return done(plugins.remove(plugin, asker));
    case 'plugin/enable':
    case 'plugin/disable':
      return done(plugins.enable(plugin, method === 'plugin/enable', asker));
    case 'service/create':
      return done(plugins.create(String(service), entry as ServiceEntry, asker));
    case 'service/set':
      return done(plugins.set(String(service), entry as ServiceChange, asker));
    case 'service/remove':
      return done(plugins.delete(String(service), asker));
    default:
      return method satisfies never;
  }
}

async function done(work: Promise<void>): Promise<object> {
  await work;
  return {};
}
