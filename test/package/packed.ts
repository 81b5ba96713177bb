/** Our packages as strangers get them: packed by npm, and installed by npm, without a network, into a folder that knows nothing of this repository. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** The folders of all packages that are published. */
export const PACKAGES = ['sdk', 'host', 'dashboard', 'ipmi', 'libvirt', 'pxe', 'redfish', 'restapi', 'simulator'].map((name) =>
  name === 'sdk' || name === 'host' ? name : `plugins/${name}`,
);
/** What a stranger's TypeScript needs beside the SDK. */
const TYPES = ['@types/node'];

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly description?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly [member: string]: unknown;
}

export interface Packed {
  readonly name: string;
  readonly version: string;
  /** The path of the tarball. */
  readonly tarball: string;
  /** Bytes of the tarball. */
  readonly size: number;
  readonly files: readonly string[];
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of a person who has never heard of this repository: no loader, no condition, no place of ours. */
export function strangersEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const mine = Object.entries(process.env).filter(([name]) => !/^(?:npm_|KRAKEN_|NODE_OPTIONS$|NODE_TEST_CONTEXT$)/.test(name));
  return { ...Object.fromEntries(mine), NO_COLOR: '1', ...more };
}

export function run(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = strangersEnv()): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { cwd, env, maxBuffer: 1 << 26, timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
    child.stdin?.end();
  });
}

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run('npm', [...args, '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier'], cwd);
  assert.equal(code, 0, `npm ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

export const manifestOf = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;

/** Packs these folders, given from the root of the repository. */
export async function pack(folders: readonly string[], into: string): Promise<Packed[]> {
  type Entry = {
    readonly name: string;
    readonly version: string;
    readonly filename: string;
    readonly size: number;
    readonly files: { path: string }[];
  };
  const stdout = await npm(['pack', '--json', '--pack-destination', into, ...folders.map((folder) => `./${folder}`)], ROOT);
  const found = JSON.parse(stdout) as Entry[] | Record<string, Entry>;
  return Object.values(found).map(({ name, version, filename, size, files }) => ({
    name,
    version,
    size,
    tarball: join(into, filename.replace(/^@/, '').replace('/', '-')),
    files: files.map(({ path }) => path).sort(),
  }));
}

/** The folders of what our packages depend on at run time, found as Node.js finds them: they take the place of the registry. */
function dependencies(): string[] {
  const found = new Map<string, string>();
  const want = (name: string, from: string): void => {
    for (let above = from; above.startsWith(ROOT); above = dirname(above)) {
      const folder = join(above, 'node_modules', name);
      if (!existsSync(join(folder, 'package.json'))) continue;
      if (found.has(folder) || !realpathSync(folder).includes('node_modules')) return;
      found.set(folder, folder.slice(ROOT.length + 1));
      for (const next of Object.keys(manifestOf(folder).dependencies ?? {})) want(next, folder);
      return;
    }
    assert.fail(`${name} is installed nowhere above ${from}`);
  };
  for (const folder of PACKAGES) for (const name of Object.keys(manifestOf(join(ROOT, folder)).dependencies ?? {})) want(name, ROOT);
  for (const name of TYPES) want(name, ROOT);
  return [...found.values()].sort();
}

export interface Empty {
  /** Outside of the repository; gone with the process. */
  readonly folder: string;
  readonly ours: readonly Packed[];
}

/** A folder with our packages installed from their tarballs, and nothing else. */
export async function emptyFolder(): Promise<Empty> {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'kraken-packed-')));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const [tarballs, folder] = [join(scratch, 'tarballs'), join(scratch, 'empty')];
  for (const made of [tarballs, folder]) mkdirSync(made);
  const [ours, theirs] = await Promise.all([pack(PACKAGES, tarballs), pack(dependencies(), tarballs)]);
  writeFileSync(join(folder, 'package.json'), '{"name": "empty", "private": true, "type": "module"}\n');
  await npm(['install', '--offline', '--cache', join(scratch, 'cache'), ...[...ours, ...theirs].map(({ tarball }) => tarball)], folder);
  return { folder, ours };
}
