/** What `kraken plugin check` is given: a plugin's folder, or a command line. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import { RefusalError } from '../core/refusal.ts';
import { Schemas } from '../documents/schemas.ts';
import { resolveConfig } from '../modules/config.ts';
import { readManifest } from '../modules/manifest.ts';
import { type ConformanceReport, checkConformance, type Verdict } from './check.ts';
import { readSchema } from './schema-file.ts';

export interface PluginCheck {
  /** A folder, or a command line, word by word. */
  readonly words: readonly string[];
  readonly config: unknown;
  /** Beside those of the manifest. */
  readonly permissions: readonly string[];
  readonly signal: AbortSignal;
}

/** Throws a RefusalError where there is nothing that could be checked. */
export async function checkPlugin({ words, config, permissions, signal }: PluginCheck): Promise<ConformanceReport> {
  const [first = ''] = words;
  const folder = words.length === 1 && isFolder(first) ? resolve(first) : undefined;
  const found = folder === undefined ? undefined : readManifest(folder);
  if (folder !== undefined && !found)
    throw new RefusalError({
      code: CODES.NotFound,
      what: 'it is not checked',
      where: folder,
      why: 'there is neither a package.json with a "kraken" key nor a module.json',
      todo: 'Name a plugin folder, or a command: kraken plugin check -- python3 module.py',
    });
  if (found?.extensions) return extension(found.module, found.extensions);
  const command = found?.command ?? words.map((word) => (isFile(word) ? resolve(word) : word));
  const module = found?.module ?? nameOf(words);
  const { config: resolved } = await resolveConfig(module, (config ?? {}) as never);
  const cwd = mkdtempSync(join(tmpdir(), 'kraken-check-'));
  try {
    const allowed = [...new Set([...(found?.permissions ?? []), ...permissions])];
    return await checkConformance({ command, module, config: resolved, permissions: allowed, signal, folder: (name) => join(cwd, name) });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

/** A plugin of schemas alone: each must be one that a host can take in. */
function extension(module: string, files: Readonly<Record<string, string>>): ConformanceReport {
  const verdicts = Object.entries(files).map(([member, file]): Verdict => {
    const id = `extension.${member}`;
    const sentence = `The schema of /${member} is JSON Schema that a host can take in.`;
    try {
      new Schemas().add(module, { extensions: { [member]: readSchema(file) } });
      return { id, sentence, verdict: 'pass' };
    } catch (error) {
      return { id, sentence, verdict: 'fail', why: error instanceof Error ? error.message : String(error), transcript: [] };
    }
  });
  return { verdicts, failed: verdicts.filter(({ verdict }) => verdict === 'fail').length };
}

/** A service's name, as far as the command shows one. */
function nameOf(words: readonly string[]): string {
  const word = words.findLast((one) => isFile(one)) ?? words[0] ?? '';
  const name = basename(word)
    .replace(/\.[^.]*$/, '')
    .replaceAll(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, 60);
  return /^[A-Za-z]/.test(name) ? name : 'module';
}

const statOf = (path: string) => statSync(path, { throwIfNoEntry: false });
const isFolder = (path: string): boolean => statOf(path)?.isDirectory() === true;
const isFile = (path: string): boolean => statOf(path)?.isFile() === true;
