/**
 * What somebody on the network could send to a host: forged, replayed, cut and random datagrams, and connections with garbage and wrong
 * proofs. Reads a `Job` from its standard input, prints what came of it as JSON.
 */
import { generateKeyPairSync, randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { enrol } from '../../host/sync/edge/enrol-client.ts';
import type { ShownProof } from '../../host/sync/edge/enrol-lines.ts';

export interface Job {
  readonly to: string;
  readonly port: number;
  readonly pin: string;
  /** Datagrams that were recorded on the way to the host and from it, base64. */
  readonly recorded: readonly string[];
  readonly datagrams: number;
  /** Connections that say nothing that a host understands. */
  readonly garbage: number;
  /** Proofs that are shown, each from a new key. */
  readonly claims: readonly { readonly node: string; readonly proof: ShownProof; readonly privileged: boolean; readonly times: number }[];
  /** Where claims come from, in turn: an address fails only so often before it is turned away unheard. */
  readonly from: readonly string[];
}

export interface Outcome {
  readonly sent: number;
  readonly connections: number;
  /** How often each answer was given: `no: …`. */
  readonly answers: Readonly<Record<string, number>>;
}

const BURST = 50;
const PAUSE_MS = 3;
const AT_ONCE = 32;

/** One of the kinds by turns. */
function datagram(recorded: readonly Buffer[], turn: number): Buffer {
  const known = recorded[randomInt(recorded.length)] ?? randomBytes(80);
  switch (turn % 5) {
    case 0:
      return randomBytes(randomInt(1, 1400));
    case 1:
      return known;
    case 2:
      return known.subarray(0, randomInt(1, known.length));
    case 3: {
      const bent = Buffer.from(known);
      const at = randomInt(bent.length);
      bent[at] = (bent[at] ?? 0) ^ (1 << randomInt(8));
      return bent;
    }
    default:
      // The head of a real one, with a sequence number to come and what nobody has sealed.
      return Buffer.concat([known.subarray(0, 13), randomBytes(6), randomBytes(randomInt(17, 1300))]);
  }
}

async function datagrams({ to, port, recorded, datagrams: count }: Job): Promise<void> {
  const socket = createSocket('udp4');
  const known = recorded.map((one) => Buffer.from(one, 'base64'));
  await new Promise<void>((resolve) => socket.connect(port, to, resolve));
  // A port that is closed for a moment is no reason to stop.
  socket.on('error', () => {});
  for (let sent = 0; sent < count; sent++) {
    socket.send(datagram(known, sent));
    if (sent % BURST === 0) await sleep(PAUSE_MS);
  }
  await sleep(200);
  socket.close();
}

async function garbage({ to, port, garbage: count }: Job): Promise<void> {
  const one = async (turn: number): Promise<void> => {
    const words = [
      randomBytes(randomInt(1, 4000)),
      Buffer.concat([Buffer.from([0x16, 0x03, 0x01]), randomBytes(300)]),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      // A frame of a tether, as long as may be, and what no session has sealed.
      Buffer.concat([Buffer.from([0, 100, 0x4b]), randomBytes(99)]),
    ];
    await new Promise<void>((resolve) => {
      const socket = connect({ host: to, port });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
      socket.setTimeout(500, () => socket.destroy());
      socket.on('connect', () => socket.write(words[turn % words.length] ?? ''));
      socket.resume();
    });
  };
  await inTurns(Array.from({ length: count }, (_, turn) => () => one(turn)));
}

async function claims({ to, port, pin, claims: wanted, from }: Job): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  let turn = 0;
  const all = wanted.flatMap(({ node, proof, privileged, times }) =>
    Array.from({ length: times }, () => async () => {
      const keys = generateKeyPairSync('ed25519');
      const { outcome } = await enrol(
        { attempt: 1, to: { host: to, port }, node, term: 0, runs: true },
        {
          caPin: pin,
          key: keys.privateKey,
          publicKey: keys.publicKey,
          boot: 'a-boot-of-the-test',
          generation: 1,
          proof,
          listens: 0,
          wantsCertificate: true,
          privileged,
          timeoutMs: 20_000,
          localAddress: from[turn++ % from.length] ?? '0.0.0.0',
        },
      );
      const said =
        outcome.kind === 'admitted' ? 'admitted' : `${outcome.kind}: ${outcome.why.replace(/\d+\.\d+\.\d+\.\d+/, 'the address')}`;
      const key = `${proof.kind}${privileged ? ' from a port of root' : ''} for ${node.slice(0, 8)}…${node.slice(-2)}: ${said}`;
      answers[key] = (answers[key] ?? 0) + 1;
    }),
  );
  await inTurns(all);
  return answers;
}

async function inTurns(work: (() => Promise<void>)[]): Promise<void> {
  const left = [...work];
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next; next = left.pop()) {
      await next();
      await setImmediate();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

const job = JSON.parse(await text(process.stdin)) as Job;
await datagrams(job);
await garbage(job);
const outcome: Outcome = { sent: job.datagrams, connections: job.garbage, answers: await claims(job) };
console.log(JSON.stringify(outcome));
