/** What a client is told: its lease, and from where it boots. */
import { bitsOf, bytesOf, textOf } from './address.ts';
import { number, OPTION, type Option, type Options, text } from './options.ts';
import { type Answer, MESSAGE, type Packet } from './packet.ts';
import type { Boot, ClientKind, Lease } from './types.ts';

const FOREVER = 0xffffffff;
const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const URL = /^[a-z]+:\/\//;
/** PXE 2.1: suboption 6 of option 43, bit 3: take the file that is named here, look for no other boot servers. */
const TAKE_THIS_FILE = Buffer.of(6, 1, 0x08, 255);
/** iPXE: waits for no proxy beside this server, which otherwise takes it two seconds. */
const NO_PROXY = Buffer.of(176, 1, 1);

/** What is said to whom, as which server. */
export interface Addressed {
  readonly packet: Packet;
  readonly kind: ClientKind;
  readonly server: number;
}

/** OFFER and ACK of a server that gives the address, and the ACK to a client that has one and asks for the rest (INFORM). */
export function leaseAnswer(type: number, { packet, kind, server }: Addressed, lease: Lease, boot: Boot | undefined): Answer {
  const isInform = packet.type === MESSAGE.inform;
  const { seconds } = lease;
  const asked = askedBy(packet.options);
  return {
    type,
    ciaddr: packet.type === MESSAGE.request || isInform ? packet.ciaddr : 0,
    yiaddr: isInform ? 0 : bitsOf(lease.ip),
    ...bootFields(boot, server),
    options: [
      number(OPTION.type, type, 1),
      number(OPTION.server, server, 4),
      ...(isInform ? [] : [number(OPTION.leaseTime, seconds, 4)]),
      ...network(lease),
      ...bootOptions(kind, boot, server, asked),
      ...identity(packet, kind),
      ...(packet.options.has(OPTION.ipxe) ? [{ code: OPTION.ipxe, bytes: NO_PROXY }] : []),
      ...extras(lease, asked),
      ...(!isInform && asked(OPTION.renewal) && seconds !== FOREVER ? renewalTimes(seconds) : []),
    ],
  };
}

/** Of a proxy: the site's own server gives the address, this one says what to boot (PXE 2.1, 2.2.3). */
export function proxyAnswer(type: number, { packet, kind, server }: Addressed, boot: Boot): Answer {
  const isHttp = kind.startsWith('http-');
  return {
    type,
    ciaddr: packet.ciaddr,
    ...bootFields(boot, server),
    options: [
      number(OPTION.type, type, 1),
      number(OPTION.server, server, 4),
      text(OPTION.vendorClass, isHttp ? 'HTTPClient' : 'PXEClient'),
      ...(isHttp ? [] : [{ code: OPTION.vendorSpecific, bytes: TAKE_THIS_FILE }]),
      ...bootTexts(kind, boot, server, askedBy(packet.options)),
      ...identity(packet, kind),
    ],
  };
}

export function refusal({ packet, server }: Addressed, why: string): Answer {
  return {
    type: MESSAGE.nak,
    options: [number(OPTION.type, MESSAGE.nak, 1), number(OPTION.server, server, 4), text(MESSAGE_TEXT, why), ...clientId(packet)],
  };
}
/** RFC 2132 9.9: words for the client's log. */
const MESSAGE_TEXT = 56;

/** Who names no parameters is told all of them (RFC 2131 4.3.1). */
function askedBy(options: Options): (code: number) => boolean {
  const list = options.get(OPTION.parameters);
  return list === undefined ? () => true : (code) => list.includes(code);
}

const renewalTimes = (seconds: number): Option[] => [
  number(OPTION.renewal, Math.floor(seconds / 2), 4),
  number(OPTION.rebinding, Math.floor((seconds * 7) / 8), 4),
];

/** What a client cannot do without. */
function network({ mask, router, dns }: Lease): Option[] {
  return [
    number(OPTION.mask, bitsOf(mask), 4),
    ...(router === undefined ? [] : [number(OPTION.router, bitsOf(router), 4)]),
    ...(dns.length === 0 ? [] : [{ code: OPTION.dns, bytes: bytesOf(...dns.map(bitsOf)) }]),
  ];
}

function extras({ name, ip, mask, domain, mtu }: Lease, asked: (code: number) => boolean): Option[] {
  const [label = ''] = name.split('.');
  return [
    ...(asked(OPTION.domain) && domain ? [text(OPTION.domain, domain)] : []),
    ...(asked(OPTION.hostname) && LABEL.test(label) ? [text(OPTION.hostname, label)] : []),
    ...(asked(OPTION.mtu) && mtu !== undefined ? [number(OPTION.mtu, mtu, 2)] : []),
    ...(asked(OPTION.broadcast) ? [number(OPTION.broadcast, (bitsOf(ip) | ~bitsOf(mask)) >>> 0, 4)] : []),
  ];
}

/** Beside a URL, too: iPXE takes no proxy for one that names no server. */
const nextServer = ({ next }: Boot, server: number): number => (next === undefined ? server : bitsOf(next));

function bootFields(boot: Boot | undefined, server: number): { readonly siaddr?: number; readonly file?: string } {
  return boot === undefined ? {} : { siaddr: nextServer(boot, server), file: boot.file };
}

/** UEFI takes an offer for HTTP boot only where it says so itself (UEFI 2.10, 24.7.2.3). */
function bootOptions(kind: ClientKind, boot: Boot | undefined, server: number, asked: (code: number) => boolean): Option[] {
  if (boot === undefined) return [];
  return [...(kind.startsWith('http-') ? [text(OPTION.vendorClass, 'HTTPClient')] : []), ...bootTexts(kind, boot, server, asked)];
}

/** What the fields say, again as options, for clients that read only these. */
function bootTexts(kind: ClientKind, boot: Boot, server: number, asked: (code: number) => boolean): Option[] {
  const isNeeded = asked(OPTION.bootFile) || kind.startsWith('http-') || Buffer.byteLength(boot.file) > 127;
  return [
    ...(isNeeded ? [text(OPTION.bootFile, boot.file)] : []),
    ...(asked(OPTION.nextServer) && !URL.test(boot.file) ? [text(OPTION.nextServer, boot.next ?? textOf(server))] : []),
  ];
}

/** RFC 6842: a client knows its answer by its own identifier; RFC 4578 2.3: and firmware by that of its machine. */
function identity(packet: Packet, kind: ClientKind): Option[] {
  const machine = packet.options.get(OPTION.machineId);
  return [...clientId(packet), ...(kind !== 'other' && machine !== undefined ? [{ code: OPTION.machineId, bytes: machine }] : [])];
}

function clientId({ options }: Packet): Option[] {
  const id = options.get(OPTION.clientId);
  return id === undefined ? [] : [{ code: OPTION.clientId, bytes: id }];
}
