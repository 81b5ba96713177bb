/**
 * Connections over the simulated network, as TCP has them: in order and reliable while the path is up, later where segments are lost,
 * waiting while it is cut, refused where no process listens, silent where nobody is there, ended at once when a process ends.
 * What a listener has not accepted yet is as `edge/streams.ts` and its waiting room have it.
 */
import type { Address, StreamId } from '../../../host/sync/actions.ts';
import { type Millis, SECOND } from './clock.ts';
import type { Network } from './network.ts';
import type { Answered, Endpoint, Knock } from './station.ts';

const DIAL_MS = 3 * SECOND;
const ENROL_MS = 30 * SECOND;
const UNPROVED_MS = 5 * SECOND;
const UNPROVED_FRAME = 200;
/** 15 s idle, then ten probes a second apart (libuv). */
const KEEPALIVE_MS = 25 * SECOND;
const RTO = 200;
const RTO_MOST = 60 * SECOND;
/** The kernel gives up on unacknowledged data. */
const GIVE_UP = 900 * SECOND;

/** One direction. */
class Flow {
  readonly queue: { readonly at: Millis; readonly what: Uint8Array | 'end' }[] = [];
  last: Millis = 0;
  isUnderWay = false;
  tries = 0;
  since: Millis = 0;
}

class End {
  readonly address: string;
  readonly process: Endpoint;
  readonly id: StreamId;
  /** Its process or its machine does not know of it any more. */
  gone = false;
  /** A listener's: opened when something came; accepted when that proved who it is. */
  opened: boolean;
  accepted: boolean;
  early: Uint8Array[] = [];
  readonly out = new Flow();

  constructor(address: string, process: Endpoint, id: StreamId, isDialled: boolean) {
    this.address = address;
    this.process = process;
    this.id = id;
    this.opened = isDialled;
    this.accepted = isDialled;
  }
}

interface Pipe {
  readonly dialler: End;
  readonly listener: End;
}

export class Pipes {
  readonly #net: Network;
  readonly #ends = new Map<Endpoint, Map<StreamId, { readonly end: End; readonly pipe: Pipe | undefined }>>();
  readonly #next = new Map<Endpoint, number>();
  readonly #pipes = new Set<Pipe>();
  readonly #downSince = new Map<Pipe, Millis>();

  constructor(net: Network) {
    this.#net = net;
  }

  /** Open connections of a process. */
  count(process: Endpoint): number {
    return this.#ends.get(process)?.size ?? 0;
  }

  // --- what a process does -----------------------------------------------------------------------------------------------------

