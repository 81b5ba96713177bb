/** The plugin against BMCs in this process that can be made to misbehave. That they speak real Redfish is shown by test/real/redfish.real.test.ts. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type ModuleUnderTest, type TestNode, testModule } from '@kraken-hpc/sdk/testing';
import { redfish } from './module.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from './test/emulator.ts';
import type { Behaviour } from './test/machine.ts';

const LOGIN = { user: 'admin', password: 'secret-of-bmc' };
const ANSWER_MS = 800;
/** Where everybody answers, soon or late. */
const PATIENT_MS = 2_000;
const OFF = { '/physState': 'POWER_OFF' };
const ON = { '/physState': 'POWER_ON' };

type Cfg = Record<string, string | null>;
interface Lab {
  readonly bmcs: Emulator;
  readonly module: ModuleUnderTest;
}
interface Given {
  readonly count?: number;
  readonly config?: object;
  readonly cfg?: Cfg;
  readonly emulator?: Partial<EmulatorOptions>;
}

/** `after`: looked at when the module has stopped. */
async function withBmcs(
  { count = 1, config = {}, cfg = {}, emulator = {} }: Given,
  run: (lab: Lab) => Promise<void>,
  after: (bmcs: Emulator) => void = () => {},
): Promise<void> {
  const bmcs = await startEmulator(count, { ...LOGIN, ...emulator });
  const nodes: Record<string, TestNode> = {};
  for (let bmc = 0; bmc < count; bmc++) {
    const pin = bmcs.certificate.sha256;
    const all = { '/platform': 'redfish', '/redfish/address': bmcs.url(bmc), '/redfish/fingerprint': pin, ...cfg };
    nodes[`n${bmc}`] = { cfg: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) };
  }
  const module = await testModule(redfish(), { config: { ...LOGIN, answerMs: ANSWER_MS, ...config }, nodes });
  try {
    try {
      await run({ bmcs, module });
    } finally {
      await module.stop();
    }
    after(bmcs);
  } finally {
    await bmcs.close();
  }
}

interface Good {
  readonly bmc?: Partial<Behaviour>;
  readonly given?: Given;
  readonly commands: readonly string[];
  readonly sessions?: number;
}

const GOOD: Readonly<Record<string, Good>> = {
  'by a session': { commands: ['1 On', '1 ForceOff'], sessions: 1 },
  'by basic authentication': { given: { config: { auth: 'basic' } }, commands: ['1 On', '1 ForceOff'], sessions: 0 },
  'over plain HTTP where it is allowed': {
    given: { emulator: { isPlain: true }, config: { plainHttp: true } },
    commands: ['1 On', '1 ForceOff'],
  },
  'with an insecure config': {
    given: { config: { tls: 'insecure' }, cfg: { '/redfish/fingerprint': null } },
    commands: ['1 On', '1 ForceOff'],
  },
  'with types that only an ActionInfo tells': {
    bmc: { isActionInfo: true, resetTypes: ['ForceOn', 'ForceOff'] },
    commands: ['1 ForceOn', '1 ForceOff'],
  },
  'with types that nobody tells': { bmc: { resetTypes: undefined }, commands: ['1 On', '1 ForceOff'] },
  'with a task': { bmc: { taskMs: 250 }, commands: ['1 On', '1 ForceOff'] },
  'through PoweringOn and PoweringOff': { bmc: { changingMs: 200 }, commands: ['1 On', '1 ForceOff'] },
  'where the answer to the reset is lost': { bmc: { hangsUp: true }, commands: ['1 On', '1 ForceOff'] },
  slowly: { bmc: { slowMs: 30 }, commands: ['1 On', '1 ForceOff'] },
  'PXE once, in the mode that is set': { given: { config: { bootOverride: 'pxe' } }, commands: ['1 boot Pxe -', '1 On', '1 ForceOff'] },
  'PXE once, BIOS': { given: { config: { bootOverride: 'bios' } }, commands: ['1 boot Pxe Legacy', '1 On', '1 ForceOff'] },
  'PXE once, UEFI': { given: { config: { bootOverride: 'uefi' } }, commands: ['1 boot Pxe UEFI', '1 On', '1 ForceOff'] },
  'HTTP once': { given: { config: { bootOverride: 'uefiHttp' } }, commands: ['1 boot UefiHttp UEFI', '1 On', '1 ForceOff'] },
  'an override that wants a tag': {
    bmc: { etag: 'required' },
    given: { config: { bootOverride: 'uefi' } },
    commands: ['1 boot Pxe UEFI', '1 On', '1 ForceOff'],
  },
  'an override whose tag has changed': {
    bmc: { etag: 'required', isStale: true },
    given: { config: { bootOverride: 'uefi' } },
    commands: ['1 boot Pxe UEFI', '1 On', '1 ForceOff'],
  },
  'an override whose tag is weak': {
    bmc: { etag: 'weak' },
    given: { config: { bootOverride: 'uefi' } },
    commands: ['1 boot Pxe UEFI', '1 On', '1 ForceOff'],
  },
  'a system by its Id, pages on': {
    bmc: { pageSize: 2 },
    given: { emulator: { systems: 7 }, cfg: { '/redfish/system': '6' } },
    commands: ['6 On', '6 ForceOff'],
  },
  'a system by its URI': {
    given: { emulator: { systems: 3 }, cfg: { '/redfish/system': '/redfish/v1/Systems/2' } },
    commands: ['2 On', '2 ForceOff'],
  },
};

