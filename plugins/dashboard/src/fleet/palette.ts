/**
 * Colours of states. By default those of Okabe and Ito (jfly.uni-koeln.de/color, 2008), which people with any colour vision tell apart;
 * what is wrong is told by a pattern, too.
 */

export interface Look {
  readonly colour: string;
  /** Something a person should see. */
  readonly isBad: boolean;
}

type Meaning = 'good' | 'off' | 'moving' | 'ready' | 'bad' | 'worst' | 'unknown';

const PALETTES: Readonly<Record<'light' | 'dark', Readonly<Record<Meaning, string>>>> = {
  light: { good: '#009e73', off: '#8d99a6', moving: '#56b4e9', ready: '#0072b2', bad: '#e69f00', worst: '#d55e00', unknown: '#d7dde3' },
  dark: { good: '#12b886', off: '#5d6b7a', moving: '#56b4e9', ready: '#3b8fd1', bad: '#f0b429', worst: '#ee6a1f', unknown: '#2d3742' },
};

const MEANINGS: Readonly<Record<string, Meaning>> = {
  POWER_ON: 'good',
  POWER_OFF: 'off',
  POWER_CYCLE: 'moving',
  PHYS_HANG: 'worst',
  PHYS_ERROR: 'worst',
  SYNC: 'good',
  INIT: 'moving',
  ERROR: 'worst',
  FATAL: 'worst',
  ACTIVE: 'good',
  IDLE: 'ready',
  UPDATE: 'moving',
  WAIT: 'ready',
  COMP: 'good',
  NONE: 'off',
  RUN: 'good',
  STOP: 'off',
  FREE: 'good',
  BUSY: 'bad',
};

/** For values that nobody has given a meaning: told apart, without one. */
const OTHERS = ['#0072b2', '#cc79a7', '#56b4e9', '#f0e442', '#009e73', '#e69f00'];

export type Colours = Readonly<Record<string, string>>;

/** How a value looks; the operator's own colours come first. */
export function lookOf(value: string, theme: 'light' | 'dark', own: Colours): Look {
  const meaning = value === '' || /UNKNOWN$/.test(value) ? 'unknown' : MEANINGS[value];
  const isBad = meaning === 'worst' || meaning === 'bad';
  const chosen = own[value];
  if (chosen !== undefined) return { colour: chosen, isBad };
  if (meaning !== undefined) return { colour: PALETTES[theme][meaning], isBad };
  let hash = 0;
  for (const sign of value) hash = (hash * 31 + sign.charCodeAt(0)) >>> 0;
  return { colour: OTHERS[hash % OTHERS.length] ?? PALETTES[theme].unknown, isBad: false };
}

export function wordOf(value: string): string {
  return value === '' ? 'not known' : value;
}
