/** A CA, a parent behind its port, and children that knock, all on loopback in one process. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Claim } from '../../../host/core/event.ts';
import type { Address, Admission, EnrolRequest } from '../../../host/sync/actions.ts';
import { type Ca, issueHostCertificate, makeCa } from '../../../host/sync/edge/ca.ts';
import type { DoorLimits } from '../../../host/sync/edge/doorkeeper.ts';
import { type Enrolled, type EnrolOptions, enrol } from '../../../host/sync/edge/enrol-client.ts';
import { type ClaimBeside, type Decision, EnrolServer } from '../../../host/sync/edge/enrol-server.ts';
import { Listener } from '../../../host/sync/edge/listener.ts';
import { type StreamEvents, type StreamLimits, Streams } from '../../../host/sync/edge/streams.ts';
import { type RoomLimits, WaitingRoom } from '../../../host/sync/edge/waiting-room.ts';

export const scratch = mkdtempSync(join(tmpdir(), 'kraken-edge-'));
const open = new Set<() => Promise<void>>();
// Of tests that failed before they closed it: the process would wait for ever.
after(async () => {
  await Promise.all([...open].map((close) => close()));
  rmSync(scratch, { recursive: true, force: true });
});
let dirs = 0;
export const freshDir = (): string => join(scratch, String(++dirs));

export interface Pair {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
}

export function pair(): Pair {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { key: privateKey, publicKey };
}

export function admissionOf(parent: string, term: number): Admission {
  return {
    parent,
    parentName: `name of ${parent}`,
    term,
    sid: 0xdeadbeef,
    secret: randomBytes(32),
    generation: 3,
    above: ['root'],
    hello: 10_000,
    dead: 40_000,
  };
}

export interface Door {
  readonly ca: Ca;
  readonly id: string;
  readonly pair: Pair;
  readonly at: Address;
  readonly server: EnrolServer;
  readonly streams: Streams;
  readonly room: WaitingRoom;
  /** What the core was asked. */
  readonly claims: (Claim & ClaimBeside)[];
  close(): Promise<void>;
}

export interface DoorOptions {
  readonly ca?: Ca;
  readonly id?: string;
  readonly host?: string;
  readonly decide?: (claim: Claim) => Promise<Decision>;
  readonly fault?: (error: unknown) => void;
  readonly limits?: Partial<DoorLimits>;
  readonly room?: Partial<RoomLimits>;
  readonly streams?: Partial<StreamLimits>;
  readonly events?: Partial<StreamEvents>;
}

/** Admits everybody unless told otherwise. */
export async function openDoor(options: DoorOptions = {}): Promise<Door> {
  const { ca = makeCa(freshDir()), id = 'parent', host = '127.0.0.1' } = options;
  const own = pair();
  const claims: (Claim & ClaimBeside)[] = [];
  const admit = async (): Promise<Decision> => ({ kind: 'admitted', admission: admissionOf(id, 8) });
  const server = new EnrolServer({
    caPin: ca.pin,
    chain: [issueHostCertificate(ca, { id, publicKey: own.publicKey }), ca.certificate],
    key: own.key,
    decide: async (claim, beside) => {
      claims.push({ ...claim, ...beside });
      return (options.decide ?? admit)(claim);
    },
    issue: async (node, publicKey) => issueHostCertificate(ca, { id: node, publicKey }),
    ...(options.fault && { fault: options.fault }),
    limits: { failuresPerMinute: 1_000_000, perAddress: 1_000_000, ...options.limits },
  });
  const room = new WaitingRoom({ unprovedMs: 5_000, unproved: 1_024, unprovedPerAddress: 64, ...options.room });
  const streams = new Streams(options.streams ?? {}, room, { opened: () => {}, frame: () => {}, closed: () => {}, ...options.events });
  const addresses = [{ host, port: 0 }];
  const listener = new Listener({
    addresses,
    room,
    tls: (socket) => server.take(socket),
    tether: (socket, head) => streams.take(socket, head),
  });
  const [at] = await listener.listen();
  const close = async (): Promise<void> => {
    open.delete(close);
    server.close();
    streams.close();
    await listener.close();
  };
  open.add(close);
  return { ca, id, pair: own, at: at as Address, server, streams, room, claims, close };
}

export interface Child extends Pair {
  readonly node: string;
}

export function child(node = 'n1'): Child {
  return { node, ...pair() };
}

export function knock(
  door: { readonly at: Address; readonly ca: { readonly pin: string } },
  who: Child,
  options: Partial<EnrolOptions> = {},
  request: Partial<EnrolRequest> = {},
): Promise<Enrolled> {
  return enrol(
    { attempt: 1, to: door.at, node: who.node, term: 7, runs: false, ...request },
    {
      caPin: door.ca.pin,
      key: who.key,
      publicKey: who.publicKey,
      boot: 'boot-of-child',
      generation: 4,
      proof: { kind: 'boot' },
      listens: 31_415,
      wantsCertificate: false,
      privileged: false,
      timeoutMs: 5_000,
      ...options,
    },
  );
}

export async function until(what: () => boolean, ms = 5_000): Promise<void> {
  const end = Date.now() + ms;
  while (!what()) {
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