/** They wait beside one another. */
describe('what takes its time', { concurrency: 4 }, () => {
  test('a task that does not end is followed until the deadline', () =>
    withBmcs({}, async ({ bmcs, module }) => {
      bmcs.set(0, { taskMs: 60_000 });
      const from = performance.now();
      const { observed, failed } = await module.run('powerOn', { within: 800 });
      assert.deepEqual([observed, Object.keys(failed)], [{}, ['n0']]);
      assert.ok(performance.now() - from < 2500);
      const again = await module.run('powerOn', { within: 800 });
      assert.deepEqual(again.observed, {});
      const sweep = await module.poll('power');
      assert.equal(sweep.failed['n0']?.error, 'TryLater');
      assert.match(sweep.failed['n0']?.message ?? '', /has not yet managed to switch on/);
      assert.deepEqual(bmcs.machine(0).commands, ['1 On'], 'it was sent while the task of the last one ran');
    }));

  for (const [name, { bmc = {}, given = {}, commands, sessions }] of Object.entries(GOOD))
    test(`on and off: ${name}`, () =>
      withBmcs(
        { ...given, config: { answerMs: PATIENT_MS, ...given.config } },
        async ({ bmcs, module }) => {
          bmcs.set(0, bmc);
          assert.deepEqual(await module.poll('power'), { observed: { n0: OFF }, failed: {} });
          assert.deepEqual(await module.run('powerOn'), { observed: { n0: ON }, failed: {} });
          assert.deepEqual((await module.run('powerOn')).observed, { n0: ON });
          assert.deepEqual((await module.poll('power')).observed, { n0: ON });
          assert.deepEqual(await module.run('unhang'), { observed: { n0: OFF }, failed: {} });
          assert.deepEqual(bmcs.machine(0).commands, commands);
          if (sessions !== undefined) assert.equal(bmcs.machine(0).opened, sessions);
          if (name !== 'where the answer to the reset is lost') assert.equal(bmcs.machine(0).connections, 1, 'the connection was not kept');
        },
        (bmcs) => assert.equal(bmcs.machine(0).sessions.size, 0, 'the session was not given back'),
      ));
});

