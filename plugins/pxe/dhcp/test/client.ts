/** Messages of clients, put together byte by byte, and what an answer says, read by a reader of its own. */
import { writeOptions } from '../options.ts';

export interface Said {
  readonly type?: number;
  readonly mac?: string;
  readonly xid?: number;
  readonly flags?: number;
  readonly secs?: number;
  readonly ciaddr?: string;
  readonly giaddr?: string;
  readonly options?: Readonly<Record<number, string | readonly number[]>>;
}

export const MAC = '02:00:00:00:00:07';
export const address = (text: string): number[] => text.split('.').map(Number);

export function message({ type = 1, mac = MAC, xid = 0x01020304, flags = 0, secs = 0, ciaddr, giaddr, options = {} }: Said = {}): Buffer {
  const bytes = Buffer.alloc(2048);
  bytes.set([1, 1, 6, giaddr === undefined ? 0 : 1]);
  bytes.writeUInt32BE(xid, 4);
  bytes.writeUInt16BE(secs, 8);
  bytes.writeUInt16BE(flags, 10);
  bytes.set(address(ciaddr ?? '0.0.0.0'), 12);
  bytes.set(address(giaddr ?? '0.0.0.0'), 24);
  bytes.set(Buffer.from(mac.replaceAll(':', ''), 'hex'), 28);
  const all = Object.entries(options).map(([code, value]) => ({
    code: Number(code),
    bytes: typeof value === 'string' ? Buffer.from(value, 'latin1') : Buffer.from(value),
  }));
  const { length } = writeOptions(bytes, [{ code: 53, bytes: Buffer.of(type) }, ...all], {
    size: 2000,
    free: { file: false, sname: false },
  });
  return Buffer.from(bytes.subarray(0, length));
}

export interface Heard {
  readonly type: number;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly ciaddr: string;
  readonly giaddr: string;
  readonly flags: number;
  readonly file: string;
  readonly options: ReadonlyMap<number, Buffer>;
  /** In the order of the message. */
  readonly codes: readonly number[];
}

export function heard(bytes: Buffer): Heard {
  const options = new Map<number, Buffer>();
  const codes: number[] = [];
  const read = (from: number, to: number): void => {
    for (let at = from; at < to && bytes[at] !== 255; ) {
      const code = bytes[at] ?? 0;
      const length = bytes[at + 1] ?? 0;
      options.set(code, Buffer.concat([options.get(code) ?? Buffer.alloc(0), bytes.subarray(at + 2, at + 2 + length)]));
      codes.push(code);
      at += 2 + length;
    }
  };
  read(240, bytes.length);
  const overload = options.get(52)?.[0] ?? 0;
  if (overload & 1) read(108, 236);
  if (overload & 2) read(44, 108);
  const ip = (at: number): string => bytes.subarray(at, at + 4).join('.');
  return {
    type: options.get(53)?.[0] ?? 0,
    ciaddr: ip(12),
    yiaddr: ip(16),
    siaddr: ip(20),
    giaddr: ip(24),
    flags: bytes.readUInt16BE(10),
    file: overload & 1 ? '' : (bytes.subarray(108, 236).toString('latin1').split('\0')[0] ?? ''),
    options,
    codes,
  };
}
