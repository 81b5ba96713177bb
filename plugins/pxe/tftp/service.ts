/**
 * TFTP on addresses of this machine. A request comes to port 69 and is answered from one of a few other sockets (the transfer's TID of
 * RFC 1350 is that port and the client's), so that thousands of transfers need no more descriptors than one.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { Complaints } from '../files/complaints.ts';
import { FileTable } from '../files/file-table.ts';
import { explainListenError, plainAddress, spell } from '../files/listening.ts';
import { cleanName } from '../files/name.ts';
import { Pace } from '../files/pace.ts';
import type { Log, Source } from '../served.ts';
import { Job } from './job.ts';
import { ERROR, type ErrorCode, errorPacket, type Packet, parsePacket } from './packet.ts';

export interface TftpLimits {
  /**
   * At once, of all clients. Beyond it, those whose client has never answered make room, because that client may not exist; where
   * there is none of these, who asks hears nothing, asks again, and finds room then.
   */
  readonly transfers: number;
  /** At once, of one address; beyond it, its oldest one ends, because a machine that starts anew forgets what it had begun. */
  readonly perAddress: number;
  /** Of one address, in the long run; twice as many at once. */
  readonly requestsPerSecond: number;
  /** Bytes: what fits into an Ethernet frame, because fragments are what boot firmware and switches lose. */
  readonly blksize: number;
  /** Blocks: a burst of more is what small switches drop, and is hardly faster. */
  readonly windowsize: number;
  readonly cacheBytes: number;
}

