/**
 * The one record format of every file of the store (journal, snapshot, backup).
 *
 *     0  u32  magic F5 4B 72 F6: F5 is never valid in UTF-8, so no text contains it and a reader finds the next frame again
 *     4  u32  crc32 (ISO-HDLC, as zlib's) of everything from offset 8 to the frame's end
 *     8  u32  length of the text in bytes
 *     12 u32  kind
 *     16 f64  seq: the turn's number (turn, gap: the last lost one; mark: the newest durable one; snapshot: the one included)
 *     24 f64  durable: all turns up to this one were on disk when the frame was made
 *     32      text, UTF-8
 *
 * All numbers are little-endian. `durable` is what tells a write that a crash cut short (nobody had been told of it) from
 * damage to something that had been acknowledged: a frame further on that says so.
 */
import { crc32 } from 'node:zlib';

const KINDS = ['head', 'turn', 'mark', 'gap', 'node', 'gone', 'engine', 'end'] as const;
export type FrameKind = (typeof KINDS)[number];

export const FRAME_HEADER = 32;
/** The longest text: a turn of 64 MiB, and room for a record made of such turns. */
const LONGEST_TEXT = 256 * 1024 * 1024;

const MAGIC = Buffer.from([0xf5, 0x4b, 0x72, 0xf6]);
const WINDOW = 256 * 1024;

export interface Frame {
  readonly good: true;
  /** Offset in the file. */
  readonly at: number;
  /** Bytes of the whole frame. */
  readonly length: number;
  readonly kind: FrameKind;
  readonly seq: number;
  readonly durable: number;
  /** The whole frame as stored; valid as long as it is referred to. */
  readonly bytes: Buffer;
}

/** Bytes that are not a frame. */
export interface Damage {
  readonly good: false;
  readonly at: number;
  readonly length: number;
}

/** Reads `length` bytes at `offset`; fewer only at the end of the file. */
export type ReadAt = (offset: number, length: number) => Buffer;

export function encodeFrame(kind: FrameKind, seq: number, durable: number, text: string): Buffer {
  const length = Buffer.byteLength(text);
  const frame = Buffer.allocUnsafe(FRAME_HEADER + length);
  MAGIC.copy(frame, 0);
  frame.writeUInt32LE(length, 8);
  frame.writeUInt32LE(KINDS.indexOf(kind), 12);
  frame.writeDoubleLE(seq, 16);
  frame.writeDoubleLE(durable, 24);
  frame.write(text, FRAME_HEADER, length, 'utf8');
  frame.writeUInt32LE(crc32(frame.subarray(8)), 4);
  return frame;
}

export function frameText(frame: Frame): string {
  return frame.bytes.toString('utf8', FRAME_HEADER);
}

/** Every byte of a file is in exactly one piece: a whole frame, or damage up to the next whole frame. Never throws for content. */
export function* scanFrames(read: ReadAt, size: number, from = 0): Generator<Frame | Damage> {
  const bytesAt = windowed(read, size);
  let at = from;
  while (at < size) {
    const frame = frameAt(bytesAt, at, size);
    if (frame) {
      yield frame;
      at += frame.length;
      continue;
    }
    const next = nextFrame(bytesAt, at + 1, size);
    yield { good: false, at, length: next - at };
    at = next;
  }
}

function frameAt(bytesAt: ReadAt, at: number, size: number): Frame | undefined {
  if (at + FRAME_HEADER > size) return undefined;
  const header = bytesAt(at, FRAME_HEADER);
  if (header.length < FRAME_HEADER || header.compare(MAGIC, 0, 4, 0, 4) !== 0) return undefined;
  const length = header.readUInt32LE(8);
  const kind = KINDS[header.readUInt32LE(12)];
  if (kind === undefined || length > LONGEST_TEXT || at + FRAME_HEADER + length > size) return undefined;
  const bytes = bytesAt(at, FRAME_HEADER + length);
  if (bytes.length < FRAME_HEADER + length || crc32(bytes.subarray(8)) !== bytes.readUInt32LE(4)) return undefined;
  return { good: true, at, length: bytes.length, kind, seq: bytes.readDoubleLE(16), durable: bytes.readDoubleLE(24), bytes };
}

/** Where the next whole frame begins, or `size`. */
function nextFrame(bytesAt: ReadAt, from: number, size: number): number {
  for (let at = from; at + FRAME_HEADER <= size; ) {
    const window = bytesAt(at, Math.min(WINDOW, size - at));
    const found = window.indexOf(MAGIC);
    if (found < 0) {
      if (window.length < MAGIC.length) return size;
      at += window.length - (MAGIC.length - 1);
      continue;
    }
    if (frameAt(bytesAt, at + found, size)) return at + found;
    at += found + 1;
  }
  return size;
}

/** Reads ahead, and never reuses a buffer: what was handed out stays as it is. */
function windowed(read: ReadAt, size: number): ReadAt {
  let window: Buffer = Buffer.alloc(0);
  let start = 0;
  return (at, length) => {
    if (at < start || at + length > start + window.length) {
      start = at;
      window = read(at, Math.min(Math.max(length, WINDOW), size - at));
    }
    return window.subarray(at - start, at - start + length);
  };
}
