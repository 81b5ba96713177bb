/** What was installed on a host, made into what it starts with. One plugin that is broken keeps no other from running. */
import { join } from 'node:path';
import type { Json } from './core/declaration.ts';
import { RefusalError } from './core/refusal.ts';
import type { HostLog } from './log.ts';
import { type FoundModule, readManifest } from './modules/manifest.ts';
import { parseServices, type Registry, withInstalled } from './modules/registry.ts';
import { type Book, pluginsDir } from './plugins/book.ts';
import { readExtensions } from './plugins/extension.ts';
import type { StartedService } from './services.ts';

/** The modules among the plugins, found where they were installed. */
export function installedRegistry(own: Registry, book: Book, dataDir: string, problem: (text: string) => void = () => undefined): Registry {
  const found: FoundModule[] = [];
  for (const [plugin, { dir, kind }] of Object.entries(book.plugins)) {
    const module = inWords(`plugin ${plugin}`, problem, () => readManifest(join(pluginsDir(dataDir), dir)));
    if (module && kind === 'module') found.push(module);
    else if (!module)
      problem(`plugin ${plugin} is not where it was installed: kraken plugin install it again, or kraken plugin remove ${plugin}`);
  }
  return withInstalled(own, found);
}

export interface Installed {
  readonly services: readonly StartedService[];
  readonly extensions: readonly { readonly plugin: string; readonly schemas: { readonly [member: string]: Json } }[];
}

/** The services of the configuration must be right; what was installed and is not any more is said, and left out. */
export function installedServices(
  configured: { readonly [service: string]: Json },
  book: Book,
  registry: Registry,
  dirs: { readonly dataDir: string; readonly services: string },
  log: HostLog,
): Installed {
  const disabled = (module: string): string | undefined =>
    book.plugins[module]?.enabled === false ? 'its plugin is disabled: kraken plugin enable' : undefined;
  const started = ({ spec }: StartedService): StartedService => {
    const kept = disabled(spec.module);
    return kept === undefined ? { spec } : { spec, kept };
  };
  const services = parseServices(configured, registry, dirs.services).map((spec) => started({ spec }));
  const problem = (text: string): void => log('error', text);
  for (const [name, entry] of Object.entries(book.services)) {
    if (Object.hasOwn(configured, name)) continue;
    const specs = inWords(`service ${name}`, problem, () => parseServices({ [name]: entry }, registry, dirs.services));
    for (const spec of specs ?? []) services.push(started({ spec }));
  }
  const extensions = Object.entries(book.plugins).flatMap(([plugin, { kind, enabled, dir }]) => {
    if (kind !== 'extension' || !enabled) return [];
    const schemas = inWords(`plugin ${plugin}`, problem, () => {
      const found = readManifest(join(pluginsDir(dirs.dataDir), dir));
      return found && readExtensions(found);
    });
    return schemas ? [{ plugin, schemas }] : [];
  });
  return { services, extensions };
}

function inWords<T>(what: string, problem: (text: string) => void, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    problem(`${what} is left out: ${error.message}`);
    return undefined;
  }
}