interface Misbehaviour {
  readonly bmc?: Partial<Behaviour>;
  readonly given?: Given;
  readonly error: string;
  readonly says: RegExp;
  readonly retryAfter?: number;
  readonly only?: 'powerOn';
}
const reply = (status: number, headers: Record<string, string> = {}, body: object | string = {}): Partial<Behaviour> => ({
  always: { status, headers, body },
});

const MISBEHAVIOUR: Readonly<Record<string, Misbehaviour>> = {
  'no answer': {
    bmc: { silent: true },
    error: 'NodeUnreachable',
    says: /^BMC 127\.0\.0\.1:\d+ did not answer within 0\.8 s$/,
  },
  'nobody there': {
    given: { cfg: { '/redfish/address': '127.0.0.1:1' } },
    error: 'NodeUnreachable',
    says: /cannot be reached: .*ECONNREFUSED/,
  },
  'a name that nobody knows': {
    given: { cfg: { '/redfish/address': 'bmc.invalid' } },
    error: 'NodeUnreachable',
    says: /BMC bmc\.invalid cannot be reached/,
  },
  'another password': {
    given: { config: { password: 'secret-of-other' } },
    error: 'LoginRefused',
    says: /refused the login of admin; correct/,
  },
  'another password, basic': {
    given: { config: { password: 'secret-of-other', auth: 'basic' } },
    error: 'LoginRefused',
    says: /refused our login/,
  },
  'too little privilege': { bmc: reply(403), error: 'LoginRefused', says: /refused the login/ },
  'no room for a session': { bmc: { sessionLimit: 0 }, error: 'DeviceBusy', says: /no room for another session: Too many/ },
  'later, in seconds': { bmc: reply(503, { 'retry-after': '7' }), error: 'TryLater', says: /asks to come again later/, retryAfter: 7000 },
  'later, and no word when': { bmc: reply(503), error: 'TryLater', says: /asks to come again later/, retryAfter: 5000 },
  'no sessions': { bmc: reply(405), error: 'StepFailed', says: /knows no sessions \(HTTP 405\): set auth to basic/ },
  'an error of its own': { bmc: reply(500), error: 'StepFailed', says: /HTTP 500/ },
  'a redirect to another': {
    bmc: reply(307, { location: 'https://127.0.0.2/steal' }),
    error: 'StepFailed',
    says: /points to https:\/\/127\.0\.0\.2\/steal, which is not on it/,
  },
  'redirects without end': { bmc: reply(307, { location: '/redfish/v1/x' }), error: 'StepFailed', says: /redirected .* more than 3 times/ },
  'an answer that is no JSON': {
    bmc: reply(200, {}, '<html>'),
    given: { config: { auth: 'basic' } },
    error: 'StepFailed',
    says: /with no JSON object/,
  },
  'an answer without end': {
    bmc: reply(200, {}, ' '.repeat(1_100_000)),
    given: { config: { auth: 'basic' } },
    error: 'StepFailed',
    says: /more than 1048576 bytes/,
  },
  'lists that loop': { bmc: { loops: true }, given: { cfg: { '/redfish/system': '9' } }, error: 'StepFailed', says: /without end/ },
  'several systems and none named': {
    given: { emulator: { systems: 3 } },
    error: 'Terminal',
    says: /has 3 systems \(1, 2, 3\): set \/redfish\/system/,
  },
  'no such system': { given: { cfg: { '/redfish/system': '9' } }, error: 'Terminal', says: /has no system 9, only 1/ },
  'no such URI': { given: { cfg: { '/redfish/system': '/redfish/v1/Systems/9' } }, error: 'Terminal', says: /correct \/redfish\/system/ },
  'a power state that it does not know': {
    bmc: { powerState: null },
    error: 'DeviceBusy',
    says: /does not know its machine's power state/,
  },
  'no type that does it': {
    bmc: { resetTypes: ['GracefulShutdown', 'PushPowerButton'] },
    error: 'StepFailed',
    says: /allows no On or ForceOn for this system, only GracefulShutdown, PushPowerButton/,
    only: 'powerOn',
  },
  'no such boot': {
    bmc: { bootTargets: ['Hdd'] },
    given: { config: { bootOverride: 'uefi' } },
    error: 'StepFailed',
    says: /cannot boot its system from Pxe, only from Hdd/,
    only: 'powerOn',
  },
  'no address': { given: { cfg: { '/redfish/address': null } }, error: 'Terminal', says: /has no \/redfish\/address/ },
  'plain HTTP': { given: { emulator: { isPlain: true } }, error: 'Terminal', says: /is without TLS/ },
  'an unknown secret': { given: { cfg: { '/redfish/secret': 'row7' } }, error: 'Terminal', says: /has no password row7/ },
  'a certificate that signed itself': {
    given: { cfg: { '/redfish/fingerprint': null } },
    error: 'LoginRefused',
    says: /not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT; sha256:[0-9a-f]{64}\)/,
  },
  'a certificate other than the pinned one': {
    given: { cfg: { '/redfish/fingerprint': 'ab'.repeat(32) } },
    error: 'LoginRefused',
    says: /shows another certificate/,
  },
  'another than the pinned one, insecure': {
    given: { config: { tls: 'insecure' }, cfg: { '/redfish/fingerprint': 'ab'.repeat(32) } },
    error: 'LoginRefused',
    says: /shows another certificate/,
  },
};

