/**
 * The children of the `sync` bench, all in this process, each with an address of its own: keys, enrolment, tether, seal and link are the
 * real ones, with no engine behind them. Driven over IPC by sync.ts.
 */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { NodeId } from '../../host/core/record.ts';
import type { Address, Admission, StreamId, SyncAction } from '../../host/sync/actions.ts';
import { enrol } from '../../host/sync/edge/enrol-client.ts';
import { Streams } from '../../host/sync/edge/streams.ts';
import { readToken } from '../../host/sync/edge/token.ts';
import { WaitingRoom } from '../../host/sync/edge/waiting-room.ts';
import type { Update } from '../../host/sync/messages.ts';
import { Peer } from '../../host/sync/peer.ts';
import { peekSid, Seal } from '../../host/sync/seal.ts';
import { DEFAULT_SYNC } from '../../host/sync/settings.ts';

export interface Plan {
  readonly parent: Address;
  readonly caPin: string;
  readonly nodes: readonly { readonly node: NodeId; readonly token: string }[];
  /** Enrolments at once. */
  readonly atOnce: number;
  /** UDP sockets that may be open; with fewer than children, some send from the address of another. */
  readonly sockets: number;
}

export type Command = { readonly kind: 'start'; readonly plan: Plan } | { readonly kind: 'figures' };

/** Datagrams and their bytes since the start; what went over tethers beside them. */
export interface Traffic {
  readonly up: { readonly count: number; readonly bytes: number };
  readonly down: { readonly count: number; readonly bytes: number };
  readonly streamBytes: number;
}

/** Times by the monotonic clock of the machine, ms. */
export type Word =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'enrolled'; readonly at: number; readonly tries: number }
  | { readonly kind: 'took'; readonly node: NodeId; readonly value: number; readonly at: number }
  | { readonly kind: 'figures'; readonly traffic: Traffic }
  | { readonly kind: 'failed'; readonly why: string };

const ENROL_MS = 60_000;
const MOST_TRIES = 5;
const traffic = { up: { count: 0, bytes: 0 }, down: { count: 0, bytes: 0 }, streamBytes: 0 };
const children = new Map<StreamId, Child>();
const bySid = new Map<number, Child>();
const sockets: Socket[] = [];
let missing = 0;
let tries = 0;

/** The same in every process. */
export const machineTime = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;
const now = (): number => Math.round(machineTime());
const say = (word: Word): void => void process.send?.(word);

/** Nobody connects to a child of ours: the room stays empty. */
const streams = new Streams({}, new WaitingRoom({ unprovedMs: 1000, unproved: 1, unprovedPerAddress: 1 }), {
  opened: (stream) => children.get(stream)?.opened(stream),
  frame: (stream, bytes) => children.get(stream)?.frame(bytes),
  closed: (stream, why) => children.get(stream)?.fail(`its tether is closed: ${why}`),
});

class Child {
  readonly #node: NodeId;
  readonly #token: string;
  readonly #address: string;
  readonly #plan: Plan;
  readonly #keys: { readonly privateKey: KeyObject; readonly publicKey: KeyObject } = generateKeyPairSync('ed25519');
  readonly #boot = randomUUID();
  #udp: Socket | undefined;
  #peer: Peer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hasAll = false;

  constructor(plan: Plan, index: number) {
    this.#plan = plan;
    const { node, token } = plan.nodes[index] ?? { node: '', token: '' };
    this.#node = node;
    this.#token = readToken(token) ?? '';
    this.#address = `127.${1 + Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${1 + (index % 250)}`;
  }

  fail(why: string): void {
    say({ kind: 'failed', why: `${this.#node} at ${this.#address}: ${why}` });
  }

