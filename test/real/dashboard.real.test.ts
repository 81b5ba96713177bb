/**
 * The dashboard in a real Chromium, before a real host and a simulated cluster, as people see it: every view in both themes, from a
 * phone to a wall, and with other eyes. KRAKEN_PICTURES=DIR keeps the pictures.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import { MARGIN, SHAPES } from '../../plugins/dashboard/src/grid/layout.ts';
import { goal } from '../e2e/lab.ts';
import { Desktop, describe, startBrowser, startDesk } from './dashboard-lab.ts';

const SIZES = [
  [1440, 900],
  [360, 740],
  [768, 1024],
  [1920, 1080],
  [2560, 1440],
] as const;
const THEMES = ['light', 'dark'] as const;
const TABS = ['State', 'Explain', 'History', 'Graph'];
const DIALOGS = ['Power on', 'Power off', 'Reboot', 'Set …', 'Hold', 'Release', 'Retry'];

type Look = (name: string) => Promise<void>;

/** Once through everything that there is to see. */
async function walk(page: Page, look: Look): Promise<void> {
  const view = async (key: string, name: string, shows: string): Promise<void> => {
    await page.keyboard.press(key);
    await page.locator(shows).first().waitFor();
    await look(name);
  };
  await view('t', 'table', '.table tbody th');
  await view('g', 'graph', '.graph-view svg .box');
  await view('h', 'history', '.news li');
  await view('n', 'nodes', '.grid canvas');
  await page.getByRole('button', { name: 'Freeze' }).click();
  await look('dialog-freeze');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Settings' }).click();
  await look('settings');
  await page.keyboard.press('Escape');
  await view('?', 'help', 'dialog .keys');
  await page.keyboard.press('Escape');
  // The first of the third rack, which has no way to where it should be.
  await page.locator('.grid').focus();
  for (const key of ['Home', 'PageDown', 'PageDown', 'Enter']) await page.keyboard.press(key);
  await page.locator('.panel .walk').first().waitFor();
  for (const tab of TABS) {
    await page.getByRole('tab', { name: tab }).click();
    const body = { State: '.state-table', Explain: '.explain', History: '.history li', Graph: 'svg .box' }[tab] ?? '';
    await page.locator(`.panel ${body}`).first().waitFor();
    await look(`node-${tab.toLowerCase()}`);
  }
  await dialogs(page, look);
  await page.keyboard.press('Escape');
  await page.locator('.panel').waitFor({ state: 'detached' });
}

async function dialogs(page: Page, look: Look): Promise<void> {
  for (const name of DIALOGS) {
    await page.locator('.panel').getByRole('button', { name, exact: true }).click();
    if (name === 'Set …') {
      await page.getByLabel('Field').fill('images.state');
      await page.getByLabel('Field').press('Tab');
      await page.locator('#set-value').selectOption('IDLE');
    }
    if (!['Hold', 'Release'].includes(name)) await page.locator('dialog .plan').waitFor();
    await look(`dialog-${name.replace(/\W+/g, '').toLowerCase()}`);
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
  }
}

test('every view, in both themes, from a phone to a wall', async (t) => {
  const desk = await startDesk(t, { sim: { seed: 7, scale: 0.2 } });
  const control = await desk.control();
  await describe(control, 240);
  const browser = await startBrowser(t);
  await goal(control, 'kr[1-240]', 60_000);
  await control.ask('node/set', { set: 'kr[33,34,50]', values: { '/sim/fault': 'imageError' } });
  await control.ask('node/set', { set: 'kr[65-70]', values: { '/sim/fault': 'deadBmc' } });
  await control.ask('node/set', { set: 'kr[100,131]', values: { '/sim/fault': 'hangAtBoot' } });
  await control.ask('node/set', { set: 'kr[161-164]', values: { '/physState': 'POWER_OFF', '/runState': 'UNKNOWN' }, why: 'a new switch' });
  await control.ask('node/hold', { set: 'kr[177-180]', why: 'memory is being replaced' });
  await control.ask('node/reboot', { set: 'kr[33,100,131]', why: 'a new kernel' });
  const see = async (colorScheme: (typeof THEMES)[number]): Promise<void> => {
    const desktop = await Desktop.open(t, browser, desk.url, { colorScheme, bypassCSP: true });
    await desktop.live();
    const { page } = desktop;
    await page.getByText(/no way leads to what is wanted/).waitFor({ timeout: 60_000 });
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      await walk(page, async (name) => {
        await desktop.painted();
        const where = `${name}-${width}-${colorScheme}`;
        await desktop.picture(where);
        await desktop.assertFits(where);
        await desktop.assertAccessible(where);
      });
    }
    desktop.assertQuiet();
  };
  await Promise.all(THEMES.map(see));
});

