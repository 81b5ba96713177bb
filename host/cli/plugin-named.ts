/** The plugin that a person means. */
import type { Result } from '@kraken-hpc/sdk/wire';
import { closest } from '../core/closest.ts';
import { EXIT, Failure } from './failure.ts';
import type { PluginHost } from './plugin-host.ts';

export type PluginStatus = Result<'plugin/list'>['plugins'][number];

/** Throws where there is none of that name. `done`: what only installed ones can be, as in `removed`. */
export async function pluginNamed(host: Pick<PluginHost, 'ask'>, name: string, done?: string): Promise<PluginStatus> {
  const { plugins } = await host.ask('plugin/list', {});
  const found = plugins.find(({ plugin }) => plugin === name);
  if (!found) {
    const names = plugins.map(({ plugin }) => plugin);
    const near = plugins.find((one) => one.package === name)?.plugin ?? closest(name, names);
    throw new Failure(EXIT.notFound, `there is no plugin ${name}`, `${near ? `Did you mean ${near}? ` : ''}kraken plugin list shows all`);
  }
  if (done === undefined || !found.isBuiltIn) return found;
  const todo = done === 'upgraded' ? 'Upgrade the host' : 'What it does is ended by stopping its services: kraken service stop SERVICE';
  throw new Failure(EXIT.refused, `${name} came with the host, and cannot be ${done}`, todo);
}
