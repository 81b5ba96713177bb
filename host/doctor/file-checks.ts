/** The data directory, the configuration, and what is secret in either. */
import { accessSync, constants, existsSync, readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../config.ts';
import { RefusalError } from '../core/refusal.ts';
import { createRegistry, parseServices, type Registry } from '../modules/registry.ts';
import { type Finding, ok, problem, skipped, warning } from './finding.ts';
import { type Config, isAnswering, octal, type Site, statOf } from './site.ts';

const MIB = 1024 * 1024;
const FREE_LEAST = 256 * MIB;
const FREE_GOOD = 2048 * MIB;
const FILES_LEAST = 1000;
/** The clock may have been set meanwhile. */
const CLOCK_SLACK = 60_000;

export function checkData({ paths: { dataDir }, host, uid }: Site): readonly Finding[] {
  const check = 'data';
  const found = statOf(dataDir);
  if (found === 'EACCES') return [skipped(check, `${dataDir} is not for this user: use sudo`)];
  if (found === 'missing')
    return [
      isAnswering(host)
        ? warning(check, `there is no ${dataDir}`, 'The host keeps its data elsewhere: name it with --data-dir')
        : problem(check, `there is no ${dataDir}`, 'Make it with kraken init, or name another with --data-dir'),
    ];
  if (!found.isDirectory()) return [problem(check, `${dataDir} is no directory`, 'Remove it, then: kraken init')];
  const findings: Finding[] = [];
  // Where services have users of their own, without bubblewrap, they pass through it.
  if ((found.mode & 0o066) !== 0)
    findings.push(
      problem(check, `${dataDir} can be entered by others (mode ${octal(found.mode)})`, `chmod 700 ${dataDir}, and look who was there`),
    );
  const foreign = below(dataDir).filter((path) => owner(path) !== found.uid);
  if (foreign.length > 0)
    findings.push(
      problem(
        check,
        `${dataDir} belongs to user ${found.uid}, and ${foreign.join(', ')} to others`,
        `chown -R --reference=${dataDir} ${foreign.join(' ')}`,
      ),
    );
  if (uid !== undefined && uid !== 0 && uid !== found.uid)
    findings.push(
      warning(
        check,
        `${dataDir} belongs to user ${found.uid}, and you are ${uid}`,
        'Run this as that user, or by sudo: what is in it was not looked at',
      ),
    );
  findings.push(...room(check, dataDir));
  return findings.some(({ status }) => status !== 'ok') ? findings.filter(({ status }) => status !== 'ok') : findings;
}

function room(check: string, dataDir: string): readonly Finding[] {
  const { bavail, bsize, files, ffree } = statfsSync(dataDir);
  const free = bavail * bsize;
  const words = `${Math.round(free / MIB)} MiB are free in ${dataDir}`;
  const todo = 'Make room there: a host whose disk is full acknowledges nothing, and stops';
  if (free < FREE_LEAST) return [problem(check, `only ${words}`, todo)];
  if (files > 0 && ffree < FILES_LEAST) return [problem(check, `only ${ffree} more files can be made in ${dataDir}`, todo)];
  if (free < FREE_GOOD) return [warning(check, `only ${words}`, todo)];
  return [ok(check, words)];
}

function below(folder: string): readonly string[] {
  return ['lock', 'store', 'services', 'keys'].map((name) => join(folder, name)).filter((path) => existsSync(path));
}

function owner(path: string): number {
  return statSync(path).uid;
}

/** What was written last is not of tomorrow: a clock that went back makes histories that cannot be read. */
export function checkWritten({ paths: { dataDir }, now }: Site): Finding {
  const journal = join(dataDir, 'store', 'journal');
  if (!existsSync(journal)) return skipped('time', 'nothing was written yet');
  const last = Math.max(0, ...readdirSync(journal).map((name) => statSync(join(journal, name)).mtimeMs));
  if (last > now + CLOCK_SLACK)
    return problem(
      'time',
      `the journal was last written at ${new Date(last).toISOString()}, which is still to come`,
      'Set the clock: see timedatectl',
    );
  return ok('time', 'the clock is after what was written last');
}

/** The file, and what `kraken up` would make of it. */
export function checkConfig({ paths, host }: Site): { readonly config: Config; readonly findings: readonly Finding[] } {
  const check = 'configuration';
  const found = statOf(paths.config);
  if (found === 'EACCES') return { config: undefined, findings: [skipped(check, `${paths.config} is not for this user: use sudo`)] };
  if (found === 'missing') {
    const isChild = isAnswering(host) && host.status.sync?.role === 'child';
    const text = `there is no ${paths.config}`;
    return {
      config: undefined,
      findings: [
        isChild
          ? ok(check, `${text}; this host is a child`)
          : warning(check, `${text}: no service runs`, 'Make it with kraken init, or name another with --config'),
      ],
    };
  }
  const findings: Finding[] = [];
  if ((found.mode & 0o022) !== 0)
    findings.push(
      problem(
        check,
        `others can write ${paths.config} (mode ${octal(found.mode)}), and say what the host runs`,
        `chmod go-w ${paths.config}`,
      ),
    );
  try {
    const config = readConfig(paths.config);
    if (isOpen(found.mode) && hasPlainSecret(config.services))
      findings.push(
        problem(
          check,
          `a password stands in ${paths.config}, which everybody can read`,
          'Put it into a file of mode 0600, and write { file: PATH } in its place',
        ),
      );
    return { config, findings: findings.length > 0 ? findings : [ok(check, paths.config)] };
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    const { where, what, why, todo } = error.refusal;
    return { config: undefined, findings: [...findings, problem(check, `${where}: ${what}: ${why}`, todo)] };
  }
}

const isOpen = (mode: number): boolean => (mode & 0o004) !== 0;
const SECRET_NAME = /pass(?:word|phrase)|secret|token/i;

function hasPlainSecret(value: unknown, name = ''): boolean {
  if (typeof value === 'string') return SECRET_NAME.test(name);
  if (typeof value !== 'object' || value === null || isReference(value)) return false;
  return Object.entries(value).some(([member, inner]) =>
    hasPlainSecret(inner, SECRET_NAME.test(name) && !Array.isArray(value) ? name : member),
  );
}

/** `{ file: PATH }` or `{ env: NAME }`. */
function isReference(value: object): value is { readonly file?: string } {
  const keys = Object.keys(value);
  return keys.length === 1 && (keys[0] === 'file' || keys[0] === 'env');
}

/** Whether each service of the configuration can be made: its module is installed, its words are right. */
export function checkModules(config: Config, registry: () => Registry = createRegistry): readonly Finding[] {
  if (config === undefined) return [skipped('modules', 'there is no configuration to be read')];
  const installed = registry();
  const findings = Object.entries(config.services).flatMap(([service, entry]): Finding[] => {
    try {
      parseServices({ [service]: entry }, installed, '/');
      return [];
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      return [problem('modules', error.refusal.why, error.refusal.todo)];
    }
  });
  const names = Object.keys(config.services);
  return findings.length > 0 ? findings : [ok('modules', names.length === 0 ? 'no service is named' : `installed for ${names.join(', ')}`)];
}

/** Files that the configuration names for secrets. What stands in them is not read. */
export function checkSecrets(config: Config, { paths }: Site): readonly Finding[] {
  if (config === undefined) return [skipped('secret files', 'there is no configuration to be read')];
  const files = [...new Set(filesIn(config.services))];
  if (config.sync.tokenFile !== undefined && existsSync(config.sync.tokenFile)) files.push(config.sync.tokenFile);
  const data = statOf(paths.dataDir);
  const host = typeof data === 'string' ? undefined : data.uid;
  const findings = files.flatMap((file) => secretFile(file, host));
  return findings.length > 0
    ? findings
    : [ok('secret files', files.length === 0 ? 'none is named' : `${files.length}, for the host alone`)];
}

function secretFile(file: string, host: number | undefined): readonly Finding[] {
  const check = 'secret files';
  const found = statOf(file);
  if (found === 'EACCES') return [skipped(check, `${file} is not for this user: use sudo`)];
  if (found === 'missing')
    return [problem(check, `there is no ${file}, which the configuration names`, 'Make it, with mode 0600, or correct its path')];
  if ((found.mode & 0o027) !== 0)
    return [problem(check, `${file} is too open (mode ${octal(found.mode)})`, `chmod 600 ${file}, and change what stands in it`)];
  if (host === undefined || host === 0 || found.uid === host || (found.mode & 0o040) !== 0) return [];
  return [
    problem(check, `${file} belongs to user ${found.uid}, and the host, which is user ${host}, cannot read it`, `chown ${host} ${file}`),
  ];
}

/** Referred to as `{file: PATH}`, and the keys of TLS certificates. */
function filesIn(value: unknown, name = ''): readonly string[] {
  if (typeof value === 'string') return name === 'tls.key' ? [value] : [];
  if (typeof value !== 'object' || value === null) return [];
  if (isReference(value)) return typeof value.file === 'string' ? [value.file] : [];
  return Object.entries(value).flatMap(([member, inner]) => filesIn(inner, name === 'tls' ? `tls.${member}` : member));
}

/** The CA and the host's own key: of the host's user alone, or nothing says who is who. */
export function checkKeys({ paths }: Site): readonly Finding[] {
  const check = 'keys';
  const findings: Finding[] = [];
  let seen = 0;
  for (const folder of [join(paths.dataDir, 'keys'), paths.runDir]) {
    const found = statOf(folder);
    if (found === 'EACCES') findings.push(skipped(check, `${folder} is not for this user: use sudo`));
    if (typeof found === 'string') continue;
    if ((found.mode & 0o022) !== 0)
      findings.push(problem(check, `others can write to ${folder} (mode ${octal(found.mode)})`, `chmod 700 ${folder}, and look who did`));
    if (!canList(folder)) continue;
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      const file = statOf(path);
      if (typeof file === 'string' || !file.isFile()) continue;
      seen += 1;
      if ((file.mode & 0o077) === 0 || !/\.key$|session|master/.test(name)) continue;
      const whole =
        name === 'ca.key'
          ? 'Whoever read it can play any host of this cluster: make a new CA'
          : 'Revoke what it stands for (kraken node revoke)';
      findings.push(problem(check, `${path} is open to others (mode ${octal(file.mode)})`, `${whole}; chmod 600 ${path}`));
    }
  }
  if (findings.length > 0) return findings;
  return [seen === 0 ? skipped(check, 'there are none: no hosts on nodes are let in') : ok(check, `${seen} files, for the host alone`)];
}

function canList(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
