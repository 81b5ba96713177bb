/**
 * Closes and opens what goes between two hosts in a session: AES-256-GCM with one key per direction and pair of generations.
 *
 * A datagram: 0x4b, session u32, sender's generation u32, receiver's u32, sequence u48, then the closed body and a tag of 16 bytes; all
 * before the body is authenticated in clear. Key: HKDF-SHA256 (RFC 5869) of the session's secret; nonce: the sequence number.
 *
 * Why nothing old is ever fresh: a host raises its generation at every start, durably, before it seals anything. What is sealed for our
 * generation was sealed after we started, and of that the replay window has seen everything. What is sealed for another generation of
 * ours only shows which generation the sender is at. The sender's may only rise, and only by what opens with its key.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { SEAL_OVERHEAD } from './codec.ts';
import { ReplayWindow } from './replay.ts';

const MAGIC = 0x4b;
const HEADER = 19;
const TAG = SEAL_OVERHEAD - HEADER;
const SEQUENCE_MOST = 2 ** 48 - 1;
const CIPHER = 'aes-256-gcm';

export interface SealOptions {
  /** 32 bytes, of this session only. */
  readonly secret: Uint8Array;
  readonly sid: number;
  /** What this host is in the session. */
  readonly side: 'parent' | 'child';
  /** This host's; never used for this session by another `Seal`, or sequence numbers, and so nonces, come twice. */
  readonly generation: number;
  /** 0: not known yet. */
  readonly peerGeneration: number;
}

export type Opened =
  /** Fresh; `restarted`: the first of a new generation of the peer. */
  | { readonly kind: 'body'; readonly body: Uint8Array; readonly restarted: boolean }
  /** From the peer, but for another generation of ours: it does not know of our restart; a hello tells it. */
  | { readonly kind: 'stale'; readonly generation: number }
  | { readonly kind: 'forged' | 'replayed' };

/** What one pair of generations is received with. */
interface Channel {
  readonly from: number;
  readonly to: number;
  readonly key: KeyObject;
  readonly window: ReplayWindow;
}

/** The session that a datagram says it belongs to; undefined: it is none of ours. */
export function peekSid(bytes: Uint8Array): number | undefined {
  if (bytes.length < SEAL_OVERHEAD || bytes[0] !== MAGIC) return undefined;
  return view(bytes).readUInt32BE(1);
}

export class Seal {
  readonly #options: SealOptions;
  /** The newest generation of the peer that is known, and the newest of which a body was opened. */
  #peer: number;
  #heard: number;
  #sequence = 0;
  #sending: { readonly to: number; readonly key: KeyObject } | undefined;
  #current: Channel;
  /** The last other pair that was tried: a flood of forgeries costs one entry. */
  #candidate: Channel | undefined;

  constructor(options: SealOptions) {
    this.#options = options;
    this.#peer = options.peerGeneration;
    this.#heard = options.peerGeneration;
    this.#current = this.#channel(options.peerGeneration, options.generation);
  }

  /** Throws where 2^48 datagrams were sealed in this generation: a restart, or a new session, goes on. */
  seal(body: Uint8Array): Uint8Array {
    if (this.#sequence >= SEQUENCE_MOST) throw new RangeError('the sequence numbers of this generation are used up');
    const { sid, generation } = this.#options;
    const out = Buffer.allocUnsafe(HEADER + body.length + TAG);
    out[0] = MAGIC;
    out.writeUInt32BE(sid, 1);
    out.writeUInt32BE(generation, 5);
    out.writeUInt32BE(this.#peer, 9);
    out.writeUIntBE(++this.#sequence, 13, 6);
    const cipher = createCipheriv(CIPHER, this.#sendingKey(), nonce(out));
    cipher.setAAD(out.subarray(0, HEADER));
    out.set(cipher.update(body), HEADER);
    cipher.final();
    out.set(cipher.getAuthTag(), HEADER + body.length);
    return out;
  }

  open(datagram: Uint8Array): Opened {
    const { sid, generation } = this.#options;
    if (peekSid(datagram) !== sid) return { kind: 'forged' };
    const bytes = view(datagram);
    const from = bytes.readUInt32BE(5);
    const to = bytes.readUInt32BE(9);
    const sequence = bytes.readUIntBE(13, 6);
    if (from < this.#peer) return { kind: 'replayed' };
    const channel = this.#channelFor(from, to);
    if (!channel.window.isFresh(sequence)) return { kind: 'replayed' };
    const body = unseal(channel.key, bytes);
    if (!body) return { kind: 'forged' };
    channel.window.accept(sequence);
    if (from > this.#peer) this.#adopt(channel);
    if (to !== generation) return { kind: 'stale', generation: to };
    const restarted = this.#heard !== 0 && this.#heard !== from;
    this.#heard = from;
    return { kind: 'body', body, restarted };
  }

  /** What it speaks with from now on; where that was heard for another generation of ours, nothing of it has been seen yet. */
  #adopt(channel: Channel): void {
    const { generation } = this.#options;
    this.#peer = channel.from;
    this.#current = channel.to === generation ? channel : this.#channel(channel.from, generation);
  }

  #channelFor(from: number, to: number): Channel {
    for (const channel of [this.#current, this.#candidate]) if (channel?.from === from && channel.to === to) return channel;
    this.#candidate = this.#channel(from, to);
    return this.#candidate;
  }

  #channel(from: number, to: number): Channel {
    return { from, to, key: this.#derive(this.#options.side === 'parent' ? 'up' : 'down', from, to), window: new ReplayWindow() };
  }

  #sendingKey(): KeyObject {
    const to = this.#peer;
    if (this.#sending?.to !== to)
      this.#sending = { to, key: this.#derive(this.#options.side === 'parent' ? 'down' : 'up', this.#options.generation, to) };
    return this.#sending.key;
  }

  #derive(direction: 'up' | 'down', from: number, to: number): KeyObject {
    const info = `kraken sync ${direction} ${from} ${to}`;
    return createSecretKey(new Uint8Array(hkdfSync('sha256', this.#options.secret, new Uint8Array(0), info, 32)));
  }
}

function unseal(key: KeyObject, bytes: Buffer): Uint8Array | undefined {
  const decipher = createDecipheriv(CIPHER, key, nonce(bytes), { authTagLength: TAG });
  decipher.setAAD(bytes.subarray(0, HEADER));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG));
  const body = decipher.update(bytes.subarray(HEADER, bytes.length - TAG));
  try {
    decipher.final();
    return body;
  } catch {
    return undefined;
  }
}

/** 96 bits: zeros, then the sequence number. */
function nonce(bytes: Buffer): Buffer {
  const out = Buffer.alloc(12);
  bytes.copy(out, 6, 13, HEADER);
  return out;
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
