/**
 * Power by IPMI 2.0 over LAN, for many nodes at once. RMCP+ is spoken here (session.ts) and not by ipmipower or ipmitool: a session
 * is kept with every BMC, so a sweep costs one datagram a node and no process; ipmipower takes one user and one cipher suite a call and
 * prints hosts without their ports, and ipmitool starts 55 to 94 times a second.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { defineModule, type Module } from '@kraken-hpc/sdk';
import { bootFromNetwork, control, isOn } from './chassis.ts';
import { Fleet } from './fleet.ts';
import type { Session } from './session.ts';

/** What the BMC says now, never what it was asked for. */
type Power = { readonly '/physState': 'POWER_ON' | 'POWER_OFF' };
/** Milliseconds before each look after a command. What takes longer the engine finds by asking again. */
const LOOKS = [50, 250, 700, 1000, 2000];

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
type Firmware = 'none' | 'bios' | 'uefi';

const power = (isOn: boolean): Power => ({ '/physState': isOn ? 'POWER_ON' : 'POWER_OFF' });

/** Switches it unless it is so already, and looks until it is so, or for some seconds. */
async function switchTo(to: 'on' | 'off', session: Session, bmc: string, firmware: Firmware, signal: AbortSignal): Promise<Power> {
  const wanted = to === 'on';
  let now = await isOn(session, bmc);
  if (now === wanted) return power(now);
  if (wanted && firmware !== 'none') await bootFromNetwork(session, bmc, firmware);
  signal.throwIfAborted();
  await control(session, bmc, to);
  for (const pause of LOOKS) {
    await sleep(pause);
    now = await isOn(session, bmc);
    if (now === wanted) break;
  }
  return power(now);
}

/** Every node is answered as soon as its own BMC has answered: the slow and the dead hold up nobody. */
async function each(fleet: Fleet, batch: Batch, patient: boolean, talk: (session: Session, bmc: string, node: string) => Promise<Power>) {
  await Promise.all(
    batch.nodes.map(async ({ id, cfg }) => {
      try {
        const bmc = fleet.of(id, cfg as Readonly<Record<string, unknown>>);
        batch.observed(id, await bmc.ask((session, name) => talk(session, name, id), patient));
      } catch (error) {
        batch.failed(id, error);
      }
    }),
  );
}

/** A module with BMCs of its own: a process needs one, a test may want several. */
export function ipmi(): Module {
  let open: Fleet | undefined;
  const fleet = (): Fleet => {
    if (open === undefined) throw new Error('the module is not running');
    return open;
  };
  const command =
    (to: 'on' | 'off') =>
    (batch: Batch & { readonly config: { readonly bootOverride: Firmware } }): Promise<void> =>
      each(fleet(), batch, false, (session, bmc, node) => switchTo(to, session, bmc, batch.config.bootOverride, batch.signalOf(node)));
  const hang = { '/physState': 'PHYS_HANG' } as const;
  return defineModule({
    config: CONFIG,
    requires: { '/platform': 'ipmi' },
    reads: ['/ipmi/address', '/ipmi/port', '/ipmi/user', '/ipmi/secret', '/ipmi/cipherSuite'],
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
        pollMany: (batch) => each(fleet(), batch, true, async (session, bmc) => power(await isOn(session, bmc))),
      },
    },
    declares: (declaration, { pollEvery }) => ({
      ...declaration,
      pollers: Object.fromEntries(
        Object.entries(declaration.pollers ?? {}).map(([name, poller]) => [name, { ...poller, every: pollEvery }]),
      ),
    }),
    start: ({ config }) => {
      open = new Fleet(config);
    },
    update: async (config) => {
      const before = open;
      open = new Fleet(config);
      await before?.close();
    },
    stop: () => open?.close(),
  });
}

export default ipmi();
