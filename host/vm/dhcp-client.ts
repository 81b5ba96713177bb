/**
 * The packets of a boot client's DHCP exchange (RFC 2131, 2132, 4578), as an iPXE ROM sends them: what a machine without firmware of
 * its own says before its kernel runs. Pure.
 */

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

export type Kind = 'discover' | 'offer' | 'request' | 'ack' | 'nak';

const TYPES: Readonly<Record<Kind, number>> = { discover: 1, offer: 2, request: 3, ack: 5, nak: 6 };
const HEADER = 236;
const COOKIE = Buffer.from([99, 130, 83, 99]);
const OPTION = {
  mask: 1,
  router: 3,
  requestedIp: 50,
  type: 53,
  server: 54,
  wanted: 55,
  largest: 57,
  vendor: 60,
  file: 67,
  end: 255,
} as const;
/** iPXE's own: what it can do. HTTP, bzImage, menus. */
const FEATURES = Buffer.from([0x13, 1, 1, 0x18, 1, 1, 0x27, 1, 1]);

export interface ToSend {
  readonly kind: 'discover' | 'request';
  readonly mac: string;
  readonly xid: number;
  /** Seconds since it began to ask. */
  readonly secs: number;
  /** What was offered, in a request. */
  readonly offer?: Answer;
}

export interface Answer {
  readonly kind: Kind;
  readonly xid: number;
  readonly mac: string;
  readonly ip: string;
  readonly prefix: number;
  readonly router?: string;
  readonly server: string;
  /** URL or name of what is to be booted. */
  readonly file: string;
}

export function encode({ kind, mac, xid, secs, offer }: ToSend): Buffer {
  const header = Buffer.alloc(HEADER);
  header.set([1, 1, 6, 0]);
  header.writeUInt32BE(xid, 4);
  header.writeUInt16BE(Math.min(secs, 0xffff), 8);
  // It has no address yet, so that answers must be broadcast.
  header.writeUInt16BE(0x8000, 10);
  const hardware = Buffer.from(mac.replaceAll(':', ''), 'hex');
  hardware.copy(header, 28);
  const options: [number, Buffer][] = [
    [OPTION.type, Buffer.from([TYPES[kind]])],
    [OPTION.largest, Buffer.from([0x05, 0xc0])],
    [93, Buffer.from([0, 0])],
    [94, Buffer.from([1, 2, 1])],
    [OPTION.vendor, Buffer.from('PXEClient:Arch:00000:UNDI:002001')],
    [77, Buffer.from('iPXE')],
    [OPTION.wanted, Buffer.from([1, 3, 6, 7, 12, 15, 17, 26, 43, 60, 66, 67, 119, 128, 175, 203])],
    [175, FEATURES],
    [61, Buffer.concat([Buffer.from([1]), hardware])],
    [97, Buffer.concat([Buffer.from([0]), Buffer.alloc(10), hardware])],
    ...(offer
      ? ([
          [OPTION.requestedIp, bytesOf(offer.ip)],
          [OPTION.server, bytesOf(offer.server)],
        ] as [number, Buffer][])
      : []),
  ];
  return Buffer.concat([
    header,
    COOKIE,
    ...options.flatMap(([code, bytes]) => [Buffer.from([code, bytes.length]), bytes]),
    Buffer.from([OPTION.end]),
  ]);
}

/** undefined where it is no answer of a DHCP server. */
export function decode(bytes: Buffer): Answer | undefined {
  if (bytes.length < HEADER + 4 || bytes[0] !== 2 || !bytes.subarray(HEADER, HEADER + 4).equals(COOKIE)) return undefined;
  const options = optionsIn(bytes.subarray(HEADER + 4));
  const kind = (Object.keys(TYPES) as Kind[]).find((one) => TYPES[one] === options.get(OPTION.type)?.[0]);
  if (kind === undefined) return undefined;
  const router = options.get(OPTION.router);
  const named = options.get(OPTION.file) ?? bytes.subarray(108, HEADER);
  return {
    kind,
    xid: bytes.readUInt32BE(4),
    mac: [...bytes.subarray(28, 34)].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    ip: [...bytes.subarray(16, 20)].join('.'),
    prefix: prefixOf(options.get(OPTION.mask)),
    ...(router && router.length >= 4 && { router: [...router.subarray(0, 4)].join('.') }),
    server: [...(options.get(OPTION.server) ?? bytes.subarray(20, 24))].join('.'),
    file: named.toString('latin1').split('\0')[0] ?? '',
  };
}

/** An option that stands there more than once is one (RFC 3396); one that is cut off ends them. */
function optionsIn(bytes: Buffer): Map<number, Buffer> {
  const options = new Map<number, Buffer>();
  for (let at = 0; at < bytes.length; ) {
    const code = bytes[at++] ?? OPTION.end;
    if (code === 0) continue;
    const length = bytes[at++];
    if (code === OPTION.end || length === undefined || at + length > bytes.length) break;
    options.set(code, Buffer.concat([options.get(code) ?? Buffer.alloc(0), bytes.subarray(at, at + length)]));
    at += length;
  }
  return options;
}

const bytesOf = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

function prefixOf(mask: Buffer | undefined): number {
  const bits = mask?.length === 4 ? mask.readUInt32BE(0) : 0xffffff00;
  return 32 - Math.log2(2 ** 32 - bits);
}