  dial(process: Endpoint, from: string, id: StreamId, to: Address): void {
    this.#put(process, new End(from, process, id, true), undefined);
    this.#connect(from, to, this.#net.clock.now + DIAL_MS, () => this.#end(process, id) !== undefined, {
      open: (target) => this.#open(process, from, id, to, target),
      refused: () => this.#close(process, id, 'refused'),
      silent: () => this.#close(process, id, 'timeout'),
    });
  }

  frame(process: Endpoint, id: StreamId, bytes: Uint8Array): void {
    const known = this.#ends.get(process)?.get(id);
    if (!known?.pipe) return;
    const { dialler, listener } = known.pipe;
    const other = known.end === dialler ? listener : dialler;
    this.#net.sent?.(known.end.address, other.address, bytes);
    this.#write(known.pipe, known.end, bytes);
  }

  accept(process: Endpoint, id: StreamId): void {
    const known = this.#ends.get(process)?.get(id);
    if (!known?.pipe || known.end.accepted) return;
    known.end.accepted = true;
    const { early } = known.end;
    known.end.early = [];
    this.#net.clock.later(0, () => {
      for (const bytes of early) if (!known.end.gone) process.frame(id, bytes);
    });
  }

  /** What was sent before still arrives. */
  hangUp(process: Endpoint, id: StreamId): void {
    const known = this.#ends.get(process)?.get(id);
    this.#ends.get(process)?.delete(id);
    if (!known) return;
    known.end.gone = true;
    if (!known.pipe) return;
    this.#write(known.pipe, known.end, 'end');
  }

  /** kill -9: the kernel ends its connections; `silently`: there is no kernel any more. */
  died(process: Endpoint, silently: boolean): void {
    for (const id of [...(this.#ends.get(process)?.keys() ?? [])]) {
      if (!silently) this.hangUp(process, id);
      else {
        const known = this.#ends.get(process)?.get(id);
        if (known) known.end.gone = true;
        this.#ends.get(process)?.delete(id);
      }
    }
    this.#ends.delete(process);
    this.#next.delete(process);
    if (silently) this.look();
  }

  /** One connection, one question, one answer; undefined: nobody answers. */
  ask(from: string, to: Address, knock: Knock, answered: (answer: Answered) => void): void {
    const { clock } = this.#net;
    const end = clock.now + ENROL_MS;
    let over = false;
    const finish = (answer: Answered): void => {
      if (over) return;
      over = true;
      answered(answer);
    };
    const noAnswer: Answered = { outcome: { kind: 'noAnswer', why: 'nothing answers there' } };
    clock.later(ENROL_MS, () => finish(noAnswer));
    this.#connect(from, to, end, () => !over, {
      refused: () => finish({ outcome: { kind: 'refusedConnection', why: 'the connection is refused: no host listens there' } }),
      silent: () => finish(noAnswer),
      // TLS is one round trip more, then the question.
      open: (target) =>
        this.#leg(from, to.host, 3, end, () => {
          if (this.#net.stations.get(to.host)?.endpoint !== target) return finish(noAnswer);
          target.knock(knock, (answer) => this.#leg(to.host, from, 1, end, () => finish(answer)));
        }),
    });
  }

  // --- what the network does ----------------------------------------------------------------------------------------------------

  /** After a partition or its end: connections over which nothing gets for long are given up by both kernels. */
  look(): void {
    const { clock } = this.#net;
    for (const pipe of this.#pipes) {
      const isUp = this.#isUp(pipe);
      if (isUp) this.#downSince.delete(pipe);
      else if (!this.#downSince.has(pipe)) {
        const { now } = clock;
        this.#downSince.set(pipe, now);
        clock.later(KEEPALIVE_MS, () => {
          if (this.#downSince.get(pipe) !== now || this.#isUp(pipe)) return;
          for (const end of [pipe.dialler, pipe.listener]) if (end.out.queue.length === 0) this.#fail(pipe, end);
        });
      }
    }
  }

  #isUp({ dialler, listener }: Pipe): boolean {
    const net = this.#net;
    const areUp = [dialler, listener].every(({ address }) => net.stations.get(address)?.isUp);
    return areUp && net.isOpen(dialler.address, listener.address, 'tcp');
  }

  #connect(
    from: string,
    to: Address,
    end: Millis,
    isWanted: () => boolean,
    then: { open(target: Endpoint): void; refused(): void; silent(): void },
  ): void {
    const net = this.#net;
    const attempt = (pause: Millis): void => {
      if (!isWanted()) return;
      const { now } = net.clock;
      if (now >= end) return then.silent();
      const station = net.stations.get(to.host);
      const isLost = net.random() < net.weather.loss;
      if (!station?.isUp || isLost || !net.isOpen(from, to.host, 'tcp')) {
        net.clock.later(Math.min(pause, end - now), () => attempt(pause * 2));
        return;
      }
      net.clock.later(net.latency() + net.latency(), () => {
        if (!isWanted()) return;
        const target = station.endpoint;
        if (!net.isOpen(from, to.host, 'tcp') || !station.isUp) attempt(pause);
        else if (target) then.open(target);
        else then.refused();
      });
    };
    attempt(SECOND);
  }

  /** So many crossings of something that a connection carries. */
  #leg(from: string, to: string, crossings: number, end: Millis, then: () => void): void {
    const net = this.#net;
    if (net.clock.now >= end) return;
    let time = 0;
    for (let i = 0; i < crossings; i++) time += net.latency() + this.#resends();
    net.clock.later(time, () => {
      if (net.isOpen(from, to, 'tcp') && net.stations.get(from)?.isUp && net.stations.get(to)?.isUp) then();
      else net.clock.later(SECOND, () => this.#leg(from, to, 1, end, then));
    });
  }

  #open(process: Endpoint, from: string, id: StreamId, to: Address, target: Endpoint): void {
    const dialler = this.#end(process, id);
    if (!dialler) return;
    const next = (this.#next.get(target) ?? 0) + 1;
    this.#next.set(target, next);
    const listener = new End(to.host, target, next, false);
    const pipe: Pipe = { dialler, listener };
    this.#pipes.add(pipe);
    this.#put(process, dialler, pipe);
    this.#put(target, listener, pipe);
    this.#net.clock.later(UNPROVED_MS, () => {
      if (listener.gone || listener.accepted) return;
      this.hangUp(target, next);
      if (listener.opened) target.closed(next, 'ended');
    });
    process.opened(id);
    if (!this.#net.isOpen(from, to.host, 'tcp')) this.look();
  }

  #resends(): Millis {
    const { weather, random } = this.#net;
    let time = 0;
    for (let rto = RTO; weather.loss > 0 && random() < weather.loss && time < 10 * SECOND; rto *= 2) time += rto;
    return time;
  }

  #write(pipe: Pipe, from: End, what: Uint8Array | 'end'): void {
    const { out } = from;
    out.last = Math.max(out.last, this.#net.clock.now + this.#net.latency() + this.#resends());
    out.queue.push({ at: out.last, what });
    this.#pump(pipe, from);
  }

  /** What waits in this direction arrives, in its order. */
  #pump(pipe: Pipe, from: End): void {
    const { out } = from;
    const [first] = out.queue;
    if (out.isUnderWay || !first) return;
    const { clock } = this.#net;
    out.isUnderWay = true;
    out.tries = 0;
    out.since = clock.now;
    clock.later(first.at - clock.now, () => this.#arrive(pipe, from));
  }

  #arrive(pipe: Pipe, from: End): void {
    const { out } = from;
    const { clock } = this.#net;
    const to = from === pipe.dialler ? pipe.listener : pipe.dialler;
    if (!this.#isUp(pipe)) {
      if (clock.now - out.since > GIVE_UP) return this.#fail(pipe, from);
      clock.later(Math.min(RTO_MOST, RTO * 2 ** out.tries++), () => this.#arrive(pipe, from));
      return;
    }
    if (to.gone) {
      // A kernel that does not know the connection says so.
      out.queue.length = 0;
      return this.#fail(pipe, from);
    }
    out.isUnderWay = false;
    while (!to.gone && out.queue[0] && out.queue[0].at <= clock.now) {
      const { what } = out.queue.shift() as { what: Uint8Array | 'end' };
      if (what === 'end') this.#close(to.process, to.id, 'ended');
      else this.#deliver(to, what);
    }
    if (from.gone && to.gone) this.#forget(pipe);
    this.#pump(pipe, from);
  }

  #deliver(to: End, bytes: Uint8Array): void {
    if (!to.opened) {
      to.opened = true;
      to.process.opened(to.id);
    } else if (!to.accepted) {
      to.early.push(bytes);
      return;
    }
    if (!to.accepted && bytes.length > UNPROVED_FRAME) {
      this.hangUp(to.process, to.id);
      to.process.closed(to.id, 'malformed');
    } else to.process.frame(to.id, bytes);
  }

  #fail(pipe: Pipe, end: End): void {
    this.#close(end.process, end.id, 'error');
    if (pipe.dialler.gone && pipe.listener.gone) this.#forget(pipe);
  }

  #forget(pipe: Pipe): void {
    this.#pipes.delete(pipe);
    this.#downSince.delete(pipe);
  }

  #put(process: Endpoint, end: End, pipe: Pipe | undefined): void {
    let ends = this.#ends.get(process);
    if (!ends) {
      ends = new Map();
      this.#ends.set(process, ends);
    }
    ends.set(end.id, { end, pipe });
  }

  #end(process: Endpoint, id: StreamId): End | undefined {
    return this.#ends.get(process)?.get(id)?.end;
  }

  /** The process is told; nobody is, of what he has hung up on himself. */
  #close(process: Endpoint, id: StreamId, why: string): void {
    const known = this.#ends.get(process)?.get(id);
    if (!known) return;
    known.end.gone = true;
    this.#ends.get(process)?.delete(id);
    if (known.end.opened || why !== 'ended') process.closed(id, why);
  }
}
