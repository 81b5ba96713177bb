/** Folders of fixtures, refusals held against words, and a host that is not there: it writes down what is asked of it, and fails when told. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ServiceDeclaration } from '../../host/core/declaration.ts';
import type { Asker } from '../../host/core/installing.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { installedRegistry } from '../../host/installed.ts';
import type { FoundModule } from '../../host/modules/manifest.ts';
import { parseServices, type Registry, type ServiceSpec } from '../../host/modules/registry.ts';
import type { Book, InstalledPlugin } from '../../host/plugins/book.ts';
import type { Ground } from '../../host/plugins/ground.ts';
import type { KeeperOptions } from '../../host/plugins/keeper.ts';

export function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kraken-plugins-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Files by their path; what is no text is written as JSON. */
export function put(dir: string, files: { readonly [path: string]: unknown }): string {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return dir;
}

/** All that lies below a folder. */
export const namesIn = (...path: string[]): string[] =>
  existsSync(join(...path)) ? readdirSync(join(...path), { recursive: true, encoding: 'utf8' }).sort() : [];

/** A refusal tells what, where, why and what to do; and among them these words. */
export const refused =
  (...words: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof RefusalError, `no refusal: ${String(error)}`);
    const { what, where, why, todo } = error.refusal;
    for (const [name, part] of Object.entries({ what, where, why, todo })) assert.ok(part, `it does not say ${name}: ${error.message}`);
    for (const word of words) assert.match(error.message, word);
    return true;
  };

export const entry = (dir: string, more: Partial<InstalledPlugin> = {}): InstalledPlugin => ({
  ...{ package: '@site/pdu', version: '1.0.0', kind: 'module', dir, source: '/src/pdu', integrity: 'sha256-x' },
  ...{ permissions: [], enabled: true, installedAt: 7, installedBy: 'ada' },
  ...more,
});

/** A plugin in the store, as it lies after an installation. */
export function installed(data: string, name: string, version: string, manifest: object = { main: 'main.mjs' }): string {
  const dir = `store/${name}-${version}-aa/node_modules/@site/${name}`;
  put(join(data, 'plugins', dir), {
    'package.json': { name: `@site/${name}`, version, kraken: { protocol: 1, ...manifest } },
    'main.mjs': `// ${version}\n`,
    'rack.json': { type: 'string' },
  });
  return dir;
}

type Deed = 'run' | 'configure' | 'prove' | 'forget' | 'halt' | 'extend';

export class FakeGround implements Ground {
  isRunning = true;
  configured: Ground['configured'] = {};
  /** What was asked, in order: `run pdu@1.0.0`. */
  readonly calls: string[] = [];
  /** The n-th call of its kind fails, from 1. */
  readonly fails: { [deed in Deed]?: number } = {};
  /** While a deed is under way. */
  during: (call: string) => void | Promise<void> = () => undefined;
  readonly #counts = new Map<Deed, number>();
  readonly #data: string;

  constructor(data: string) {
    this.#data = data;
  }

  now = (): number => 42;
  foresee: Ground['foresee'] = () => ({ conflicts: [], ways: [] });
  declared = (): ServiceDeclaration | undefined => undefined;
  specs: Ground['specs'] = (entries, registry) => parseServices(entries, registry, join(this.#data, 'services'));
  confinement: Ground['confinement'] = async () => [];
  trying: Ground['trying'] =
    async () =>
    ({ command }) => ({ command, files: [], isNamespaced: false });
  run = (specs: readonly ServiceSpec[], signal?: AbortSignal): Promise<void> => this.#deed('run', specs.map(versionOf), signal);
  configure = (spec: ServiceSpec, signal?: AbortSignal): Promise<void> =>
    this.#deed('configure', [spec.service, JSON.stringify(spec.config)], signal);
  prove = (services: readonly string[], signal: AbortSignal): Promise<void> => this.#deed('prove', services, signal);
  forget = (services: readonly string[]): Promise<void> => this.#deed('forget', services);
  halt = (specs: readonly ServiceSpec[], why: string): Promise<void> => this.#deed('halt', [...specs.map(versionOf), why]);
  extend: Ground['extend'] = (plugin, schemas) => this.#deed('extend', [plugin, Object.keys(schemas ?? {}).join() || 'nothing']);

  async #deed(deed: Deed, words: readonly string[], signal?: AbortSignal): Promise<void> {
    const count = (this.#counts.get(deed) ?? 0) + 1;
    this.#counts.set(deed, count);
    const call = [deed, ...words].join(' ');
    this.calls.push(call);
    await this.during(call);
    signal?.throwIfAborted();
    if (this.fails[deed] === count)
      throw new RefusalError({ code: -32000, what: `${deed} failed`, where: 'ground', why: 'it was told to', todo: 'Nothing' });
  }
}

/** `SERVICE@VERSION`, by the files that it would be run from. */
const versionOf = ({ service, command }: ServiceSpec): string => `${service}@${/-([\d.]+)-aa/.exec(command.join(' '))?.[1] ?? 'own'}`;

/** Came with the host. */
const BUILT_IN: FoundModule = {
  ...{ module: 'sim', version: '0.1.0', dir: '/host/sim', command: ['/host/sim/main.js'], permissions: [], package: '@kraken-hpc/sim' },
};
const OWN: Registry = {
  list: () => [BUILT_IN],
  find: (module) => {
    if (module === 'sim') return BUILT_IN;
    throw new RefusalError({ code: -32000, what: 'there is no such module', where: module, why: 'known is: sim', todo: 'Correct it' });
  },
};

export const options = (dataDir: string, ground: Ground): KeeperOptions => ({
  ...{ dataDir, ground, registry: (book: Book) => installedRegistry(OWN, book, dataDir) },
});

/** Whoever asks; with `abortAt` they go away at the n-th thing that they are told. */
export function asker(abortAt = 0): Asker & { readonly told: string[] } {
  const told: string[] = [];
  const ended = new AbortController();
  const progress = (text: string): void => {
    if (told.push(text) === abortAt) ended.abort(new Error('gone'));
  };
  return { user: 'ada', signal: ended.signal, told, progress };
}

/** The list as it lies on disk, without this release's way of writing it. */
export const onDisk = (data: string): Book => JSON.parse(readFileSync(join(data, 'plugins', 'plugins.json'), 'utf8')) as Book;

export const executable = (path: string): void => chmodSync(path, 0o755);
