/** A host with pages, a simulated cluster beside it, and Chromium before it, for the tests of the dashboard. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { Client } from '../../host/cli/client.ts';
import { Lab, type Started, until } from '../e2e/lab.ts';
import { install } from './install.ts';

type Ends = Pick<TestContext, 'after'>;

const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-precise-memory-info',
];
const AXE = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

/** Patience in proportion to machines that boot in seconds. */
const QUICK = { repairAfterUp: 5_000, graceLeast: 5_000, graceUnknown: 8_000, graceFactor: 1, foundOffWait: 5_000, backoffMost: 10_000 };

export interface Desk {
  readonly lab: Lab;
  readonly host: Started;
  readonly url: string;
  control(): Promise<Client>;
}

interface DeskOptions {
  readonly loopback?: 'admin' | 'none';
  /** Config of the simulator; absent: there is none. */
  readonly sim?: object;
}

/** Its port is its own, so that it is found again after a restart. */
export async function startDesk(t: Ends, { loopback = 'admin', sim }: DeskOptions = {}): Promise<Desk> {
  const listen = `127.0.0.1:${await freePort()}`;
  const restapi = { module: 'restapi', memoryMiB: 2_048, config: { listen, loopback, pages: '@kraken-hpc/dashboard' } };
  const services = { restapi, ...(sim === undefined ? {} : { sim: { module: 'simulator', memoryMiB: 1_024, config: sim } }) };
  const lab = new Lab(t, { settings: QUICK, services });
  const host = await lab.up();
  const desk = { lab, host, url: `http://${listen}/`, control: () => lab.client() };
  await answers(desk.url);
  return desk;
}

export async function answers(url: string): Promise<void> {
  const asked = (): Promise<boolean> =>
    fetch(`${url}api/v1/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until('the pages are served', asked, 30_000, 50);
}

/** A cluster of racks, each node on and in sync. */
export async function describe(control: Client, count: number, rack = 16): Promise<void> {
  const nodes = Array.from({ length: count }, (_, i) => ({
    nodename: `kr${i + 1}`,
    platform: 'sim',
    labels: { rack: `r${Math.floor(i / rack) + 1}` },
    physState: 'POWER_ON',
    runState: 'SYNC',
    images: { state: 'ACTIVE' },
  }));
  await control.ask('node/apply', { nodes, mode: 'put' });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

export async function startBrowser(t: Ends): Promise<Browser> {
  install({ chromium: 'chromium' });
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  t.after(() => browser.close());
  return browser;
}

/** A page that remembers everything that should not have been said, nor asked for. */
export class Desktop {
  readonly page: Page;
  readonly complaints: string[] = [];
  /** What is refused or does not answer, the browser says on its console: in between, that is what a test is about. */
  expectsTrouble = false;

  private constructor(page: Page, url: string) {
    this.page = page;
    const complain = (text: string): void => void (this.expectsTrouble || this.complaints.push(text));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complain(`console: ${message.text()}`);
    });
    page.on('pageerror', (error) => complain(`page: ${error.message}`));
    page.on('requestfailed', (request) => {
      // What the page does not want any more, as it is closed or reads anew, has not failed.
      if (request.failure()?.errorText !== 'net::ERR_ABORTED') complain(`failed: ${request.url()} ${request.failure()?.errorText}`);
    });
    page.on('request', (request) => {
      if (!/^(?:data|blob):/.test(request.url()) && new URL(request.url()).host !== new URL(url).host)
        complain(`elsewhere: ${request.url()}`);
    });
  }

  /** `script` runs in the page before anything of its own does. */
  static async open(t: Ends, browser: Browser, url: string, options: BrowserContextOptions = {}, script = ''): Promise<Desktop> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    t.after(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    if (script !== '') await page.addInitScript(script);
    const desktop = new Desktop(page, url);
    await page.goto(url);
    return desktop;
  }

  async live(): Promise<void> {
    await this.page.locator('.state.is-live').waitFor();
  }

  assertQuiet(): void {
    assert.deepEqual(this.complaints, []);
  }

  /** For people, where KRAKEN_PICTURES says. */
  async picture(name: string): Promise<void> {
    if (PICTURES !== '') await this.page.screenshot({ path: join(PICTURES, `${name}.png`), animations: 'disabled' });
  }

  /** What was asked of the page is painted: it paints in frames. */
  async painted(): Promise<void> {
    await this.page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))');
  }

  /** A part of the page as it is shown, with whatever eyes: red, green, blue of every pixel. Needs a context with bypassCSP. */
  async pixels(clip: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): Promise<number[][]> {
    const picture = (await this.page.screenshot({ clip, animations: 'disabled' })).toString('base64');
    return this.page.evaluate<number[][]>(`(async () => {
      const answer = await fetch('data:image/png;base64,${picture}');
      const image = await createImageBitmap(await answer.blob());
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, image.width, image.height);
      return Array.from({ length: data.length / 4 }, (_, at) => [...data.subarray(at * 4, at * 4 + 3)]);
    })()`);
  }

  /** As somebody with such eyes sees it. */
  async seenWith(type: 'none' | 'deuteranopia' | 'protanopia' | 'tritanopia' | 'achromatopsia'): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page);
    await session.send('Emulation.setEmulatedVisionDeficiency', { type });
    await this.painted();
  }

  /** Nothing stands beyond the window, and no words are cut off but where the rest can be scrolled to. */
  async assertFits(where: string): Promise<void> {
    const found = await this.page.evaluate<string[]>(MISFITS);
    assert.deepEqual(found, [], `what does not fit: ${where}`);
  }

  /** Serious and critical findings of axe; needs a context with bypassCSP. */
  async assertAccessible(where: string): Promise<void> {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run: (...args: unknown[]) => Promise<{ violations: Finding[] }> } };
      const { violations } = await axe.run({ exclude: [] }, { resultTypes: ['violations'] });
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`));
    });
    assert.deepEqual(found, [], `accessibility of ${where}`);
  }
}

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** Runs in the page. */
const MISFITS = `(() => {
  const wider = document.documentElement.scrollWidth - innerWidth;
  const found = wider > 0 ? ['the page is ' + wider + ' px wider than the window'] : [];
  const within = document.querySelector('dialog[open]') ?? document.body;
  for (const element of within.querySelectorAll('button, a, h1, h2, h3, p, li, label, th, td, input, select, meter')) {
    const box = element.getBoundingClientRect();
    if (box.width === 0 || element.closest('.unseen, .grid, .drawing, .gap')) continue;
    const said = element.tagName.toLowerCase() + ' "' + element.textContent.slice(0, 40) + '"';
    if (!element.closest('.table') && (box.right > innerWidth + 1 || box.left < -1)) found.push(said + ' stands outside the window');
    const isClosed = ['hidden', 'clip'].includes(getComputedStyle(element).overflowX) && element.tagName !== 'INPUT';
    if (isClosed && element.scrollWidth > element.clientWidth + 1) found.push(said + ' is cut off');
  }
  return found;
})()`;

const PICTURES = process.env['KRAKEN_PICTURES'] ?? '';
if (PICTURES !== '') mkdirSync(PICTURES, { recursive: true });
