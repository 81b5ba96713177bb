/** By what modules are confined on this machine: found once, by really running it. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemMounts } from './system.ts';
import { bubblewrapWords, setprivWords } from './words.ts';

/** Not the PATH of whoever starts the host: what confines is not chosen by it. */
const PLACES = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];
const PROBE_LIMIT = 5_000;
/** More than the probe itself needs, so that it fails here and not with the first service (capabilities(7), by number). */
const ROOT_NEEDS = { CHOWN: 0, DAC_OVERRIDE: 1, FOWNER: 3, KILL: 5, SETGID: 6, SETUID: 7, SETPCAP: 8 } as const;
const NET_BIND_SERVICE = 10;
const FILES_MOST = 65_536;
/** The first of the ids that no distribution gives to anybody; the probe takes it for a moment. */
export const FIRST_UID = 60_706;

export interface Tools {
  readonly bwrap?: string;
  readonly setpriv?: string;
  readonly unshare?: string;
  readonly prlimit?: string;
}

export interface Mechanism {
  readonly kind: 'bubblewrap' | 'setpriv' | 'none';
  readonly tools: Tools;
  /** Services get users of their own. */
  readonly ownUsers: boolean;
  /** Services without the permission `net` are given a network without anybody in it. */
  readonly network: boolean;
  /** The host may open ports below 1024. */
  readonly lowPorts: boolean;
  readonly isRoot: boolean;
  /** bubblewrap 0.5 or later: files can be given with a mode. */
  readonly modes: boolean;
  /** Open files of one process at most. */
  readonly files: number;
  /** Why it is no better than that, in words, with what to do; empty = it is the best. */
  readonly why: string;
}

export interface ProbeFrom {
  readonly places?: readonly string[];
  readonly uid?: number;
  /** The text of /proc/self/status and /proc/self/limits. */
  readonly status?: string;
  readonly limits?: string;
}

/** Runs what is there with the arguments that modules will get. Never rejects. */
export async function probe(from: ProbeFrom = {}): Promise<Mechanism> {
  const tools = findTools(from.places ?? PLACES);
  const isRoot = (from.uid ?? process.getuid?.()) === 0;
  const capabilities = capabilitiesOf(from.status ?? read('/proc/self/status'));
  const lacks = Object.entries(ROOT_NEEDS).flatMap(([name, bit]) => (has(capabilities, bit) ? [] : [`CAP_${name}`]));
  const files = filesMost(from.limits ?? read('/proc/self/limits'));
  const lowPorts = isRoot || has(capabilities, NET_BIND_SERVICE);
  const base: Mechanism = { kind: 'none', tools, ownUsers: false, network: false, lowPorts, isRoot, modes: false, files, why: '' };
  const bwrap = await tryBubblewrap(base, lacks);
  if (typeof bwrap !== 'string') return bwrap;
  const setpriv = await trySetpriv(base, lacks);
  if (typeof setpriv !== 'string') return { ...setpriv, why: [bwrap, setpriv.why].filter((one) => one !== '').join('; ') };
  return { ...base, why: `${bwrap}; ${setpriv}` };
}

async function tryBubblewrap(base: Mechanism, lacks: readonly string[]): Promise<Mechanism | string> {
  const { bwrap, setpriv } = base.tools;
  if (bwrap === undefined) return 'bubblewrap is not installed (its package is bubblewrap; then restart the host)';
  if (setpriv === undefined) return 'setpriv of util-linux is not installed, which bubblewrap needs here';
  if (base.isRoot && lacks.length > 0) return `bubblewrap cannot be used: the host was not given ${lacks.join(', ')}`;
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec((await run([bwrap, '--version'])).out) ?? [];
  const modes = Number(major) > 0 || Number(minor) >= 5;
  const mechanism: Mechanism = { ...base, kind: 'bubblewrap', ownUsers: base.isRoot, network: true, modes };
  const plan = { user: base.isRoot ? { uid: FIRST_UID, gid: FIRST_UID } : undefined, network: false, ports: false, cwd: '/tmp' };
  const failed = (await run(bubblewrapWords(mechanism, { ...plan, mounts: systemMounts(false), hidden: [], copies: [] }, [trueOf()])))
    .failed;
  if (failed === undefined) return mechanism;
  const todo = base.isRoot
    ? ''
    : ' (user namespaces are not allowed here: see kernel.unprivileged_userns_clone, user.max_user_namespaces, AppArmor, RestrictNamespaces= of a unit)';
  return `bubblewrap does not work here: ${failed}${todo}`;
}

async function trySetpriv(base: Mechanism, lacks: readonly string[]): Promise<Mechanism | string> {
  const { setpriv, unshare } = base.tools;
  if (setpriv === undefined) return 'setpriv is not installed (its package is util-linux)';
  const plan = { mounts: [], hidden: [], copies: [], network: true, ports: false, cwd: '/' };
  const tried = (mechanism: Mechanism, more: object): Promise<{ readonly failed?: string }> =>
    run(setprivWords(mechanism, { ...plan, user: undefined, ...more }, [trueOf()]));
  const bare: Mechanism = { ...base, kind: 'setpriv' };
  const own: Mechanism = { ...bare, ownUsers: true };
  let why = base.isRoot ? `the host was not given ${lacks.join(', ')}: services have no users of their own` : '';
  if (base.isRoot && lacks.length === 0) {
    const [users, network] = await Promise.all([
      tried(own, { user: { uid: FIRST_UID, gid: FIRST_UID } }),
      unshare === undefined ? { failed: 'unshare is not installed' } : run([unshare, '--net', '--', trueOf()]),
    ]);
    const noNetwork = network.failed === undefined ? '' : `the network cannot be taken away: ${network.failed}`;
    if (users.failed === undefined) return { ...own, network: network.failed === undefined, why: noNetwork };
    why = `users of their own cannot be given: ${users.failed}`;
  }
  const { failed } = await tried(bare, {});
  return failed === undefined ? { ...bare, why } : `setpriv does not work here: ${failed}`;
}

function findTools(places: readonly string[]): Tools {
  const find = (name: string): object => {
    const found = places.map((place) => join(place, name)).find((path) => existsSync(path));
    return found === undefined ? {} : { [name]: found };
  };
  return Object.assign({}, ...['bwrap', 'setpriv', 'unshare', 'prlimit'].map(find));
}

const trueOf = (): string => ['/usr/bin/true', '/bin/true'].find((path) => existsSync(path)) ?? 'true';

function run(words: readonly string[]): Promise<{ readonly out: string; readonly failed?: string }> {
  const [file = '', ...args] = words;
  return new Promise((resolve) => {
    const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' };
    const child = execFile(file, args, { cwd: '/', env, timeout: PROBE_LIMIT, killSignal: 'SIGKILL' }, (error, out, err) => {
      if (error === null) return resolve({ out });
      const said = err.trim().split('\n').at(-1) || (error.killed ? `no answer in ${PROBE_LIMIT / 1000} s` : `it ended with ${error.code}`);
      resolve({ out, failed: said });
    });
    child.stdin?.end();
  });
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

const capabilitiesOf = (status: string): bigint => BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
const has = (capabilities: bigint, bit: number): boolean => ((capabilities >> BigInt(bit)) & 1n) === 1n;

function filesMost(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? FILES_MOST : Math.min(Number(hard), FILES_MOST);
}
