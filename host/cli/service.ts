/** `kraken service list|start|stop|restart|logs`. */

import type { Params, Result } from '@kraken-hpc/sdk/wire';
import type { ServiceStatus } from '../core/answers.ts';
import { openClient, withClient } from './client.ts';
import { oneLine, table } from './columns.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { inTurn, live } from './node-watch.ts';
import { printData } from './output.ts';
import { parseCount } from './values.ts';
import { count, NONE, spanText } from './words.ts';

const MOST_LINES = 10_000;

export const list: Action = async (call) => {
  const { services } = await withClient(call, (client) => client.ask('service/list', {}));
  if (
    await printData(
      call,
      { services },
      services.map(({ service }) => service),
    )
  )
    return;
  if (services.length === 0) call.io.out('There are no services: the configuration names none. See kraken init.\n');
  else call.io.out(serviceTable(services, call));
  for (const { service } of services.filter(({ state }) => state === 'failed'))
    call.io.out(`${service} is not started again by itself. Look: kraken service logs ${service}; then: kraken service start ${service}\n`);
};

export function serviceTable(services: readonly ServiceStatus[], { style, io }: Call): string {
  const rows = services.map(({ service, module, state, since, serves, pid, restarts, why }) => [
    service,
    module,
    state === 'ready' ? style.good(state) : /fail/.test(state) ? style.bad(state) : style.warn(state),
    spanText(io.now() - since),
    serves || 'all',
    pid === undefined ? NONE : String(pid),
    restarts === undefined ? NONE : String(restarts),
    why === undefined ? '' : oneLine(why),
  ]);
  return table(['SERVICE', 'MODULE', 'STATE', 'FOR', 'SERVES', 'PID', 'RESTARTS', 'WHY'], rows, style, io.columns);
}

const DONE = { start: 'is started', stop: 'has stopped', restart: 'is restarted' } as const;

function action(word: keyof typeof DONE): Action {
  return async (call) => {
    const [service = ''] = call.args;
    const answer = await withClient(call, (client) => client.ask(`service/${word}`, { service }));
    if (await printData(call, answer, [service])) return;
    call.io.out(`${service} ${DONE[word]}.\n`);
  };
}

export const start = action('start');
export const stop = action('stop');
export const restart = action('restart');

/** Asks something of the module itself: `kraken service call pxe show '{"node":"kr1"}'`. */
export const callOne: Action = async (call) => {
  const [service = '', name = '', text = '{}'] = call.args;
  const params = parseMembers(text);
  const answer = await withClient(call, (client) => client.ask('service/call', { service, call: name, params }));
  if (!(await printData(call, answer.result, []))) call.io.out(`${JSON.stringify(answer.result, undefined, 2)}\n`);
};

const WRITTEN = 'Write them as {"name":"value"}, in single quotes';

function parseMembers(text: string): Params<'module/call'>['params'] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usage(`the parameters are not JSON: ${(error as Error).message}`, WRITTEN);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Params<'module/call'>['params'];
  throw usage('the parameters must be an object', WRITTEN);
}

export const logs: Action = async (call) => {
  const [service = ''] = call.args;
  const lines = parseCount(flag(call, 'lines'), '--lines', 100, MOST_LINES);
  const print = (given: readonly string[]): void => call.io.out(given.map((line) => `${line}\n`).join(''));
  if (call.flags['follow'] !== true) {
    const answer: Result<'service/logs'> = await withClient(call, (client) => client.ask('service/logs', { service, lines }));
    if (!(await printData(call, answer, answer.lines))) print(answer.lines);
    return;
  }
  const hear = ({ lines: next, dropped }: Params<'service/logged'>): void => {
    if (dropped) call.io.err(`${count(dropped, 'line')} left out: they came faster than they were read here.\n`);
    print(next);
  };
  const heard = inTurn(hear);
  const client = await openClient(call, { 'service/logged': heard.hear });
  await live(call, client, async () => {
    print((await client.ask('service/logs', { service, lines, follow: true })).lines);
    heard.begin();
  });
};
