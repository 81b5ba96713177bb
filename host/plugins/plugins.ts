/**
 * The plugins of a host: fetched, tried and shown before anything is changed; then switched in one step. Whatever is interrupted, the
 * list (book.ts) is the old one or the new one, and what it names is whole.
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CODES, type Result } from '@kraken-hpc/sdk/wire';
import type { Asker, ServiceChange, ServiceEntry, StageOptions } from '../core/installing.ts';
import { RefusalError } from '../core/refusal.ts';
import { type Book, type InstalledPlugin, moduleOf, removeQuietly, stagesDir, storeDir, sweep, syncDir } from './book.ts';
import { Keeper, type KeeperOptions } from './keeper.ts';
import { infoOf, listPlugins } from './list.ts';
import { type Staged, stagePlugin } from './stage.ts';
import { switchTo } from './switch.ts';
import { hashTree, syncTree } from './tree.ts';

export class Plugins {
  readonly #keeper: Keeper;
  readonly #stages = new Map<string, Staged>();
  /** What is under way; one thing at a time. */
  #busy: string | undefined;

  constructor(options: KeeperOptions) {
    this.#keeper = new Keeper(options);
  }

  list(): Result<'plugin/list'> {
    return { plugins: listPlugins(this.#keeper) };
  }

  info(plugin: string): Promise<Result<'plugin/info'>> {
    return infoOf(plugin, this.#keeper);
  }

  /** Fetches it, tries it, and tells what it would mean. Nothing is changed. */
  stage(options: StageOptions, asker: Asker): Promise<Result<'plugin/stage'>> {
    return this.#alone(`${asker.user} installs ${options.source}`, async () => {
      const { dir, book } = this.#keeper;
      if (this.#stages.size === 0) sweep(dir, book);
      const id = randomBytes(6).toString('hex');
      const into = join(stagesDir(dir), id);
      mkdirSync(into, { recursive: true, mode: 0o755 });
      try {
        const staged = await stagePlugin({ ...options, id, into, keeper: this.#keeper, asker });
        asker.signal.throwIfAborted();
        this.#stages.set(id, staged);
        return { stage: id, report: staged.report };
      } catch (error) {
        rmSync(into, { recursive: true, force: true });
        throw error;
      }
    });
  }

  /** Forgets what was staged. */
  abandon(id: string): void {
    if (!this.#stages.delete(id)) return;
    rmSync(join(stagesDir(this.#keeper.dir), id), { recursive: true, force: true });
  }

  /** Switches to what was staged. Rejects, and is as before, where it does not run. */
  async commit(id: string, asker: Asker): Promise<Result<'plugin/commit'>> {
    const staged = this.#stages.get(id);
    if (!staged)
      throw refuse(CODES.NotFound, 'it cannot be installed', `stage ${id}`, 'it was never staged, or forgotten since', 'Install it again');
    return this.#alone(`${asker.user} installs ${staged.found.module}`, async () => {
      mustBeGood(staged);
      this.#stages.delete(id);
      const store = storeDir(this.#keeper.dir);
      const { module, version } = staged.found;
      const place = join(store, `${module}-${version}-${id}`);
      try {
        asker.progress('writing it to disk');
        const integrity = await hashTree(staged.into);
        await syncTree(staged.into);
        asker.signal.throwIfAborted();
        mkdirSync(store, { recursive: true, mode: 0o755 });
        renameSync(staged.into, place);
        syncDir(store);
        const services = await switchTo(this.#keeper, staged, { place, integrity }, asker);
        return { plugin: module, version, services };
      } catch (error) {
        rmSync(staged.into, { recursive: true, force: true });
        rmSync(place, { recursive: true, force: true });
        throw error;
      }
    });
  }

  /** Stops its services, forgets them and it. Where the host has one of that name of its own, its services run with that again. */
  remove(plugin: string, asker: Asker): Promise<void> {
    return this.#alone(`${asker.user} removes ${plugin}`, async () => {
      const { ground, book, dir } = this.#keeper;
      const installed = this.#installed(plugin);
      const { [plugin]: _gone, ...plugins } = book.plugins;
      const place = join(dir, installed.dir.split('/').slice(0, 2).join('/'));
      if (this.#keeper.builtIn(plugin)) {
        const after = { ...book, plugins };
        const specs = this.#keeper.specs(this.#keeper.servicesOf(plugin), after);
        this.#keeper.keep(after);
        await ground.run(specs, asker.signal).finally(() => removeQuietly(place));
        return;
      }
      const configured = Object.entries(ground.configured).flatMap(([name, entry]) => (moduleOf(name, entry) === plugin ? [name] : []));
      if (configured.length > 0) {
        const why = `the configuration makes ${configured.join(', ')} of it`;
        const todo = 'Take that out of the configuration first, and restart the host';
        throw refuse(CODES.Conflict, 'it is not removed', `plugin ${plugin}`, why, todo);
      }
      const names = this.#keeper.servicesOf(plugin);
      const services = Object.fromEntries(Object.entries(book.services).filter(([name]) => !names.includes(name)));
      this.#keeper.keep({ plugins, services });
      if (installed.kind === 'extension') await ground.extend(plugin, undefined);
      await ground.forget(names);
      removeQuietly(place);
    });
  }

  enable(plugin: string, enabled: boolean, asker: Asker): Promise<void> {
    return this.#alone(`${asker.user} ${enabled ? 'enables' : 'disables'} ${plugin}`, async () => {
      const { ground, book } = this.#keeper;
      const installed = this.#installed(plugin);
      if (installed.enabled === enabled) return;
      const after: Book = { ...book, plugins: { ...book.plugins, [plugin]: { ...installed, enabled } } };
      const specs = this.#keeper.specs(this.#keeper.servicesOf(plugin));
      const schemas = enabled ? this.#keeper.schemasOf(plugin) : undefined;
      // What somebody wants is written down first: where it does not come up, it is for the next start, or for them.
      this.#keeper.keep(after);
      if (installed.kind === 'extension') await ground.extend(plugin, schemas);
      else if (enabled) await ground.run(specs, asker.signal);
      else await ground.halt(specs, `${asker.user} disabled its plugin`);
    });
  }

  /** Another instance of a module. */
  create(service: string, entry: ServiceEntry, asker: Asker): Promise<void> {
    return this.#alone(`${asker.user} creates ${service}`, async () => {
      const { ground, book } = this.#keeper;
      const no = (why: string, todo: string): RefusalError => refuse(CODES.Conflict, 'it is not created', `service ${service}`, why, todo);
      const other = 'Give it another name, or remove that one';
      if (Object.hasOwn(ground.configured, service)) throw no('the configuration makes one of that name', other);
      if (Object.hasOwn(book.services, service)) throw no('there is one of that name', other);
      if (this.#keeper.installed(entry.module)?.enabled === false)
        throw no(`the plugin ${entry.module} is disabled`, `First: kraken plugin enable ${entry.module}`);
      const after = { ...book, services: { ...book.services, [service]: entry } };
      const specs = this.#keeper.specs([service], after);
      this.#keeper.keep(after);
      try {
        if (ground.isRunning) asker.progress(`starting ${service}`);
        await ground.run(specs, asker.signal);
      } catch (error) {
        await ground.forget([service]);
        this.#keeper.keep(book);
        throw error;
      }
    });
  }

  /** Changes one that was made here. Rejects, and all is as before, where it does not run so. */
  set(service: string, change: ServiceChange, asker: Asker): Promise<void> {
    return this.#alone(`${asker.user} changes ${service}`, async () => {
      const { ground, book } = this.#keeper;
      const was = this.#made(service, 'it is not changed', 'Change it there');
      const entry: ServiceEntry = { ...was, ...change };
      const after = { ...book, services: { ...book.services, [service]: entry } };
      const [before, spec] = [this.#keeper.specs([service])[0], this.#keeper.specs([service], after)[0]];
      const isOff = this.#keeper.installed(was.module)?.enabled === false;
      if (!ground.isRunning || isOff || !before || !spec) return this.#keeper.keep(after);
      const isConfig = Object.keys(change).join() === 'config';
      asker.progress(isConfig ? `giving ${service} its config` : `starting ${service} anew`);
      if (isConfig) await ground.configure(spec, asker.signal);
      try {
        if (!isConfig) await ground.run([spec], asker.signal);
        this.#keeper.keep(after);
      } catch (error) {
        await ground.run([before]);
        throw error;
      }
    });
  }

  delete(service: string, asker: Asker): Promise<void> {
    return this.#alone(`${asker.user} removes ${service}`, async () => {
      const { ground, book } = this.#keeper;
      this.#made(service, 'it is not removed', 'Take it out of the configuration');
      const { [service]: _entry, ...services } = book.services;
      this.#keeper.keep({ ...book, services });
      await ground.forget([service]);
    });
  }

  /** A service of the book: those of the configuration are changed there. */
  #made(service: string, what: string, there: string): ServiceEntry {
    const { ground, book } = this.#keeper;
    const entry = Object.hasOwn(book.services, service) ? book.services[service] : undefined;
    if (entry) return entry;
    const isConfigured = Object.hasOwn(ground.configured, service);
    const why = isConfigured ? 'the configuration makes it' : 'there is no such service';
    const todo = isConfigured ? `${there}, and restart the host` : 'kraken service list shows all';
    throw refuse(isConfigured ? CODES.Conflict : CODES.NotFound, what, `service ${service}`, why, todo);
  }

  #installed(plugin: string): InstalledPlugin {
    const { plugins } = this.#keeper.book;
    const found = this.#keeper.installed(plugin);
    if (found) return found;
    const isBuiltIn = this.#keeper
      .registry()
      .list()
      .some(({ module }) => module === plugin);
    const names = Object.keys(plugins).sort().join(', ') || 'none';
    const why = isBuiltIn ? 'it came with the host, and goes with it' : `installed are: ${names}`;
    const what = isBuiltIn ? 'it was not installed' : 'there is no such plugin';
    throw refuse(CODES.NotFound, what, `plugin ${plugin}`, why, 'kraken plugin list shows all');
  }

  async #alone<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy !== undefined)
      throw refuse(CODES.Conflict, 'another installation is under way', 'plugins', this.#busy, 'Wait until it is done');
    this.#busy = what;
    try {
      return await work();
    } finally {
      this.#busy = undefined;
    }
  }
}

function mustBeGood({ report, found }: Staged): void {
  const { failed } = report.checks;
  const no = (code: number, why: string, todo: string): RefusalError =>
    refuse(code, 'it is not installed', `plugin ${found.module}`, why, todo);
  if (failed.length > 0) {
    const why = `it does not keep to the protocol: ${failed.map(({ id }) => id).join(', ')}`;
    throw no(CODES.InvalidValue, why, 'Look: kraken plugin check; tell its author');
  }
  if (report.conflicts.length > 0)
    throw no(CODES.Contradiction, report.conflicts.join('; '), 'Say which nodes it serves with --serves, or remove the other');
}

function refuse(code: number, what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code, what, where, why, todo });
}
