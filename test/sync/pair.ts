/** Two ends of a session on a virtual clock, sealed as in life, over datagrams that are lost, late, twice, forged, and a stream that breaks. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Json } from '../../host/core/declaration.ts';
import { MalformedError } from '../../host/sync/codec.ts';
import { Link } from '../../host/sync/link.ts';
import type { Update } from '../../host/sync/messages.ts';
import { Seal } from '../../host/sync/seal.ts';
import { DEFAULT_SYNC, type SyncSettings } from '../../host/sync/settings.ts';

export type Side = 'parent' | 'child';

export interface Weather {
  /** Of datagrams; 0 … 1. */
  readonly loss: number;
  readonly twice: number;
  /** Datagrams take between these two, frames the first. */
  readonly delay: readonly [number, number];
  /** The core needs so long for an update; and says no to so many. */
  readonly work: number;
  readonly refuse: number;
  /** Noise: so many random, truncated, mangled or recorded datagrams for each that is sent. */
  readonly noise: number;
}

export const CALM: Weather = { loss: 0, twice: 0, delay: [1, 1], work: 0, refuse: 0, noise: 0 };

const SECRET = new Uint8Array(32).fill(7);
const SID = 77;
const RECORDED_MOST = 2_000;

interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A host: what it offers and what it was told outlive a restart, as they do on disk. */
class End {
  readonly side: Side;
  readonly truth = new Map<string, Json>();
  readonly state = new Map<string, Json>();
  /** Every state that was offered, and when the newest of those that were seen at the other end was. */
  readonly history = new Map<string, number>();
  seenAt = -1;
  generation = 0;
  peerGeneration = 0;
  /** Raised by a restart: what was under way before is lost. */
  life = 0;
  busyUntil = 0;
  link!: Link;
  seal!: Seal;
  taken = 0;
  refused = 0;
  malformed = 0;
  readonly opened = { body: 0, stale: 0, forged: 0, replayed: 0 };

  constructor(side: Side) {
    this.side = side;
  }

  note(): void {
    this.history.set(canonical(this.truth), this.history.size);
  }
}

export const canonical = (map: ReadonlyMap<string, Json>): string =>
  JSON.stringify([...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));

export class Pair {
  now = 1_000;
  weather: Weather;
  readonly parent = new End('parent');
  readonly child = new End('child');
  readonly recorded: { readonly bytes: Uint8Array; readonly to: End }[] = [];
  readonly sent = { udp: 0, stream: 0, udpBytes: 0, largest: 0 };
  /** Datagrams do not get through at all. */
  udpBlocked = false;
  /** Also those that the other end never offered at once: updates were split. */
  splits = false;
  #hasStream = false;
  #streamLife = 0;
  readonly #queue: Due[] = [];
  #order = 0;
  readonly settings: SyncSettings;
  readonly #random: () => number;

  constructor(weather: Weather, random: () => number, settings: Partial<SyncSettings> = {}) {
    this.weather = weather;
    this.settings = { ...DEFAULT_SYNC, ...settings };
    this.#random = random;
    this.#start(this.parent);
    this.child.peerGeneration = this.parent.generation;
    this.#start(this.child);
  }

  peerOf(end: End): End {
    return end === this.parent ? this.child : this.parent;
  }

  /** Kill -9 and a new start: all that was in memory is gone. */
  restart(side: Side): void {
    const end = this[side];
    this.closeStream();
    this.#start(end);
  }

