/**
 * Messages as bytes and back. All but updates are packed by hand (big-endian); an update is a hand-packed head and a CBOR sequence
 * (RFC 8742) of what `items.ts` makes. Whoever sends has been authenticated, and still nothing is believed: sizes and ranges are
 * checked, and what is wrong is a `MalformedError`.
 */
import { MalformedError, readItems } from './items.ts';
import type { Ack, Bye, Hello, Message, Part, PartsSeen, Update } from './messages.ts';

export { MalformedError };

const KINDS = ['hello', 'update', 'ack', 'part', 'partsSeen', 'bye'] as const;
/** The first byte: four bits for the kind, the others for its flags. */
const FLAG = [0x10, 0x20, 0x40] as const;
const HELLO_SIZE = 33;
const ACK_SIZE = 11;
const SEEN_SIZE = 15;
const BYE_MOST = 500;

/** What a message has more when it is sealed: header and tag. */
export const SEAL_OVERHEAD = 35;

/** Bytes of an update and of a part beside what they carry. */
export const UPDATE_HEAD = 17;
export const PART_HEAD = 15;

/** What `encodeUpdate` is given of the items: their bytes. */
export type UpdateHead = Omit<Update, 'kind' | 'items'>;

const u48 = (bytes: Buffer, at: number): number => bytes.readUIntBE(at, 6);

function head(kind: Message['kind'], size: number, ...flags: readonly boolean[]): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  bytes[0] = FLAG.reduce<number>((byte, flag, i) => (flags[i] ? byte | flag : byte), KINDS.indexOf(kind));
  return bytes;
}

export function encodeUpdate(update: UpdateHead, items: readonly Uint8Array[]): Uint8Array {
  const bytes = head('update', UPDATE_HEAD, update.snapshot, update.more, update.begins);
  bytes.writeUInt32BE(update.run, 1);
  bytes.writeUIntBE(update.number, 5, 6);
  bytes.writeUIntBE(update.digest, 11, 6);
  return Buffer.concat([bytes, ...items]);
}

/** Every message but updates, whose items are encoded as they are chosen. */
export function encode(message: Exclude<Message, Update>): Uint8Array {
  switch (message.kind) {
    case 'hello':
      return encodeHello(message);
    case 'ack': {
      const bytes = head('ack', ACK_SIZE, message.broken);
      bytes.writeUInt32BE(message.run, 1);
      bytes.writeUIntBE(message.have, 5, 6);
      return bytes;
    }
    case 'part':
      return encodePart(message);
    case 'partsSeen': {
      const bytes = head('partsSeen', SEEN_SIZE);
      bytes.writeUInt32BE(message.run, 1);
      bytes.writeUIntBE(message.number, 5, 6);
      bytes.writeUInt32BE(message.seen >>> 0, 11);
      return bytes;
    }
    case 'bye':
      return Buffer.concat([head('bye', 1), Buffer.from(message.why).subarray(0, BYE_MOST)]);
    default:
      return message satisfies never;
  }
}

function encodeHello(hello: Hello): Buffer {
  const bytes = head('hello', HELLO_SIZE, hello.asks, hello.resync);
  bytes.writeUInt32BE(hello.sent, 1);
  bytes.writeUInt32BE(hello.echo, 5);
  bytes.writeUInt16BE(hello.kept, 9);
  bytes.writeUIntBE(hello.head, 11, 6);
  bytes.writeUIntBE(hello.digest, 17, 6);
  bytes.writeUInt32BE(hello.run, 23);
  bytes.writeUIntBE(hello.have, 27, 6);
  return bytes;
}

function encodePart(part: Part): Buffer {
  const bytes = head('part', PART_HEAD, part.asks);
  bytes.writeUInt32BE(part.run, 1);
  bytes.writeUIntBE(part.number, 5, 6);
  bytes.writeUInt16BE(part.index, 11);
  bytes.writeUInt16BE(part.count, 13);
  return Buffer.concat([bytes, part.bytes]);
}

/** Throws `MalformedError`. The bytes of a part are a view of what is given. */
export function decode(data: Uint8Array): Message {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  const first = bytes[0] ?? 0xff;
  const kind = KINDS[first & 0x0f];
  if (kind === undefined || first > 0x7f) throw new MalformedError(`no message begins with ${first}`);
  switch (kind) {
    case 'hello':
      return decodeHello(bytes, first);
    case 'update':
      return decodeUpdate(bytes, first);
    case 'ack':
      return decodeAck(bytes, first);
    case 'part':
      return decodePart(bytes, first);
    case 'partsSeen':
      return decodePartsSeen(bytes);
    case 'bye':
      return decodeBye(bytes);
    default:
      return kind satisfies never;
  }
}

function checkSize(bytes: Uint8Array, kind: string, least: number, most = least): void {
  if (bytes.length < least || bytes.length > most) throw new MalformedError(`${kind} of ${bytes.length} bytes`);
}

function decodeHello(bytes: Buffer, first: number): Hello {
  checkSize(bytes, 'hello', HELLO_SIZE);
  return {
    kind: 'hello',
    sent: bytes.readUInt32BE(1),
    echo: bytes.readUInt32BE(5),
    kept: bytes.readUInt16BE(9),
    asks: (first & FLAG[0]) !== 0,
    resync: (first & FLAG[1]) !== 0,
    head: u48(bytes, 11),
    digest: u48(bytes, 17),
    run: bytes.readUInt32BE(23),
    have: u48(bytes, 27),
  };
}

function decodeUpdate(bytes: Buffer, first: number): Update {
  checkSize(bytes, 'update', UPDATE_HEAD, Number.POSITIVE_INFINITY);
  const snapshot = (first & FLAG[0]) !== 0;
  const more = (first & FLAG[1]) !== 0;
  const begins = (first & FLAG[2]) !== 0;
  if ((more || begins) && !snapshot) throw new MalformedError('a part of a snapshot that is none');
  return {
    kind: 'update',
    run: bytes.readUInt32BE(1),
    number: u48(bytes, 5),
    snapshot,
    begins,
    more,
    digest: u48(bytes, 11),
    items: readItems(bytes.subarray(UPDATE_HEAD)),
  };
}

function decodeAck(bytes: Buffer, first: number): Ack {
  checkSize(bytes, 'ack', ACK_SIZE);
  return { kind: 'ack', run: bytes.readUInt32BE(1), have: u48(bytes, 5), broken: (first & FLAG[0]) !== 0 };
}

function decodePart(bytes: Buffer, first: number): Part {
  checkSize(bytes, 'part', PART_HEAD + 1, Number.POSITIVE_INFINITY);
  const index = bytes.readUInt16BE(11);
  const count = bytes.readUInt16BE(13);
  if (index >= count) throw new MalformedError(`part ${index} of ${count}`);
  const asks = (first & FLAG[0]) !== 0;
  return { kind: 'part', run: bytes.readUInt32BE(1), number: u48(bytes, 5), index, count, asks, bytes: bytes.subarray(PART_HEAD) };
}

function decodePartsSeen(bytes: Buffer): PartsSeen {
  checkSize(bytes, 'partsSeen', SEEN_SIZE);
  return { kind: 'partsSeen', run: bytes.readUInt32BE(1), number: u48(bytes, 5), seen: bytes.readUInt32BE(11) };
}

function decodeBye(bytes: Buffer): Bye {
  checkSize(bytes, 'bye', 1, BYE_MOST + 1);
  return { kind: 'bye', why: bytes.toString('utf8', 1) };
}
