/** The ipmi plugin alone against real BMCs (ipmi_sim), as many at once as a chassis row has, some of them dead. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ModuleUnderTest, type TestNode, testModule } from '@kraken-hpc/sdk/testing';
import { ipmi } from '../../plugins/ipmi/module.ts';
import { startFakeBmcs } from '../../plugins/ipmi/test/fake-bmc.ts';
import { install } from './install.ts';
import { CIPHER_SUITE, type IpmiSim, PASSWORD, startIpmiSim, USER } from './ipmi-sim.ts';

const COUNT = 50;
const DEAD = [7, 19, 31, 43];
/** One ipmi_sim answers for all 50, one after the other, a shell each. */
const ANSWER_MS = 3000;
const LIVE = Array.from({ length: COUNT }, (_, bmc) => bmc).filter((bmc) => !DEAD.includes(bmc));

let sim: IpmiSim;
let module: ModuleUnderTest;

const nodeOf = (bmc: number): string => `n${bmc}`;
const nodesOf = (bmcs: readonly number[]): string[] => bmcs.map(nodeOf);

async function timed<T>(what: string, run: () => Promise<T>): Promise<T> {
  const from = performance.now();
  const result = await run();
  console.log(`  ${what}: ${Math.round(performance.now() - from)} ms`);
  return result;
}

async function startModule(config: object = {}): Promise<ModuleUnderTest> {
  const nodes: Record<string, TestNode> = {};
  for (let bmc = 0; bmc < COUNT; bmc++)
    nodes[nodeOf(bmc)] = { cfg: { '/platform': 'ipmi', '/ipmi/address': sim.address, '/ipmi/port': sim.port(bmc) } };
  const base = { user: USER, password: PASSWORD, cipherSuite: CIPHER_SUITE, answerMs: ANSWER_MS, bootOverride: 'bios' };
  return testModule(ipmi(), { config: { ...base, ...config }, nodes });
}

const states = (state: string): Record<string, object> => Object.fromEntries(nodesOf(LIVE).map((node) => [node, { '/physState': state }]));

before(async () => {
  install({ ipmi_sim: 'openipmi', ipmitool: 'ipmitool', ipmipower: 'freeipmi-tools' });
  sim = await startIpmiSim(COUNT);
  sim.cut(...DEAD);
  module = await startModule();
});
after(async () => {
  await module?.stop();
  await sim?.stop();
});

test('46 of 50 are read, and the 4 dead ones are named by the address of their BMC', async () => {
  const { observed, failed } = await timed('first sweep, sessions opened', () => module.poll('power', { within: 20_000 }));
  assert.deepEqual(observed, states('POWER_OFF'));
  assert.deepEqual(Object.keys(failed).sort(), nodesOf(DEAD).sort());
  for (const bmc of DEAD) {
    assert.equal(failed[nodeOf(bmc)]?.error, 'NodeUnreachable');
    assert.match(failed[nodeOf(bmc)]?.message ?? '', new RegExp(`^BMC 127\\.0\\.0\\.1:${sim.port(bmc)} did not answer`));
  }
});

test('a sweep beside resting dead BMCs takes no longer than one without them', async () => {
  const all = timed('second sweep, sessions kept', () => module.poll('power'));
  const from = performance.now();
  assert.deepEqual((await all).observed, states('POWER_OFF'));
  assert.ok(performance.now() - from < ANSWER_MS, 'the dead ones were waited for');
});

test('all are switched on, told before to boot from the network, and reported as read, long before the dead are given up', async () => {
  const from = module.discovered.length;
  const early = new Promise<number>((resolve) =>
    setTimeout(() => resolve(new Set(module.discovered.slice(from).map(({ node }) => node)).size), ANSWER_MS * 0.8),
  );
  const { observed, failed } = await timed('power on', () => module.run('powerOn', { within: 30_000 }));
  assert.deepEqual(observed, states('POWER_ON'));
  assert.deepEqual(Object.keys(failed).sort(), nodesOf(DEAD).sort());
  for (const bmc of LIVE) assert.deepEqual([sim.isOn(bmc), sim.boot(bmc)], [true, 'pxe']);
  assert.equal(await early, LIVE.length);
  const boots = sim.commands().filter(({ words }) => words === 'set boot pxe');
  const ons = sim.commands().filter(({ words }) => words === 'set power 1');
  assert.deepEqual(
    ons.map(({ bmc }) => bmc).sort((a, b) => a - b),
    LIVE,
  );
  for (const on of ons) assert.ok(boots.some(({ bmc, at }) => bmc === on.bmc && at < on.at));
});

