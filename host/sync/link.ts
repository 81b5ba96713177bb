/**
 * What is replicated between two neighbours in one session, in both directions: pure, time and bytes go in, bytes come out. Stop and
 * wait: one update is on its way, and what changes meanwhile goes with the next. `telling.ts` and `listening.ts` are the directions,
 * `greeting.ts` says hello.
 */
import type { Json } from '../core/declaration.ts';
import type { Millis, NodeId } from '../core/record.ts';
import { decode, encode, MalformedError, SEAL_OVERHEAD } from './codec.ts';
import { Greeting, type Way } from './greeting.ts';
import { Listening } from './listening.ts';
import type { Hello, Message, Update } from './messages.ts';
import type { SyncSettings } from './settings.ts';
import { type Outbox, Telling } from './telling.ts';

export interface LinkOptions {
  readonly settings: SyncSettings;
  /** What the peer is to us. */
  readonly peerIs: 'parent' | 'child';
  /** This host's generation: names its stream. */
  readonly run: number;
  readonly now: Millis;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** An encoded message, to be sealed. */
export interface Outbound {
  readonly path: Way;
  readonly bytes: Uint8Array;
}

export interface LinkFigures {
  /** Round trip, ms; undefined before it was measured. */
  readonly rtt: Millis | undefined;
  /** Keys that the peer has not been told of. */
  readonly pending: number;
  /** Updates on their way: 0 or 1. */
  readonly unacked: number;
  /** The next update is too large for UDP, and there is no stream. */
  readonly waitsForStream: boolean;
  /** Datagrams get there and back, as far as is known. */
  readonly udpWorks: boolean;
  /** How often the mirror was found wrong (it is mended by a snapshot). */
  readonly resyncs: number;
  /** Updates that could not be applied here. */
  readonly refused: number;
  readonly malformed: number;
  readonly updatesIn: number;
  readonly updatesOut: number;
  /** Messages that were sent again. */
  readonly resent: number;
}

const NOTHING: readonly Outbound[] = [];

/** To its two halves it is the outbox. */
export class Link implements Outbox {
  readonly room: Outbox['room'];
  heardAt: Millis;
  /** The peer said that it goes: why. */
  farewell: string | undefined;
  readonly #greeting: Greeting;
  readonly #telling: Telling;
  readonly #listening: Listening;
  #queue: Outbound[] | undefined;
  #malformed = 0;
  #greetedAt: Millis = Number.NEGATIVE_INFINITY;
  readonly #greetLeast: Millis;
  /** When digests were last compared, they were the same. */
  #agrees = false;

  constructor({ settings, peerIs, run, now, random }: LinkOptions) {
    this.heardAt = now;
    this.#greetLeast = settings.resendLeast;
    this.room = { udp: settings.datagram - SEAL_OVERHEAD, stream: settings.frame - SEAL_OVERHEAD };
    this.#greeting = new Greeting(settings, peerIs === 'parent', now, random);
    this.#telling = new Telling(settings, run, this.#greeting, this);
    this.#listening = new Listening(settings, this);
  }

  /**
   * What the peer is to know of this key; undefined = it is gone. Everything is offered before the first `drain`: the first update is
   * taken for all there is. Gives why the value cannot be told (the peer keeps the one before), or undefined.
   */
  offer(node: NodeId, member: string, value: Json | undefined): string | undefined {
    return this.#telling.offer(node, member, value);
  }

  /** All members of the node are gone. */
  forget(node: NodeId): void {
    this.#telling.forget(node);
  }

  /**
   * Takes in a message. None or one update is to be taken; its number (of this link, not the peer's) is what `taken` or `refused` is
   * to be called with, once. Throws `MalformedError`; nothing is given out then.
   */
  receive(bytes: Uint8Array, path: Way, now: Millis): readonly Update[] {
    try {
      const updates = this.#dispatch(decode(bytes), bytes.length, path, now);
      this.heardAt = now;
      return updates;
    } catch (error) {
      if (error instanceof MalformedError) this.#malformed++;
      throw error;
    }
  }

  /** The update was applied: acknowledges it. */
  taken(number: number, now: Millis): void {
    this.#listening.taken(number, now);
  }

  /** The update could not be applied: a snapshot is asked for, each time later than the time before. */
  refused(number: number, now: Millis): void {
    this.#listening.refused(number, now);
  }

