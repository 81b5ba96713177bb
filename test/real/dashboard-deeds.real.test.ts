/**
 * What people do at the dashboard, in a real Chromium before a real host: power off and what it would do, by keys alone, as a viewer,
 * with a wrong token, while the host goes away and comes back. KRAKEN_PICTURES=DIR keeps the pictures.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from 'playwright-core';
import type { Client } from '../../host/cli/client.ts';
import { goal, until } from '../e2e/lab.ts';
import { type Desk, Desktop, describe, startBrowser, startDesk } from './dashboard-lab.ts';

const SIM = { seed: 3, scale: 0.1 };

/** Orders that have reached the machine's BMC. */
async function powerOffs(control: Client, node: string): Promise<number> {
  const { nodes } = await control.ask('state/read', { set: node, view: 'dsc' });
  return Number(nodes[0]?.facts?.['/sim/powerOffs']?.value ?? 0);
}

async function startCluster(t: Parameters<typeof startDesk>[0], count: number): Promise<{ desk: Desk; control: Client }> {
  const desk = await startDesk(t, { sim: SIM });
  const control = await desk.control();
  await describe(control, count);
  await goal(control, `kr[1-${count}]`, 60_000);
  return { desk, control };
}

async function openNode(page: Page, name: string): Promise<void> {
  await page.keyboard.press('t');
  await page.getByRole('button', { name, exact: true }).click();
  await page.getByRole('heading', { name, exact: true }).waitFor();
}

test('power off: first what it would do, then nothing, then, confirmed, once', async (t) => {
  const { desk, control } = await startCluster(t, 8);
  const desktop = await Desktop.open(t, await startBrowser(t), desk.url);
  await desktop.live();
  const { page } = desktop;
  await openNode(page, 'kr3');
  const before = await powerOffs(control, 'kr3');
  const ask = async (): Promise<void> => {
    await page.locator('.panel').getByRole('button', { name: 'Power off' }).click();
    await page.getByText('1 machine is switched off or reset.').waitFor();
  };
  await ask();
  const steps = await page.locator('dialog .plan li').allTextContents();
  assert.ok(
    steps.some((step) => /sim\/powerOff.*disrupts/.test(step)),
    `the plan names the step that disrupts: ${steps}`,
  );
  await page.waitForTimeout(1_500);
  assert.equal(await powerOffs(control, 'kr3'), before, 'looking at a plan is no order');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.waitForTimeout(1_500);
  assert.equal(await powerOffs(control, 'kr3'), before, 'Cancel is no order');
  await ask();
  await page.getByLabel(/^Why/).fill('its fan is replaced');
  await page.locator('dialog').getByRole('button', { name: 'Power off' }).click();
  await page.getByText('Power off: 1 node.').waitFor();
  await page.locator('.state-table').getByText('POWER_OFF').nth(1).waitFor();
  await goal(control, 'kr3');
  assert.equal(await powerOffs(control, 'kr3'), before + 1, 'one order, one switching off');
  assert.equal(await powerOffs(control, 'kr4'), before, 'and of nobody else');
  const { changes } = await control.ask('node/history', { set: 'kr3', limit: 50 });
  assert.ok(
    changes.some(({ path, why }) => path === '/physState' && why === 'its fan is replaced'),
    'who asks why later is told',
  );
  desktop.assertQuiet();
});

test('a node is done to by its own panel, whatever is selected; a set is told with its reason', async (t) => {
  const { desk, control } = await startCluster(t, 8);
  const desktop = await Desktop.open(t, await startBrowser(t), desk.url);
  await desktop.live();
  const { page } = desktop;
  await page.getByRole('button', { name: 'Select all 8' }).click();
  await openNode(page, 'kr5');
  await page.locator('.panel').getByRole('button', { name: 'Set …' }).click();
  await page.getByRole('heading', { name: 'Set values: 1 node' }).waitFor();
  await page.getByLabel('Field').fill('images.state');
  await page.getByLabel('Field').press('Tab');
  await page.locator('#set-value').selectOption('IDLE');
  await page.getByLabel(/^Why/).fill('a rehearsal');
  await page.locator('dialog .plan').waitFor();
  await page.locator('dialog').getByRole('button', { name: 'Set', exact: true }).click();
  await page.getByText('Set values: 1 node.').waitFor();
  const { changes } = await control.ask('node/history', { set: 'kr[1-8]', limit: 200 });
  const set = changes.filter(({ path, view, to }) => view === 'cfg' && path === '/images/state' && to === 'IDLE');
  assert.deepEqual(
    set.map(({ why }) => why),
    ['a rehearsal'],
  );
  desktop.assertQuiet();
});

