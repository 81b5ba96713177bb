/** What one service is to have, by its permissions, its configuration, and what of it a user of its own gets at. Nothing is changed here. */
import { lstatSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Json } from '../../core/declaration.ts';
import { isObject } from '../variables.ts';
import type { Mechanism } from './mechanism.ts';
import { type Owner, ownerOf } from './owner.ts';
import { isSystem } from './places.ts';
import { filesOf, importsOf, obstacle, packageOf, prefixesOf } from './reach.ts';
import { realOf, systemMounts } from './system.ts';
import type { Given, Mount } from './words.ts';

/** Larger ones are no keys. */
const COPY_MOST = 1024 * 1024;
const PLACES = ['/proc', '/sys'];

export interface Confined {
  readonly service: string;
  readonly command: readonly string[];
  readonly cwd?: string;
  readonly config: Json;
  readonly permissions: readonly string[];
  readonly env?: readonly string[];
  readonly memoryMiB?: number;
  readonly cpus?: number;
}

export interface Plan {
  readonly kind: Mechanism['kind'];
  readonly given: Omit<Given, 'copies'>;
  /** Files of its config that its user could not read. */
  readonly copies: readonly string[];
  /** Why it is confined less than others here, and what to do; empty = it is not. */
  readonly why: string;
}

/** Absent: it was granted `root`, or nothing here can confine it. */
export function planOf(spec: Confined, mechanism: Mechanism, dataDir: string, path = process.env['PATH']): Plan | undefined {
  const { cwd, permissions, command } = spec;
  if (permissions.includes('root') || mechanism.kind === 'none' || cwd === undefined) return undefined;
  const network = permissions.includes('net');
  const ports = network && permissions.includes('ports') && mechanism.lowPorts;
  // In a user namespace of its own nobody may open the ports below 1024 of the host.
  const isOutside = ports && !mechanism.isRoot;
  const kind = mechanism.kind === 'bubblewrap' && !isOutside ? 'bubblewrap' : 'setpriv';
  const why = kind === mechanism.kind ? '' : 'it was granted ports, and in bubblewrap it could not open them';
  const data = realOf(dataDir) ?? dataDir;
  const needed = [...new Set([...filesOf(command), ...prefixesOf(command, path)].map((one) => realOf(one) ?? one))];
  const named = pathsIn(spec.config).filter((one) => !isHosts(realOf(one) ?? one, data));
  const seen = kind === 'bubblewrap' ? sightOf([...importsFor(command), ...prefixesOf(command, path)], named, data) : NO_SIGHT;
  const given = { network, ports, cwd, mounts: [...systemMounts(network), ...seen.mounts], hidden: seen.hidden, within: seen.within };
  if (!mechanism.ownUsers) return { kind, given: { ...given, user: undefined }, copies: [], why };
  const user = tryOwner(cwd);
  if (typeof user === 'string') return { kind, given: { ...given, user: undefined }, copies: [], why: user };
  const all = [...seen.mounts, ...seen.within];
  const way = (real: string): string | undefined => (kind === 'bubblewrap' ? onSeen(real, user.uid, all) : onDisk(real, user.uid, data));
  const far = needed
    .flatMap((real) => way(real) ?? [])
    .concat(kind === 'setpriv' ? (obstacle(dirname(data), user.uid, '/', true) ?? []) : []);
  const { copies, left } = unreadable(named, way, kind === 'bubblewrap' && mechanism.modes);
  const [first] = [...far, ...left];
  if (first === undefined) return { kind, given: { ...given, user }, copies, why };
  const blocked = `a user of its own could not get at ${first} (mode ${modeOf(first)}): it runs as the host's user, without its privileges`;
  return { kind, given: { ...given, user: undefined }, copies: [], why: `${blocked}. ${todoOf(kind, first)}` };
}

const NO_SIGHT = { mounts: [], hidden: [], within: [] };

function todoOf(kind: Plan['kind'], path: string): string {
  const install = kind === 'setpriv' ? 'Install bubblewrap, or let' : 'Let';
  return `${install} everybody read ${path} (chmod o+rX), or move what the service needs to where that holds; then restart it`;
}

const modeOf = (path: string): string => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'none' : (found.mode & 0o777).toString(8);
};

