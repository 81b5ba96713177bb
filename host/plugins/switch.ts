/** The step from what is installed to what was staged. Whatever is interrupted, the book is the old one or the new one. */

import { join, relative } from 'node:path';
import type { Asker } from '../core/installing.ts';
import type { Book, InstalledPlugin } from './book.ts';
import { removeQuietly } from './book.ts';
import type { Keeper } from './keeper.ts';
import type { Staged } from './stage.ts';

/** Where its files lie for good, and the hash of them. */
export interface Placed {
  readonly place: string;
  readonly integrity: string;
}

/** Resolves to the services that run with it. Rejects, and all is as before, where it does not run. */
export async function switchTo(keeper: Keeper, staged: Staged, placed: Placed, asker: Asker): Promise<string[]> {
  const { found, entry } = staged;
  const before = keeper.book;
  const was = keeper.installed(found.module);
  const now = installedOf(keeper, staged, placed, asker);
  const after: Book = {
    plugins: { ...before.plugins, [found.module]: now },
    services: { ...before.services, ...(entry ? { [entry.service]: entry.entry } : {}) },
  };
  const names = keeper.servicesOf(found.module, after);
  if (now.kind === 'extension') await extend(keeper, found.module, after, now.enabled ? staged.schemas : undefined);
  else if (was === undefined && !keeper.builtIn(found.module)) await begin(keeper, after, names, asker);
  else await replace(keeper, after, names, now, asker);
  if (was) removeQuietly(join(keeper.dir, was.dir.split('/').slice(0, 2).join('/')));
  return now.enabled ? names : [];
}

function installedOf(keeper: Keeper, { found, into, options }: Staged, { place, integrity }: Placed, asker: Asker): InstalledPlugin {
  return {
    package: found.package,
    version: found.version,
    kind: found.extensions === undefined ? 'module' : 'extension',
    dir: relative(keeper.dir, join(place, relative(into, found.dir))),
    source: options.source,
    integrity,
    permissions: [...found.permissions],
    enabled: keeper.installed(found.module)?.enabled ?? true,
    installedAt: keeper.ground.now(),
    installedBy: asker.user,
  };
}

/** Schemas can be tried without harm: the book follows. */
async function extend(keeper: Keeper, plugin: string, after: Book, schemas: Staged['schemas']): Promise<void> {
  if (schemas === undefined) return keeper.keep(after);
  const old = schemasBefore(keeper, plugin);
  try {
    await keeper.ground.extend(plugin, schemas);
    keeper.keep(after);
  } catch (error) {
    await keeper.ground.extend(plugin, old);
    throw error;
  }
}

/** Broken ones are nothing to go back to, and are mended by what is installed in their place. */
function schemasBefore(keeper: Keeper, plugin: string): Staged['schemas'] {
  try {
    return keeper.schemasOf(plugin);
  } catch {
    return undefined;
  }
}

/** A first version: it is there when the book says so; where it will not run, it is taken out again. */
async function begin(keeper: Keeper, after: Book, names: readonly string[], asker: Asker): Promise<void> {
  const { book: before, ground } = keeper;
  const specs = keeper.specs(names, after);
  keeper.keep(after);
  try {
    if (ground.isRunning && names.length > 0) asker.progress(`starting ${names.join(', ')}`);
    await ground.run(specs, asker.signal);
  } catch (error) {
    await ground.forget(names);
    keeper.keep(before);
    throw error;
  }
}

/** A later version, of what was installed or of what came with the host: that stays in force until the new one has shown itself. */
async function replace(keeper: Keeper, after: Book, names: readonly string[], now: InstalledPlugin, asker: Asker): Promise<void> {
  const { ground } = keeper;
  if (!ground.isRunning || !now.enabled || names.length === 0) return keeper.keep(after);
  const old = keeper.specs(names);
  const specs = keeper.specs(names, after);
  try {
    asker.progress(`starting ${names.join(', ')} with version ${now.version}`);
    await ground.run(specs, asker.signal);
    asker.progress('watching it');
    await ground.prove(names, asker.signal);
    keeper.keep(after);
  } catch (error) {
    asker.progress('it has not shown itself: going back to the version before');
    const made = names.filter((name) => !old.some(({ service }) => service === name));
    if (made.length > 0) await ground.forget(made);
    await ground.run(old);
    throw error;
  }
}
