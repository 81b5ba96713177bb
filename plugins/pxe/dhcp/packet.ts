/** DHCP messages (RFC 2131 figure 1): what a client sent, taken apart, and an answer to it, put together. */
import { FILE, OPTION, type Option, type Options, readOptions, writeOptions } from './options.ts';

export const MESSAGE = { discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8 } as const;

/** What a client says. */
export interface Packet {
  readonly type: number;
  readonly xid: number;
  readonly flags: number;
  /** Addresses are 32 bits; 0 = none. */
  readonly ciaddr: number;
  readonly giaddr: number;
  /** aa:bb:cc:dd:ee:ff */
  readonly mac: string;
  readonly options: Options;
  /** The whole message, which an answer repeats in part. */
  readonly bytes: Buffer;
}

const OP_REQUEST = 1;
const OP_REPLY = 2;
const ETHERNET = 1;
const MAC_BYTES = 6;
const MOST_HOPS = 16;
const BROADCAST = 0x8000;
/** BOOTP clients and relays take no shorter one (RFC 1542 2.1). */
const SHORTEST = 300;
/** A message that goes over every network, and one that goes over Ethernet, less the headers of IP and UDP (RFC 2131 2). */
const USUAL_SIZE = 576 - 28;
const MOST_SIZE = 1500 - 28;
const LONGEST_FILE = FILE.length - 1;
/** More than any client or relay has to say. */
const LONGEST = 2048;

const FROM_CLIENTS = new Set<number>([MESSAGE.discover, MESSAGE.request, MESSAGE.decline, MESSAGE.release, MESSAGE.inform]);

/** Lengths of the options that are read as numbers or addresses. */
const LENGTHS: readonly (readonly [number, number])[] = [
  [OPTION.requested, 4],
  [OPTION.server, 4],
  [OPTION.maxSize, 2],
  [OPTION.subnet, 4],
];

/** What an answer repeats. */
const ECHOED = [OPTION.clientId, OPTION.relay, OPTION.machineId];

/** A text says why it is no message of a client on an Ethernet. */
export function readPacket(bytes: Buffer): Packet | string {
  if (bytes.length > LONGEST) return `it has ${bytes.length} bytes, more than ${LONGEST}`;
  const options = readOptions(bytes);
  if (typeof options === 'string') return options;
  if (bytes[0] !== OP_REQUEST) return 'it is no request';
  if (bytes[1] !== ETHERNET || bytes[2] !== MAC_BYTES) return `hardware type ${bytes[1]} with ${bytes[2]} bytes of address is no Ethernet`;
  if ((bytes[3] ?? 0) > MOST_HOPS) return `it has gone over ${bytes[3]} relays`;
  const type = options.get(OPTION.type);
  if (type?.length !== 1 || !FROM_CLIENTS.has(type[0] ?? 0))
    return type === undefined ? 'it is BOOTP, not DHCP' : 'option 53 is no message of a client';
  for (const [code, length] of LENGTHS) {
    const value = options.get(code);
    if (value !== undefined && value.length !== length) return `option ${code} has ${value.length} bytes instead of ${length}`;
  }
  for (const code of ECHOED) if ((options.get(code)?.length ?? 0) > 255) return `option ${code} has more than 255 bytes`;
  const mac = macOf(bytes);
  if (((bytes[28] ?? 0) & 1) === 1 || mac === '00:00:00:00:00:00') return `${mac} is no address of one machine`;
  return {
    type: type[0] ?? 0,
    xid: bytes.readUInt32BE(4),
    flags: bytes.readUInt16BE(10),
    ciaddr: bytes.readUInt32BE(12),
    giaddr: bytes.readUInt32BE(24),
    mac,
    options,
    bytes,
  };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const macOf = (bytes: Buffer): string => {
  let mac = HEX[bytes[28] as number] as string;
  for (let at = 29; at < 28 + MAC_BYTES; at++) mac += `:${HEX[bytes[at] as number]}`;
  return mac;
};

/** The address that an option holds; 0 where there is none. */
export const addressIn = ({ options }: Packet, code: number): number => options.get(code)?.readUInt32BE(0) ?? 0;

export interface Answer {
  readonly type: number;
  readonly ciaddr?: number;
  readonly yiaddr?: number;
  readonly siaddr?: number;
  /** In the field of that name; in option 67, whether asked for or not, where it is too long. */
  readonly file?: string;
  /** In the order of their weight: where room is short, the last are left out. */
  readonly options: readonly Option[];
}

const scratch = Buffer.alloc(MOST_SIZE);

/** The bytes of an answer, and the numbers of the options for which the client leaves no room. */
export function writeAnswer(to: Packet, answer: Answer): { readonly bytes: Buffer; readonly omitted: readonly number[] } {
  scratch.fill(0);
  // Hardware address, xid, flags, giaddr are the client's; hops and secs are 0 (RFC 2131 table 3).
  to.bytes.copy(scratch, 0, 0, 8);
  to.bytes.copy(scratch, 24, 24, 44);
  scratch[0] = OP_REPLY;
  scratch[3] = 0;
  scratch.writeUInt16BE(answer.type === MESSAGE.nak && to.giaddr !== 0 ? to.flags | BROADCAST : to.flags, 10);
  scratch.writeUInt32BE(answer.ciaddr ?? 0, 12);
  scratch.writeUInt32BE(answer.yiaddr ?? 0, 16);
  scratch.writeUInt32BE(answer.siaddr ?? 0, 20);
  const { file = '' } = answer;
  const isLong = Buffer.byteLength(file) > LONGEST_FILE;
  if (!isLong) scratch.write(file, FILE.at, LONGEST_FILE, 'latin1');
  const { length, omitted } = writeOptions(scratch, answer.options, {
    size: sizeFor(to),
    free: { file: file === '' || isLong, sname: true },
    last: to.options.get(OPTION.relay),
  });
  return { bytes: Buffer.from(scratch.subarray(0, Math.max(length, SHORTEST))), omitted };
}

/** What the client takes (option 57). */
function sizeFor({ options }: Packet): number {
  const given = (options.get(OPTION.maxSize)?.readUInt16BE(0) ?? 0) - 28;
  return Math.min(MOST_SIZE, Math.max(USUAL_SIZE, given));
}