test('what happens is seen without loading anew: square, legend, table, panel, graph', async (t) => {
  const { desk, control } = await startCluster(t, 8);
  const desktop = await Desktop.open(t, await startBrowser(t), desk.url);
  await desktop.live();
  const { page } = desktop;
  await openNode(page, 'kr2');
  await page.evaluate('globalThis.isSamePage = true');
  const row = page.locator('.table tr', { hasText: /^kr2r1/ });
  assert.match((await row.textContent()) ?? '', /POWER_ON.*SYNC/);
  await control.ask('node/set', { set: 'kr2', values: { '/physState': 'POWER_OFF', '/runState': null, '/images/state': null } });
  await page.locator('.table tr', { hasText: /^kr2r1POWER_OFF/ }).waitFor();
  await page.locator('.state-table tr', { hasText: /^physStatePOWER_OFFPOWER_OFF/ }).waitFor();
  await page.locator('.legend').getByRole('button', { name: 'POWER_OFF 1' }).waitFor();
  await page.getByRole('tab', { name: 'Graph' }).click();
  const current = page.locator('.panel svg .box.is-current');
  await current.getByText('physState: POWER_OFF').waitFor();
  await page.keyboard.press('n');
  await desktop.painted();
  const squares = (): Promise<Buffer> => page.locator('.grid canvas').screenshot({ animations: 'disabled' });
  const off = await squares();
  assert.ok(off.equals(await squares()), 'what stays as it is is painted as it was');
  await control.ask('node/set', { set: 'kr2', values: { '/physState': 'POWER_ON', '/runState': 'SYNC', '/images/state': 'ACTIVE' } });
  await current.getByText('runState: SYNC').waitFor();
  await current.getByText('images.state: ACTIVE').waitFor();
  await goal(control, 'kr2');
  await page.locator('.legend').getByRole('button', { name: 'POWER_ON 9' }).waitFor();
  await desktop.painted();
  assert.ok(!off.equals(await squares()), 'its square is painted otherwise');
  assert.equal(await page.evaluate('globalThis.isSamePage'), true, 'and all that on the same page');
  desktop.assertQuiet();
});

test('by keys alone: filter, from square to square, into a node, through its tabs, and out', async (t) => {
  const { desk } = await startCluster(t, 40);
  const desktop = await Desktop.open(t, await startBrowser(t), desk.url);
  await desktop.live();
  const { page } = desktop;
  const { keyboard } = page;
  const said = page.locator('#focused-node');
  const focused = (): Promise<string> =>
    page.evaluate<string>(`document.activeElement.id || document.activeElement.className || document.activeElement.tagName`);
  const tabTo = async (what: string): Promise<void> => {
    for (let presses = 0; presses < 12 && (await focused()) !== what; presses++) await keyboard.press('Tab');
    assert.equal(await focused(), what);
  };
  await keyboard.press('/');
  assert.equal(await focused(), 'filter');
  await keyboard.type('kr[1-24]');
  await page.getByText('24 nodes of 41').waitFor();
  await keyboard.press('Escape');
  await tabTo('grid');
  const moves = { '': 'kr1', ArrowRight: 'kr2', ArrowDown: 'kr6', ArrowLeft: 'kr5', PageDown: 'kr17', End: 'kr24', Home: 'kr1' };
  for (const [key, node] of Object.entries(moves)) {
    if (key !== '') await keyboard.press(key);
    await until(`${key} leads to ${node}`, async () => new RegExp(`^${node};`).test((await said.textContent()) ?? ''), 2_000);
  }
  await keyboard.press('ArrowRight');
  await keyboard.press('Enter');
  await page.getByRole('heading', { name: 'kr2', exact: true }).waitFor();
  await until('the focus is in the panel', async () => (await focused()) === 'tab-State', 2_000);
  for (const tab of ['Explain', 'History', 'Graph', 'State']) {
    await keyboard.press('ArrowRight');
    assert.equal(await focused(), `tab-${tab}`);
    assert.equal(await page.getByRole('tab', { name: tab }).getAttribute('aria-selected'), 'true');
  }
  await keyboard.press('Escape');
  await page.locator('.panel').waitFor({ state: 'detached' });
  await until('the focus is back where it came from', async () => (await focused()) === 'grid', 2_000);
  assert.match((await said.textContent()) ?? '', /^kr2;/);
  await keyboard.press('Space');
  await page.getByRole('toolbar', { name: 'Actions on the selected nodes' }).getByText('1 node').waitFor();
  await keyboard.press('Escape');
  await page.getByRole('button', { name: 'Select these 24' }).waitFor();
  await keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
  await keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  desktop.assertQuiet();
});

