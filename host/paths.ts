/** Where a host keeps its things: a function of the flags, the environment and who runs it. */
import { join, resolve } from 'node:path';

export interface Paths {
  readonly config: string;
  readonly dataDir: string;
  readonly socket: string;
  /** What ends with the boot: keys of a host that has no disk of its own. */
  readonly runDir: string;
}

export interface PathsFrom {
  /** Flags; they win over the environment. */
  readonly flags: { readonly config?: string | undefined; readonly dataDir?: string | undefined; readonly socket?: string | undefined };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly uid: number | undefined;
  /** What env-paths says for this user; not asked for root. */
  readonly user: () => { readonly config: string; readonly data: string };
}

const SOCKET = 'control.sock';

/**
 * Root's are /etc/kraken, /var/lib/kraken and /run/kraken; a user's are those of the XDG Base Directory Specification. A data directory
 * that was named has its socket in it, so that two hosts of one user do not meet on one socket.
 */
export function findPaths({ flags, env, uid, user }: PathsFrom): Paths {
  const named = flags.dataDir ?? (env['KRAKEN_DATA_DIR'] || undefined);
  const socket = flags.socket ?? (env['KRAKEN_SOCKET'] || undefined);
  const places = uid === 0 ? { config: '/etc/kraken', data: '/var/lib/kraken', run: '/run/kraken' } : userPlaces(env, user());
  const dataDir = resolve(named ?? places.data);
  return {
    config: resolve(flags.config ?? (env['KRAKEN_CONFIG'] || join(places.config, 'kraken.yaml'))),
    dataDir,
    socket: resolve(socket ?? join(named === undefined ? places.run : dataDir, SOCKET)),
    runDir: named === undefined && places.run !== places.data ? resolve(places.run, 'keys') : join(dataDir, 'run'),
  };
}

/** Without a runtime directory (no login session) the socket lies with the data. */
function userPlaces(env: PathsFrom['env'], { config, data }: ReturnType<PathsFrom['user']>): { config: string; data: string; run: string } {
  const runtime = env['XDG_RUNTIME_DIR'];
  return { config, data, run: runtime ? join(runtime, 'kraken') : data };
}
