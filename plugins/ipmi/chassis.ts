/** What is asked of a chassis (IPMI 2.0, chapter 28). */
import type { Session } from './session.ts';
import { refusedCommand } from './trouble.ts';

const CHASSIS = 0x00;
const GET_STATUS = 0x01;
const CONTROL = 0x02;
const SET_BOOT_OPTIONS = 0x08;
/** Table 28-4. */
const CONTROLS = { off: 0x00, on: 0x01 } as const;
/** Table 28-14: valid for the next boot only; boot from the network. The second form asks for UEFI. */
const PXE_ONCE = { bios: [0x80, 0x04, 0, 0, 0], uefi: [0xa0, 0x04, 0, 0, 0] } as const;
const BOOT_FLAGS = 0x05;
const INFO_ACKNOWLEDGE = 0x04;

async function command(session: Session, bmc: string, what: string, number: number, data: readonly number[] = []): Promise<Buffer> {
  const { completion, data: answer } = await session.request(CHASSIS, number, data, number === CONTROL);
  if (completion !== 0) throw refusedCommand(completion, bmc, what);
  return answer;
}

/** Bit 0 of the first byte: the power is on (table 28-3). */
export async function isOn(session: Session, bmc: string): Promise<boolean> {
  const status = await command(session, bmc, 'to tell its power state', GET_STATUS);
  if (status.length < 1) throw new Error(`${bmc} told a power state of no bytes`);
  return ((status[0] ?? 0) & 1) === 1;
}

export async function control(session: Session, bmc: string, to: keyof typeof CONTROLS): Promise<void> {
  await command(session, bmc, `to switch ${to}`, CONTROL, [CONTROLS[to]]);
}

/** The next boot, and only that, is from the network. */
export async function bootFromNetwork(session: Session, bmc: string, firmware: keyof typeof PXE_ONCE): Promise<void> {
  // Says that the BIOS has not yet taken the new flags; a BMC that does not know this parameter needs no such word.
  await session.request(CHASSIS, SET_BOOT_OPTIONS, [INFO_ACKNOWLEDGE, 0x01, 0x01]);
  await command(session, bmc, 'to boot from the network', SET_BOOT_OPTIONS, [BOOT_FLAGS, ...PXE_ONCE[firmware]]);
}
