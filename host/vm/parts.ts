/** What a cluster in a box is made of: programs and files of Debian packages, and who lacks which. */
import { existsSync } from 'node:fs';
import { RefusalError } from '../core/refusal.ts';

/** `qemu`: whole PCs, firmware and all, slow; `uml`: Linux as a process, without firmware, for many. */
export type MachineKind = 'qemu' | 'uml';
export type Firmware = 'bios' | 'uefi';

export const OVMF = { code: '/usr/share/OVMF/OVMF_CODE.fd', vars: '/usr/share/OVMF/OVMF_VARS.fd' } as const;

const COMMON = { ip: 'iproute2', ipmi_sim: 'openipmi', busybox: 'busybox-static', zstd: 'zstd' } as const;
const OF_KIND: Readonly<Record<MachineKind, Readonly<Record<string, string>>>> = {
  qemu: {
    'qemu-system-x86_64': 'qemu-system-x86',
    '/usr/lib/ipxe/qemu/pxe-virtio.rom': 'ipxe-qemu',
    '/usr/share/seabios/bios.bin': 'seabios',
    '/usr/lib/ipxe/snponly.efi': 'ipxe',
    dnsmasq: 'dnsmasq-base',
  },
  uml: { 'linux.uml': 'user-mode-linux', uml_mconsole: 'uml-utilities' },
};
const UEFI = { [OVMF.code]: 'ovmf' } as const;

const PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** By program or absolute file, the Debian package that brings it. */
export function partsOf(kind: MachineKind, firmware: Firmware): Readonly<Record<string, string>> {
  return { ...COMMON, ...OF_KIND[kind], ...(kind === 'qemu' && firmware === 'uefi' ? UEFI : {}) };
}

/** Throws a RefusalError that says what this machine lacks for it, and how it is had. */
export function demandParts(kind: MachineKind, firmware: Firmware): void {
  const where = 'kraken sim --vm';
  if (process.platform !== 'linux') throw refusal(where, `this is ${process.platform}`, 'Run it on Linux');
  if (process.getuid?.() !== 0)
    throw refusal(where, 'namespaces and taps are for root only', 'Run it as root; kraken sim without --vm needs no rights');
  const lacking = Object.entries(partsOf(kind, firmware)).filter(([part]) => !isThere(part));
  if (lacking.length > 0) {
    const packages = [...new Set(lacking.map(([, name]) => name))].join(' ');
    throw refusal(where, `there is no ${lacking.map(([part]) => part).join(', ')}`, `apt-get install ${packages}`);
  }
  if (!existsSync('/dev/net/tun'))
    throw refusal(where, 'there is no /dev/net/tun, by which machines are plugged in', 'modprobe tun; in a container, pass the device');
}

const isThere = (part: string): boolean =>
  part.startsWith('/') ? existsSync(part) : PLACES.some((place) => existsSync(`${place}/${part}`));

function refusal(where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code: -32019, what: 'there can be no cluster in a box here', where, why, todo });
}
