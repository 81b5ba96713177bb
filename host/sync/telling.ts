/** Tells the peer what is offered: one update on its way at a time, acknowledged or sent again, over the path that is there. */
import type { Json } from '../core/declaration.ts';
import type { Millis, NodeId } from '../core/record.ts';
import { MalformedError } from './codec.ts';
import { Flight } from './flight.ts';
import type { Greeting, Way } from './greeting.ts';
import type { Ack, Hello, PartsSeen } from './messages.ts';
import { Outgoing } from './outgoing.ts';
import { cutMost } from './parts.ts';
import { Rto } from './rtt.ts';
import type { SyncSettings } from './settings.ts';

/** So many resends without any answer, and there is a stream: the datagrams do not get there. */
const UDP_TRIES = 3;

/** Where messages are put; the room is of the largest on each way. */
export interface Outbox {
  readonly room: Readonly<Record<Way, number>>;
  put(way: Way, messages: readonly Uint8Array[]): void;
}

export class Telling {
  readonly counts = { updatesOut: 0, resent: 0 };
  readonly rto: Rto;
  readonly #settings: SyncSettings;
  readonly #run: number;
  readonly #greeting: Greeting;
  readonly #outbox: Outbox;
  readonly #out: Outgoing;
  #flight: Flight | undefined;
  /** The peer takes nothing before a snapshot, for which it will ask. */
  #held = false;
  #restartedAt: Millis = Number.NEGATIVE_INFINITY;

  constructor(settings: SyncSettings, run: number, greeting: Greeting, outbox: Outbox) {
    this.#settings = settings;
    this.#run = run;
    this.#greeting = greeting;
    this.#outbox = outbox;
    this.#out = new Outgoing(run, settings.update);
    this.rto = new Rto(settings.resendLeast, settings.resendMost);
  }

  get head(): number {
    return this.#out.head;
  }

  get digest(): number {
    return this.#out.digest;
  }

  get pending(): number {
    return this.#out.pending;
  }

  get unacked(): number {
    return this.#flight ? 1 : 0;
  }

  /** All that was offered was taken. */
  get isDone(): boolean {
    return !this.#flight && !this.#held && !this.#out.hasNews;
  }

  /** The next update is too large for UDP, and there is nothing else. */
  get waitsForStream(): boolean {
    if (this.#greeting.hasStream || this.#held) return false;
    return this.#flight ? this.#flight.way === undefined : this.#out.hasNews;
  }

  get wake(): Millis {
    return this.#flight?.wake ?? Number.POSITIVE_INFINITY;
  }

  offer(node: NodeId, member: string, value: Json | undefined): string | undefined {
    return this.#out.offer(node, member, value);
  }

  forget(node: NodeId): void {
    this.#out.forget(node);
  }

  /** Begins the next update of all that is pending, if none is on its way. */
  next(now: Millis): void {
    if (this.#flight || this.#held) return;
    const built = this.#out.build(this.#greeting.hasStream ? this.#settings.update : this.#udpMost);
    if (!built) return;
    this.#flight = new Flight(this.#run, built, now);
    this.counts.updatesOut++;
    this.#launch(this.#flight, now);
  }

  /** The peer knows nothing: everything is told again, as a snapshot. */
  restart(now: Millis): void {
    this.#flight = undefined;
    this.#held = false;
    this.#restartedAt = now;
    this.#out.restart();
  }

  /** One that came as a datagram answers one. */
  hearAck(ack: Ack, way: Way, now: Millis): void {
    this.#hearHave(ack, way === 'udp', now);
  }

  #hearHave(ack: Pick<Ack, 'run' | 'have' | 'broken'>, answersUdp: boolean, now: Millis): void {
    if (ack.run !== this.#run) return;
    if (ack.have > this.#out.head) throw new MalformedError(`update ${ack.have} was never sent`);
    const flight = this.#flight;
    if (!flight || ack.have < flight.number) return;
    if (answersUdp) this.#greeting.udpAnswered();
    if (flight.isClean && flight.way === 'udp') this.rto.sample(now - flight.sentFirst);
    this.#flight = undefined;
    this.#held = ack.broken;
  }

  /** A hello is as good as an acknowledgement, should that have been lost. */
  hearHello({ run, have, resync }: Hello, way: Way, now: Millis): void {
    if (have > 0) this.#hearHave({ run, have, broken: false }, way === 'udp' && this.#flight?.way === 'udp', now);
    if (resync) this.#hearRequest(have, now);
  }

  /** A resync is granted once in a while; not while a snapshot is on its way, unless what was acknowledged of it has been forgotten. */
  #hearRequest(have: number, now: Millis): void {
    const hasForgotten = have < this.head - this.unacked;
    const isComing = this.#flight?.snapshot || this.#out.isTellingAll;
    if ((isComing && !hasForgotten) || now - this.#restartedAt < this.#settings.retryFirst) return;
    this.restart(now);
  }

  hearPartsSeen({ run, number, seen }: PartsSeen, way: Way, now: Millis): void {
    const flight = this.#flight;
    if (run !== this.#run || flight?.number !== number || way !== 'udp') return;
    this.#greeting.udpAnswered();
    const messages = flight.seen(seen, now, this.rto.value);
    this.counts.resent += messages.length;
    this.#outbox.put('udp', messages);
  }

  /** Sends again what was not answered in time; over the stream, where datagrams keep being lost. */
  tick(now: Millis): void {
    const flight = this.#flight;
    if (!flight) return;
    if (now >= flight.besideDue) this.#goBeside(flight, now);
    if (now < flight.due) return;
    if (flight.way === 'udp' && flight.timeouts >= UDP_TRIES - 1 && this.#greeting.hasStream) {
      this.#greeting.udpFails(now);
      this.#launch(flight, now);
      return;
    }
    if (flight.way === 'udp') this.rto.double(this.#greeting.hasStream ? this.#settings.resendBeside : this.#settings.resendMost);
    const messages = flight.again(now, this.rto.value);
    this.counts.resent += messages.length;
    if (flight.way) this.#outbox.put(flight.way, messages);
  }

  #goBeside(flight: Flight, now: Millis): void {
    const messages = flight.beside(now, this.#settings.resendMost);
    this.counts.resent += messages.length;
    this.#outbox.put('udp', messages);
  }

  /** A path came or went: what is on its way goes over the best that is left. */
  pathsChanged(now: Millis): void {
    const flight = this.#flight;
    if (flight && flight.way !== this.#wayFor(flight.length)) this.#launch(flight, now);
  }

  #launch(flight: Flight, now: Millis): void {
    const way = this.#wayFor(flight.length);
    if (way === undefined) {
      flight.stop();
      return;
    }
    this.#outbox.put(way, flight.start(way, this.#outbox.room[way], now, this.rto.value));
    if (way === 'stream' && flight.length <= this.#outbox.room.udp) flight.goesBeside(now, this.rto.value);
  }

  #wayFor(size: number): Way | undefined {
    const { hasStream, udpWorks } = this.#greeting;
    if (hasStream && (!udpWorks || size > this.#udpMost)) return 'stream';
    return size > this.#udpMost ? undefined : 'udp';
  }

  get #udpMost(): number {
    return Math.min(this.#settings.parts, cutMost(this.#outbox.room.udp));
  }
}