test('switching on what is on is no power action', async () => {
  const before = sim.commands().length;
  assert.deepEqual((await module.run('powerOn', { nodes: nodesOf(LIVE) })).observed, states('POWER_ON'));
  assert.equal(sim.commands().length, before);
});

test('a machine that somebody else switched off is read as off', async () => {
  sim.setPower(3, false);
  assert.deepEqual((await module.poll('power', { nodes: ['n3'] })).observed, { n3: { '/physState': 'POWER_OFF' } });
  sim.setPower(3, true);
});

test('a BMC that comes back is found', async () => {
  sim.mend(...DEAD);
  const { observed, failed } = await timed('revived, switched on', () => module.run('powerOn', { nodes: nodesOf(DEAD) }));
  assert.deepEqual(failed, {});
  assert.deepEqual(Object.keys(observed).length, DEAD.length);
});

test('all are switched off, once each', async () => {
  const { observed, failed } = await timed('power off', () => module.run('powerOff', { within: 30_000 }));
  assert.deepEqual(failed, {});
  assert.equal(Object.values(observed).filter((values) => values['/physState'] === 'POWER_OFF').length, COUNT);
  assert.equal(sim.commands().filter(({ words }) => words === 'set power 0').length, COUNT);
});

test('a wrong password is refused, in words that say whose, and tried once a minute', async () => {
  const other = await startModule({ password: 'wrong' });
  const { failed } = await timed('50 wrong passwords', () => other.poll('power'));
  assert.equal(Object.keys(failed).length, COUNT);
  for (const { error, message } of Object.values(failed)) {
    assert.equal(error, 'LoginRefused');
    assert.match(message, /refused the login of ipmiusr: the password is not the one/);
    assert.doesNotMatch(message, /wrong/);
  }
  await other.stop();
});

test('a cipher suite that the BMC does not have is refused by name', async () => {
  const other = await startModule({ cipherSuite: 17 });
  const { failed } = await other.poll('power', { nodes: ['n0'] });
  assert.match(failed.n0?.message ?? '', /does not accept cipher suite 17/);
  await other.stop();
});

test('our BMC, made of the same code as our client, is understood by ipmitool and ipmipower with every suite', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-ipmi-'));
  const fake = await startFakeBmcs(1, { user: USER, password: PASSWORD });
  const secret = join(folder, 'secret');
  const config = join(folder, 'ipmipower.conf');
  writeFileSync(secret, PASSWORD, { mode: 0o600 });
  writeFileSync(config, `username ${USER}\npassword ${PASSWORD}\n`, { mode: 0o600 });
  try {
    for (const suite of ['3', '17']) {
      const ipmitool = [
        '-I',
        'lanplus',
        '-C',
        suite,
        '-N',
        '1',
        '-R',
        '2',
        '-H',
        '127.0.0.1',
        '-p',
        `${fake.port(0)}`,
        '-U',
        USER,
        '-f',
        secret,
      ];
      assert.match(await fake.beside('ipmitool', [...ipmitool, 'chassis', 'power', 'on']), /Up\/On/);
      assert.equal(fake.isOn(0), true);
      const ipmipower = ['--config-file', config, '-D', 'LAN_2_0', '-I', suite, '-l', 'admin', '-h', `127.0.0.1:${fake.port(0)}`];
      assert.match(await fake.beside('ipmipower', [...ipmipower, '--stat']), /: on/);
      assert.match(await fake.beside('ipmipower', [...ipmipower, '--off']), /: ok/);
      assert.equal(fake.isOn(0), false);
    }
  } finally {
    fake.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
