/** What `kraken sim --vm` shows: pure, from what is known to lines of text. */

export interface BoxRow {
  readonly name: string;
  readonly power: string;
  /** Of its boot, the last step that was seen. */
  readonly step: string;
  readonly run: string;
  /** How often it went through its firmware. */
  readonly boots: number;
  readonly what: string;
}

export interface BoxScene {
  readonly rows: readonly BoxRow[];
  readonly said: string;
  readonly socket: string;
  /** Milliseconds since the machines were described. */
  readonly elapsed: number;
  /** Milliseconds until all were in sync for the first time. */
  readonly reached: number | undefined;
}

const COLOURS: Readonly<Record<string, number>> = { POWER_ON: 32, SYNC: 32, POWER_OFF: 90, PHYS_HANG: 31, ERROR: 31, INIT: 36 };
const WIDTHS = [8, 13, 12, 9, 7] as const;

/** `colour` only on a terminal; `width` in columns. */
export function boxScreen({ rows, said, socket, elapsed, reached }: BoxScene, width: number, colour: boolean): string[] {
  const done = rows.filter(({ run }) => run === 'SYNC').length;
  const after = ` after ${(elapsed / 1000).toFixed(0)} s`;
  const first = reached === undefined ? '' : ` (first time all: ${(reached / 1000).toFixed(1)} s)`;
  const cell = (text: string, column: number): string => {
    const padded = text.padEnd(WIDTHS[column] ?? 0);
    return colour && COLOURS[text] !== undefined ? `\u001b[${COLOURS[text]}m${padded}\u001b[0m` : padded;
  };
  const left = Math.max(10, width - WIDTHS.reduce((sum, one) => sum + one, 0));
  const line = ({ name, power, step, run, boots, what }: BoxRow): string =>
    `${[name, power, step, run, String(boots)].map(cell).join('')}${what.slice(0, left)}`;
  return [
    `Kraken, a cluster in a box of ${rows.length} machines: ${done} in sync${after}${first}`.slice(0, width),
    '',
    ['NODE', 'POWER', 'STEP', 'RUN', 'BOOTS'].map(cell).join('').concat('WHAT'),
    ...rows.map(line),
    '',
    said.slice(0, width),
    'Keys: h a machine hangs · p one loses its power · b a BMC dies · c all BMCs live · q end'.slice(0, width),
    `In another terminal: kraken --socket ${socket} node list · node explain kr1 · node reboot kr1`.slice(0, width),
  ];
}
