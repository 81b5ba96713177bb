/** A host in this process with a thief among its services, confined by what stands in these places: what it could, and what is said that it cannot. */
import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../host/documents/config.ts';
import { type Host, startHost } from '../../host/main.ts';
import { Confinement } from '../../host/modules/confine/confinement.ts';
import type { ConfinementLine } from '../../host/modules/confine/describe.ts';
import { type Mechanism, probe } from '../../host/modules/confine/mechanism.ts';
import { createRegistry, parseServices } from '../../host/modules/registry.ts';
import { until } from '../e2e/lab.ts';

const THIEF = fileURLToPath(new URL('../fixtures/confined/thief', import.meta.url));

/** Where it leaves a trace, unless its /tmp is its own. */
const LEFT = `/tmp/thief-was-here-${process.pid}`;

export interface Caught {
  readonly mechanism: Mechanism;
  /** What came of each trial: a value, or `refused: …`. */
  readonly got: Readonly<Record<string, string>>;
  readonly lines: readonly ConfinementLine[];
  readonly log: readonly string[];
  readonly data: string;
  /** It has left a trace outside of its own folder. */
  readonly isLeft: boolean;
}

export interface ThiefOptions {
  /** Where the tools are looked for. */
  readonly places?: readonly string[];
  readonly permissions?: readonly string[];
  readonly env?: readonly string[];
  readonly trials: readonly string[];
}

export interface Hosted {
  readonly host: Host;
  readonly confinement: Confinement;
  readonly mechanism: Mechanism;
  readonly log: readonly string[];
  readonly folder: string;
  readonly data: string;
  /** What came of the thief's trials. */
  tries(...what: readonly string[]): Promise<Record<string, string>>;
  /** The thief's lines of `kraken plugin info`. */
  lines(): Promise<readonly ConfinementLine[]>;
}

export interface HostedOptions extends Omit<ThiefOptions, 'trials'> {
  /** More for the thief's config. */
  readonly loot?: object;
  readonly memoryMiB?: number;
  /** More services. */
  readonly services?: object;
  /** That all lies in, where it is used more than once. */
  readonly folder?: string;
}

/** A host with a thief and a neighbour, while `act` lasts. */
export async function hosted<T>(t: TestContext, options: HostedOptions, act: (lab: Hosted) => Promise<T>): Promise<T> {
  const { places, permissions = [], env = [], loot = {}, memoryMiB, folder = openFolder(t) } = options;
  const data = join(folder, 'data');
  const log: string[] = [];
  const port = await listener(t);
  mkdirSync(join(folder, 'given'), { recursive: true });
  for (const name of ['secret', 'given/one']) writeFileSync(join(folder, name), `${name}\n`, { mode: 0o644 });
  chmodSync(join(folder, 'secret'), 0o600);
  const all = {
    ...{ host: process.pid, variable: 'NODE_TEST_CONTEXT', port, given: join(folder, 'given/one'), folder: join(folder, 'given') },
    ...{
      data: data.slice(1),
      secret: join(folder, 'secret').slice(1),
      socket: join(folder, 'k.sock').slice(1),
      left: LEFT.slice(1),
      ...loot,
    },
  };
  // Of its own, where others may read it: what it writes there is gone with the test.
  cpSync(THIEF, join(folder, 'thief'), { recursive: true });
  const module = { module: join(folder, 'thief'), serves: '', ...(memoryMiB === undefined ? {} : { memoryMiB }) };
  const services = {
    thief: { ...module, permissions: [...permissions], env: [...env], config: { loot: all } },
    neighbour: { ...module, permissions: [], config: { loot: {} } },
    ...options.services,
  };
  const found = probe(places ? { places } : {});
  const confinement = new Confinement(data, found);
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const host = await startHost({
    ...{ dataDir: data, socket: join(folder, 'k.sock'), confinement },
    config: parseConfig({ services }, 'test'),
    log: (level, message, more) => log.push(`${level} ${String((more as { service?: string } | undefined)?.service ?? '')}: ${message}`),
  });
  const tries = async (...what: readonly string[]): Promise<Record<string, string>> =>
    (await host.port.services.call('thief', 'try', { what: [...what], neighbour: pidOf(host, 'neighbour') })) as Record<string, string>;
  const lines = async (): Promise<readonly ConfinementLine[]> => {
    const [spec] = parseServices({ thief: services.thief } as never, createRegistry(), join(data, 'services'));
    return spec ? confinement.describe(spec) : [];
  };
  try {
    await ready(host, log, Object.keys(services));
    return await act({ host, confinement, mechanism: await found, log, folder, data, tries, lines });
  } finally {
    await host.stop('the test ends');
  }
}

