/** The picture in the README: a cluster at work, some of it in trouble. `KRAKEN_PICTURES=plugins/dashboard` takes it anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goal } from '../e2e/lab.ts';
import { Desktop, describe, startBrowser, startDesk } from './dashboard-lab.ts';

/** Bytes: who clones the project gets every version of it. */
const LARGEST = 250_000;

test('the picture in the README', async (t) => {
  const desk = await startDesk(t, { sim: { seed: 7, scale: 1 } });
  const control = await desk.control();
  await describe(control, 240);
  const browser = await startBrowser(t);
  await goal(control, 'kr[1-240]', 120_000);
  await control.ask('node/set', { set: 'kr[34,50]', values: { '/sim/fault': 'imageError' } });
  await control.ask('node/set', { set: 'kr[161-164]', values: { '/physState': 'POWER_OFF', '/runState': 'UNKNOWN' }, why: 'a new switch' });
  await control.ask('node/hold', { set: 'kr[177-180]', why: 'memory is being replaced' });
  const desktop = await Desktop.open(t, browser, desk.url, { colorScheme: 'light', viewport: { width: 1440, height: 900 } });
  await desktop.live();
  await desktop.page.getByText(/no way leads to what is wanted/).waitFor({ timeout: 60_000 });
  await desktop.page.locator('#filter').fill('kr200');
  await desktop.page.getByText('1 node of 241').waitFor();
  await desktop.page.locator('.grid').focus();
  await desktop.page.keyboard.press('Home');
  await desktop.page.keyboard.press('Enter');
  await desktop.page.locator('#filter').fill('');
  await desktop.page.getByText('1 node of 241').waitFor({ state: 'detached' });
  await desktop.page.getByRole('tab', { name: 'Graph' }).click();
  await desktop.page.locator('.panel svg .box').first().waitFor();
  await control.ask('node/reboot', { set: 'kr[193-224]', why: 'a new kernel' });
  // Not all boot in the same time: some are further on.
  await desktop.page
    .getByText(/INIT [1-9]/)
    .first()
    .waitFor();
  await desktop.page.getByText(/\d\d steps under way/).waitFor();
  // What goes on is asked for once a second.
  await desktop.page.waitForTimeout(1_500);
  await desktop.painted();
  await desktop.picture('picture');
  const { length } = await desktop.page.screenshot();
  assert.ok(length < LARGEST, `${length} bytes`);
  desktop.assertQuiet();
});
