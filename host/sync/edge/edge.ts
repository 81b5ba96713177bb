/** The edge of the sync layer: performs what it asks for with sockets, and tells it what came of it. */
import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP, type Socket } from 'node:net';
import type { Address, EnrolOutcome, EnrolRequest, StreamId, SyncAction } from '../actions.ts';
import { pinOf } from './certificates.ts';
import { type Enrolled, enrol } from './enrol-client.ts';
import type { ShownProof } from './enrol-lines.ts';
import { EnrolServer, type EnrolServerOptions } from './enrol-server.ts';
import type { HostKeys } from './host-keys.ts';
import { Listener } from './listener.ts';
import { type CloseReason, type StreamLimits, Streams } from './streams.ts';
import { Udp } from './udp.ts';
import { type RoomLimits, WaitingRoom } from './waiting-room.ts';

/** What the edge performs; the others are the host's. */
export type EdgeAction = Extract<SyncAction, { type: 'datagram' | 'frame' | 'dial' | 'hangUp' | 'accept' | 'enrol' }>;

/** Whom it tells. After one or more of the others `settled` comes once, when what has arrived is passed on: time to `take`. */
export interface SyncInputs {
  datagram(from: Address, bytes: Uint8Array): void;
  opened(stream: StreamId, from: Address, incoming: boolean): void;
  frame(stream: StreamId, bytes: Uint8Array): void;
  closed(stream: StreamId, why: CloseReason): void;
  enrolled(attempt: number, outcome: EnrolOutcome): void;
  settled(): void;
}

export interface SyncEdgeOptions {
  /** In numbers; none: this host listens nowhere, and sends from any port. */
  readonly listen: readonly Address[];
  readonly keys: HostKeys;
  /** Of a host that takes children: it needs `keys.chain`. */
  readonly children?: Pick<EnrolServerOptions, 'decide' | 'issue' | 'fault' | 'limits'>;
  /** Of a host that has parents. */
  readonly uplink?: {
    readonly caPin: string;
    /** Read each time that it is shown, so that it need not be kept. */
    readonly token?: () => string | undefined;
    readonly wantsCertificate: boolean;
    /** Comes from a port below 1024. */
    readonly privileged: boolean;
    readonly timeoutMs?: number;
    /** What it was given could not be kept: it is good for as long as this process lives. */
    readonly fault?: (error: unknown) => void;
  };
  readonly streams?: Partial<StreamLimits>;
  readonly unproved?: Partial<RoomLimits>;
  /** Where dialled connections come from. */
  readonly localAddress?: string;
}

const ENROL_MS = 30_000;
const DEFAULT_ROOM: RoomLimits = { unprovedMs: 5_000, unproved: 1_024, unprovedPerAddress: 64 };

export class SyncEdge {
  readonly #options: SyncEdgeOptions;
  readonly #inputs: SyncInputs;
  readonly #udp: Udp;
  readonly #streams: Streams;
  readonly #room: WaitingRoom;
  readonly #listener: Listener;
  /** Made when the first child knocks: a middle host has its certificate by its own enrolment. */
  #door: EnrolServer | undefined;
  /** What the door shows: another certificate (a root that was given its identity) is another door. */
  #certified: readonly Buffer[] | undefined;
  /** Addresses of names, looked up when a parent is connected to. */
  readonly #names = new Map<string, string>();
  /** Dials that wait for an address. */
  readonly #unaddressed = new Set<StreamId>();
  /** Where children and probes find this host; 0 = nowhere. */
  #port = 0;
  #settling = false;
  #closed = false;

