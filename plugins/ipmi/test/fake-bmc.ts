/**
 * BMCs for tests, in this process: the other end of RMCP+, made of the same packets and keys as our client. That these are right is shown
 * by real clients (test/real/ipmi.real.test.ts). Each can be made silent, busy, slow, forgetful.
 */
import { execFile } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { decode, encode, type Keys, PAYLOAD, type Packet } from '../packet.ts';
import { hmac, type Suite, suiteOf } from '../suite.ts';

export interface Behaviour {
  readonly user: string;
  readonly password: string;
  /** Answers nothing. */
  silent?: boolean;
  /** The completion code of every command. */
  completion?: number;
  /** The status of every opening. */
  status?: number;
  /** Milliseconds before it answers. */
  delay?: number;
  /** Drops the datagram with this number, from 0. */
  dropAt?: number;
  /** Does the first command with this number, and does not answer it. */
  loseAnswerOf?: number;
  /** Takes power commands, and does nothing. */
  deaf?: boolean;
}

export interface FakeBmcs {
  port(bmc: number): number;
  isOn(bmc: number): boolean;
  /** How they behave from now on. */
  set(bmc: number, change: Partial<Behaviour>): void;
  /** Forgets all sessions, as after a restart of the BMC. */
  restart(bmc: number): void;
  /** Sessions opened, datagrams received, and commands: `control 1`, `boot 80 04 00 00 00`. */
  counts(bmc: number): { readonly opened: number; readonly received: number; readonly commands: readonly string[] };
  /** Runs a program while the BMCs go on answering; its stdout. */
  beside(program: string, args: readonly string[]): Promise<string>;
  close(): void;
}

interface Opening {
  readonly consoleId: number;
  readonly id: number;
  readonly suite: Suite;
  readonly random: Buffer;
  consoleRandom: Buffer;
  role: Buffer;
  name: Buffer;
}

interface BmcSession {
  readonly keys: Keys;
  readonly consoleId: number;
  sequence: number;
  /** Sequence numbers that were taken: what comes again is dropped (6.12.13). */
  readonly taken: Set<number>;
}

const GUID = Buffer.alloc(16, 0x5a);

class FakeBmc {
  isOn = false;
  opened = 0;
  received = 0;
  readonly commands: string[] = [];
  behaviour: Behaviour;
  readonly #socket: Socket;
  readonly #openings = new Map<number, Opening>();
  readonly #sessions = new Map<number, BmcSession>();

  constructor(socket: Socket, behaviour: Behaviour) {
    this.#socket = socket;
    this.behaviour = behaviour;
    socket.on('message', (bytes, { port, address }) => {
      const number = this.received++;
      if (this.behaviour.silent || this.behaviour.dropAt === number) return;
      const answer = this.#answer(bytes);
      if (answer !== undefined) setTimeout(() => this.#send(answer, port, address), this.behaviour.delay ?? 0);
    });
  }

  restart(): void {
    this.#sessions.clear();
    this.#openings.clear();
  }

  close(): void {
    this.#socket.close();
  }

  #send(bytes: Buffer, port: number, address: string): void {
    try {
      this.#socket.send(bytes, port, address);
    } catch {
      // It was closed meanwhile.
    }
  }

