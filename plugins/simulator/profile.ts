/** What a virtual cluster is like: how long things take, what is wrong from the start, which part of the world it plays. */

/** What can be wrong with one node. Each ends when it is cleared, and the node then behaves again. */
export const FAULTS = [
  'none',
  /** Its BMC answers nothing. */
  'deadBmc',
  /** The network between us and its BMC is down; the machine and its own network are well. */
  'bmcNetwork',
  /** Its BMC answers for a while, then does not, and so on. */
  'flapping',
  /** Its BMC refuses our password. */
  'loginRefused',
  /** Its BMC answers that it is busy. */
  'busyBmc',
  /** Its BMC takes power commands, and nothing comes of them. */
  'stuckPower',
  /** Mains gone: the machine is off, and its BMC dead. It stays off when the mains are back. */
  'powerCut',
  /** Its firmware waits for a key after POST; clearing the fault is somebody who presses it. */
  'hangAtBoot',
  /** POST takes ten times as long. */
  'slowPost',
  /** It reboots by itself, again and again. */
  'selfReboot',
  /** Its host process is dead, its kernel goes on. */
  'crash',
  /** Its kernel is dead, its power stays: it needs a power cycle, even when the fault is cleared. */
  'panic',
  /** Its own network link is down: no DHCP, no session. */
  'linkDown',
  /** Everything about images takes ten times as long. */
  'slowDisk',
  /** Its images do not start; the third failure is fatal. */
  'imageError',
] as const;

export type Fault = (typeof FAULTS)[number];

/** The parts of the world that it can play: BMCs, the boot server, the nodes' own hosts, the images service on them. */
export const PARTS = ['power', 'pxe', 'hosts', 'images'] as const;
export type Part = (typeof PARTS)[number];

type Span = readonly number[];

/** Milliseconds, from and to; each node draws its own. */
const LATENCIES = {
  /** An answer of a BMC. */
  bmcMs: [5, 25],
  /** Until a BMC that does not answer is given up. */
  bmcTimeoutMs: [1000, 1500],
  /** From the power command until the power is there, or gone. */
  powerMs: [200, 500],
  postMs: [1500, 3500],
  /** The DHCP exchange. */
  dhcpMs: [100, 300],
  /** Until an unanswered DHCP client asks again. */
  dhcpRetryMs: [1000, 2000],
  /** Kernel and initramfs, until the host phones home. */
  loadMs: [700, 1800],
  /** An answer of a node's own host; also how long it takes to come back to us. */
  hostMs: [5, 30],
  /** Starting, changing or stopping images. */
  imageMs: [200, 800],
  /** Until a host that fell silent is given up. */
  silenceMs: [3000, 3500],
  /** How long a flapping BMC stays as it is. */
  flapMs: [4000, 8000],
  /** Between two reboots of a node that reboots by itself. */
  rebootEveryMs: [20_000, 30_000],
} as const satisfies Readonly<Record<string, Span>>;

export type Latency = keyof typeof LATENCIES;
export type Latencies = Readonly<Record<Latency, Span>>;

/** How much longer a slow POST or disk takes. */
export const SLOW = 10;

/** What a fault makes of a latency. */
export function slowness(fault: Fault, name: Latency): number {
  return (name === 'postMs' && fault === 'slowPost') || (name === 'imageMs' && fault === 'slowDisk') ? SLOW : 1;
}

/** A fault that is there from the seed: for a share of the nodes or for those named, from `at` on, for so long (absent: for ever). */
export interface SeededFault {
  readonly fault: Fault;
  /** 0 to 1. */
  readonly share?: number;
  /** Names or ids. */
  readonly nodes?: readonly string[];
  /** Milliseconds after the node was first seen; default 0. */
  readonly at?: number;
  readonly for?: number;
}

export interface Profile {
  readonly seed: number;
  /** Multiplied with every latency. */
  readonly scale: number;
  /** What a node is when it is first seen: off, switched on a moment ago, or at work with its images. */
  readonly start: 'off' | 'on' | 'running';
  readonly latencies: Latencies;
  readonly faults: readonly SeededFault[];
  readonly parts: readonly Part[];
}

export function profileOf(given: Partial<Omit<Profile, 'latencies'>> & { readonly latencies?: Partial<Latencies> } = {}): Profile {
  const latencies: Latencies = { ...LATENCIES, ...given.latencies };
  for (const [name, [from = 0, to = -1]] of Object.entries(latencies))
    if (from < 0 || to < from)
      throw new Error(`latencies/${name} is ${from} to ${to}: it must be two numbers, the first not above the second`);
  return { seed: 1, scale: 1, start: 'off', faults: [], parts: PARTS, ...given, latencies };
}

/**
 * Milliseconds that every limit has at least. Near scale 0 it is the number of nodes, not their latency, that decides how long a step
 * takes: 100,000 at once keep two processes busy for half a minute.
 */
const FLOOR = 8000;
const FLOOR_UNSCALED = 180_000;

/** A limit for something that takes this long at worst: `patience` times that, and some for ourselves. In whole milliseconds. */
export function limitFor({ latencies, scale }: Profile, names: readonly Latency[], patience: number): number {
  const worst = names.reduce((sum, name) => sum + (latencies[name][1] ?? 0), 0);
  return Math.ceil((scale < 0.01 ? FLOOR_UNSCALED : FLOOR) + patience * worst * scale);
}