for (const [name, { bmc = {}, given = {}, error, says, retryAfter, only }] of Object.entries(MISBEHAVIOUR))
  test(`${name}: ${error}`, () =>
    withBmcs(given, async ({ bmcs, module }) => {
      bmcs.set(0, bmc);
      if (name === 'no answer') bmcs.machine(0).requests.length = 0;
      const runs = [() => module.poll('power'), () => module.run('powerOn')].slice(only === undefined ? 0 : 1);
      for (const run of runs) {
        const { observed, failed } = await run();
        assert.deepEqual(observed, {});
        assert.equal(failed.n0?.error, error, failed.n0?.message);
        assert.match(failed.n0?.message ?? '', says);
        assert.doesNotMatch(failed.n0?.message ?? '', /secret-of/);
        if (retryAfter !== undefined) assert.equal(failed.n0?.retryAfter, retryAfter);
      }
      assert.deepEqual(bmcs.machine(0).commands, []);
      if (/certificate|pinned/.test(name)) assert.deepEqual(bmcs.machine(0).requests, [], 'something was sent to a stranger');
    }));

test('a CA file is believed, and not when the certificate has ended', async () => {
  for (const ended of [false, true]) {
    const folder = mkdtempSync(join(tmpdir(), 'kraken-redfish-'));
    const bmcs = await startEmulator(1, { ...LOGIN, ended });
    const caFile = join(folder, 'ca.pem');
    writeFileSync(caFile, bmcs.certificate.cert);
    const nodes = { n0: { cfg: { '/platform': 'redfish', '/redfish/address': bmcs.url(0) } } };
    const module = await testModule(redfish(), { config: { ...LOGIN, caFile }, nodes });
    try {
      const { observed, failed } = await module.poll('power');
      assert.deepEqual(observed, ended ? {} : { n0: OFF });
      assert.match(failed.n0?.message ?? '', ended ? /CERT_HAS_EXPIRED/ : /^$/);
    } finally {
      await module.stop();
      await bmcs.close();
      rmSync(folder, { recursive: true });
    }
  }
});

test('a session that has ended is opened anew, once', () =>
  withBmcs({}, async ({ bmcs, module }) => {
    await module.poll('power');
    bmcs.machine(0).forgetSessions();
    assert.deepEqual((await module.poll('power')).observed, { n0: OFF });
    assert.equal(bmcs.machine(0).opened, 2);
    bmcs.machine(0).password = 'changed';
    bmcs.machine(0).forgetSessions();
    const { failed } = await module.poll('power');
    assert.equal(failed.n0?.error, 'LoginRefused');
    assert.equal(bmcs.machine(0).requests.filter((request) => request.endsWith('Sessions')).length, 3);
  }));

