/** Packets of TFTP (RFC 1350) with options (RFC 2347), as bytes. */

export type Packet =
  | { readonly kind: 'read' | 'write'; readonly name: Uint8Array; readonly mode: string; readonly options: ReadonlyMap<string, string> }
  | { readonly kind: 'ack'; readonly block: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

/** RFC 1350, appendix, and RFC 2347. */
export const ERROR = { other: 0, notFound: 1, access: 2, illegal: 4, unknownTransfer: 5, options: 8 } as const;
export type ErrorCode = (typeof ERROR)[keyof typeof ERROR];

const RRQ = 1;
const WRQ = 2;
const DATA = 3;
const ACK = 4;
const ERR = 5;
const OACK = 6;
/** RFC 2347 allows requests of 512 bytes; a name may have as many alone. */
const LONGEST_REQUEST = 1024;
const MOST_OPTIONS = 16;
const LONGEST_MESSAGE = 200;

/** What it says, or undefined where it is none that a server is sent. Names of options and the mode are in lower case. */
export function parsePacket(bytes: Buffer): Packet | undefined {
  if (bytes.length < 4) return undefined;
  switch (bytes.readUInt16BE(0)) {
    case RRQ:
      return parseRequest('read', bytes);
    case WRQ:
      return parseRequest('write', bytes);
    case ACK:
      return { kind: 'ack', block: bytes.readUInt16BE(2) };
    case ERR:
      return { kind: 'error', code: bytes.readUInt16BE(2), message: printable(bytes.subarray(4, 4 + LONGEST_MESSAGE)) };
    default:
      return undefined;
  }
}

function parseRequest(kind: 'read' | 'write', bytes: Buffer): Packet | undefined {
  if (bytes.length > LONGEST_REQUEST || bytes.at(-1) !== 0) return undefined;
  const fields: Buffer[] = [];
  for (let at = 2; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    fields.push(bytes.subarray(at, end));
    at = end + 1;
  }
  const [name, mode, ...rest] = fields;
  if (name === undefined || mode === undefined || rest.length % 2 !== 0 || rest.length > 2 * MOST_OPTIONS) return undefined;
  const options = new Map<string, string>();
  for (let i = 0; i < rest.length; i += 2) {
    const option = lower(rest[i]);
    if (!options.has(option)) options.set(option, lower(rest[i + 1]));
  }
  return { kind, name, mode: lower(mode), options };
}

const lower = (bytes: Buffer | undefined): string => (bytes ?? Buffer.alloc(0)).toString('latin1').toLowerCase();

/** Up to its NUL, fit for a log. */
function printable(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return (end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1').replace(/[^\x20-\x7e]/g, '?');
}

/** What goes before a block's bytes; block numbers go round after 65535 to 0. */
export function dataHeader(block: number): Buffer {
  const header = Buffer.allocUnsafe(4);
  header.writeUInt16BE(DATA, 0);
  header.writeUInt16BE(block % 65_536, 2);
  return header;
}

export function optionsPacket(options: ReadonlyMap<string, string>): Buffer {
  const text = [...options].map(([name, value]) => `${name}\0${value}\0`).join('');
  return Buffer.concat([Buffer.from([0, OACK]), Buffer.from(text, 'latin1')]);
}

export function errorPacket(code: ErrorCode, message: string): Buffer {
  const text = Buffer.from(message).subarray(0, LONGEST_MESSAGE);
  return Buffer.concat([Buffer.from([0, ERR, 0, code]), text, Buffer.from([0])]);
}
