/** RMCP+ packets (IPMI 2.0, 13.6) and the IPMI messages in them (13.8). Bytes only: what they mean is in session.ts and chassis.ts. */
import { createCipheriv, createDecipheriv, randomBytes, timingSafeEqual } from 'node:crypto';
import { hmac, type Suite } from './suite.ts';

/** Table 13-16. */
export const PAYLOAD = { ipmi: 0x00, openRequest: 0x10, openResponse: 0x11, rakp1: 0x12, rakp2: 0x13, rakp3: 0x14, rakp4: 0x15 } as const;

/** RMCP version 1.0, no acknowledgement, class IPMI (table 13-8). */
const RMCP = Buffer.from([0x06, 0x00, 0xff, 0x07]);
const AUTH_TYPE_RMCP_PLUS = 0x06;
const ENCRYPTED = 0x80;
const AUTHENTICATED = 0x40;
const HEADER = RMCP.length + 12;
const NEXT_HEADER = 0x07;
const BLOCK = 16;

/** What protects the packets of one session, once it is open. */
export interface Keys {
  readonly suite: Suite;
  /** Authenticates packets. */
  readonly k1: Buffer;
  /** Encrypts payloads; 16 bytes. */
  readonly k2: Buffer;
}

export interface Packet {
  readonly payloadType: number;
  /** The receiver's id of the session; 0 before there is one. */
  readonly session: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

export function encode({ payloadType, session, sequence, payload }: Packet, keys?: Keys): Buffer {
  const isEncrypted = keys?.suite.confidentiality === 1;
  const body = isEncrypted ? encrypt(payload, keys.k2) : payload;
  const header = Buffer.alloc(HEADER);
  RMCP.copy(header);
  header[4] = AUTH_TYPE_RMCP_PLUS;
  header[5] = payloadType | (isEncrypted ? ENCRYPTED : 0) | (keys === undefined ? 0 : AUTHENTICATED);
  header.writeUInt32LE(session, 6);
  header.writeUInt32LE(sequence, 10);
  header.writeUInt16LE(body.length, 14);
  if (keys === undefined) return Buffer.concat([header, body]);
  // What is authenticated begins after the RMCP header and is a multiple of four bytes, pad length and next header included.
  const pad = (4 - ((HEADER - RMCP.length + body.length + 2) % 4)) % 4;
  const whole = Buffer.concat([header, body, Buffer.alloc(pad, 0xff), Buffer.from([pad, NEXT_HEADER])]);
  return Buffer.concat([whole, hmac(keys.suite, keys.k1, whole.subarray(RMCP.length)).subarray(0, keys.suite.codeLength)]);
}

/** The receiver's session id of a packet, before anything of it is believed; 0 = a refusal too short to have one; undefined = not RMCP+. */
export function sessionOf(bytes: Buffer): number | undefined {
  if (bytes.length < HEADER || bytes[0] !== RMCP[0] || bytes[3] !== RMCP[3] || bytes[4] !== AUTH_TYPE_RMCP_PLUS) return undefined;
  const payloadType = (bytes[5] ?? 0) & 0x3f;
  // Until the session is open its id stands in the payload.
  if (payloadType === PAYLOAD.ipmi) return bytes.readUInt32LE(6);
  return bytes.length >= HEADER + 8 ? bytes.readUInt32LE(HEADER + 4) : 0;
}

/** The packet, decrypted; undefined where it is damaged or not authenticated as it must be. */
export function decode(bytes: Buffer, keys?: Keys): Packet | undefined {
  if (bytes.length < HEADER) return undefined;
  const flags = bytes[5] ?? 0;
  const payloadType = flags & 0x3f;
  const end = HEADER + bytes.readUInt16LE(14);
  if (end > bytes.length) return undefined;
  let payload: Buffer | undefined = bytes.subarray(HEADER, end);
  if (payloadType === PAYLOAD.ipmi) {
    if (keys === undefined || !isAuthentic(bytes, flags, keys)) return undefined;
    if (((flags & ENCRYPTED) !== 0) !== (keys.suite.confidentiality === 1)) return undefined;
    if (keys.suite.confidentiality === 1) payload = decrypt(payload, keys.k2);
  }
  if (payload === undefined) return undefined;
  return { payloadType, session: bytes.readUInt32LE(6), sequence: bytes.readUInt32LE(10), payload };
}

function isAuthentic(bytes: Buffer, flags: number, { suite, k1 }: Keys): boolean {
  const end = bytes.length - suite.codeLength;
  if ((flags & AUTHENTICATED) === 0 || end <= HEADER) return false;
  return timingSafeEqual(hmac(suite, k1, bytes.subarray(RMCP.length, end)).subarray(0, suite.codeLength), bytes.subarray(end));
}

/** AES-CBC-128 with the pad 1, 2, 3 … and its length (13.29). */
function encrypt(payload: Buffer, key: Buffer): Buffer {
  const pad = (BLOCK - ((payload.length + 1) % BLOCK)) % BLOCK;
  const padding = Buffer.from([...Array.from({ length: pad }, (_, index) => index + 1), pad]);
  const iv = randomBytes(BLOCK);
  const cipher = createCipheriv('aes-128-cbc', key, iv).setAutoPadding(false);
  return Buffer.concat([iv, cipher.update(payload), cipher.update(padding), cipher.final()]);
}

function decrypt(body: Buffer, key: Buffer): Buffer | undefined {
  if (body.length < 2 * BLOCK || body.length % BLOCK !== 0) return undefined;
  const decipher = createDecipheriv('aes-128-cbc', key, body.subarray(0, BLOCK)).setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(body.subarray(BLOCK)), decipher.final()]);
  const pad = plain.at(-1) ?? BLOCK;
  return pad < plain.length && pad < BLOCK ? plain.subarray(0, plain.length - 1 - pad) : undefined;
}

/** An IPMI request to the BMC (slave address 20h) from remote console software (81h). */
export function message(netFn: number, command: number, sequence: number, data: Buffer): Buffer {
  const head = [0x20, netFn << 2];
  const rest = [0x81, sequence << 2, command, ...data];
  return Buffer.from([...head, checksum(head), ...rest, checksum(rest)]);
}

export interface Reply {
  readonly netFn: number;
  readonly command: number;
  readonly sequence: number;
  readonly completion: number;
  readonly data: Buffer;
}

/** undefined where it is damaged. */
export function replyOf(payload: Buffer): Reply | undefined {
  if (payload.length < 8 || checksum(payload.subarray(0, 2)) !== payload[2]) return undefined;
  if (checksum(payload.subarray(3, -1)) !== payload.at(-1)) return undefined;
  const [, netFn = 0, , , sequence = 0, command = 0, completion = 0] = payload;
  return { netFn: netFn >> 2, command, sequence: sequence >> 2, completion, data: payload.subarray(7, -1) };
}

/** The two's complement of the sum. */
function checksum(bytes: Iterable<number>): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  return -sum & 0xff;
}
