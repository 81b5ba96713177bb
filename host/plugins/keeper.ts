/** The book of a host, and what its words come to: modules that can be found, services that can be started, schemas. */

import { join } from 'node:path';
import type { Json } from '../core/declaration.ts';
import type { ServiceEntry } from '../core/installing.ts';
import { type FoundModule, readManifest } from '../modules/manifest.ts';
import type { Registry, ServiceSpec } from '../modules/registry.ts';
import { type Book, type InstalledPlugin, pluginsDir, readBook, servicesOf, writeBook } from './book.ts';
import { readExtensions } from './extension.ts';
import type { Ground } from './ground.ts';

export interface KeeperOptions {
  readonly dataDir: string;
  readonly ground: Ground;
  /** With what this book has installed. */
  registry(book: Book): Registry;
}

export class Keeper {
  readonly dir: string;
  readonly ground: Ground;
  readonly #registry: (book: Book) => Registry;
  #book: Book;

  constructor({ dataDir, ground, registry }: KeeperOptions) {
    this.dir = pluginsDir(dataDir);
    this.ground = ground;
    this.#registry = registry;
    this.#book = readBook(this.dir);
  }

  get book(): Book {
    return this.#book;
  }

  /** Durable when it returns. */
  keep(book: Book): void {
    writeBook(this.dir, book);
    this.#book = book;
  }

  registry(book: Book = this.#book): Registry {
    return this.#registry(book);
  }

  /** Undefined: it is not installed. */
  installed(plugin: string, book: Book = this.#book): InstalledPlugin | undefined {
    return Object.hasOwn(book.plugins, plugin) ? book.plugins[plugin] : undefined;
  }

  /** The one of that name that came with the host, whether or not another version of it was installed. */
  builtIn(plugin: string): FoundModule | undefined {
    return this.#registry({ plugins: {}, services: {} })
      .list()
      .find(({ module }) => module === plugin);
  }

  /** The services that are made of a plugin. */
  servicesOf(plugin: string, book: Book = this.#book): string[] {
    return servicesOf(book, this.ground.configured, plugin);
  }

  /** What these services are by a book; the configuration has the last word. Throws a RefusalError. */
  specs(names: readonly string[], book: Book = this.#book): readonly ServiceSpec[] {
    const entries: Record<string, ServiceEntry> = {};
    for (const name of names) {
      const entry = (this.ground.configured[name] ?? book.services[name]) as ServiceEntry | undefined;
      if (entry) entries[name] = entry;
    }
    return this.ground.specs(entries, this.registry(book));
  }

  /** Of an installed extension; undefined: there is none of that name, or its files are gone. Throws a RefusalError. */
  schemasOf(plugin: string): { readonly [member: string]: Json } | undefined {
    const installed = this.installed(plugin);
    const found = installed && readManifest(join(this.dir, installed.dir));
    return found && readExtensions(found);
  }
}