/** 0755 as /var/lib: others may enter it. */
export function openFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-thief-'));
  chmodSync(folder, 0o755);
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const pidOf = (host: Host, name: string): number => host.port.services.list().find(({ service }) => service === name)?.pid ?? 0;

/** Lets the thief try, and ends the host. Everything lies in a folder that others may enter, as /var/lib is. */
export async function thieve(t: TestContext, { trials, ...options }: ThiefOptions): Promise<Caught> {
  t.after(() => rmSync(LEFT, { force: true }));
  rmSync(LEFT, { force: true });
  return hosted(t, options, async ({ mechanism, data, log, tries, lines }) => {
    writeFileSync(join(data, 'services', 'neighbour', 'secret'), 'of the neighbour');
    return { mechanism, got: await tries(...trials), lines: await lines(), log, data, isLeft: existsSync(LEFT) };
  });
}

/** `names`: all that there are to be; the host comes to know them one after the other. */
export async function ready(host: Host, log: readonly string[], names: readonly string[] = ['thief', 'neighbour']): Promise<void> {
  const states = (): string =>
    names.map((name) => `${name} ${host.port.services.list().find(({ service }) => service === name)?.state}`).join(', ');
  await until(
    `${names.join(', ')} are ready`,
    () => states() === names.map((name) => `${name} ready`).join(', '),
    20_000,
    20,
    () => `${states()}\n${log.join('\n')}`,
  );
}

async function listener(t: TestContext): Promise<number> {
  const server: Server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const at = server.address();
  return typeof at === 'object' && at ? at.port : 0;
}

/** Each line that is said to be enforced, and what the thief must not have got then. */
export const HELD: Readonly<Record<string, readonly string[]>> = {
  'data of others': ['neighbour', 'store', 'secret'],
  files: ['shadow', 'home'],
  environment: ['variable', 'hostEnvironment'],
  network: ['network', 'elsewhere'],
  processes: ['killHost', 'killNeighbour'],
  'cfg:write': ['cfg', 'control'],
  'dsc:write': ['dsc', 'control'],
  'state:read': ['state', 'control'],
  operate: ['operate', 'control'],
  root: ['become', 'setuid', 'sudo', 'shadow'],
};
export const TRIALS = [
  ...new Set(Object.values(HELD).flat()),
  'uid',
  'privileges',
  'capabilities',
  'ownWrite',
  'given',
  'given2',
  'temporary',
  'codeWrite',
];

export function refusedAsSaid({ got, lines }: Caught): void {
  for (const { what, state } of lines)
    for (const trial of state === 'enforced' ? (HELD[what] ?? []) : [])
      assert.match(got[trial] ?? '', /^refused/, `${what} is said to be enforced, and ${trial} came to: ${got[trial]}`);
  const isEnforced = (what: string): boolean => lines.some((line) => line.what === what && line.state === 'enforced');
  assert.equal(got['privileges'], isEnforced('no new privileges') ? '1' : '0');
  if (isEnforced('capabilities')) assert.match(got['capabilities'] ?? '', /^0+$/);
  if (isEnforced('own user')) assert.ok(Number(got['uid']) >= 60_706 && Number(got['uid']) < 61_184, got['uid']);
}

export function worksAsItShould({ got, log }: Caught): void {
  assert.equal(got['ownWrite'], 'x');
  assert.deepEqual([got['given'], got['given2']], ['given/one\n', 'one'], 'what its config names it may read');
  for (const [trial, said] of [
    ['cfg', /thief has no permission "cfg:write", which state\/propose needs; refused/],
    ['dsc', /thief reported x, which is no node of this host; refused/],
    ['state', /thief did not declare that it reads \/physState, .*; refused/],
    ['operate', /thief has no permission "operate", which node\/set needs; refused/],
  ] as const) {
    assert.match(got[trial] ?? '', /^refused/, trial);
    assert.ok(
      log.some((line) => said.test(line)),
      `the refusal of ${trial} is not in the log with its name:\n${log.join('\n')}`,
    );
  }
}