  /** Its generation rose: it knows nothing of us, and its stream begins anew. */
  peerRestarted(now: Millis): void {
    this.#agrees = false;
    this.farewell = undefined;
    this.#greeting.restart();
    this.#listening.restart();
    this.#telling.restart(now);
  }

  /** What was taken is not there any more (the peer was held for dead): it tells everything anew. */
  distrust(now: Millis): void {
    this.#agrees = false;
    this.#listening.forget(now);
    this.greet(now);
  }

  streamOpened(now: Millis): void {
    this.#greetedAt = Number.NEGATIVE_INFINITY;
    this.#greeting.hasStream = true;
    this.#telling.pathsChanged(now);
  }

  /** Without one, what is too large for UDP waits. */
  streamClosed(now: Millis): void {
    this.#greeting.hasStream = false;
    this.#listening.streamClosed();
    this.#telling.pathsChanged(now);
  }

  /** A hello that asks for an answer, now, on every path; recordings of old datagrams that are answered so make no flood. */
  greet(now: Millis): void {
    if (now - this.#greetedAt < this.#greetLeast) return;
    this.#greetedAt = now;
    this.#ask(this.#greeting.ask(now, true), now);
  }

  bye(why: string): void {
    for (const path of this.#greeting.all) this.put(path, [encode({ kind: 'bye', why })]);
  }

  /** When `tick` has something to do; Infinity where only the peer can change that. */
  get wake(): Millis {
    return Math.min(this.#greeting.wake, this.#telling.wake, this.#listening.wake);
  }

  tick(now: Millis): void {
    if (this.#greeting.saysPlainly(now)) this.#sayHello(['udp'], false, now);
    this.#ask(this.#greeting.tick(now), now);
    this.#telling.tick(now);
    if (now >= this.#listening.wake) this.#ask(this.#greeting.all, now);
  }

  /** What is to be sent now; the next update takes all that is pending. */
  drain(now: Millis): readonly Outbound[] {
    this.#telling.next(now);
    const queue = this.#queue ?? NOTHING;
    this.#queue = undefined;
    return queue;
  }

  get figures(): LinkFigures {
    const { rtt, udpWorks } = this.#greeting;
    const { pending, unacked, waitsForStream } = this.#telling;
    const counts = { ...this.#telling.counts, ...this.#listening.counts, malformed: this.#malformed };
    return { rtt, udpWorks, pending, unacked, waitsForStream, ...counts };
  }

  /** Nothing is pending or on its way, and the digests were the same when they were last compared. */
  get inSync(): boolean {
    return this.#agrees && this.#telling.isDone && this.#listening.isDone;
  }

  #dispatch(message: Message, size: number, path: Way, now: Millis): readonly Update[] {
    switch (message.kind) {
      case 'hello':
        this.#hearHello(message, path, now);
        return [];
      case 'update':
        return this.#listening.hear(message, size, path, now);
      case 'part':
        return this.#listening.hearPart(message, path, now);
      case 'ack':
        this.#telling.hearAck(message, path, now);
        return [];
      case 'partsSeen':
        this.#telling.hearPartsSeen(message, path, now);
        return [];
      case 'bye':
        this.farewell = message.why;
        return [];
      default:
        return message satisfies never;
    }
  }

  /** What an older hello says of the streams is not news any more: only its clocks count. */
  #hearHello(hello: Hello, path: Way, now: Millis): void {
    const { isNewest, rtt } = this.#greeting.heard(hello, path, now);
    if (rtt !== undefined) this.#telling.rto.seed(rtt);
    if (isNewest) {
      this.#telling.hearHello(hello, path, now);
      this.#agrees = !hello.resync && (this.#listening.compare(hello, now) ?? this.#agrees);
    }
    if (hello.asks) this.#sayHello([path], false, now);
  }

  #ask(ways: readonly Way[], now: Millis): void {
    if (ways.length > 0) this.#sayHello(ways, true, now);
  }

  #sayHello(ways: readonly Way[], asks: boolean, now: Millis): void {
    const { head, digest } = this.#telling;
    const resync = this.#listening.asksAgain(now);
    const { run, have } = this.#listening;
    for (const way of ways)
      this.put(way, [encode({ kind: 'hello', ...this.#greeting.stamp(way, now), asks, resync, head, digest, run, have })]);
  }

  /** For its halves: what is to go out this way. */
  put(path: Way, messages: readonly Uint8Array[]): void {
    this.#queue ??= [];
    for (const bytes of messages) this.#queue.push({ path, bytes });
  }
}
