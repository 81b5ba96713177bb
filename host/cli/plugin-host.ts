/** Whom the commands of plugins ask: the host that runs or, where none does, the files of the one that has stopped. */
import { accessSync, constants } from 'node:fs';
import type { Params, Result } from '@kraken-hpc/sdk/wire';
import type { PluginMethod, StoppedPlugins } from '../stopped-plugins.ts';
import { type Client, openClient } from './client.ts';
import { oneLine } from './columns.ts';
import { EXIT, Failure } from './failure.ts';
import { type Call, flag } from './io.ts';

export interface PluginHost {
  /** False: nothing is started or stopped by a change; it counts from the next start on. */
  readonly isRunning: boolean;
  /** `interrupted`: what Ctrl-C comes to while this is asked; absent: a host that runs is not told, and the command ends. */
  ask<M extends PluginMethod>(method: M, params: Params<M>, interrupted?: Failure): Promise<Result<M>>;
}

interface Opened extends PluginHost {
  close(): Promise<void> | void;
}

export const NOTHING_CHANGED = new Failure(EXIT.failed, 'it was interrupted, and nothing was changed');

/** Ends every sentence about a change of a stopped host. */
export const COUNTS_LATER = 'It counts from the next kraken up on.';

/** Opens, does, closes. How far the host is, is told on stderr where a person reads. */
export async function withPlugins<T>(call: Call, work: (host: PluginHost) => Promise<T>): Promise<T> {
  const host = await openPlugins(call);
  try {
    return await work(host);
  } finally {
    await host.close();
  }
}

/** For what only a host that runs can do: `what`, as in `its log is read`. */
export async function withRunning<T>(call: Call, what: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await openClient(call).catch((error: unknown) => {
    if (!(error instanceof Failure) || error.exit !== EXIT.unreachable) throw error;
    throw new Failure(EXIT.unreachable, `${what} where its host runs, and ${error.message.replace(/: is it running\?$/, '')}`, error.todo);
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

async function openPlugins(call: Call): Promise<Opened> {
  const progress = (text: string): void => {
    if (isProse(call)) call.io.err(call.style.dim(`${oneLine(text)}\n`));
  };
  try {
    return running(call, await openClient(call, { 'plugin/progress': ({ text }) => progress(text) }));
  } catch (error) {
    if (!(error instanceof Failure) || error.exit !== EXIT.unreachable || !mayHaveStopped(call)) throw error;
  }
  const { openStoppedPlugins } = await import('../stopped-plugins.ts');
  const { dataDir } = call.paths;
  return stopped(call, await openStoppedPlugins({ dataDir, config: call.paths.config }), progress);
}

/** Whether a person reads the answer. */
export function isProse({ format }: Call): boolean {
  return format === 'human' || format === 'wide';
}

/** Whoever names a socket means the host behind it, and one whose socket is not ours may run. */
function mayHaveStopped(call: Call): boolean {
  if (flag(call, 'socket') !== undefined || call.io.env['KRAKEN_SOCKET']) return false;
  const { dataDir, socket } = call.paths;
  const may = (path: string): string => {
    try {
      accessSync(path, constants.R_OK | constants.W_OK);
      return 'yes';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'no';
    }
  };
  return may(dataDir) === 'yes' && !/^(?:EACCES|EPERM)$/.test(may(socket));
}

function running(call: Call, client: Client): Opened {
  return {
    isRunning: true,
    ask: async (method, params, interrupted) => {
      const asked = client.ask(method, params).catch((error: unknown) => {
        throw error instanceof Failure && error.exit === EXIT.unreachable ? gone(error, method) : error;
      });
      return interrupted ? interruptible(call, asked, () => client.close(), interrupted) : asked;
    },
    close: () => client.close(),
  };
}

/** The host ended before it answered. */
function gone({ message }: Failure, method: PluginMethod): Failure {
  const isRead = /^plugin\/(?:stage|list|info)$/.test(method);
  const todo = isRead
    ? 'Nothing was changed: start it with kraken up'
    : 'Whether it was done is not known: look with kraken plugin list when it runs again';
  return new Failure(EXIT.unreachable, message, todo);
}

function stopped(call: Call, plugins: StoppedPlugins, progress: (text: string) => void): Opened {
  return {
    isRunning: false,
    ask: async (method, params) => {
      const stop = new AbortController();
      const asked = plugins.ask(method, params, call.user, stop.signal, progress);
      return interruptible(call, asked, () => stop.abort(NOTHING_CHANGED), NOTHING_CHANGED);
    },
    close: () => plugins.close(),
  };
}

/** What was begun is waited for: where it was done nevertheless, that is the answer. */
async function interruptible<T>(call: Call, asked: Promise<T>, stop: () => void, meaning: Failure): Promise<T> {
  let isInterrupted = false;
  const forget = call.io.onInterrupt(() => {
    isInterrupted = true;
    stop();
  });
  try {
    return await asked;
  } catch (error) {
    throw isInterrupted ? meaning : error;
  } finally {
    forget();
  }
}