  constructor(options: SyncEdgeOptions, inputs: SyncInputs) {
    this.#options = options;
    this.#inputs = inputs;
    this.#room = new WaitingRoom({ ...DEFAULT_ROOM, ...options.unproved });
    this.#udp = new Udp((from, bytes) => this.#input(() => inputs.datagram(from, bytes)));
    this.#streams = new Streams(options.streams ?? {}, this.#room, {
      opened: (stream, from, incoming) => this.#input(() => inputs.opened(stream, from, incoming)),
      frame: (stream, bytes) => this.#input(() => inputs.frame(stream, bytes)),
      closed: (stream, why) => this.#input(() => inputs.closed(stream, why)),
    });
    this.#listener = new Listener({
      addresses: options.listen,
      room: this.#room,
      tls: (socket) => this.#knocked(socket),
      tether: (socket, head) => this.#streams.take(socket, head),
    });
  }

  #knocked(socket: Socket): void {
    const { keys, children } = this.#options;
    const { chain, key } = keys;
    const ca = chain?.[1];
    if (this.#certified !== chain) {
      this.#door?.close();
      this.#door = undefined;
      this.#certified = chain;
    }
    if (children && chain && ca)
      this.#door ??= new EnrolServer({ ...children, caPin: pinOf(new X509Certificate(ca).publicKey), chain, key });
    if (this.#door) this.#door.take(socket);
    else socket.destroy();
  }

  /** Rejects where an address cannot be had; then nothing is open. Answers the addresses that are listened on. */
  async open(): Promise<readonly Address[]> {
    const bound = await this.#listener.listen();
    this.#port = bound[0]?.port ?? 0;
    try {
      await this.#udp.bind(bound);
    } catch (error) {
      await this.close();
      throw error;
    }
    return bound;
  }

  /** Everything is counted that was not what it should be; for `kraken peers` and the metrics. */
  get figures() {
    return {
      enrol: this.#door?.figures,
      unproved: { ...this.#room.figures },
      streams: { ...this.#streams.figures, open: this.#streams.count },
      udp: { ...this.#udp.figures },
    };
  }

  perform(action: EdgeAction): void {
    switch (action.type) {
      case 'datagram':
        return this.#at(action.to, (to) => this.#udp.send(to, action.bytes));
      case 'frame':
        return this.#streams.frame(action.stream, action.bytes);
      case 'dial':
        return this.#dial(action.stream, action.to);
      case 'hangUp':
        this.#unaddressed.delete(action.stream);
        return this.#streams.hangUp(action.stream);
      case 'accept':
        return this.#streams.accept(action.stream);
      case 'enrol':
        return void this.#enrol(action.request);
      default:
        return action satisfies never;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#door?.close();
    this.#streams.close();
    this.#udp.close();
    await this.#listener.close();
  }

  #input(tell: () => void): void {
    if (this.#closed) return;
    tell();
    if (this.#settling) return;
    this.#settling = true;
    // After what else has arrived in this turn of the event loop.
    setImmediate(() => {
      this.#settling = false;
      if (!this.#closed) this.#inputs.settled();
    });
  }

  /** With the address in numbers: at once where it is one, or is known. */
  #at(to: Address, use: (to: Address) => void, fail: () => void = () => {}): void {
    const host = isIP(to.host) === 0 ? this.#names.get(to.host) : to.host;
    if (host !== undefined) return use({ ...to, host });
    this.#lookUp(to.host).then((found) => !this.#closed && use({ ...to, host: found }), fail);
  }

  #dial(stream: StreamId, to: Address): void {
    this.#unaddressed.add(stream);
    const dial = (found: Address): void => {
      if (this.#unaddressed.delete(stream)) this.#streams.dial(stream, found, this.#options.localAddress);
    };
    this.#at(to, dial, () => {
      if (this.#unaddressed.delete(stream)) this.#input(() => this.#inputs.closed(stream, 'error'));
    });
  }

  async #lookUp(name: string): Promise<string> {
    if (isIP(name) !== 0) return name;
    const { address } = await lookup(name);
    this.#names.set(name, address);
    return address;
  }

  async #enrol(request: EnrolRequest): Promise<void> {
    let result: Enrolled;
    try {
      result = await this.#knock({ ...request, to: { ...request.to, host: await this.#lookUp(request.to.host) } });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      result = { outcome: { kind: 'noAnswer', why: `the name ${request.to.host} is not known: ${code ?? message}` } };
    }
    if (this.#closed) return;
    this.#keep(request.to, result);
    this.#input(() => this.#inputs.enrolled(request.attempt, result.outcome));
  }

  #keep(address: Address, { outcome, statement, chain }: Enrolled): void {
    if (outcome.kind !== 'admitted' || statement === undefined) return;
    const { keys, uplink } = this.#options;
    try {
      keys.keepAdmission({ address, admission: outcome.admission }, statement);
      if (chain) keys.keepChain(chain);
    } catch (error) {
      uplink?.fault?.(error);
    }
  }

  /** The best proof first; where a parent says that it is good no more, the others. The last word counts: it is about a claim without proof. */
  async #knock(request: EnrolRequest): Promise<Enrolled> {
    const { uplink, keys, localAddress } = this.#options;
    let last: Enrolled = { outcome: { kind: 'noAnswer', why: 'this host has no parent to ask' } };
    if (!uplink) return last;
    const options = {
      ...uplink,
      boot: keys.boot,
      generation: keys.generation,
      timeoutMs: uplink.timeoutMs ?? ENROL_MS,
      listens: this.#port,
      ...(localAddress !== undefined && { localAddress }),
    };
    let isNewKey = false;
    for (let proofs = this.#proofs(), proof = proofs.shift(); proof; proof = proofs.shift()) {
      last = await enrol(request, { ...options, key: keys.key, publicKey: keys.publicKey, proof });
      const { kind } = last.outcome;
      if ((kind !== 'no' && kind !== 'reboot') || this.#closed) return last;
      if (!last.wantsNewKey || isNewKey) continue;
      isNewKey = true;
      keys.renew();
      this.#door?.close();
      this.#door = undefined;
      proofs = this.#proofs();
    }
    return last;
  }

  #proofs(): ShownProof[] {
    const { statement } = this.#options.keys;
    const token = this.#options.uplink?.token?.();
    return [
      ...(statement === undefined ? [] : [{ kind: 'certificate' as const, statement }]),
      ...(token === undefined ? [] : [{ kind: 'token' as const, token }]),
      { kind: 'boot' as const },
    ];
  }
}
