/** What a person has chosen for this browser; kept in it, and nowhere else. */
import { effect, signal } from '@preact/signals';
import type { Colours } from '../fleet/palette.ts';
import type { Density } from '../grid/layout.ts';

export interface Settings {
  /** Which field colours which half of a square. */
  readonly left: string;
  readonly right: string;
  readonly colours: Colours;
  readonly density: Density | 'auto';
  readonly theme: 'auto' | 'light' | 'dark';
  readonly grouping: string;
}

const DEFAULTS: Settings = { left: '/physState', right: '/runState', colours: {}, density: 'auto', theme: 'auto', grouping: 'auto' };
const KEY = 'kraken.dashboard';

function stored(): Settings {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Settings>;
    return { ...DEFAULTS, ...kept };
  } catch {
    return DEFAULTS;
  }
}

export const settings = signal<Settings>(stored());

export function choose(chosen: Partial<Settings>): void {
  settings.value = { ...settings.value, ...chosen };
}

export function forgetChoices(): void {
  settings.value = DEFAULTS;
}

effect(() => {
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.value));
  } catch {
    // A browser that keeps nothing: it holds until the page is closed.
  }
});

const dark = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(dark.matches);
dark.addEventListener('change', () => {
  systemDark.value = dark.matches;
});

export function themeNow(): 'light' | 'dark' {
  const { theme } = settings.value;
  if (theme !== 'auto') return theme;
  return systemDark.value ? 'dark' : 'light';
}

effect(() => {
  document.documentElement.dataset['theme'] = themeNow();
});
