/** npm's own client: fetches a package and all that it needs, checks what the registry says of them, and locks what it took. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import { execa } from 'execa';
import { RefusalError } from '../core/refusal.ts';

/** What npm reads of the environment: where its configuration and its cache are, and how the network is reached. */
const PASSED =
  /^(?:PATH|HOME|LANG|TZ|TMPDIR|XDG_.*|NPM_CONFIG_.*|npm_config_.*|HTTPS?_PROXY|https?_proxy|NO_PROXY|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_.*)$/;
const LIMIT = 10 * 60_000;

export interface NpmInstall {
  /** A package.json is made here, a node_modules, and a package-lock.json with the integrity of every package. */
  readonly dir: string;
  readonly spec: string;
  /** Scripts of packages are programs of strangers: they are not run unless somebody said so. */
  readonly allowScripts: boolean;
  readonly signal: AbortSignal;
}

/** Rejects with a RefusalError that has npm's own words. */
export async function npmInstall({ dir, spec, allowScripts, signal }: NpmInstall): Promise<void> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED.test(name)));
  const flags = ['--no-audit', '--no-fund', '--no-progress', '--omit=dev', '--save-exact', '--no-update-notifier', '--loglevel=error'];
  // npm's own pauses come to more than a minute: somebody waits for an answer.
  const retries = ['--fetch-retries=2', '--fetch-retry-mintimeout=500', '--fetch-retry-maxtimeout=2000'];
  const result = await execa('npm', ['install', ...flags, ...retries, `--ignore-scripts=${!allowScripts}`, '--', spec], {
    cwd: dir,
    env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: LIMIT,
    cancelSignal: signal,
    forceKillAfterDelay: 2000,
  });
  signal.throwIfAborted();
  if (!result.failed) return;
  const isMissing = result.code === 'ENOENT';
  const isNoise = /^npm (?:error|ERR!)\s*$|^npm \S+\s+at |complete log of this run/i;
  const words = `${result.stderr}`.split('\n').filter((line) => line.trim() !== '' && !isNoise.test(line));
  throw new RefusalError({
    code: isMissing ? CODES.NotReady : CODES.InvalidValue,
    what: 'it could not be fetched',
    where: spec,
    why: isMissing
      ? 'there is no program npm here'
      : words
          .slice(0, 6)
          .join(' ')
          .replaceAll(/npm (?:error|ERR!) ?/g, '')
          .trim() || 'npm failed without a word',
    todo: isMissing
      ? 'Install npm, or install the plugin from a folder'
      : 'Correct the name, or see that the registry can be reached; a folder needs neither',
  });
}

/** What npm locked in this folder, `NAME@VERSION` to its integrity: of a registry, whose versions are for ever the same. */
function lockedIn(dir: string): ReadonlyMap<string, string> {
  const file = join(dir, 'package-lock.json');
  if (!existsSync(file)) return new Map();
  interface Entry {
    readonly version?: string;
    readonly integrity?: string;
    readonly resolved?: string;
  }
  const { packages = {} } = JSON.parse(readFileSync(file, 'utf8')) as { readonly packages?: Readonly<Record<string, Entry>> };
  return new Map(
    Object.entries(packages).flatMap(([place, { version, integrity, resolved }]) =>
      integrity === undefined || /^(?:file|git)\b/.test(resolved ?? '')
        ? []
        : [[`${place.replace(/^.*node_modules\//, '')}@${version}`, integrity] as const],
    ),
  );
}

/** Throws a RefusalError where a registry gave other bytes for a version than the installed plugin has of it. */
export function mustAgree(before: string, now: string): void {
  const were = lockedIn(before);
  for (const [name, integrity] of lockedIn(now)) {
    const was = were.get(name);
    if (was === undefined || was === integrity) continue;
    throw new RefusalError({
      code: CODES.Conflict,
      what: 'it is not installed',
      where: name,
      why: `the registry gives other bytes for it than those that are installed (${integrity}, not ${was})`,
      todo: 'A version never changes: ask who published it; if it is right, remove the plugin and install it again',
    });
  }
}
