/**
 * `kraken node console`: a program that gets to it, as the service says that switches the node, or as somebody configured. The service
 * names secrets, and does not tell them: who asks reads them from the host's configuration, if he may.
 */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { get, isObject } from '@kraken-hpc/sdk/state';
import { CODES, type Json, RpcError } from '@kraken-hpc/sdk/wire';
import type { GraphView } from '../core/answers.ts';
import { shellWord } from '../core/shell.ts';
import { type Client, withClient } from './client.ts';
import { confirm, mustConfirm } from './confirm.ts';
import { EXIT, Failure, noMatch, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { nameOf, readNodes } from './nodes.ts';
import { printData } from './output.ts';

/** What a service answers to its call `console`: `ConsoleProgram` of the SDK. */
interface Found {
  readonly node: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly leave?: string;
  /** By variable: where in the config of this service the secret stands. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly service?: string;
}

export const console: Action = async (call) => {
  const [set = ''] = call.args;
  const found = await withClient(call, (client) => findConsole(client, call, set));
  if (await printData(call, found, [[found.program, ...found.args].map(shellWord).join(' ')])) return;
  if (!call.io.terminal.input || !call.io.terminal.output)
    throw usage('a console needs a terminal', 'Start it in one; -o name prints the command that would be run');
  const [program, args] = await asWhom(call, found);
  const env = await secretsOf(call, found);
  const leave = found.leave === undefined ? '' : `; leave it with ${found.leave}`;
  call.io.err(`Console of ${found.node}, by ${found.program}${leave}\n`);
  const exit = await call.io.attach(program, args, env);
  if (exit === undefined)
    throw new Failure(
      EXIT.failed,
      `${program} is not installed`,
      'Install it on this machine, or say how else to get to the console: --command',
    );
  if (exit !== 0) throw new Failure(EXIT.failed, `${found.program} has ended with ${exit}`, 'What it said stands above');
};

/**
 * What a service says is run with the rights of the host, and no more: a module that was taken over must not become whoever asks it. Root
 * takes on the user of the host, others are asked.
 */
async function asWhom(call: Call, { program, args, service }: Found): Promise<readonly [program: string, args: readonly string[]]> {
  const { uid, gid } = statSync(call.paths.socket);
  if (service === undefined || call.uid === uid) return [program, args];
  if (call.uid === 0) return ['setpriv', [`--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--', program, ...args]];
  const shown = [program, ...args].map(shellWord).join(' ');
  if (mustConfirm(call))
    await confirm(
      call,
      'runs as you what a service says',
      () => `Service ${service}, which is user ${uid}, says what is to be run as you:\n  ${shown}\n`,
    );
  return [program, args];
}

async function findConsole(client: Client, call: Call, set: string): Promise<Found> {
  const nodes = await readNodes(client, { set, paths: ['/nodename'], view: 'cfg' });
  const [node, second] = nodes;
  if (!node) throw noMatch(set);
  if (second) throw usage(`${set} are ${nodes.length} nodes: a terminal has room for one console`, 'Name one node');
  const name = nameOf(node);
  const template = flag(call, 'command') ?? call.io.env['KRAKEN_CONSOLE'];
  if (template) return { node: name, program: 'sh', args: ['-c', template.replaceAll(/%[ni%]/g, (mark) => filled(mark, name, node.id))] };
  const { edges } = (await client.ask('graph/get', { node: node.id })) as GraphView;
  const services = [...new Set(edges.map(({ mutation }) => mutation.split('/')[0] ?? ''))].filter(
    (service) => service !== '' && service !== 'core',
  );
  for (const service of services) {
    const answer = await askService(client, service, node.id);
    if (answer) return { ...answer, node: name, service };
  }
  const asked = services.length === 0 ? 'no service serves it' : `none of its services (${services.join(', ')}) knows one`;
  throw new Failure(
    EXIT.notFound,
    `${name} has no console: ${asked}`,
    "Say how to get to it: --command 'conman %n', or KRAKEN_CONSOLE in your environment",
  );
}

/** Into a command of the shell, so nothing of it may mean something there. */
function filled(mark: string, name: string, id: string): string {
  return mark === '%%' ? '%' : shellWord(mark === '%n' ? name : id);
}

/** Undefined: the service has no such call. */
async function askService(client: Client, service: string, node: string): Promise<Omit<Found, 'node' | 'service'> | undefined> {
  try {
    const { result } = await client.ask('service/call', { service, call: 'console', params: { node } });
    if (isProgram(result)) return result;
    throw new Failure(
      EXIT.failed,
      `service ${service} does not say how to get to the console`,
      `Report it to who made it: kraken service call ${service} console`,
    );
  } catch (error) {
    if (error instanceof RpcError && error.code === CODES.NotFound) return undefined;
    throw error;
  }
}

function isProgram(value: Json): value is Json & Omit<Found, 'node' | 'service'> {
  return (
    isObject(value) &&
    typeof value['program'] === 'string' &&
    Array.isArray(value['args']) &&
    value['args'].every((word) => typeof word === 'string')
  );
}

/** Values of the variables that the program wants, from where the host has them. */
async function secretsOf(call: Call, { service = '', secrets = {} }: Found): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  if (Object.keys(secrets).length === 0) return values;
  const { config: file } = call.paths;
  mayRead(file);
  const { readConfig } = await import('../config.ts');
  const config = get(readConfig(file).services[service], '/config');
  for (const [variable, pointer] of Object.entries(secrets)) {
    const value = get(config, pointer);
    const where = `${file}: services.${service}.config${pointer.replaceAll('/', '.')}`;
    if (value === undefined) throw new Failure(EXIT.notFound, `${where} is not there`, 'Name the configuration of the host with --config');
    values[variable] = secretIn(call, value, where);
  }
  return values;
}

/** As the host reads it: the secret itself, `{file: PATH}` or `{env: NAME}`. */
function secretIn(call: Call, value: Json, where: string): string {
  if (typeof value === 'string') return value;
  const { file, env } = isObject(value) ? value : {};
  if (typeof file === 'string') {
    mayRead(file);
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  }
  const given = typeof env === 'string' ? call.io.env[env] : undefined;
  if (given !== undefined) return given;
  throw new Failure(
    EXIT.failed,
    `${where} is in the environment of the host, and not in yours`,
    typeof env === 'string' ? `Set ${env}` : '',
  );
}

function mayRead(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new Failure(
        EXIT.notFound,
        `there is no ${file}, which the password is read from`,
        'Name the configuration of the host with --config',
      );
    throw new Failure(EXIT.refused, `you may not read ${file}, and without it nobody gets to this console`, 'Use sudo');
  }
}
