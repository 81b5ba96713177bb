/** Frames of a tether: two bytes of length, big-endian, then so many sealed bytes. */

export function writeFrame(bytes: Uint8Array): Buffer {
  if (bytes.length === 0 || bytes.length > 0xffff) throw new RangeError(`a frame of ${bytes.length} bytes: 1 to 65,535`);
  const framed = Buffer.allocUnsafe(2 + bytes.length);
  framed.writeUInt16BE(bytes.length);
  framed.set(bytes, 2);
  return framed;
}

/** Cuts a stream into frames; keeps nothing but an unfinished one, so that a connection at rest costs no memory. */
export class FrameReader {
  #rest: Buffer | undefined;

  push(chunk: Buffer): void {
    this.#rest = this.#rest ? Buffer.concat([this.#rest, chunk]) : chunk;
  }

  /** The next whole frame; undefined: not there yet; 'long': it is none that may be. */
  next(most: number): Buffer | 'long' | undefined {
    const rest = this.#rest;
    if (!rest || rest.length < 2) return undefined;
    const length = rest.readUInt16BE();
    if (length === 0 || length > most) return 'long';
    if (rest.length < 2 + length) return undefined;
    this.#rest = rest.length === 2 + length ? undefined : rest.subarray(2 + length);
    return rest.subarray(2, 2 + length);
  }
}
