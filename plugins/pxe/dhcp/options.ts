/** Options of DHCP messages (RFC 2132): read from wherever a message has them, and written where there is room. */

export const OPTION = {
  pad: 0,
  mask: 1,
  router: 3,
  dns: 6,
  hostname: 12,
  domain: 15,
  mtu: 26,
  broadcast: 28,
  vendorSpecific: 43,
  requested: 50,
  leaseTime: 51,
  overload: 52,
  type: 53,
  server: 54,
  parameters: 55,
  maxSize: 57,
  renewal: 58,
  rebinding: 59,
  vendorClass: 60,
  clientId: 61,
  nextServer: 66,
  bootFile: 67,
  userClass: 77,
  relay: 82,
  architecture: 93,
  interfaceType: 94,
  machineId: 97,
  subnet: 118,
  ipxe: 175,
  end: 255,
} as const;

/** By number; what came in several parts is put together (RFC 3396). Views of the message. */
export type Options = ReadonlyMap<number, Buffer>;

/** Where the fields of a message are that can hold options, too (RFC 2131 figure 1). */
const SNAME = { at: 44, length: 64 };
export const FILE = { at: 108, length: 128 };
const FIXED = 236;
const COOKIE = 0x63825363;
const OPTIONS_AT = FIXED + 4;
const IN_FILE = 1;
const IN_SNAME = 2;
const MOST_PART = 255;

/** A text says why these are no options. The order is that of RFC 3396: options, file, sname. */
export function readOptions(message: Buffer): Options | string {
  if (message.length < OPTIONS_AT) return `it has ${message.length} bytes, a DHCP message at least ${OPTIONS_AT}`;
  if (message.readUInt32BE(FIXED) !== COOKIE) return 'its options do not begin with the magic cookie';
  const options = new Map<number, Buffer>();
  const fault = readField(message.subarray(OPTIONS_AT), 'options', options);
  if (fault !== undefined) return fault;
  const overload = options.get(OPTION.overload);
  if (overload === undefined) return options;
  const where = overload[0] ?? 0;
  if (overload.length !== 1 || where < 1 || where > (IN_FILE | IN_SNAME)) return 'option 52 names no fields';
  const inFile = where & IN_FILE ? readField(field(message, FILE), 'file', options) : undefined;
  const inSname = where & IN_SNAME ? readField(field(message, SNAME), 'sname', options) : undefined;
  return inFile ?? inSname ?? options;
}

const field = (message: Buffer, { at, length }: typeof FILE): Buffer => message.subarray(at, at + length);

/** Says what is wrong. That the end is not marked, as some firmware has it, is not. */
function readField(bytes: Buffer, where: string, into: Map<number, Buffer>): string | undefined {
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at++] as number;
    if (code === OPTION.pad) continue;
    if (code === OPTION.end) return undefined;
    const length = bytes[at++];
    if (length === undefined || at + length > bytes.length) return `option ${code} goes beyond the end of its ${where}`;
    const part = bytes.subarray(at, at + length);
    const before = into.get(code);
    into.set(code, before === undefined ? part : Buffer.concat([before, part]));
    at += length;
  }
  return undefined;
}

/** Those inside an option (43, 82, 175), of which a broken rest says nothing. */
export function readNested(bytes: Buffer | undefined): Options {
  const options = new Map<number, Buffer>();
  if (bytes !== undefined) readField(bytes, 'option', options);
  return options;
}

export interface Option {
  readonly code: number;
  readonly bytes: Buffer;
}

/** A field of the message that options may fill: where it begins, where it ends, and what has been filled. */
interface Room {
  at: number;
  readonly end: number;
}

/**
 * Writes them into a message of at most `size` bytes, whose file and sname are free where `free` says so; returns the length of the
 * message and the numbers of those for which there was no room. Who comes first has the room. `last` is the relay's option, which has
 * to be the last and where the relay looks for it (RFC 3046 2.1).
 */
export function writeOptions(
  message: Buffer,
  options: readonly Option[],
  { size, free, last }: { size: number; free: { file: boolean; sname: boolean }; last?: Buffer | undefined },
): { readonly length: number; readonly omitted: readonly number[] } {
  const tail = last === undefined ? 0 : lengthOf(last);
  message.writeUInt32BE(COOKIE, FIXED);
  const main: Room = { at: OPTIONS_AT, end: size - 1 - 3 - tail };
  const file: Room = { at: FILE.at, end: FILE.at + FILE.length - 1 };
  const sname: Room = { at: SNAME.at, end: SNAME.at + SNAME.length - 1 };
  const rooms = [main, ...(free.file ? [file] : []), ...(free.sname ? [sname] : [])];
  const omitted: number[] = [];
  for (const { code, bytes } of options) {
    const room = rooms.find(({ at, end }) => at + lengthOf(bytes) <= end);
    if (room === undefined) omitted.push(code);
    else room.at = write(message, room.at, code, bytes);
  }
  const overload = (file.at > FILE.at ? IN_FILE : 0) | (sname.at > SNAME.at ? IN_SNAME : 0);
  if (overload & IN_FILE) message[file.at] = OPTION.end;
  if (overload & IN_SNAME) message[sname.at] = OPTION.end;
  if (overload !== 0) main.at = write(message, main.at, OPTION.overload, Buffer.of(overload));
  if (last !== undefined) main.at = write(message, main.at, OPTION.relay, last);
  message[main.at++] = OPTION.end;
  return { length: main.at, omitted };
}

/** What it takes, cut in parts of at most 255 bytes. */
const lengthOf = (bytes: Buffer): number => bytes.length + 2 * Math.max(1, Math.ceil(bytes.length / MOST_PART));

function write(message: Buffer, from: number, code: number, bytes: Buffer): number {
  let at = from;
  let done = 0;
  do {
    const length = Math.min(MOST_PART, bytes.length - done);
    message[at++] = code;
    message[at++] = length;
    bytes.copy(message, at, done, done + length);
    at += length;
    done += length;
  } while (done < bytes.length);
  return at;
}

export const text = (code: number, value: string): Option => ({ code, bytes: Buffer.from(value, 'latin1') });

export function number(code: number, value: number, length: 1 | 2 | 4): Option {
  const bytes = Buffer.allocUnsafe(length);
  bytes.writeUIntBE(value, 0, length);
  return { code, bytes };
}
