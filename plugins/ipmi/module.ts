/**
 * Power by IPMI 2.0 over LAN, for many nodes at once. RMCP+ is spoken here (session.ts) and not by ipmipower or ipmitool: a session
 * is kept with every BMC, so a sweep costs one datagram a node and no process; ipmipower takes one user and one cipher suite a call and
 * prints hosts without their ports, and ipmitool starts 55 to 94 times a second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { defineModule, type Module } from '@kraken-hpc/sdk';
import { bootFromNetwork, control, isOn } from './chassis.ts';
import { Claims } from './claims.ts';
import { Fleet } from './fleet.ts';
import type { Session } from './session.ts';

/** What the BMC says now, never what it was asked for. */
type Power = { readonly '/physState': 'POWER_ON' | 'POWER_OFF' };
/** Milliseconds before each look after a command. What takes longer the engine finds by asking again. */
const LOOKS = [50, 250, 700, 1000, 2000];

const PLATFORM = 'ipmi';

const CONFIG = {
  user: { type: 'string', 'x-optional': true, maxLength: 16, description: "Where a node's /ipmi/user is missing." },
  password: {
    type: 'string',
    'x-optional': true,
    'x-secret': true,
    description: 'By reference: {"file": "/etc/kraken/bmc.password"} or {"env": "BMC_PASSWORD"}.',
  },
  passwords: {
    type: 'object',
    additionalProperties: { type: 'string' },
    default: {},
    'x-secret': true,
    description: "Others, by the name that a node's /ipmi/secret gives.",
  },
  cipherSuite: { type: 'integer', minimum: 0, maximum: 17, default: 17 },
  port: { type: 'integer', minimum: 1, maximum: 65_535, default: 623 },
  privilege: { type: 'string', enum: ['operator', 'admin'], default: 'admin' },
  bootOverride: {
    type: 'string',
    enum: ['none', 'bios', 'uefi'],
    default: 'none',
    description: 'Before a power-on, tell the firmware of this kind to boot from the network once.',
  },
  atOnce: { type: 'integer', minimum: 1, maximum: 4096, default: 256, description: 'BMCs spoken to at once.' },
  answerMs: { type: 'integer', minimum: 100, maximum: 20_000, default: 5000, description: 'Until a silent BMC is given up.' },
  pollEvery: { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$', default: '5s' },
} as const;

interface Batch {
  readonly nodes: readonly { readonly id: string; readonly cfg: object }[];
  signalOf(node: string): AbortSignal;
  observed(node: string, values: Power): void;
  failed(node: string, error: unknown): void;
}
interface Open {
  readonly fleet: Fleet;
  readonly claims: Claims;
}
type Firmware = 'none' | 'bios' | 'uefi';

const power = (isOn: boolean): Power => ({ '/physState': isOn ? 'POWER_ON' : 'POWER_OFF' });

/** What the machine has come to, looked at for some seconds. */
async function settled(wanted: boolean, session: Session, bmc: string): Promise<boolean> {
  for (const pause of LOOKS) {
    await sleep(pause);
    if ((await isOn(session, bmc)) === wanted) return wanted;
  }
  return !wanted;
}

/**
 * Switches it unless it is so already, and looks until it is so, or for some seconds. Made for one command: it may be called again, in
 * another session, where an answer stayed out; what was sent before is then given its time before anything is sent again.
 */
function switching(to: 'on' | 'off', firmware: Firmware, signal: AbortSignal): (session: Session, bmc: string) => Promise<Power> {
  const wanted = to === 'on';
  let isSent = false;
  return async (session, bmc) => {
    const now = isSent ? await settled(wanted, session, bmc) : await isOn(session, bmc);
    if (now === wanted) return power(now);
    if (wanted && firmware !== 'none') await bootFromNetwork(session, bmc, firmware);
    signal.throwIfAborted();
    isSent = true;
    await control(session, bmc, to);
    return power(await settled(wanted, session, bmc));
  };
}

/** Every node is answered as soon as its own BMC has answered: the slow and the dead hold up nobody. */
async function each(
  { fleet, claims }: Open,
  batch: Batch,
  patient: boolean,
  talkFor: (node: string) => (session: Session, bmc: string) => Promise<Power>,
): Promise<void> {
  // All of them before the first is spoken to: two of one batch may name the same BMC.
  for (const { id, cfg } of batch.nodes) claims.say(id, { ...cfg, '/platform': PLATFORM });
  await Promise.all(
    batch.nodes.map(async ({ id, cfg }) => {
      try {
        const bmc = fleet.of(id, cfg as Readonly<Record<string, unknown>>);
        claims.check(id, bmc.name);
        batch.observed(id, await bmc.ask(talkFor(id), patient));
      } catch (error) {
        batch.failed(id, error);
      }
    }),
  );
}

/** A module with BMCs of its own: a process needs one, a test may want several. */
export function ipmi(): Module {
  let open: Open | undefined;
  const opened = (): Open => {
    if (open === undefined) throw new Error('the module is not running');
    return open;
  };
  const command =
    (to: 'on' | 'off') =>
    (batch: Batch & { readonly config: { readonly bootOverride: Firmware } }): Promise<void> =>
      each(opened(), batch, false, (node) => switching(to, batch.config.bootOverride, batch.signalOf(node)));
  const hang = { '/physState': 'PHYS_HANG' } as const;
  return defineModule({
    config: CONFIG,
    requires: { '/platform': PLATFORM },
    reads: ['/nodename', '/ipmi/address', '/ipmi/port', '/ipmi/user', '/ipmi/secret', '/ipmi/cipherSuite'],
    permissions: ['net'],
    mutations: {
      powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '120s', failTo: hang, runMany: command('on') },
      powerOff: {
        mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] },
        excludes: { '/runState': 'SYNC' },
        timeout: '300s',
        failTo: hang,
        disruptive: true,
        runMany: command('off'),
      },
      unhang: {
        mutates: { '/physState': ['PHYS_HANG', 'POWER_OFF'] },
        timeout: '300s',
        failTo: hang,
        disruptive: true,
        runMany: command('off'),
      },
    },
    pollers: {
      power: {
        discovers: ['/physState'],
        every: '5s',
        timeout: '30s',
        pollMany: (batch) => each(opened(), batch, true, () => async (session, bmc) => power(await isOn(session, bmc))),
      },
    },
    declares: (declaration, { pollEvery }) => ({
      ...declaration,
      pollers: Object.fromEntries(
        Object.entries(declaration.pollers ?? {}).map(([name, poller]) => [name, { ...poller, every: pollEvery }]),
      ),
    }),
    start: async ({ config, host }) => {
      open = { fleet: new Fleet(config), claims: new Claims(config.port) };
      await host.watch(
        { paths: Claims.paths as never, view: 'cfg' },
        {
          nodes: (nodes) => {
            for (const { id, cfg = {} } of nodes) opened().claims.say(id, cfg);
          },
          changes: (changes) => {
            for (const change of changes) opened().claims.change(change);
          },
          resync: () => opened().claims.forget(),
        },
      );
    },
    update: async (config) => {
      const before = open;
      open = { fleet: new Fleet(config), claims: new Claims(config.port, before?.claims) };
      await before?.fleet.close();
    },
    stop: () => open?.fleet.close(),
  });
}

export default ipmi();