  /** From nothing to a session. */
  async begin(): Promise<void> {
    for (let last = ''; ; ) {
      if (++tries > this.#plan.nodes.length * MOST_TRIES) return this.fail(last);
      const { outcome } = await enrol(
        { attempt: 1, to: this.#plan.parent, node: this.#node, term: 0, runs: false },
        {
          caPin: this.#plan.caPin,
          key: this.#keys.privateKey,
          publicKey: this.#keys.publicKey,
          boot: this.#boot,
          generation: 1,
          proof: { kind: 'token', token: this.#token },
          listens: 0,
          wantsCertificate: false,
          privileged: false,
          timeoutMs: ENROL_MS,
          localAddress: this.#address,
        },
      );
      if (outcome.kind === 'admitted') return this.#admitted(outcome.admission);
      last = `${outcome.kind}: ${outcome.why}`;
    }
  }

  #admitted({ parent, term, sid, secret, generation, hello, dead }: Admission): void {
    const seal = new Seal({ secret, sid, side: 'child', generation: 1, peerGeneration: generation });
    const settings = { ...DEFAULT_SYNC, hello, dead };
    const random = Math.random;
    this.#peer = new Peer({ id: parent, term, sid, boot: this.#boot, seal, peerIs: 'parent', settings, generation: 1, now: now(), random });
    this.#peer.udp = this.#plan.parent;
    bySid.set(sid, this);
    const stream = -children.size - 1;
    children.set(stream, this);
    streams.dial(stream, this.#plan.parent, this.#address);
    if (sockets.length < this.#plan.sockets) this.#bind();
    else this.#udp = sockets[-stream % sockets.length];
    this.#flush();
  }

  #bind(): void {
    const { host, port } = this.#plan.parent;
    const udp = createSocket({ type: 'udp4' });
    sockets.push(udp);
    udp.on('message', (bytes) => bySid.get(peekSid(bytes) ?? -1)?.heard(bytes, 'udp'));
    udp.on('error', (error) => this.fail(error.message));
    udp.bind({ address: this.#address, port: 0 }, () => udp.connect(port, host, () => this.#connected(udp)));
  }

  #connected(udp: Socket): void {
    this.#udp = udp;
    this.#peer?.link.greet(now());
    this.#flush();
  }

  opened(stream: StreamId): void {
    const before = this.#peer?.attach(stream, now());
    if (before !== undefined) streams.hangUp(before);
    this.#peer?.link.greet(now());
    this.#flush();
  }

  frame(bytes: Uint8Array): void {
    traffic.streamBytes += bytes.length;
    this.heard(bytes, 'stream');
  }

  heard(bytes: Uint8Array, way: 'udp' | 'stream'): void {
    if (way === 'udp') {
      traffic.down.count++;
      traffic.down.bytes += bytes.length;
    }
    const peer = this.#peer;
    const updates = peer?.receive(bytes, way, now());
    if (!peer || updates === undefined || typeof updates === 'string') return;
    if (peer.link.farewell !== undefined) this.fail(`the host says: ${peer.link.farewell}`);
    for (const update of updates) {
      this.#take(update);
      peer.link.taken(update.number, now());
    }
    this.#flush();
  }

  /** What an engine would make of it, as far as the parent can see: it is in sync as soon as the parent leads it there. */
  #take({ items, more, snapshot }: Update): void {
    const at = machineTime();
    for (const { node, member, value } of items) {
      if (node !== this.#node) continue;
      if (member === '@sync' && value !== undefined) this.#peer?.link.offer(node, '/runState', ['SYNC', 'core', this.#boot]);
      if (member === '/labels' && typeof value === 'object' && value !== null && 'bench' in value)
        say({ kind: 'took', node, value: Number(value['bench']), at });
    }
    if (this.#hasAll || !snapshot || more) return;
    this.#hasAll = true;
    if (--missing === 0) say({ kind: 'enrolled', at, tries });
  }

  #flush(): void {
    const peer = this.#peer;
    if (!peer) return;
    const actions: SyncAction[] = [];
    peer.flush(now(), actions);
    for (const action of actions) this.#perform(action);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), Math.max(1, peer.link.wake - now()));
  }

  #tick(): void {
    this.#peer?.link.tick(now());
    this.#flush();
  }

  #perform(action: SyncAction): void {
    if (action.type === 'datagram') {
      traffic.up.count++;
      traffic.up.bytes += action.bytes.length;
      this.#udp?.send(action.bytes);
    } else if (action.type === 'frame') {
      traffic.streamBytes += action.bytes.length;
      streams.frame(action.stream, action.bytes);
    }
  }
}

async function start(plan: Plan): Promise<void> {
  missing = plan.nodes.length;
  const waiting = plan.nodes.map((_, index) => new Child(plan, index));
  const one = async (): Promise<void> => {
    for (let child = waiting.pop(); child; child = waiting.pop()) await child.begin();
  };
  await Promise.all(Array.from({ length: plan.atOnce }, one));
}

process.on('message', (command: Command) => {
  if (command.kind === 'start') void start(command.plan);
  else say({ kind: 'figures', traffic });
});
process.on('disconnect', () => process.exit());
say({ kind: 'loaded' });
