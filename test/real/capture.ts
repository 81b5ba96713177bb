/** What went over one host's cable: tcpdump's record, taken apart into datagrams and connections, and searched for what must not be in it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { install } from './install.ts';
import type { Network } from './network.ts';

export interface Datagram {
  readonly from: string;
  readonly to: string;
  readonly bytes: Buffer;
}

const ETHERNET = 14;
const IPV4 = 0x0800;
const TCP = 6;
const UDP = 17;

export class Capture {
  readonly #file: string;
  readonly #process: ChildProcess;

  /** Everything that passes the host's port at the switch, whole. */
  static async start(network: Network, name: string, file: string): Promise<Capture> {
    install({ tcpdump: 'tcpdump' });
    const [program, args] = network.atSwitch('tcpdump', [
      '-i',
      name,
      '-U',
      '--immediate-mode',
      '-s',
      '0',
      '-B',
      '16384',
      '-Z',
      'root',
      '-w',
      file,
    ]);
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('listening on')) resolve();
      });
      child.once('exit', (code) => reject(new Error(`tcpdump ended with ${code}: ${said}`)));
    });
    return new Capture(file, child);
  }

  private constructor(file: string, process: ChildProcess) {
    this.#file = file;
    this.#process = process;
  }

  async stop(): Promise<Recording> {
    // What the kernel has is written first.
    await sleep(500);
    if (this.#process.exitCode !== null) throw new Error(`tcpdump has ended by itself, with ${this.#process.exitCode}`);
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await gone;
    return new Recording(readFileSync(this.#file));
  }
}

/** Connections by direction, put together in the order of their bytes. */
export class Recording {
  readonly raw: Buffer;
  readonly datagrams: Datagram[] = [];
  readonly streams = new Map<string, Buffer>();

  constructor(raw: Buffer) {
    this.raw = raw;
    const segments = new Map<string, { readonly seq: number; readonly bytes: Buffer }[]>();
    for (const frame of framesOf(raw)) {
      if (frame.length < ETHERNET + 20 || frame.readUInt16BE(12) !== IPV4) continue;
      const ip = frame.subarray(ETHERNET, ETHERNET + frame.readUInt16BE(ETHERNET + 2));
      const rest = ip.subarray(((ip[0] ?? 0) & 0x0f) * 4);
      const [from, to] = [12, 16].map((at, i) => `${[...ip.subarray(at, at + 4)].join('.')}:${rest.readUInt16BE(2 * i)}`);
      if (ip[9] === UDP) this.datagrams.push({ from: from ?? '', to: to ?? '', bytes: rest.subarray(8) });
      if (ip[9] !== TCP) continue;
      const bytes = rest.subarray(((rest[12] ?? 0) >> 4) * 4);
      const way = `${from} ${to}`;
      if (bytes.length > 0) segments.set(way, [...(segments.get(way) ?? []), { seq: rest.readUInt32BE(4), bytes }]);
    }
    for (const [way, all] of segments) this.streams.set(way, joined(all));
  }

  /** Where each of these is found, in any of the forms that a secret or a text can take. */
  find(secrets: Readonly<Record<string, Buffer>>): string[] {
    const places = [['the record', this.raw] as const, ...this.streams, ...this.datagrams.map(({ from, bytes }) => [from, bytes] as const)];
    return Object.entries(secrets).flatMap(([name, secret]) =>
      formsOf(secret).flatMap(({ form, bytes }) =>
        places.flatMap(([place, all]) => (all.includes(bytes) ? [`${name} as ${form} in ${place}`] : [])),
      ),
    );
  }
}

/** Base64 says the same bytes in three ways, by where they begin. */
function formsOf(secret: Buffer): { readonly form: string; readonly bytes: Buffer }[] {
  const forms = [{ form: 'bytes', bytes: secret }];
  for (const text of [secret.toString('hex'), secret.toString('hex').toUpperCase()]) forms.push({ form: 'hex', bytes: Buffer.from(text) });
  for (const alphabet of ['base64', 'base64url'] as const)
    for (const shift of [0, 1, 2]) {
      const text = Buffer.concat([Buffer.alloc(shift), secret])
        .toString(alphabet)
        .replaceAll('=', '');
      const first = Math.ceil((shift * 8) / 6);
      forms.push({ form: alphabet, bytes: Buffer.from(text.slice(first, first + Math.floor((secret.length * 8) / 6) - 1)) });
    }
  return forms;
}

function* framesOf(raw: Buffer): Generator<Buffer> {
  for (let at = 24; at + 16 <= raw.length; ) {
    const length = raw.readUInt32LE(at + 8);
    yield raw.subarray(at + 16, at + 16 + length);
    at += 16 + length;
  }
}

function joined(segments: readonly { readonly seq: number; readonly bytes: Buffer }[]): Buffer {
  const first = segments[0]?.seq ?? 0;
  const offsets = segments.map(({ seq, bytes }) => ({ at: (seq - first) >>> 0, bytes })).filter(({ at }) => at < 2 ** 31);
  const whole = Buffer.alloc(Math.max(0, ...offsets.map(({ at, bytes }) => at + bytes.length)));
  for (const { at, bytes } of offsets) whole.set(bytes, at);
  return whole;
}
