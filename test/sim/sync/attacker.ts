/** Somebody on the wire: he hears every datagram, and says what he likes from where he likes. He has no keys. */
import { createHash } from 'node:crypto';
import type { Forgeries } from './checks/forgeries.ts';
import type { Recorded } from './network.ts';
import { PORT, Process } from './process.ts';
import type { Sim } from './sim.ts';
import type { SimHost } from './sim-host.ts';

const KEPT = 400;

type Attack = (recorded: Recorded, random: () => number, sim: Sim) => Recorded;

/** What is made of a recording. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  replay: (recorded) => recorded,
  'replay from elsewhere': (recorded) => ({ ...recorded, from: { host: '10.66.66.66', port: 666 } }),
  'replay to another': (recorded, random, sim) => {
    const all = [...sim.hosts.values()];
    const { address } = all[Math.floor(random() * all.length)] as SimHost;
    return { ...recorded, to: { host: address, port: PORT } };
  },
  truncated: ({ bytes, ...rest }, random) => ({ ...rest, bytes: bytes.slice(0, Math.floor(random() * bytes.length)) }),
  'a bit changed': ({ bytes, ...rest }, random) => {
    const changed = Uint8Array.from(bytes);
    const at = Math.floor(random() * changed.length);
    changed[at] = (changed[at] as number) ^ (1 << Math.floor(random() * 8));
    return { ...rest, bytes: changed };
  },
  'another sequence number': ({ bytes, ...rest }, random) => {
    const changed = Buffer.from(bytes);
    if (changed.length >= 19) changed.writeUIntBE(Math.floor(random() * 2 ** 30), 13, 6);
    return { ...rest, bytes: changed };
  },
  'another generation': ({ bytes, ...rest }, random) => {
    const changed = Buffer.from(bytes);
    if (changed.length >= 19) changed.writeUInt32BE(changed.readUInt32BE(5) + Math.floor(random() * 3), random() < 0.5 ? 5 : 9);
    return { ...rest, bytes: changed };
  },
  random: ({ bytes, ...rest }, random) => {
    const made = Uint8Array.from({ length: Math.floor(random() * 1_400) }, () => Math.floor(random() * 256));
    if (random() < 0.7) made.set(bytes.subarray(0, Math.min(19, made.length)));
    return { ...rest, bytes: made };
  },
  bounced: ({ from, to, bytes }) => ({ from: to, to: from, bytes }),
};

export class Attacker {
  readonly #sim: Sim;
  readonly #check: Forgeries;
  readonly #recorded: Recorded[] = [];

  constructor(sim: Sim, check: Forgeries) {
    this.#sim = sim;
    this.#check = check;
    sim.net.tap = (recorded) => {
      const { random } = sim;
      if (this.#recorded.length < KEPT) this.#recorded.push(recorded);
      else this.#recorded[Math.floor(random() * KEPT)] = recorded;
    };
  }

  attack(name?: string): void {
    const { random, net } = this.#sim;
    const recorded = this.#recorded[Math.floor(random() * this.#recorded.length)];
    if (!recorded) return;
    const names = Object.keys(ATTACKS);
    const what = name ?? (names[Math.floor(random() * names.length)] as string);
    const made = (ATTACKS[what] as Attack)(recorded, random, this.#sim);
    const victim = net.stations.get(made.to.host)?.endpoint;
    if (victim instanceof Process) victim.settle();
    this.#check.around(what, victim, () => void net.inject(made.from, made.to, made.bytes));
  }

  /** A claim in a node's name, with a key that is not its. Gives what it is answered. */
  claim(
    node: string,
    at: SimHost,
    more: { privileged?: boolean; address?: string; boot?: string; runs?: boolean; key?: string } = {},
  ): {
    readonly answer: string | undefined;
  } {
    const { privileged = true, address = '10.66.66.66', boot = 'stolen', runs = false, key } = more;
    const found: { answer: string | undefined } = { answer: undefined };
    at.process?.knock(
      {
        request: { attempt: 1, to: { host: at.address, port: PORT }, node, term: 0, runs },
        boot,
        key: key ?? createHash('sha256').update(String(this.#sim.random())).digest('base64url'),
        generation: 1,
        privileged,
        statement: undefined,
        address,
      },
      ({ outcome }) => {
        found.answer = outcome.kind;
      },
    );
    return found;
  }
}
