/** Processes, as /proc shows them: who holds a socket, a port or a file. Of others' processes only root is shown that. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Site, textOf } from './site.ts';

export interface Process {
  readonly pid: number;
  readonly name: string;
}

const TICKS_PER_SECOND = 100;

/** The process that listens on a Unix socket. */
export function listenerOn(site: Site, socket: string): Process | undefined {
  const listening = '00010000';
  const line = (textOf(site, 'proc/net/unix') ?? '').split('\n').find((text) => {
    const [, , , flags, , , , path] = text.trim().split(/\s+/);
    return flags === listening && path === socket;
  });
  const inode = line?.trim().split(/\s+/)[6];
  return inode === undefined ? undefined : holderOf(site, `socket:[${inode}]`);
}

/** Inodes of the sockets that listen on this port, of whichever address. */
export function portInodes(site: Site, kind: 'udp' | 'tcp', port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const listening = kind === 'tcp' ? '0A' : '07';
  return [kind, `${kind}6`].flatMap((file) =>
    (textOf(site, `proc/net/${file}`) ?? '').split('\n').flatMap((line) => {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      return local.endsWith(`:${hex}`) && state === listening && inode !== undefined ? [inode] : [];
    }),
  );
}

/** Who has a file open, or a socket (`socket:[INODE]`). */
export function holderOf(site: Site, target: string): Process | undefined {
  const proc = join(site.root, 'proc');
  for (const entry of list(proc)) {
    if (!/^\d+$/.test(entry)) continue;
    const folder = join(proc, entry, 'fd');
    if (list(folder).some((fd) => linkOf(join(folder, fd)) === target)) return { pid: Number(entry), name: nameOf(proc, entry) };
  }
  return undefined;
}

/** Whether a process was started by another, directly or not. */
export function isBelow(site: Site, pid: number, above: number): boolean {
  for (let at = pid, steps = 0; at > 1 && steps < 64; steps++) {
    if (at === above) return true;
    at = Number(fieldsOf(site, at)[1] ?? 0);
  }
  return false;
}

/** When it was started; milliseconds since 1970. */
export function startOf(site: Site, pid: number): number | undefined {
  const boot = /^btime (\d+)$/m.exec(textOf(site, 'proc/stat') ?? '')?.[1];
  const ticks = fieldsOf(site, pid)[19];
  return boot === undefined || ticks === undefined ? undefined : (Number(boot) + Number(ticks) / TICKS_PER_SECOND) * 1000;
}

export function argumentsOf(site: Site, pid: number): readonly string[] {
  return (textOf(site, `proc/${pid}/cmdline`) ?? '').split('\0').filter((word) => word !== '');
}

/** Of its environment, as it was when it was started; undefined: not set, or not for this user. */
export function variableOf(site: Site, pid: number, name: string): string | undefined {
  const found = (textOf(site, `proc/${pid}/environ`) ?? '').split('\0').find((line) => line.startsWith(`${name}=`));
  return found?.slice(name.length + 1);
}

/** Of /proc/PID/stat after the name, which may hold anything: state, parent, … */
function fieldsOf(site: Site, pid: number): readonly string[] {
  const text = textOf(site, `proc/${pid}/stat`) ?? '';
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Node.js 24 calls the first thread of every program so. */
const OF_NODE = 'MainThread';

function nameOf(proc: string, pid: string): string {
  try {
    const name = readFileSync(join(proc, pid, 'comm'), 'utf8').trim();
    return name === OF_NODE ? 'node' : name;
  } catch {
    return 'a process';
  }
}
