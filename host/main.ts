/**
 * The composer: the only file that knows all parts. Builds the store, the engine, the loop, the module processes and the
 * control socket, hands each what it needs, and takes them down in the reverse order.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { Api } from './control/api.ts';
import type { HostPort } from './control/port.ts';
import { type ControlServer, startControl } from './control/server.ts';
import { RefusalError } from './core/refusal.ts';
import { restoredMark } from './core/restored.ts';
import type { HostConfig } from './documents/config.ts';
import { createHostLog, type HostLog } from './log.ts';
import { Confinement } from './modules/confine/confinement.ts';
import { createPort } from './port.ts';
import { type Running, startRunning } from './running.ts';
import { restoreInto } from './store/backup.ts';
import type { SyncOptions } from './sync/options.ts';

export interface HostOptions {
  readonly dataDir: string;
  readonly socket: string;
  /** A group that may use the socket. */
  readonly group?: string;
  readonly config: HostConfig;
  /** This host's own node, where it is not known yet. */
  readonly id?: string;
  /** Its neighbours: where it listens, its parents, the CA. */
  readonly sync?: SyncOptions;
  /** Start although acknowledged changes are lost. */
  readonly acceptLoss?: boolean;
  /** How modules are confined; absent = as this machine can. */
  readonly confinement?: Confinement;
  /** Lines for the operator; absent = pino's JSON on stderr. */
  readonly log?: HostLog;
}

export interface Host {
  readonly port: HostPort;
  readonly socket: string;
  /** Stops modules, loop and store in order; nothing is left behind. */
  stop(why: string): Promise<void>;
  /** Resolves when it has stopped, whoever asked for it; to what failed, where nobody did. */
  readonly stopped: Promise<Error | undefined>;
}

/** Starts a host; rejects with a RefusalError in words for a person. */
export async function startHost(options: HostOptions): Promise<Host> {
  const log = options.log ?? createHostLog();
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const given = {
    dataDir: options.dataDir,
    config: options.config,
    name: hostname().split('.')[0] || 'head',
    acceptLoss: options.acceptLoss ?? false,
    log,
    ...(options.sync ? { sync: options.sync } : {}),
    confinement: options.confinement ?? new Confinement(options.dataDir),
  };
  const identity = { self: options.id ?? randomUUID(), isGiven: options.id !== undefined };
  const start = (mustBe?: string): Promise<Running> =>
    startRunning({ ...given, ...identity, ...(mustBe === undefined ? {} : { mustBe }), seed: randomInt(2 ** 31), api: () => api });
  // A backup that is restored later may be of another node: a person asked for that.
  let running = await start(options.id);
  const restore: HostPort['restore'] = async (file) => {
    await running.stop();
    const mark = restoredMark(file, running.engine.world);
    const restored = await restoreInto(options.dataDir, file, { mark }).finally(async () => {
      running = await start();
      api.renew();
      begin();
    });
    return { ...restored, nodes: running.engine.world.nodes.size };
  };
  let server: ControlServer | undefined;
  let stopping: Promise<void> | undefined;
  let failure: Error | undefined;
  let settle: (failed: Error | undefined) => void = () => undefined;
  const stopped = new Promise<Error | undefined>((resolve) => {
    settle = resolve;
  });
  const stop = (why: string): Promise<void> => {
    stopping ??= (async () => {
      log('info', `stopping: ${why}`);
      try {
        await running.stop();
      } catch (error) {
        failure ??= error as Error;
      } finally {
        await server?.close();
        settle(failure);
      }
    })();
    return stopping;
  };
  const begin = (): void => {
    running.store.onFailed((error) => {
      failure ??= error;
      void stop(error.message);
    });
    void running.startServices();
  };
  const port = createPort(() => running, { restore, stop: (why) => void setImmediate(() => void stop(why)) });
  const api = new Api(port);
  try {
    server = await startControl({ socket: options.socket, api, log, ...(options.group ? { group: options.group } : {}) });
  } catch (error) {
    await running.stop();
    if (error instanceof RefusalError) throw error;
    throw new RefusalError({
      code: -32019,
      what: 'the control socket cannot be opened',
      where: options.socket,
      why: String(error),
      todo: 'Name another with --socket',
    });
  }
  begin();
  return { port, socket: options.socket, stop, stopped };
}

/** Takes a backup's state into the data directory of a host that does not run; its lock says whether one does. */
export function restoreStoppedHost(dataDir: string, file: string): ReturnType<typeof restoreInto> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return restoreInto(dataDir, file, { mark: restoredMark(file) });
}