  #answer(bytes: Buffer): Buffer | undefined {
    // IPMI 1.5: Get Channel Authentication Capabilities, which ipmitool asks before it opens an RMCP+ session.
    if (bytes[4] === 0x00) return capabilities(bytes);
    const session = this.#sessions.get(bytes.readUInt32LE(6));
    const packet = decode(bytes, session?.keys);
    if (packet === undefined) return undefined;
    const plain = (payloadType: number, payload: Buffer) => encode({ payloadType, session: 0, sequence: 0, payload });
    switch (packet.payloadType) {
      case PAYLOAD.openRequest:
        return plain(PAYLOAD.openResponse, this.#open(packet.payload));
      case PAYLOAD.rakp1:
        return plain(PAYLOAD.rakp2, this.#rakp2(packet.payload));
      case PAYLOAD.rakp3:
        return plain(PAYLOAD.rakp4, this.#rakp4(packet.payload));
      default:
        return session === undefined ? undefined : this.#reply(packet, session);
    }
  }

  #open(payload: Buffer): Buffer {
    const [tag = 0, privilege = 0] = payload;
    const consoleId = payload.readUInt32LE(4);
    const suite = [2, 3, 16, 17].map(suiteOf).find((one) => one.authentication === payload[12] && one.confidentiality === payload[28]);
    const status = this.behaviour.status ?? (suite === undefined ? 0x11 : 0);
    if (status !== 0 || suite === undefined) return Buffer.from([tag, status]);
    const opening = { consoleId, id: randomInt(1, 0xffff_ffff), suite, random: randomBytes(16) };
    this.#openings.set(opening.id, { ...opening, consoleRandom: GUID, role: GUID, name: GUID });
    return Buffer.concat([Buffer.from([tag, 0, privilege || 4, 0]), u32(consoleId), u32(opening.id), payload.subarray(8, 32)]);
  }

  #rakp2(payload: Buffer): Buffer {
    const opening = this.#openings.get(payload.readUInt32LE(4));
    if (opening === undefined) return Buffer.from([payload[0] ?? 0, 2, 0, 0, 0, 0, 0, 0]);
    opening.consoleRandom = payload.subarray(8, 24);
    opening.role = payload.subarray(24, 25);
    opening.name = payload.subarray(27);
    const head = (status: number) => Buffer.concat([Buffer.from([payload[0] ?? 0, status, 0, 0]), u32(opening.consoleId)]);
    if (opening.name.subarray(1).toString() !== this.behaviour.user) return head(0x0d);
    const { suite, consoleId, id, consoleRandom, random, role, name } = opening;
    const proof = hmac(suite, this.#password, u32(consoleId), u32(id), consoleRandom, random, GUID, role, name);
    return Buffer.concat([head(0), random, GUID, proof]);
  }

  #rakp4(payload: Buffer): Buffer {
    const opening = this.#openings.get(payload.readUInt32LE(4));
    if (opening === undefined) return Buffer.from([payload[0] ?? 0, 2, 0, 0, 0, 0, 0, 0]);
    const { suite, consoleId, id, consoleRandom, random, role, name } = opening;
    const head = (status: number) => Buffer.concat([Buffer.from([payload[0] ?? 0, status, 0, 0]), u32(consoleId)]);
    if (!hmac(suite, this.#password, random, u32(consoleId), role, name).equals(payload.subarray(8))) return head(0x0f);
    const sik = hmac(suite, this.#password, consoleRandom, random, role, name);
    const keys = { suite, k1: hmac(suite, sik, Buffer.alloc(20, 1)), k2: hmac(suite, sik, Buffer.alloc(20, 2)).subarray(0, 16) };
    this.#sessions.set(id, { keys, consoleId, sequence: 0, taken: new Set() });
    this.opened++;
    return Buffer.concat([head(0), hmac(suite, sik, consoleRandom, u32(id), GUID).subarray(0, suite.codeLength)]);
  }

  #reply({ payload, sequence }: Packet, session: BmcSession): Buffer | undefined {
    if (session.taken.has(sequence)) return undefined;
    session.taken.add(sequence);
    const netFn = (payload[1] ?? 0) >> 2;
    const command = payload[5] ?? 0;
    const data = payload.subarray(6, -1);
    const { completion, answer } = this.#command(netFn, command, data);
    if (netFn === 0x00 && this.behaviour.loseAnswerOf === command) {
      this.behaviour = { ...this.behaviour, loseAnswerOf: -1 };
      return undefined;
    }
    const head = [0x81, (netFn + 1) << 2];
    const rest = [0x20, payload[4] ?? 0, command, completion, ...answer];
    const reply = Buffer.from([...head, sum(head), ...rest, sum(rest)]);
    session.sequence++;
    return encode({ payloadType: PAYLOAD.ipmi, session: session.consoleId, sequence: session.sequence, payload: reply }, session.keys);
  }

  #command(netFn: number, command: number, data: Buffer): { completion: number; answer: readonly number[] } {
    const done = (...answer: readonly number[]) => ({ completion: 0, answer });
    if (netFn === 0x06 && command === 0x3b) return done(data[0] ?? 4);
    if (netFn === 0x06 && command === 0x3c) return done();
    if (this.behaviour.completion !== undefined) return { completion: this.behaviour.completion, answer: [] };
    if (netFn !== 0x00) return { completion: 0xc1, answer: [] };
    if (command === 0x01) return done(this.isOn ? 0x21 : 0x20, 0, 0);
    if (command === 0x02) {
      this.commands.push(`control ${data[0]}`);
      if (!this.behaviour.deaf) this.isOn = data[0] !== 0;
      return done();
    }
    if (command === 0x08) {
      if (data[0] === 5) this.commands.push(`boot ${data.subarray(1).toString('hex')}`);
      return done();
    }
    return { completion: 0xc1, answer: [] };
  }

  get #password(): Buffer {
    return Buffer.from(this.behaviour.password);
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const sum = (bytes: readonly number[]): number => -bytes.reduce((total, byte) => total + byte, 0) & 0xff;

/** The IPMI 1.5 answer: this BMC speaks IPMI 2.0, users have names. */
function capabilities(bytes: Buffer): Buffer | undefined {
  const message = bytes.subarray(14);
  if (message[5] !== 0x38) return undefined;
  const head = [0x81, 0x1c];
  const rest = [0x20, message[4] ?? 0, 0x38, 0, 1, 0x80, 0x04, 0x02, 0, 0, 0, 0];
  const reply = [...head, sum(head), ...rest, sum(rest)];
  return Buffer.from([...bytes.subarray(0, 13), reply.length, ...reply]);
}

/** Each on a port of 127.0.0.1 of its own. */
export async function startFakeBmcs(count: number, behaviour: Behaviour): Promise<FakeBmcs> {
  const bmcs = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      return { bmc: new FakeBmc(socket, behaviour), port: socket.address().port };
    }),
  );
  const at = (index: number) => {
    const one = bmcs[index];
    if (one === undefined) throw new Error(`there is no BMC ${index}`);
    return one;
  };
  return {
    port: (index) => at(index).port,
    isOn: (index) => at(index).bmc.isOn,
    set: (index, change) => {
      at(index).bmc.behaviour = { ...at(index).bmc.behaviour, ...change };
    },
    restart: (index) => at(index).bmc.restart(),
    counts: (index) => at(index).bmc,
    beside: (program, args) =>
      new Promise((resolve, reject) => {
        execFile(program, args, { timeout: 20_000 }, (error, stdout) => (error === null ? resolve(stdout) : reject(error)));
      }),
    close: () => {
      for (const { bmc } of bmcs) bmc.close();
    },
  };
}
