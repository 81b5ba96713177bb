/**
 * The dashboard in a real Chromium before a real host: 10,000 nodes, then 1,000 of them observed anew each second through REST. Paints,
 * frames and heap are the browser's own figures. `--nodes N --seconds S --per-second N`; needs Debian's chromium.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { Pool } from 'undici';
import { Desktop, describe, startBrowser, startDesk } from '../real/dashboard-lab.ts';
import { median, peakRssMb, percentile, timed } from './frame.ts';

interface Options {
  readonly nodes?: number;
  readonly seconds?: number;
  readonly perSecond?: number;
}

export type Figures = Record<string, number>;

/** Nodes that are observed together: what a poller of BMCs has in a fiftieth of a second. */
const TOGETHER = 20;
const JSON_TYPE = { 'content-type': 'application/json' };

export async function run({ nodes = 10_000, seconds = 20, perSecond = 1_000 }: Options): Promise<Figures> {
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => void ends.push(end) };
  try {
    const { url, host, control } = await startDesk(t);
    await describe(await control(), nodes);
    const observer = new Observer(url);
    ends.push(() => observer.close());
    await observer.observeAll();
    const browser = await startBrowser(t);
    const desktop = await Desktop.open(t, browser, url, {}, WATCH);
    const firstPaintMs = await seen(desktop.page, nodes);
    // What belongs to loading is over.
    await sleep(3_000);
    const heap: number[] = [];
    const sampling = setInterval(() => void desktop.page.evaluate(HEAP).then((bytes) => heap.push(Number(bytes) / 1e6)), 1_000);
    await desktop.page.evaluate('watched.frames.length = 0');
    const changes = await observer.observe(seconds, perSecond);
    clearInterval(sampling);
    const frames = (await desktop.page.evaluate('watched.frames')) as number[];
    const lastShownMs = await timed(async () => shows(desktop.page, await observer.observeSomeOff()));
    desktop.assertQuiet();
    return {
      rssMb: peakRssMb([host.pid]),
      nodes,
      changesPerSecond: changes / seconds,
      firstContentfulPaintMs: Number(await desktop.page.evaluate(CONTENTFUL)),
      firstPaintMs,
      lastShownMs,
      frameMsMedian: median(frames),
      frameMsP95: percentile(frames, 0.95),
      heapMb: Math.max(...heap),
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

const HEAP = 'performance.memory.usedJSHeapSize';
const CONTENTFUL = "performance.getEntriesByName('first-contentful-paint')[0].startTime";
/** From the first frame on: how far apart they are, and when the squares of all nodes are on the canvas. */
const WATCH = `
const watched = (globalThis.watched = { frames: [], painted: 0 });
let before;
const look = (now) => {
  if (before !== undefined) watched.frames.push(now - before);
  before = now;
  const canvas = watched.painted === 0 && document.querySelector('.state.is-live') && document.querySelector('.grid canvas, canvas');
  if (canvas && canvas.width > 0) {
    const { data } = canvas.getContext('2d').getImageData(0, canvas.height >> 1, canvas.width, 1);
    if (data.some((value) => value !== 0)) watched.painted = performance.now();
  }
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
`;

/** Milliseconds from the navigation until all nodes are painted. */
async function seen(page: Page, nodes: number): Promise<number> {
  for (let tries = 0; tries < 600; tries++) {
    const painted = Number(await page.evaluate('watched.painted'));
    if (painted > 0) return painted;
    await sleep(100);
  }
  throw new Error(`${nodes} nodes were not painted within a minute`);
}

/** Resolves when the page counts as many nodes off as there are. */
async function shows(page: Page, off: number): Promise<void> {
  const row = page.locator('.legend li', { hasText: 'POWER_OFF' }).filter({ hasText: new RegExp(`\\b${off.toLocaleString('en')}\\b`) });
  await row.first().waitFor();
}

/** Says what it sees of nodes, as a monitor of the site would. */
class Observer {
  readonly #pool: Pool;
  #ids: readonly string[] = [];
  #turn = 0;
  readonly #off = new Set<string>();

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: 4 });
  }

  /** How many it then sees off in all. */
  async observeSomeOff(): Promise<number> {
    await this.#put(this.#ids.slice(0, TOGETHER), 'POWER_OFF', 'UNKNOWN');
    return this.#off.size;
  }

  /** Where they should be: the page is to show what is wrong, not everything. */
  async observeAll(): Promise<void> {
    const { body } = await this.#pool.request({ method: 'GET', path: '/cfg/nodes' });
    const { nodes } = (await body.json()) as { readonly nodes: readonly { readonly id: string; readonly parentId?: string }[] };
    this.#ids = nodes.filter(({ parentId }) => parentId !== undefined).map(({ id }) => id);
    for (let at = 0; at < this.#ids.length; at += 500) await this.#put(this.#ids.slice(at, at + 500), 'POWER_ON', 'SYNC');
  }

  /** How many nodes were observed to have changed. */
  async observe(seconds: number, perSecond: number): Promise<number> {
    const started = performance.now();
    let changes = 0;
    while (performance.now() - started < seconds * 1_000) {
      if (changes >= ((performance.now() - started) / 1_000) * perSecond) {
        await sleep(2);
        continue;
      }
      const from = (this.#turn * TOGETHER) % (this.#ids.length - TOGETHER);
      const isOff = Math.floor((this.#turn * TOGETHER) / this.#ids.length) % 2 === 0 && this.#turn % 7 === 0;
      await this.#put(this.#ids.slice(from, from + TOGETHER), isOff ? 'POWER_OFF' : 'POWER_ON', this.#turn % 2 === 0 ? 'INIT' : 'SYNC');
      this.#turn++;
      changes += TOGETHER;
    }
    return changes;
  }

  async #put(ids: readonly string[], physState: string, runState: string): Promise<void> {
    const nodes = ids.map((id) => ({ id, physState, runState }));
    for (const id of ids) {
      if (physState === 'POWER_OFF') this.#off.add(id);
      else this.#off.delete(id);
    }
    const body = JSON.stringify({ nodes });
    const answer = await this.#pool.request({ method: 'PUT', path: '/dsc/nodes', headers: JSON_TYPE, body });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`PUT /dsc/nodes: ${answer.statusCode} ${text.slice(0, 300)}`);
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}
