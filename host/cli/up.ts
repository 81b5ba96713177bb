/** `kraken up`: the host in the foreground, until it is asked to stop. */
import { existsSync } from 'node:fs';
import type { HostConfig } from '../documents/config.ts';
import type { HostOptions } from '../main.ts';
import { EXIT, Failure, stoppedBy, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { count, timeText } from './words.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** As a shell says that it was ended by SIGINT. */
const AT_ONCE = 130;

export const up: Action = async (call) => {
  const { paths, io } = call;
  const id = flag(call, 'id')?.toLowerCase();
  if (id !== undefined && !UUID.test(id)) throw usage(`--id ${id} is no UUID`, 'Write it as 123e4567-e89b-12d3-a456-426655440000');
  const group = flag(call, 'group');
  const options: HostOptions = {
    dataDir: paths.dataDir,
    socket: paths.socket,
    config: await configOf(call),
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
    void host.stop('it was interrupted');
  });
  io.out(`kraken is up: ${count(host.port.engine.status(host.port.now()).nodes, 'node')}, socket ${host.socket}, data ${paths.dataDir}\n`);
  const failure = await host.stopped;
  unlisten();
  if (failure) throw stoppedBy(failure);
};

/** No file where none was named is no error: a host without services is a host. */
async function configOf(call: Call): Promise<HostConfig> {
  const isNamed = flag(call, 'config') !== undefined || Boolean(call.io.env['KRAKEN_CONFIG']);
  if (!isNamed && !existsSync(call.paths.config)) {
    call.io.err(`There is no ${call.paths.config}: starting without services. Make one with: kraken init\n`);
    return { settings: {}, services: {} };
  }
  if (!existsSync(call.paths.config))
    throw new Failure(
      EXIT.notFound,
      `${call.paths.config}: there is no such configuration`,
      'Make one with kraken init, or name another with --config',
    );
  const { readConfig } = await import('../config.ts');
  return readConfig(call.paths.config);
}

/** On a terminal the log is read by a person. */
function readable({ io, style }: Call): NonNullable<HostOptions['log']> {
  return (level, message) => {
    const mark = level === 'error' ? style.bad(level) : level === 'warn' ? style.warn(level) : style.dim(level);
    io.err(`${timeText(io.now(), io.now())} ${mark}  ${message}\n`);
  };
}