function tryOwner(dir: string): Owner | string {
  try {
    return ownerOf(dir);
  } catch (error) {
    return `it has no user of its own: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Every absolute path that is there; a reference to a secret is the host's to read. */
function pathsIn(config: Json): readonly string[] {
  if (Array.isArray(config)) return [...new Set(config.flatMap(pathsIn))];
  if (isObject(config)) {
    const keys = Object.keys(config);
    const isReference = keys.length === 1 && (keys[0] === 'file' || keys[0] === 'env');
    return isReference ? [] : pathsIn(Object.values(config));
  }
  if (typeof config !== 'string' || !isAbsolute(config) || config.includes('\0')) return [];
  const path = join(config).replace(/(.)\/$/, '$1');
  if (path === '/' || PLACES.some((place) => isIn(path, place))) return [];
  return lstatSync(path, { throwIfNoEntry: false }) && realOf(path) !== undefined ? [path] : [];
}

/** A service that is to see other paths than before must be started anew. */
export function seesOther(before: Json, after: Json): boolean {
  return pathsIn(before).join('\n') !== pathsIn(after).join('\n');
}

/** The folders of code: of everything that the command names, and what that imports. */
function importsFor(command: readonly string[]): readonly string[] {
  return filesOf(command)
    .filter((file) => !isSystem(file))
    .flatMap((file) => [packageOf(file), ...importsOf(packageOf(realOf(file) ?? file))]);
}

/** What is seen, parents first; the data directory of the host looks empty wherever it lies in something that is seen. */
function sightOf(code: readonly string[], named: readonly string[], data: string): Required<Pick<Given, 'mounts' | 'hidden' | 'within'>> {
  const all = [...new Set([...code, ...named])].flatMap((path) => {
    const real = realOf(path);
    if (real === undefined || isSystem(real)) return [];
    const kind = statSync(real);
    const isDevice = kind.isCharacterDevice() || kind.isBlockDevice();
    const mount = (dest: string): Mount => ({ src: real, dest, ...(isDevice ? { isDevice } : {}) });
    return real === path ? [mount(real)] : [mount(real), mount(path)];
  });
  const own = all.filter(({ src, dest }) => src === dest);
  const inside = ({ dest }: Mount): boolean => isIn(dest, data) && dest !== data;
  const isCovered = (mount: Mount): boolean =>
    own.some((one) => one.dest !== mount.dest && isIn(mount.dest, one.dest) && inside(one) === inside(mount)) ||
    (mount.src !== mount.dest && (isSystem(mount.dest) || own.some((one) => one.dest === mount.dest)));
  const left = [...new Map(all.map((one) => [one.dest, one])).values()]
    .filter((one) => !isCovered(one))
    .sort((a, b) => (a.dest < b.dest ? -1 : 1));
  const mounts = left.filter((one) => !inside(one));
  const isSeen = isSystem(data) || mounts.some(({ dest }) => isIn(data, dest));
  return { mounts, hidden: isSeen ? [data] : [], within: left.filter(inside) };
}

/** What is the host's own is shown to nobody, whoever names it. */
const isHosts = (real: string, data: string): boolean =>
  real === data || ['store', 'services', 'keys', 'run'].some((name) => isIn(real, join(data, name)));

const isIn = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** By the modes from where it begins to see; what the system has is for everybody. */
function onSeen(real: string, uid: number, mounts: readonly Mount[]): string | undefined {
  if (isSystem(real)) return undefined;
  const from = mounts.find(({ src }) => isIn(real, src))?.src;
  return from === undefined ? real : obstacle(real, uid, from);
}

/** The data directory of the host lets everybody pass who is to get to something in it (confinement.ts). */
function onDisk(real: string, uid: number, data: string): string | undefined {
  if (!isIn(real, data)) return obstacle(real, uid);
  const first = real.slice(data.length + 1).split('/')[0] ?? '';
  return obstacle(real, uid, join(data, first));
}

/** Files of the config that a user of its own could not read: those that can be copied, and what is in the way of the others. */
function unreadable(
  named: readonly string[],
  way: (real: string) => string | undefined,
  canCopy: boolean,
): { readonly copies: readonly string[]; readonly left: readonly string[] } {
  const copies: string[] = [];
  const left: string[] = [];
  for (const path of named) {
    const real = realOf(path) ?? path;
    const barred = way(real);
    if (barred === undefined) continue;
    const found = statSync(real);
    if (canCopy && found.isFile() && found.size <= COPY_MOST) copies.push(path);
    else left.push(barred);
  }
  return { copies, left };
}
