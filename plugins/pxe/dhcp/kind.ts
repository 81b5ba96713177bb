/** What kind of client asks: firmware, boot loader, or the DHCP client of an installed system (RFC 4578 2.1, RFC 5859, IANA's list of architectures). */
import { OPTION, type Options } from './options.ts';
import type { ClientKind } from './types.ts';

type Architecture = 'bios' | 'x64' | 'arm64';

/** Option 93, without what is no BIOS, x64 or arm64. x64 is 7 in what firmware sends, 9 in the letter of RFC 4578 before its erratum. */
const ARCHITECTURES: ReadonlyMap<number, Architecture> = new Map([
  [0, 'bios'],
  [7, 'x64'],
  [9, 'x64'],
  [11, 'arm64'],
  // By HTTP.
  [16, 'x64'],
  [19, 'arm64'],
]);

const IPXE = 'iPXE';
const MOST_SHOWN = 64;

export function kindOf(options: Options): ClientKind {
  const vendor = options.get(OPTION.vendorClass)?.toString('latin1') ?? '';
  const is = architectureOf(options, vendor);
  if (options.has(OPTION.ipxe) || isIpxe(options.get(OPTION.userClass))) return is === undefined ? 'other' : `ipxe-${is}`;
  if (is === undefined) return 'other';
  if (vendor.startsWith('HTTPClient')) return is === 'bios' ? 'other' : `http-${is}`;
  if (vendor.startsWith('PXEClient')) return is === 'bios' ? 'bios' : `uefi-${is}`;
  return 'other';
}

/** A client that says nothing of it is the oldest: a BIOS. */
function architectureOf(options: Options, vendor: string): Architecture | undefined {
  const given = options.get(OPTION.architecture);
  if (given === undefined || given.length < 2) {
    const named = /:Arch:(\d{5})/.exec(vendor)?.[1];
    return named === undefined ? 'bios' : ARCHITECTURES.get(Number(named));
  }
  for (let at = 0; at + 2 <= given.length; at += 2) {
    const found = ARCHITECTURES.get(given.readUInt16BE(at));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** As iPXE writes it (the bare text) and as RFC 3004 has it (each class behind its length). */
function isIpxe(userClass: Buffer | undefined): boolean {
  const text = userClass?.toString('latin1');
  return text === IPXE || text?.startsWith(`${String.fromCharCode(IPXE.length)}${IPXE}`) === true;
}

/** Option 60 for people: what cannot be printed is left out. */
export const vendorOf = (options: Options): string =>
  (options.get(OPTION.vendorClass)?.toString('latin1') ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, MOST_SHOWN);

/** Option 97 as the machine's own tools print it: the first three parts are little-endian (RFC 4578 2.3, SMBIOS 7.2.1). */
export function uuidOf(options: Options): string | undefined {
  const given = options.get(OPTION.machineId);
  if (given?.length !== 17 || given[0] !== 0) return undefined;
  const hex = (from: number, to: number, isReversed = false): string => {
    const bytes = Buffer.from(given.subarray(1 + from, 1 + to));
    return (isReversed ? bytes.reverse() : bytes).toString('hex');
  };
  return [hex(0, 4, true), hex(4, 6, true), hex(6, 8, true), hex(8, 10), hex(10, 16)].join('-');
}