const LIMITS: TftpLimits = {
  transfers: 4096,
  perAddress: 16,
  requestsPerSecond: 50,
  blksize: 1468,
  windowsize: 16,
  cacheBytes: 16 * 1024 * 1024,
};
/** The same client's transfers follow each other on different ones: what comes late for one does not reach the next. */
const TRANSFER_SOCKETS = 8;
const SWEEP_MS = 100;
/** A rack that starts at once asks within milliseconds. */
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export interface TftpOptions {
  /** Of this machine, each by itself: an answer to what came to 0.0.0.0 may leave from another address than was asked, and be dropped. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly source: Source;
  readonly log: Log;
  readonly limits?: Partial<TftpLimits>;
}

/** A socket that transfers go by, and those that go by it by the client's address and port. */
interface Line {
  readonly socket: Socket;
  readonly jobs: Map<string, Job>;
}

/** One address that is listened on. */
interface Station {
  readonly listener: Socket;
  readonly lines: Line[];
  readonly lineOf: Map<string, Line>;
  turn: number;
}

const keyOf = ({ address, port }: RemoteInfo): string => `${address} ${port}`;

export class TftpService {
  readonly #source: Source;
  readonly #complaints: Complaints;
  readonly #log: Log;
  readonly #limits: TftpLimits;
  readonly #files: FileTable;
  readonly #pace: Pace;
  readonly #stations: Station[] = [];
  readonly #jobs = new Set<Job>();
  readonly #byAddress = new Map<string, Set<Job>>();
  #sweeper: NodeJS.Timeout | undefined;

  /** Listens on all of the addresses, or rejects with what a person can do about the one that it cannot have. Port 0: any. */
  static async open(options: TftpOptions): Promise<TftpService> {
    const service = new TftpService(options);
    try {
      for (const address of options.addresses) await service.#listen(address, options.port);
    } catch (error) {
      await service.close();
      throw error;
    }
    return service;
  }

  private constructor({ source, log, limits }: TftpOptions) {
    this.#source = source;
    this.#log = log;
    this.#complaints = new Complaints(log);
    this.#limits = { ...LIMITS, ...limits };
    this.#files = new FileTable(this.#limits.cacheBytes);
    this.#pace = new Pace(this.#limits.requestsPerSecond);
  }

  /** `ADDRESS:PORT` of each. */
  get listens(): readonly string[] {
    return this.#stations.map(({ listener }) => spell(listener.address().address, listener.address().port));
  }

  /** What it holds now: transfers, descriptors of files, bytes of them in memory. */
  get held(): { readonly transfers: number; readonly files: number; readonly bytes: number } {
    return { transfers: this.#jobs.size, ...this.#files.held };
  }

  /** Transfers that are under way end at once; their clients hear no more. */
  async close(): Promise<void> {
    for (const job of [...this.#jobs]) job.end();
    clearInterval(this.#sweeper);
    this.#files.close();
    const sockets = this.#stations.flatMap(({ listener, lines }) => [listener, ...lines.map(({ socket }) => socket)]);
    this.#stations.length = 0;
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  async #listen(address: string, port: number): Promise<void> {
    const listener = await bind(address, port);
    const station: Station = { listener, lines: [], lineOf: new Map(), turn: 0 };
    this.#stations.push(station);
    for (let i = 0; i < TRANSFER_SOCKETS; i++) {
      const line: Line = { socket: await bind(address, 0), jobs: new Map() };
      station.lines.push(line);
      line.socket.on('message', (bytes, from) => this.#hear(line, bytes, from));
    }
    listener.on('message', (bytes, from) => this.#asked(station, bytes, from));
  }

  /** On the port that requests come to. */
  #asked(station: Station, bytes: Buffer, from: RemoteInfo): void {
    const now = performance.now();
    if (from.port === 0 || !this.#pace.allows(from.address, now)) return;
    const packet = parsePacket(bytes);
    // Never an answer to what may be an answer, or two servers would talk for ever.
    if (packet?.kind === 'ack' || packet?.kind === 'error') return;
    if (packet === undefined) {
      this.#refuse(station, from, ERROR.illegal, 'this is no request of RFC 1350 that can be read');
      return;
    }
    this.#request(station, packet, from, now);
  }

  #request(station: Station, packet: Packet & { kind: 'read' | 'write' }, from: RemoteInfo, now: number): void {
    if (packet.kind === 'write') {
      this.#refuse(station, from, ERROR.access, 'this server is for reading only');
      return;
    }
    if (packet.mode !== 'octet') {
      this.#refuse(station, from, ERROR.illegal, 'only mode octet (binary) is served');
      return;
    }
    const named = cleanName(packet.name);
    if ('wrong' in named) {
      this.#complaints.tell(from.address, 'name', `TFTP: a request of ${from.address} was refused: the name ${named.wrong}`, now);
      this.#refuse(station, from, ERROR.access, `the name ${named.wrong}`);
      return;
    }
    const key = keyOf(from);
    const old = station.lineOf.get(key)?.jobs.get(key);
    if (old !== undefined && !old.isProven && (old.isPending || old.asked.name === named.name)) return;
    old?.end();
    if (this.#hasRoom(from.address, now)) this.#begin(station, from, named.name, packet.options);
  }

  #hasRoom(address: string, now: number): boolean {
    const { transfers, perAddress } = this.#limits;
    const own = this.#byAddress.get(plainAddress(address));
    if (own !== undefined && own.size >= perAddress) {
      const oldest = firstOf(own, (job) => !job.isPending && !job.isProven) ?? firstOf(own, (job) => !job.isPending);
      if (oldest === undefined) return false;
      oldest.end();
    }
    if (this.#jobs.size < transfers) return true;
    const unproven = firstOf(this.#jobs, (job) => !job.isPending && !job.isProven);
    if (unproven !== undefined) {
      unproven.end();
      return true;
    }
    const what = `TFTP: all ${transfers} transfers that are allowed at once are under way; who asks now has to ask again`;
    this.#complaints.tell('server', 'full', what, now);
    return false;
  }

  #begin(station: Station, from: RemoteInfo, name: string, options: ReadonlyMap<string, string>): void {
    const line = station.lines[station.turn++ % station.lines.length] as Line;
    const key = keyOf(from);
    const address = plainAddress(from.address);
    const job = new Job(
      { name, address, options },
      {
        source: this.#source,
        files: this.#files,
        limits: this.#limits,
        now: () => performance.now(),
        send: (parts) => this.#send(line.socket, parts, from),
        complain: (whose, about, message) => this.#complaints.tell(whose, about, message, performance.now()),
        ended: (ended) => {
          if (line.jobs.get(key) === ended) line.jobs.delete(key);
          if (station.lineOf.get(key) === line) station.lineOf.delete(key);
          this.#forget(ended);
        },
      },
    );
    line.jobs.set(key, job);
    station.lineOf.set(key, line);
    this.#jobs.add(job);
    const own = this.#byAddress.get(address) ?? new Set();
    this.#byAddress.set(address, own.add(job));
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    void job.start();
  }

  #forget(job: Job): void {
    this.#jobs.delete(job);
    const own = this.#byAddress.get(job.asked.address);
    own?.delete(job);
    if (own?.size === 0) this.#byAddress.delete(job.asked.address);
    if (this.#jobs.size > 0) return;
    clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** On a socket that transfers go by. */
  #hear(line: Line, bytes: Buffer, from: RemoteInfo): void {
    const packet = parsePacket(bytes);
    const job = line.jobs.get(keyOf(from));
    switch (packet?.kind) {
      case 'ack':
        if (job !== undefined) job.acknowledge(packet.block);
        // So that a client whose transfer was given up does not wait for it (RFC 1350, 4).
        else if (from.port !== 0 && this.#pace.allows(from.address, performance.now()))
          this.#send(line.socket, [errorPacket(ERROR.unknownTransfer, 'there is no such transfer')], from);
        return;
      case 'error':
        if (job === undefined) return;
        this.#log('debug', `TFTP: ${from.address} ended its transfer of ${job.asked.name}: ${packet.message} (error ${packet.code})`);
        job.end();
        return;
      default:
    }
  }

  #sweep(): void {
    const now = performance.now();
    for (const job of this.#jobs) job.tick(now);
  }

  #refuse(station: Station, to: RemoteInfo, code: ErrorCode, why: string): void {
    const line = station.lines[station.turn++ % station.lines.length] as Line;
    this.#send(line.socket, [errorPacket(code, why)], to);
  }

  #send(socket: Socket, parts: readonly Uint8Array[], { address, port }: RemoteInfo): void {
    if (this.#stations.length === 0) return;
    socket.send(parts, port, address, (error) => {
      if (error === null) return;
      this.#complaints.tell(address, 'send', `TFTP: cannot send to ${spell(address, port)}: ${error.message}`, performance.now());
    });
  }
}

function firstOf(jobs: Iterable<Job>, isIt: (job: Job) => boolean): Job | undefined {
  for (const job of jobs) if (isIt(job)) return job;
  return undefined;
}

async function bind(address: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(explainListenError('TFTP (UDP)', address, port, error));
    });
    socket.bind(port, address, resolve);
  });
  socket.removeAllListeners('error');
  // An error of one datagram (a client that is gone) is that client's trouble; its transfer ends by silence.
  socket.on('error', () => {});
  return socket;
}
