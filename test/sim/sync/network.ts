/**
 * The network between simulated hosts: datagrams that are lost, late, twice, out of order and no longer than the MTU; partitions per pair
 * and per station, of datagrams, of connections or of both. `pipes.ts` are the connections over it. Deterministic for a seed.
 */
import type { Address } from '../../../host/sync/actions.ts';
import type { Clock, Millis } from './clock.ts';
import { Pipes } from './pipes.ts';
import type { Endpoint } from './station.ts';
import { Station } from './station.ts';

export interface Weather {
  /** Share of datagrams, and of TCP segments at their first try, that do not arrive. */
  loss: number;
  delay: Millis;
  /** Uniform, on top: what is sent later may arrive earlier. */
  jitter: Millis;
  duplicates: number;
}

export type Kind = 'udp' | 'tcp';
type Cut = { readonly [K in Kind]: boolean };

/** UDP payload of an Ethernet frame without fragments, with IPv6. */
const MTU = 1_452;

/** A datagram that arrived, as a wiretap has it. */
export interface Recorded {
  readonly from: Address;
  readonly to: Address;
  readonly bytes: Uint8Array;
}

export class Network {
  readonly clock: Clock;
  readonly random: () => number;
  readonly weather: Weather = { loss: 0, delay: 1, jitter: 0, duplicates: 0 };
  readonly stations = new Map<string, Station>();
  readonly pipes: Pipes;
  readonly figures = { datagrams: 0, lost: 0, tooLong: 0, bytes: 0, largest: 0 };
  /** Counts what is said, over either. */
  sent: ((from: string, to: string, bytes: Uint8Array) => void) | undefined;
  /** Hears every datagram that arrives. */
  tap: ((recorded: Recorded) => void) | undefined;
  readonly #cuts = new Map<string, Cut>();
  readonly #isolated = new Set<string>();

  constructor(clock: Clock, random: () => number) {
    this.clock = clock;
    this.random = random;
    this.pipes = new Pipes(this);
  }

  station(address: string): Station {
    let station = this.stations.get(address);
    if (!station) {
      station = new Station(address);
      this.stations.set(address, station);
    }
    return station;
  }

  // --- partitions ------------------------------------------------------------------------------------------------------------

  cut(a: string, b: string, what: 'none' | 'all' | Kind = 'all'): void {
    if (what === 'none') this.#cuts.delete(pair(a, b));
    else this.#cuts.set(pair(a, b), { udp: what !== 'tcp', tcp: what !== 'udp' });
    this.pipes.look();
  }

  isolate(address: string, isIsolated = true): void {
    if (isIsolated) this.#isolated.add(address);
    else this.#isolated.delete(address);
    this.pipes.look();
  }

  heal(): void {
    this.#cuts.clear();
    this.#isolated.clear();
    Object.assign(this.weather, { loss: 0, duplicates: 0 });
  }

  /** Whether anything gets from one to the other now. */
  isOpen(a: string, b: string, kind?: Kind): boolean {
    if (a === b) return true;
    if (this.#isolated.has(a) || this.#isolated.has(b)) return false;
    const cut = this.#cuts.get(pair(a, b));
    if (!cut) return true;
    return kind ? !cut[kind] : !(cut.udp && cut.tcp);
  }

  /** One way, now. */
  latency(): Millis {
    return this.weather.delay + this.random() * this.weather.jitter;
  }

  // --- datagrams -------------------------------------------------------------------------------------------------------------

  send(from: Address, to: Address, bytes: Uint8Array): void {
    const { figures, weather } = this;
    this.sent?.(from.host, to.host, bytes);
    figures.datagrams++;
    figures.bytes += bytes.length;
    figures.largest = Math.max(figures.largest, bytes.length);
    if (bytes.length > MTU) {
      figures.tooLong++;
      return;
    }
    const copies = this.random() < weather.duplicates ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      if (weather.loss > 0 && this.random() < weather.loss) figures.lost++;
      else this.clock.later(this.latency(), () => this.#arrive(from, to, bytes));
    }
  }

  #arrive(from: Address, to: Address, bytes: Uint8Array): void {
    const target = this.stations.get(to.host)?.endpoint;
    if (!target || !this.isOpen(from.host, to.host, 'udp')) {
      this.figures.lost++;
      return;
    }
    this.tap?.({ from, to, bytes });
    target.datagram(from, bytes);
  }

  /** What somebody else puts on the wire, with a source address of his choice; gives back whether anybody was there. */
  inject(from: Address, to: Address, bytes: Uint8Array): Endpoint | undefined {
    const target = this.stations.get(to.host)?.endpoint;
    target?.datagram(from, bytes);
    return target;
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
