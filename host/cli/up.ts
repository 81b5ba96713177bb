/** `kraken up`: the host in the foreground, until it is asked to stop. */
import { existsSync, readFileSync } from 'node:fs';
import type { HostConfig } from '../documents/config.ts';
import type { HostOptions } from '../main.ts';
import { notifySystemd } from '../systemd/notify.ts';
import { EXIT, Failure, stoppedBy } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { placeOf } from './place.ts';
import { count, timeText } from './words.ts';

/** As a shell says that it was ended by SIGINT. */
const AT_ONCE = 130;

export const up: Action = async (call) => {
  const { paths, io } = call;
  const group = flag(call, 'group');
  const config = await configOf(call);
  const { id, sync } = placeOf({
    flags: call.flags,
    env: io.env,
    token: io.token,
    config: config?.sync ?? {},
    file: paths.config,
    kernel: !config || call.flags['kernel'] === true ? kernelText() : undefined,
    dataDir: paths.dataDir,
    runDir: paths.runDir,
  });
  if (!config && sync.parents.length === 0) io.err(`There is no ${paths.config}: starting without services. Make one with: kraken init\n`);
  const options: HostOptions = {
    dataDir: paths.dataDir,
    socket: paths.socket,
    config: config ?? { settings: {}, services: {}, sync: {} },
    sync,
    acceptLoss: call.flags['acceptLoss'] === true,
    ...(group === undefined ? {} : { group }),
    ...(id === undefined ? {} : { id }),
    ...(io.terminal.output ? { log: readable(call) } : {}),
  };
  const { startHost } = await import('../main.ts');
  const host = await startHost(options);
  let asked = false;
  const unlisten = io.onInterrupt(() => {
    if (asked) process.exit(AT_ONCE);
    asked = true;
    io.err('Stopping; a second Ctrl-C ends it at once.\n');
    void notifySystemd(io.env, 'STOPPING=1');
    void host.stop('it was interrupted');
  });
  io.out(`kraken is up: ${count(host.port.engine.status(host.port.now()).nodes, 'node')}, socket ${host.socket}, data ${paths.dataDir}\n`);
  const untold = await notifySystemd(io.env, 'READY=1', `STATUS=answers on ${host.socket}`);
  if (untold !== undefined) io.err(`kraken: ${untold}.\n`);
  const failure = await host.stopped;
  unlisten();
  if (failure) throw stoppedBy(failure);
};

/** No file where none was named is no error: a host without services is a host. */
async function configOf(call: Call): Promise<HostConfig | undefined> {
  const isNamed = flag(call, 'config') !== undefined || Boolean(call.io.env['KRAKEN_CONFIG']);
  if (!isNamed && !existsSync(call.paths.config)) return undefined;
  if (!existsSync(call.paths.config))
    throw new Failure(
      EXIT.notFound,
      `${call.paths.config}: there is no such configuration`,
      'Make one with kraken init, or name another with --config',
    );
  const { readConfig } = await import('../config.ts');
  return readConfig(call.paths.config);
}

/** Where there is no /proc there was no command line. */
function kernelText(): string | undefined {
  try {
    return readFileSync('/proc/cmdline', 'utf8');
  } catch {
    return undefined;
  }
}

/** On a terminal the log is read by a person. */
function readable({ io, style }: Call): NonNullable<HostOptions['log']> {
  return (level, message) => {
    const mark = level === 'error' ? style.bad(level) : level === 'warn' ? style.warn(level) : style.dim(level);
    io.err(`${timeText(io.now(), io.now())} ${mark}  ${message}\n`);
  };
}
