/** The redfish plugin alone, as many BMCs at once as a chassis row has, some of them dead; that they are BMCs, redfishtool and sushy say. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type ModuleUnderTest, type TestNode, testModule } from '@kraken-hpc/sdk/testing';
import { redfish } from '../../plugins/redfish/module.ts';
import { type Emulator, startEmulator } from '../../plugins/redfish/test/emulator.ts';
import { install } from './install.ts';

const COUNT = 60;
const LOGIN = { user: 'admin', password: 'secret-of-bmc' };
const ANSWER_MS = 3000;
/** 5 % of them. */
const DEAD = [7, 29, 51];
const LIVE = Array.from({ length: COUNT }, (_, bmc) => bmc).filter((bmc) => !DEAD.includes(bmc));

const run = promisify(execFile);
let bmcs: Emulator;
let module: ModuleUnderTest;
let folder: string;

const nodesOf = (numbers: readonly number[]): string[] => numbers.map((bmc) => `n${bmc}`);
const states = (state: string): Record<string, object> => Object.fromEntries(nodesOf(LIVE).map((node) => [node, { '/physState': state }]));

async function timed<T>(what: string, act: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await act();
  console.log(`  ${what}: ${Math.round(performance.now() - from)} ms`);
  return result;
}

before(async () => {
  install({ redfishtool: 'redfishtool', '/usr/lib/python3/dist-packages/sushy/__init__.py': 'python3-sushy' });
  folder = mkdtempSync(join(tmpdir(), 'kraken-redfish-'));
  bmcs = await startEmulator(COUNT, LOGIN);
  for (const bmc of DEAD) bmcs.set(bmc, { silent: true });
  const nodes: Record<string, TestNode> = {};
  for (let bmc = 0; bmc < COUNT; bmc++)
    nodes[`n${bmc}`] = {
      cfg: { '/platform': 'redfish', '/redfish/address': bmcs.url(bmc), '/redfish/fingerprint': bmcs.certificate.sha256 },
    };
  module = await testModule(redfish(), { config: { ...LOGIN, answerMs: ANSWER_MS, bootOverride: 'uefi' }, nodes });
});
after(async () => {
  await module?.stop();
  await bmcs?.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

test('57 of 60 are read while the 3 dead ones are waited for, and a sweep beside resting dead ones waits for nobody', async () => {
  const first = await timed('first sweep, sessions opened', () => module.poll('power', { within: 20_000 }));
  assert.deepEqual(first.observed, states('POWER_OFF'));
  assert.deepEqual(Object.keys(first.failed).sort(), nodesOf(DEAD).sort());
  for (const { error } of Object.values(first.failed)) assert.equal(error, 'NodeUnreachable');
  const from = performance.now();
  assert.deepEqual((await timed('second sweep, sessions kept', () => module.poll('power'))).observed, states('POWER_OFF'));
  assert.ok(performance.now() - from < ANSWER_MS, 'the dead ones were waited for');
  for (const bmc of LIVE) assert.equal(bmcs.machine(bmc).connections, 1);
});

test('all are switched on, told before to boot from the network, long before the dead are given up', async () => {
  const from = module.discovered.length;
  const early = new Promise<number>((resolve) =>
    setTimeout(() => resolve(new Set(module.discovered.slice(from).map(({ node }) => node)).size), ANSWER_MS * 0.8),
  );
  const { observed, failed } = await timed('power on', () => module.run('powerOn', { within: 30_000 }));
  assert.deepEqual(observed, states('POWER_ON'));
  assert.deepEqual(Object.keys(failed).sort(), nodesOf(DEAD).sort());
  assert.equal(await early, LIVE.length);
  for (const bmc of LIVE) assert.deepEqual(bmcs.machine(bmc).commands, ['1 boot Pxe UEFI', '1 On']);
  for (const bmc of DEAD) assert.deepEqual(bmcs.machine(bmc).commands, []);
});

test('all are switched off, once each, and what comes back is found', async () => {
  for (const bmc of DEAD) bmcs.set(bmc, {});
  const { observed, failed } = await timed('power off', () => module.run('unhang', { within: 30_000 }));
  assert.deepEqual(failed, {});
  assert.deepEqual(Object.keys(observed).length, COUNT);
  for (const bmc of LIVE) assert.deepEqual(bmcs.machine(bmc).commands, ['1 boot Pxe UEFI', '1 On', '1 ForceOff']);
  // They were off already.
  for (const bmc of DEAD) assert.deepEqual(bmcs.machine(bmc).commands, []);
});

/** Verb by verb, as people call it; the password is read from a file. */
const TOOL: readonly { readonly args: readonly string[]; readonly prints: RegExp; readonly does: readonly string[] }[] = [
  { args: ['root'], prints: /"RedfishVersion": "1\.6\.0"/, does: [] },
  { args: ['Systems', 'list'], prints: /"Id": "1"/, does: [] },
  { args: ['Systems', '-1', 'reset', 'On'], prints: /^/, does: ['1 On'] },
  { args: ['Systems', '-1', 'get'], prints: /"PowerState": "On"/, does: [] },
  { args: ['Systems', '-1', 'setBootOverride', 'Once', 'Pxe'], prints: /^/, does: ['1 boot Pxe -'] },
  { args: ['Systems', '-1', 'reset', 'ForceOff'], prints: /^/, does: ['1 ForceOff'] },
  { args: ['SessionService', 'get'], prints: /"ServiceEnabled": true/, does: [] },
];

test('redfishtool switches it, by basic authentication and by sessions', async () => {
  const rc = join(folder, 'login.json');
  writeFileSync(rc, JSON.stringify(LOGIN), { mode: 0o600 });
  for (const [index, auth] of (['Basic', 'Session'] as const).entries()) {
    const machine = bmcs.machine(index);
    for (const { args, prints, does } of TOOL) {
      const before = machine.commands.length;
      const all = ['-r', new URL(bmcs.url(index)).host, '-S', 'Always', '-A', auth, '-c', rc, ...args];
      const { stdout } = await run('redfishtool', all, { timeout: 20_000 });
      assert.match(stdout, prints, args.join(' '));
      assert.deepEqual(machine.commands.slice(before), does, args.join(' '));
    }
  }
});

const SUSHY = `
import sys
import sushy
from sushy import auth
url, user = sys.argv[1:3]
password = sys.stdin.readline().strip()
for make in (auth.BasicAuth, auth.SessionAuth):
    root = sushy.Sushy(url, auth=make(username=user, password=password), verify=True)
    (system,) = root.get_system_collection().get_members()
    print(make.__name__, system.power_state.value, sorted(v.value for v in system.get_allowed_reset_system_values()))
    system.set_system_boot_options(target=sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE, mode=sushy.BootSourceOverrideMode.UEFI)
    system.reset_system(sushy.ResetType.ON)
    system.refresh(force=True)
    print(system.power_state.value, system.boot.target.value, system.boot.enabled.value, system.boot.mode.value)
    system.reset_system(sushy.ResetType.FORCE_OFF)
    system.refresh(force=True)
    print(system.power_state.value)
`;

for (const etag of ['none', 'required'] as const)
  test(`sushy switches it, by basic authentication and by sessions; tags: ${etag}`, async () => {
    bmcs.set(3, { etag });
    const machine = bmcs.machine(3);
    const before = machine.commands.length;
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, bmcs.certificate.cert);
    const env = { PATH: '/usr/bin:/bin', REQUESTS_CA_BUNDLE: ca };
    const running = run('/usr/bin/python3', ['-c', SUSHY, bmcs.url(3), LOGIN.user], { timeout: 60_000, env });
    running.child.stdin?.end(`${LOGIN.password}\n`);
    const { stdout } = await running;
    const each = (auth: string): string[] => [
      `${auth} Off ['ForceOff', 'ForceRestart', 'GracefulShutdown', 'On', 'PushPowerButton']`,
      'On Pxe Once UEFI',
      'Off',
    ];
    assert.deepEqual(stdout.trim().split('\n'), [...each('BasicAuth'), ...each('SessionAuth')]);
    const done = ['3', '3'].flatMap(() => ['1 boot Pxe UEFI', '1 On', '1 ForceOff']);
    assert.deepEqual(machine.commands.slice(before), done);
    bmcs.set(3, {});
  });
