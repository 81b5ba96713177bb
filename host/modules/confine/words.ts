/** The arguments of bubblewrap and of setpriv, as functions of what a service is to have: no file is looked at here. */
import { dirname } from 'node:path';
import type { Mechanism } from './mechanism.ts';
import { isSystem } from './places.ts';

/** What is seen at `dest` is what lies at `src`. */
export interface Mount {
  readonly src: string;
  readonly dest: string;
  /** A device node, which a plain mount would make unusable. */
  readonly isDevice?: boolean;
  /** A symbolic link to `src`. */
  readonly isLink?: boolean;
}

/** What one service is given. */
export interface Given {
  /** Absent: the host's own user, without its privileges. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly network: boolean;
  /** Those below 1024 may be opened. */
  readonly ports: boolean;
  readonly cwd: string;
  /** Read-only, in this order; what lies in another comes after it. */
  readonly mounts: readonly Mount[];
  /** Directories that are to look empty, and what is to be seen in them all the same. */
  readonly hidden: readonly string[];
  readonly within?: readonly Mount[];
  /** Files that its user could not read: copies of them, by the number of the open file that each is read from. */
  readonly copies: readonly { readonly fd: number; readonly dest: string }[];
}

/** Threads of all processes of one user; Node.js has a dozen. */
const TASKS_MOST = 1024;
/** Writable for everybody, and empty. An old bubblewrap cannot make them so: there its own directory is /tmp. */
const MADE = ['/proc', '/dev', '/tmp', '/dev/shm', '/sys'];
const OPEN = ['/tmp', '/dev/shm'];
const TMP = 256 * 1024 * 1024;

/** Empty root, then what is seen. As root the mounts are made with root's privileges, which end with setpriv. */
export function bubblewrapWords(mechanism: Mechanism, given: Given, command: readonly string[]): string[] {
  const { bwrap = '', setpriv = '' } = mechanism.tools;
  // It enters the service's directory before setpriv makes it the service's user; setpriv leaves none of them.
  const root = ['SETUID', 'SETGID', 'SETPCAP', 'DAC_READ_SEARCH', ...(given.ports ? ['NET_BIND_SERVICE'] : [])];
  return [
    // Without its capabilities, as bubblewrap refuses to start with some but not all.
    ...(mechanism.isRoot || !mechanism.lowPorts ? [] : [setpriv, '--inh-caps=-all', '--ambient-caps=-all', '--']),
    bwrap,
    ...['--unshare-ipc', '--unshare-pid', '--unshare-uts'],
    ...(given.network ? [] : ['--unshare-net']),
    '--die-with-parent',
    ...['--cap-drop', 'ALL'],
    ...(mechanism.isRoot ? root.flatMap((name) => ['--cap-add', `CAP_${name}`]) : []),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...(mechanism.modes
      ? OPEN.flatMap((place) => ['--size', String(TMP), '--perms', '1777', '--tmpfs', place])
      : ['--bind', given.cwd, '/tmp']),
    ...foldersFor(given.mounts.map(({ dest }) => dest)),
    ...given.mounts.flatMap(mountWords),
    ...given.hidden.flatMap((path) => ['--tmpfs', path]),
    ...foldersFor([...(given.within ?? []), ...given.copies, { dest: given.cwd }].map(({ dest }) => dest)),
    ...(given.within ?? []).flatMap(mountWords),
    ...given.copies.flatMap(({ fd, dest }) => ['--perms', '0444', '--ro-bind-data', String(fd), dest]),
    ...(given.cwd === '/tmp' ? [] : ['--bind', given.cwd, given.cwd]),
    ...['--chdir', given.cwd],
    '--',
    ...limited(mechanism, given, [...privileges(mechanism, given), ...command]),
  ];
}

/** No new privileges, no capabilities, a user of its own where the host is root; an empty network where it can be had. */
export function setprivWords(mechanism: Mechanism, given: Given, command: readonly string[]): string[] {
  const { unshare = '' } = mechanism.tools;
  return [
    ...(given.network || !mechanism.network ? [] : [unshare, '--net', '--']),
    ...limited(mechanism, given, [...privileges(mechanism, given), ...command]),
  ];
}

/** Those that bubblewrap makes by itself would be root's alone. What is in a mount is there already. */
function foldersFor(places: readonly string[]): string[] {
  const above = new Set<string>();
  for (const place of places) for (let at = dirname(place); at !== dirname(at); at = dirname(at)) above.add(at);
  return [...above]
    .sort()
    .filter((folder) => !isSystem(folder) && !MADE.includes(folder))
    .flatMap((folder) => ['--dir', folder]);
}

function mountWords({ src, dest, isDevice, isLink }: Mount): string[] {
  if (isLink === true) return ['--symlink', src, dest];
  return [isDevice === true ? '--dev-bind-try' : '--ro-bind-try', src, dest];
}

function privileges({ tools, isRoot }: Mechanism, { user, ports }: Given): string[] {
  const some = ports ? '-all,+net_bind_service' : '-all';
  return [
    tools.setpriv ?? '',
    ...(user === undefined ? [] : [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups']),
    '--no-new-privs',
    `--inh-caps=${some}`,
    `--ambient-caps=${some}`,
    ...(isRoot ? [`--bounding-set=${some}`] : []),
    '--',
  ];
}

/** How many tasks there may be is counted by user: where it is the host's, its own would count. */
function limited({ tools, files }: Mechanism, { user }: Given, command: readonly string[]): string[] {
  const { prlimit } = tools;
  const tasks = user === undefined ? [] : [`--nproc=${TASKS_MOST}`];
  return [...(prlimit === undefined ? [] : [prlimit, '--core=0', `--nofile=${files}`, ...tasks, '--']), ...command];
}
