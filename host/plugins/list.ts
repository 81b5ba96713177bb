/** The plugins of a host as people are told of them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CODES, type Result } from '@kraken-hpc/sdk/wire';
import { closest } from '../core/closest.ts';
import { RefusalError } from '../core/refusal.ts';
import type { FoundModule } from '../modules/manifest.ts';
import type { ServiceSpec } from '../modules/registry.ts';
import type { Ground } from './ground.ts';
import type { Keeper } from './keeper.ts';
import { broughtBy } from './report.ts';
import { hashTree } from './tree.ts';

type PluginStatus = Result<'plugin/info'>['status'];

/** Those that were installed, then those that came with the host; of one name the installed one counts. */
export function listPlugins(keeper: Keeper): PluginStatus[] {
  const { book, dir } = keeper;
  const installed = Object.entries(book.plugins).map(([plugin, entry]): PluginStatus => {
    const isThere = existsSync(join(dir, entry.dir));
    return {
      plugin,
      package: entry.package,
      version: entry.version,
      kind: entry.kind,
      isBuiltIn: false,
      enabled: entry.enabled,
      permissions: [...entry.permissions],
      services: keeper.servicesOf(plugin),
      source: entry.source,
      installedAt: entry.installedAt,
      installedBy: entry.installedBy,
      ...(isThere ? {} : { problem: `its folder ${entry.dir} is gone: install it again` }),
    };
  });
  const builtIn = keeper
    .registry()
    .list()
    .filter(({ module }) => !Object.hasOwn(book.plugins, module))
    .map((found) => builtInStatus(found, keeper.servicesOf(found.module)));
  return [...installed.sort(byName), ...builtIn.sort(byName)];
}

const byName = (a: PluginStatus, b: PluginStatus): number => (a.plugin < b.plugin ? -1 : 1);

function builtInStatus({ module, package: name, version, permissions, extensions }: FoundModule, services: string[]): PluginStatus {
  const kind = extensions === undefined ? 'module' : 'extension';
  return { plugin: module, package: name, version, kind, isBuiltIn: true, enabled: true, permissions: [...permissions], services };
}

/** Throws a RefusalError (NotFound) that names one that is spelled nearly so. */
export async function infoOf(plugin: string, keeper: Keeper): Promise<Result<'plugin/info'>> {
  const { book, dir, ground } = keeper;
  const all = listPlugins(keeper);
  const status = all.find((one) => one.plugin === plugin);
  if (!status) {
    const near = closest(
      plugin,
      all.map((one) => one.plugin),
    );
    const todo = `${near === undefined ? '' : `Did you mean ${near}? `}kraken plugin list shows all`;
    throw new RefusalError({
      code: CODES.NotFound,
      what: 'there is no such plugin',
      where: `plugin ${plugin}`,
      why: 'it is neither installed nor part of the host',
      todo,
    });
  }
  const installed = book.plugins[plugin];
  const folder = installed ? join(dir, installed.dir) : builtInDir(keeper, plugin);
  const specs = status.problem === undefined ? keeper.specs(status.services) : [];
  const declarations = status.services.flatMap((service) => ground.declared(service) ?? []);
  return {
    status,
    dir: folder,
    ...(installed ? { integrity: installed.integrity, changed: (await hashOf(dir, installed.dir)) !== installed.integrity } : {}),
    confinement: (await Promise.all(specs.map((spec) => confinementOf(spec, ground)))).flat(),
    declares: [...new Set(declarations.flatMap((declaration) => broughtBy(declaration)))],
  };
}

function builtInDir(keeper: Keeper, plugin: string): string {
  return (
    keeper
      .registry()
      .list()
      .find(({ module }) => module === plugin)?.dir ?? ''
  );
}

async function confinementOf(spec: ServiceSpec, ground: Ground): Promise<Result<'plugin/info'>['confinement']> {
  return (await ground.confinement(spec)).map((line) => ({ service: spec.service, ...line }));
}

/** Of the whole of what was installed, packages that it needs with it. */
async function hashOf(dir: string, module: string): Promise<string | undefined> {
  const root = join(dir, ...module.split('/').slice(0, 2));
  return existsSync(root) ? hashTree(root) : undefined;
}