  #start(end: End): void {
    end.life++;
    end.busyUntil = 0;
    end.generation++;
    const { generation, peerGeneration, side } = end;
    end.seal = new Seal({ secret: SECRET, sid: SID, side, generation, peerGeneration: side === 'child' ? peerGeneration : 0 });
    const peerIs = side === 'child' ? 'parent' : 'child';
    end.link = new Link({ settings: this.settings, peerIs, run: generation, now: this.now, random: this.#random });
    for (const [key, value] of end.truth) end.link.offer(key.slice(0, 1), key.slice(1), value);
    if (side === 'child') end.link.greet(this.now);
  }

  /** The core forgets all that it was told, as of a peer that was held for dead. */
  distrust(side: Side): void {
    this[side].state.clear();
    this[side].link.distrust(this.now);
    this.#flush(this[side]);
  }

  openStream(): void {
    if (this.#hasStream) return;
    this.#hasStream = true;
    for (const end of [this.parent, this.child]) end.link.streamOpened(this.now);
  }

  closeStream(): void {
    if (!this.#hasStream) return;
    this.#hasStream = false;
    this.#streamLife++;
    for (const end of [this.parent, this.child]) end.link.streamClosed(this.now);
  }

  /** `node` is one letter. */
  set(side: Side, changes: readonly (readonly [node: string, member: string, value: Json | undefined])[]): void {
    const end = this[side];
    for (const [node, member, value] of changes) {
      if (value === undefined) end.truth.delete(node + member);
      else end.truth.set(node + member, value);
      assert.equal(end.link.offer(node, member, value), undefined);
    }
    end.note();
    this.#flush(end);
  }

  flush(): void {
    for (const end of [this.parent, this.child]) this.#flush(end);
  }

  #flush(end: End): void {
    for (const { path, bytes } of end.link.drain(this.now)) this.#transmit(end, path, end.seal.seal(bytes));
  }

  #transmit(end: End, path: 'udp' | 'stream', bytes: Uint8Array): void {
    const to = this.peerOf(end);
    this.sent[path]++;
    if (this.recorded.length < RECORDED_MOST) this.recorded.push({ bytes, to });
    if (path === 'stream') {
      assert.ok(bytes.length <= this.settings.frame, `a frame of ${bytes.length} bytes`);
      const life = this.#streamLife;
      if (this.#hasStream) this.#later(this.weather.delay[0], () => life === this.#streamLife && this.deliver(to, bytes, 'stream'));
      return;
    }
    assert.ok(bytes.length <= this.settings.datagram, `a datagram of ${bytes.length} bytes`);
    this.sent.udpBytes += bytes.length;
    this.sent.largest = Math.max(this.sent.largest, bytes.length);
    if (this.#random() < this.weather.noise) this.#noise(to, bytes);
    if (this.udpBlocked) return;
    const copies = this.#random() < this.weather.twice ? 2 : 1;
    for (let i = 0; i < copies; i++)
      if (this.#random() >= this.weather.loss) this.#later(this.#delay(), () => this.deliver(to, bytes, 'udp'));
  }

  #noise(to: End, bytes: Uint8Array): void {
    const kind = Math.floor(this.#random() * 4);
    const old = this.recorded[Math.floor(this.#random() * this.recorded.length)];
    const mangled = Uint8Array.from(bytes);
    const at = Math.floor(this.#random() * bytes.length);
    mangled[at] = mangled[at]! ^ (1 + Math.floor(this.#random() * 255));
    const noise = [mangled, bytes.subarray(0, Math.floor(this.#random() * bytes.length)), randomBytes(60), old?.bytes ?? mangled][kind]!;
    this.#later(this.#delay() * 3, () => this.deliver(kind === 3 && old ? old.to : to, noise, 'udp'));
  }

  #delay(): number {
    const [least, most] = this.weather.delay;
    return least + (most - least) * this.#random();
  }

  deliver(end: End, bytes: Uint8Array, path: 'udp' | 'stream'): void {
    const opened = end.seal.open(bytes);
    end.opened[opened.kind]++;
    if (opened.kind === 'stale') end.link.greet(this.now);
    if (opened.kind === 'body') {
      if (opened.restarted) end.link.peerRestarted(this.now);
      // Sometimes it was written down, and sometimes it knows the one of its enrolment.
      if (end.side === 'child' && this.#random() < 0.1) end.peerGeneration = this.parent.generation;
      try {
        for (const update of end.link.receive(opened.body, path, this.now)) this.#work(end, update);
      } catch (error) {
        assert.ok(error instanceof MalformedError, String(error));
        end.malformed++;
      }
    }
    this.#flush(end);
  }

  /** The core's part: takes it, a while later, or says no. */
  #work(end: End, update: Update): void {
    const { life } = end;
    const finish = (): void => {
      if (life !== end.life) return;
      if (this.#random() < this.weather.refuse) {
        end.refused++;
        end.link.refused(update.number, this.now);
      } else {
        this.#take(end, update);
        end.link.taken(update.number, this.now);
      }
      this.#flush(end);
    };
    // It takes one after the other, also what came of a peer that has restarted since.
    end.busyUntil = Math.max(this.now, end.busyUntil) + this.weather.work * this.#random();
    if (end.busyUntil > this.now) this.#later(end.busyUntil - this.now, finish);
    else finish();
  }

  /** What is there afterwards was offered at one time, and not before what was there until now. */
  #take(end: End, update: Update): void {
    end.taken++;
    if (update.snapshot) end.state.clear();
    for (const { node, member, value } of update.items) {
      if (value === undefined) end.state.delete(node + member);
      else end.state.set(node + member, value);
    }
    if (this.splits) return;
    const at = this.peerOf(end).history.get(canonical(end.state));
    assert.ok(at !== undefined, 'a state that was never offered');
    assert.ok(at >= end.seenAt, 'an older state after a newer one');
    end.seenAt = at;
  }

  #later(delay: number, run: () => void): void {
    // Frames keep their order; datagrams have one only by chance.
    this.#queue.push({ at: this.now + delay, order: this.#order++, run });
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Lets time pass. */
  run(time: number): void {
    const end = this.now + time;
    for (let turns = 0; ; turns++) {
      assert.ok(turns < 200_000, 'it never comes to rest');
      const next = this.#queue.reduce<Due | undefined>(
        (best, event) => (!best || event.at < best.at || (event.at === best.at && event.order < best.order) ? event : best),
        undefined,
      );
      const wake = Math.max(this.now, Math.min(this.parent.link.wake, this.child.link.wake));
      const at = Math.min(wake, next?.at ?? Number.POSITIVE_INFINITY);
      if (at > end) break;
      this.now = at;
      if (next && next.at <= wake) {
        this.#queue.splice(this.#queue.indexOf(next), 1);
        next.run();
        continue;
      }
      for (const host of [this.parent, this.child]) {
        if (host.link.wake <= this.now) host.link.tick(this.now);
        this.#flush(host);
      }
    }
    this.now = end;
  }

  /** What each offered last is what the other has. */
  check(): void {
    for (const end of [this.parent, this.child]) {
      const told = this.peerOf(end).state;
      if (end.truth.size === 0 && end.history.size === 0) continue;
      assert.equal(canonical(told), canonical(end.truth), `what the ${end.side} told`);
      assert.ok(end.link.inSync, `the ${end.side} knows that it is in sync: ${JSON.stringify(end.link.figures)}`);
    }
  }
}

/** mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