const STATES = {
  '/physState': ['POWER_ON', 'POWER_OFF', 'POWER_CYCLE', 'PHYS_HANG', 'PHYS_UNKNOWN'],
  '/images/state': ['ACTIVE', 'IDLE', 'UPDATE', 'FATAL', 'UNKNOWN'],
} as const;
const EYES = ['none', 'deuteranopia', 'protanopia', 'tritanopia'] as const;
/** CIE76: colours beside each other are told apart from 2.3 on; squares are told apart at a glance. */
const LEAST = 10;

test('seen with other eyes: no two states of a field look alike', async (t) => {
  const desk = await startDesk(t);
  const control = await desk.control();
  const nodes = STATES['/physState'].map((_, i) => ({ nodename: `n${i + 1}` }));
  await control.ask('node/apply', { nodes, mode: 'put' });
  const known = await control.ask('state/read', { set: 'n[1-5]' });
  const observed = known.nodes.map(({ id, name }) => {
    const at = Number(name?.slice(1)) - 1;
    return { node: id, values: { '/physState': STATES['/physState'][at] ?? '', '/images/state': STATES['/images/state'][at] ?? '' } };
  });
  await control.ask('node/observe', { observed });
  const browser = await startBrowser(t);
  const desktop = await Desktop.open(t, browser, `${desk.url}#/nodes?filter=n[1-5]`, { bypassCSP: true });
  for (const theme of THEMES)
    for (const [path, values] of Object.entries(STATES)) {
      const settings = JSON.stringify({ left: path, right: path, theme, density: 'huge', grouping: 'none' });
      await desktop.page.evaluate(`localStorage.setItem('kraken.dashboard', '${settings}')`);
      await desktop.page.reload();
      await desktop.page.getByText('5 nodes of 6').waitFor();
      for (const eyes of EYES) {
        await desktop.seenWith(eyes);
        const looks = await looksOf(desktop, values.length);
        const alike = values.flatMap((one, i) =>
          values.slice(i + 1).flatMap((other, j) => {
            const [a, b] = [looks[i], looks[i + 1 + j]];
            assert.ok(a && b);
            const apart = Math.round(distance(a.colour, b.colour));
            return apart < LEAST && a.isHatched === b.isHatched ? [`${one} and ${other}: ${apart}`] : [];
          }),
        );
        assert.deepEqual(alike, [], `${path}, ${theme}, ${eyes}`);
        assert.deepEqual(
          looks.map(({ isHatched }) => isHatched),
          values.map((value) => /HANG|FATAL/.test(value)),
          'what is wrong is hatched, and nothing else',
        );
      }
    }
  desktop.assertQuiet();
});

interface SquareLook {
  readonly colour: readonly number[];
  readonly isHatched: boolean;
}

/** Of the first squares: the colour that most of their upper left quarter has, and whether lines run through it. */
async function looksOf(desktop: Desktop, count: number): Promise<SquareLook[]> {
  const box = await desktop.page.locator('.grid canvas').boundingBox();
  const { size, gap } = SHAPES.huge;
  const looks: SquareLook[] = [];
  for (let at = 0; at < count; at++) {
    const [x, y] = [(box?.x ?? 0) + MARGIN + at * (size + gap) + 5, (box?.y ?? 0) + MARGIN + 5];
    const pixels = await desktop.pixels({ x, y, width: 12, height: 8 });
    const counts = new Map<string, number>();
    for (const pixel of pixels) counts.set(pixel.join(), (counts.get(pixel.join()) ?? 0) + 1);
    const [[most, often] = ['', 0]] = [...counts].sort((a, b) => b[1] - a[1]);
    looks.push({ colour: most.split(',').map(Number), isHatched: often < pixels.length * 0.9 });
  }
  return looks;
}

function distance(a: readonly number[], b: readonly number[]): number {
  const [one, other] = [labOf(a), labOf(b)];
  return Math.hypot(...one.map((part, i) => part - (other[i] ?? 0)));
}

/** CIE L*a*b* of sRGB, D65. */
function labOf(rgb: readonly number[]): number[] {
  const [r = 0, g = 0, b = 0] = rgb.map((part) => (part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
  const xyz = [0.4124 * r + 0.3576 * g + 0.1805 * b, 0.2126 * r + 0.7152 * g + 0.0722 * b, 0.0193 * r + 0.1192 * g + 0.9505 * b];
  const [x = 0, y = 0, z = 0] = xyz.map((part, i) => {
    const share = part / ([0.9505, 1, 1.089][i] ?? 1);
    return share > 0.008856 ? Math.cbrt(share) : 7.787 * share + 16 / 116;
  });
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