test('a machine on its way is neither on nor off, and is sent nothing', () =>
  withBmcs({}, async ({ bmcs, module }) => {
    bmcs.set(0, { powerState: 'PoweringOff' });
    for (const run of [() => module.poll('power'), () => module.run('powerOn', { within: 1500 })]) {
      const { observed, failed } = await run();
      assert.deepEqual(observed, {});
      assert.ok(['TryLater', 'DeadlineExceeded'].includes(failed.n0?.error ?? ''), failed.n0?.message);
    }
    assert.deepEqual(bmcs.machine(0).commands, []);
  }));

test('Paused is on', () =>
  withBmcs({}, async ({ bmcs, module }) => {
    bmcs.set(0, { powerState: 'Paused' });
    assert.deepEqual((await module.poll('power')).observed, { n0: ON });
  }));

test('a task that fails says why', () =>
  withBmcs({}, async ({ bmcs, module }) => {
    bmcs.set(0, { taskMs: 100, taskFails: true });
    const { failed } = await module.run('powerOn');
    assert.match(failed.n0?.message ?? '', /did not manage to switch on \(task Exception\): The power supply is gone/);
  }));

test('the systems of one BMC share its session; one that two nodes name is left alone', async () => {
  const bmcs = await startEmulator(1, { ...LOGIN, systems: 4 });
  const at = (system: string, nodename: string): TestNode => ({
    cfg: {
      '/platform': 'redfish',
      '/nodename': nodename,
      '/redfish/address': bmcs.url(0),
      '/redfish/fingerprint': bmcs.certificate.sha256,
      '/redfish/system': system,
    },
  });
  const nodes = { a: at('1', 'ka'), b: at('2', 'kb'), c: at('3', 'kc'), d: at('/redfish/v1/Systems/3', 'kd') };
  const module = await testModule(redfish(), { config: LOGIN, nodes });
  try {
    const { observed, failed } = await module.run('powerOn');
    assert.deepEqual(observed, { a: ON, b: ON });
    assert.match(failed['c']?.message ?? '', /system 3 of BMC 127[.0-9:]+ is also that of kd/);
    assert.match(failed['d']?.message ?? '', /system 3 of BMC 127[.0-9:]+ is also that of kc/);
    assert.equal(bmcs.machine(0).opened, 1);
  } finally {
    await module.stop();
    await bmcs.close();
  }
});

test('dead and slow BMCs hold up nobody, rest, and are found when they come back', () =>
  withBmcs({ count: 12, config: { atOnce: 4 } }, async ({ bmcs, module }) => {
    for (const bmc of [0, 1]) bmcs.set(bmc, { silent: true });
    const { observed, failed } = await module.poll('power');
    assert.deepEqual([Object.keys(observed).length, Object.keys(failed).sort()], [10, ['n0', 'n1']]);
    const from = performance.now();
    assert.equal(Object.keys((await module.poll('power')).failed).length, 2);
    assert.ok(performance.now() - from < ANSWER_MS, 'the resting ones were waited for');
    bmcs.set(0, {});
    assert.deepEqual((await module.run('powerOn', { nodes: ['n0'] })).observed, { n0: ON });
    assert.deepEqual((await module.poll('power', { nodes: ['n0'] })).observed, { n0: ON });
  }));

test('what is insecure is said once, and no secret is logged', () =>
  withBmcs({ config: { tls: 'insecure' } }, async ({ module }) => {
    for (let sweep = 0; sweep < 3; sweep++) await module.poll('power');
    assert.equal(module.log.filter(({ level, message }) => level === 'warn' && /tls is insecure/.test(message)).length, 1);
    assert.doesNotMatch(JSON.stringify(module.log), /secret-of/);
  }));