test('who has no token is asked for one; a viewer sees everything and is offered nothing to do', async (t) => {
  const desk = await startDesk(t, { loopback: 'none' });
  const control = await desk.control();
  await describe(control, 16);
  const tokenFor = async (user: string, role: string): Promise<string> => {
    const { out, err, exit } = await desk.lab.kraken('token', 'create', '--user', user, '--role', role);
    assert.equal(exit, 0, err);
    return out.trim();
  };
  const [viewer, operator] = [await tokenFor('vera', 'viewer'), await tokenFor('olga', 'operator')];
  const desktop = await Desktop.open(t, await startBrowser(t), desk.url, { bypassCSP: true });
  const { page } = desktop;
  // That it is refused is what the browser says on its console, and what this test is about.
  desktop.expectsTrouble = true;
  const logIn = async (token: string): Promise<void> => {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Log in' }).click();
  };
  await page.getByLabel('Token').waitFor();
  await logIn(`${viewer.slice(0, -4)}AAAA`);
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match((await alert.textContent()) ?? '', /token/);
  await desktop.picture('login-refused');
  await desktop.assertAccessible('the login, refused');
  await desktop.assertFits('the login, refused');
  await logIn(viewer);
  await desktop.live();
  desktop.expectsTrouble = false;
  await openNode(page, 'kr7');
  await page.keyboard.press('n');
  const offered = await page.getByRole('button').allTextContents();
  const deeds = offered.filter((name) => /^(?:Power|Reboot|Set|Hold|Release|Retry|Freeze|Thaw|Select)\b/.test(name));
  assert.deepEqual(deeds, [], 'nothing that would be refused is offered');
  await page.getByText('log out').waitFor();
  await desktop.painted();
  await desktop.picture('viewer');
  await desktop.assertAccessible('what a viewer sees');
  const refused = await page.evaluate(
    `fetch('api/v1/power', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"selector":"kr7","to":"off"}' }).then((answer) => answer.status)`,
  );
  assert.equal(refused, 403, 'and who asks all the same is refused by the host');
  desktop.expectsTrouble = true;
  await page.getByText('log out').click();
  await logIn(operator);
  await desktop.live();
  await page.locator('.panel').getByRole('button', { name: 'Power off' }).waitFor();
});

test('the host goes away and comes back: the page says so, and is right again by itself', async (t) => {
  const { desk, control } = await startCluster(t, 16);
  const desktop = await Desktop.open(t, await startBrowser(t), desk.url, { bypassCSP: true });
  await desktop.live();
  const { page } = desktop;
  await openNode(page, 'kr9');
  await page.evaluate('globalThis.isSamePage = true');
  control.close();
  desktop.expectsTrouble = true;
  desk.host.child.kill('SIGKILL');
  await desk.host.ended;
  const away = page.locator('.state.is-lost');
  await page.getByText(/as it was [2-9] s ago/).waitFor();
  await desktop.picture('away');
  await desktop.assertAccessible('a page whose host is away');
  assert.match((await away.textContent()) ?? '', /not connected/, 'also while it tries again');
  await desk.lab.up();
  const again = await desk.control();
  await again.ask('node/set', { set: 'kr[9,10]', values: { '/physState': 'POWER_OFF', '/runState': null, '/images/state': null } });
  await desktop.live();
  await page.locator('.table tr', { hasText: /^kr10r1POWER_OFF/ }).waitFor();
  await page.locator('.state-table tr', { hasText: /^physStatePOWER_OFFPOWER_OFF/ }).waitFor();
  await page.locator('.legend').getByRole('button', { name: 'POWER_OFF 2' }).waitFor();
  assert.equal(await page.evaluate('globalThis.isSamePage'), true, 'nobody loaded it anew');
  desktop.expectsTrouble = false;
  await page.waitForTimeout(1_000);
  desktop.assertQuiet();
});
