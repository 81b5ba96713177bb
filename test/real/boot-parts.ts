/** A boot taken apart: what each part of it took, from Kraken's history and the machine's serial port. */
import type { Change } from '@kraken-hpc/sdk/wire';
import type { SerialLine } from '../../host/vm/serial-log.ts';

/**
 * `kraken`: this project's code on the head; `agent`: this project's code on the node, on a CPU that is emulated, with the head's answers to
 * it; `machine`: hardware, firmware, kernel.
 */
export type Whose = 'kraken' | 'agent' | 'machine';

const START = 'host starts: Node.js, engine';

export interface BootPart {
  readonly what: string;
  readonly whose: Whose;
  readonly ms: number;
}

export interface BootParts {
  readonly parts: readonly BootPart[];
  /** Milliseconds from the node's being described to its being in sync. */
  readonly totalMs: number;
  readonly krakenMs: number;
  readonly agentMs: number;
  /** Of agentMs, the host's start alone, which can be measured where no CPU is emulated, too. */
  readonly startMs: number;
}

/**
 * What Kraken took at the head, and on the node if its CPU were this machine's own: slower by as much as the host's start is.
 */
export const nativeMs = ({ krakenMs, agentMs, startMs }: BootParts, nativeStart: number): number =>
  krakenMs + agentMs / Math.max(1, startMs / nativeStart);

/** Throws where something of the boot was not seen. `history` is of this node alone, oldest first. */
export function partsOfBoot(history: readonly Change[], serial: readonly SerialLine[]): BootParts {
  const change = (what: string, is: (change: Change) => boolean): number => {
    const found = history.findLast(is)?.at;
    if (found === undefined) throw new Error(`the history does not say when: ${what}`);
    return found;
  };
  const dsc = (path: string, to: unknown): number =>
    change(`${path} ${to}`, (one) => one.view === 'dsc' && one.path === path && one.to === to);
  const line = (what: RegExp): number => {
    const found = serial.findLast(({ text }) => what.test(text))?.at;
    if (found === undefined) throw new Error(`the serial port does not say when: ${what}`);
    return found;
  };
  const created = change('created', ({ view, path }) => view === 'cfg' && path === '');
  const discovers = history.filter(({ view, path, to }) => view === 'dsc' && path === '/pxe/step' && to === 'DISCOVER');
  const marks: readonly (readonly [at: number, before: string, whose: Whose])[] = [
    [created, '', 'kraken'],
    [line(/\*\*\* power on/), 'described → power on: the BMC asked, told', 'kraken'],
    [discovers[0]?.at ?? Number.NaN, 'firmware → first DISCOVER', 'machine'],
    [dsc('/pxe/step', 'ACK'), 'DHCP, loader (the firmware waits for offers)', 'machine'],
    [dsc('/pxe/step', 'SCRIPT'), 'ACK → script', 'machine'],
    [dsc('/pxe/step', 'KERNEL'), 'kernel by HTTP', 'machine'],
    [dsc('/pxe/step', 'INITRAMFS'), 'initramfs by HTTP', 'machine'],
    [line(/layer0: \S+ kernel/), 'kernel starts, unpacks', 'machine'],
    [line(/layer0: \S+ modules/), 'kernel modules', 'machine'],
    [line(/layer0: \S+ host started/), 'layer 0: network', 'agent'],
    [line(/kraken is up/), START, 'agent'],
    [change('let in', ({ view, path }) => view === 'note' && path === 'admitted'), 'claim: keys, certificate, admission', 'agent'],
    [dsc('/runState', 'SYNC'), 'admission → SYNC', 'agent'],
  ];
  const parts = marks.slice(1).map(([at, what, whose], i): BootPart => ({ what, whose, ms: Math.round(at - (marks[i]?.[0] ?? 0)) }));
  const sum = (whose: Whose): number => parts.filter((part) => part.whose === whose).reduce((total, { ms }) => total + ms, 0);
  const totalMs = Math.round((marks.at(-1)?.[0] ?? 0) - created);
  const startMs = parts.find(({ what }) => what === START)?.ms ?? 0;
  return { parts, totalMs, krakenMs: sum('kraken'), agentMs: sum('agent'), startMs };
}

/** One line for each part. */
export const boxText = ({ parts, totalMs, krakenMs, agentMs }: BootParts): string =>
  [
    ...parts.map(({ what, whose, ms }) => `  ${String(ms).padStart(7)} ms  ${whose.padEnd(8)} ${what}`),
    `  ${String(totalMs).padStart(7)} ms  in all: ${krakenMs} ms Kraken at the head, ${agentMs} ms Kraken on the node, the rest machine, firmware, kernel`,
  ].join('\n');
