/** The plugin against BMCs in this process that can be made to misbehave. That they speak real RMCP+ is shown by test/real/ipmi.real.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ModuleUnderTest, type TestNode, testModule } from '@kraken-hpc/sdk/testing';
import { ipmi } from './module.ts';
import { decode, encode, PAYLOAD } from './packet.ts';
import { suiteOf } from './suite.ts';
import { type Behaviour, type FakeBmcs, startFakeBmcs } from './test/fake-bmc.ts';

const LOGIN = { user: 'admin', password: 'secret-of-bmc' };
const ANSWER_MS = 400;

interface Lab {
  readonly bmcs: FakeBmcs;
  readonly module: ModuleUnderTest;
}

async function withBmcs(
  count: number,
  { config = {}, cfg = {} }: { readonly config?: object; readonly cfg?: Record<string, string | number | null> },
  run: (lab: Lab) => Promise<void>,
): Promise<void> {
  const bmcs = await startFakeBmcs(count, LOGIN);
  const nodes: Record<string, TestNode> = {};
  for (let bmc = 0; bmc < count; bmc++) {
    const all = { '/platform': 'ipmi', '/ipmi/address': '127.0.0.1', '/ipmi/port': bmcs.port(bmc), ...cfg };
    nodes[`n${bmc}`] = { cfg: Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null)) };
  }
  const module = await testModule(ipmi(), { config: { ...LOGIN, answerMs: ANSWER_MS, ...config }, nodes });
  try {
    await run({ bmcs, module });
  } finally {
    await module.stop();
    bmcs.close();
  }
}

const OFF = { '/physState': 'POWER_OFF' };
const ON = { '/physState': 'POWER_ON' };

for (const cipherSuite of [2, 3, 16, 17])
  test(`on, off and out of a hang with cipher suite ${cipherSuite}`, () =>
    withBmcs(1, { config: { cipherSuite } }, async ({ bmcs, module }) => {
      assert.deepEqual((await module.poll('power')).observed, { n0: OFF });
      assert.deepEqual((await module.run('powerOn')).observed, { n0: ON });
      assert.deepEqual((await module.run('powerOff')).observed, { n0: OFF });
      await module.run('powerOn');
      assert.deepEqual((await module.run('unhang')).observed, { n0: OFF });
      assert.deepEqual(bmcs.counts(0).commands, ['control 1', 'control 0', 'control 1', 'control 0']);
      assert.equal(bmcs.counts(0).opened, 1, 'the session was not kept');
    }));

interface Misbehaviour {
  readonly bmc?: Partial<Behaviour>;
  readonly config?: object;
  readonly cfg?: Record<string, string | number | null>;
  readonly error: string;
  readonly says: RegExp;
}

const MISBEHAVIOUR: Readonly<Record<string, Misbehaviour>> = {
  'no answer': { bmc: { silent: true }, error: 'NodeUnreachable', says: /^BMC 127\.0\.0\.1:\d+ did not answer \(3 tries in 0\.4 s\)$/ },
  'another password': {
    bmc: { password: 'other' },
    error: 'LoginRefused',
    says: /refused the login of admin: the password is not the one/,
  },
  'an unknown user': { bmc: { user: 'root' }, error: 'LoginRefused', says: /does not know this user/ },
  'no such suite': { bmc: { status: 0x11 }, error: 'LoginRefused', says: /does not accept cipher suite 17/ },
  'no room for a session': { bmc: { status: 0x01 }, error: 'DeviceBusy', says: /no room for another session/ },
  busy: { bmc: { completion: 0xc0 }, error: 'DeviceBusy', says: /is busy/ },
  'out of time': { bmc: { completion: 0xc3 }, error: 'DeviceBusy', says: /ran out of time/ },
  'updating itself': { bmc: { completion: 0xd2 }, error: 'DeviceBusy', says: /starting or updating/ },
  'too little privilege': { bmc: { completion: 0xd4 }, error: 'LoginRefused', says: /privilege is not enough/ },
  'an unknown command': { bmc: { completion: 0xc1 }, error: 'StepFailed', says: /does not know the command \(C1h\)/ },
  'another code': { bmc: { completion: 0x8f }, error: 'StepFailed', says: /completion code 8Fh/ },
  'no address': { cfg: { '/ipmi/address': null }, error: 'Terminal', says: /has no \/ipmi\/address/ },
  'a name that nobody knows': {
    cfg: { '/ipmi/address': 'bmc.invalid' },
    error: 'NodeUnreachable',
    says: /BMC bmc\.invalid.* cannot be reached/,
  },
  'an unknown secret': { cfg: { '/ipmi/secret': 'row7' }, error: 'Terminal', says: /has no password row7/ },
  'a suite that is not spoken': {
    cfg: { '/ipmi/cipherSuite': 0 },
    error: 'Terminal',
    says: /cipher suite 0 is not supported; use one of 2, 3, 16, 17/,
  },
  'a password that is too long': { config: { password: 'x'.repeat(21) }, error: 'Terminal', says: /longer than the 20 bytes/ },
};

for (const [name, { bmc = {}, config = {}, cfg = {}, error, says }] of Object.entries(MISBEHAVIOUR))
  test(`${name}: ${error}`, () =>
    withBmcs(1, { config, cfg }, async ({ bmcs, module }) => {
      bmcs.set(0, bmc);
      for (const run of [() => module.poll('power'), () => module.run('powerOn')]) {
        const { observed, failed } = await run();
        assert.deepEqual(observed, {});
        assert.equal(failed.n0?.error, error);
        assert.match(failed.n0?.message ?? '', says);
        assert.doesNotMatch(failed.n0?.message ?? '', /secret-of-bmc/);
      }
      assert.deepEqual(bmcs.counts(0).commands, []);
    }));

test('each node may have its own user, secret and suite', () =>
  withBmcs(
    1,
    {
      config: { user: 'nobody', passwords: { row7: 'its own' } },
      cfg: { '/ipmi/user': 'eve', '/ipmi/secret': 'row7', '/ipmi/cipherSuite': 3 },
    },
    async ({ bmcs, module }) => {
      bmcs.set(0, { user: 'eve', password: 'its own' });
      assert.deepEqual((await module.poll('power')).observed, { n0: OFF });
    },
  ));

for (const [firmware, flags] of Object.entries({ none: [], bios: ['boot 8004000000'], uefi: ['boot a004000000'] }))
  test(`boot override ${firmware}`, () =>
    withBmcs(1, { config: { bootOverride: firmware } }, async ({ bmcs, module }) => {
      await module.run('powerOn');
      assert.deepEqual(bmcs.counts(0).commands, [...flags, 'control 1']);
    }));

test('what is reported is what was read: a machine that does not come on is off', () =>
  withBmcs(1, {}, async ({ bmcs, module }) => {
    bmcs.set(0, { deaf: true });
    assert.deepEqual((await module.run('powerOn', { within: 8000 })).observed, { n0: OFF });
    assert.deepEqual(bmcs.counts(0).commands, ['control 1']);
  }));

test('what is lost is sent again, whichever message it is, and nothing is switched twice', () =>
  withBmcs(12, {}, async ({ bmcs, module }) => {
    const lost = Array.from({ length: 12 }, (_, index) => index);
    // The message with number `index` of the whole conversation is lost.
    for (const index of lost) bmcs.set(index, { dropAt: index });
    const { observed, failed } = await module.run('powerOn', { within: 8000 });
    assert.deepEqual(failed, {});
    for (const index of lost) {
      assert.deepEqual(observed[`n${index}`], ON);
      assert.deepEqual(bmcs.counts(index).commands, ['control 1'], `message ${index} was lost`);
    }
  }));

test('an answer to a power command that is lost does not switch it again', () =>
  withBmcs(1, {}, async ({ bmcs, module }) => {
    bmcs.set(0, { loseAnswerOf: 0x02 });
    assert.deepEqual((await module.run('powerOn', { within: 8000 })).observed, { n0: ON });
    assert.deepEqual(bmcs.counts(0).commands, ['control 1']);
  }));

test('a BMC that was restarted is asked for a new session', () =>
  withBmcs(1, {}, async ({ bmcs, module }) => {
    await module.poll('power');
    bmcs.restart(0);
    assert.deepEqual((await module.poll('power')).observed, { n0: OFF });
    assert.equal(bmcs.counts(0).opened, 2);
  }));

test('a silent BMC is left alone by sweeps, tried by a command, and found when it is back', () =>
  withBmcs(1, {}, async ({ bmcs, module }) => {
    bmcs.set(0, { silent: true });
    await module.poll('power');
    const { received } = bmcs.counts(0);
    for (let sweep = 0; sweep < 5; sweep++) assert.equal((await module.poll('power')).failed.n0?.error, 'NodeUnreachable');
    assert.equal(bmcs.counts(0).received, received, 'sweeps did not leave it alone');
    bmcs.set(0, { silent: false });
    assert.deepEqual((await module.run('powerOn')).observed, { n0: ON });
    assert.deepEqual((await module.poll('power')).observed, { n0: ON });
  }));

test('a refused login is not tried again by sweeps: BMCs lock users out', () =>
  withBmcs(1, { config: { password: 'wrong' } }, async ({ bmcs, module }) => {
    for (let sweep = 0; sweep < 5; sweep++) assert.equal((await module.poll('power')).failed.n0?.error, 'LoginRefused');
    assert.ok(bmcs.counts(0).received <= 2, `${bmcs.counts(0).received} messages`);
    await module.update({ ...LOGIN, answerMs: ANSWER_MS });
    assert.deepEqual((await module.poll('power')).observed, { n0: OFF }, 'the new password was not used');
  }));

test('one in twenty dead, few at once: nobody waits for them, and once they are known no sweep does', () =>
  withBmcs(200, { config: { atOnce: 8, answerMs: 5000 } }, async ({ bmcs, module }) => {
    const dead = Array.from({ length: 10 }, (_, index) => index);
    for (const index of dead) bmcs.set(index, { silent: true });
    let isOver = false;
    const all = module.poll('power', { within: 30_000 }).finally(() => {
      isOver = true;
    });
    while (new Set(module.discovered.map(({ node }) => node)).size < 190 && !isOver)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(!isOver, 'the living waited for the dead');
    assert.equal(Object.keys((await all).failed).length, 10);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const from = performance.now();
    assert.equal(Object.keys((await module.poll('power')).failed).length, 10);
    assert.ok(performance.now() - from < 4800, 'the sweep waited for the dead');
  }));

test('a config that cannot be is refused', async () => {
  await assert.rejects(testModule(ipmi(), { config: { ...LOGIN, atOnce: 0 } }), /atOnce/);
  await assert.rejects(testModule(ipmi(), { config: { ...LOGIN, passwort: 'x' } }), /passwort/);
});

test('a packet that was tampered with is not believed', () => {
  const keys = { suite: suiteOf(17), k1: Buffer.alloc(32, 7), k2: Buffer.alloc(16, 9) };
  const bytes = encode({ payloadType: PAYLOAD.ipmi, session: 5, sequence: 6, payload: Buffer.from('any payload') }, keys);
  assert.deepEqual(decode(bytes, keys)?.payload.toString(), 'any payload');
  for (let index = 4; index < bytes.length; index++) {
    const other = Buffer.from(bytes);
    other[index] = (other[index] ?? 0) ^ 1;
    assert.notEqual(decode(other, keys)?.payload.toString(), 'any payload', `byte ${index}`);
    assert.equal(decode(bytes.subarray(0, index), keys), undefined, `cut at ${index}`);
  }
});

for (const [what, change] of [
  ['is moved', { path: '/ipmi/port', to: 9 }],
  ['is moved as a whole', { path: '/ipmi', to: { address: '127.0.0.2' } }],
  ['is of another platform', { path: '/platform', to: 'sim' }],
  ['is deleted', { path: '' }],
] as const)
  test(`a BMC that another node names too is not spoken to until that one ${what}`, () =>
    withBmcs(1, {}, async ({ bmcs, module }) => {
      const twin = { nodename: 'kr9', platform: 'ipmi', ipmi: { address: '127.0.0.1', port: bmcs.port(0) } };
      module.changed([{ node: 'twin', view: 'cfg', path: '', to: twin }]);
      for (const answer of [await module.poll('power'), await module.run('powerOn')]) {
        assert.equal(answer.failed.n0?.error, 'NodeUnreachable');
        assert.match(
          answer.failed.n0?.message ?? '',
          /^BMC .* is also that of kr9, so nothing is done through it; correct \/ipmi\/address/,
        );
      }
      assert.equal(bmcs.counts(0).received, 0);
      module.changed([{ node: 'twin', view: 'cfg', ...change }]);
      assert.deepEqual((await module.run('powerOn')).observed, { n0: ON });
    }));

test('a power command whose answer is late is sent once: not every BMC drops what comes twice', () =>
  withBmcs(1, { config: { answerMs: 1000 } }, async ({ bmcs, module }) => {
    bmcs.set(0, { loseAnswerOf: 0x02 });
    await module.poll('power');
    const before = bmcs.counts(0).received;
    assert.deepEqual((await module.run('powerOn', { within: 8000 })).observed, { n0: ON });
    assert.deepEqual(bmcs.counts(0).commands, ['control 1']);
    // Status, command; then open, RAKP 1 and 3, privilege, and one look: all of that may come twice on a machine that is slow.
    assert.ok(bmcs.counts(0).received - before >= 7);
  }));

test('the console is reached by ipmitool, which is told where the password is, and not what', () =>
  withBmcs(2, { config: { passwords: { rack2: 'secret-of-rack2' }, privilege: 'operator' } }, async ({ bmcs, module }) => {
    const where = ['-I', 'lanplus', '-H', '127.0.0.1', '-p', String(bmcs.port(0))];
    const rest = ['-U', 'admin', '-L', 'OPERATOR', '-C', '17', '-E', 'sol', 'activate'];
    const program = { program: 'ipmitool', args: [...where, ...rest], secrets: { IPMI_PASSWORD: '/password' }, leave: '~.' };
    assert.deepEqual(await module.call('console', { node: 'n0' }), program);
    module.changed([{ node: 'n0', view: 'cfg', path: '/ipmi/secret', to: 'rack2' }]);
    const other = await module.call('console', { node: 'n0' });
    assert.deepEqual(other, { ...program, secrets: { IPMI_PASSWORD: '/passwords/rack2' } });
    assert.doesNotMatch(JSON.stringify(other), /secret-of/);
    module.changed([{ node: 'n1', view: 'cfg', path: '/ipmi/secret', to: 'rack3' }]);
    await assert.rejects(module.call('console', { node: 'n1' }), /config has no password rack3/);
    module.changed([{ node: 'n1', view: 'cfg', path: '/platform', to: 'sim' }]);
    await assert.rejects(module.call('console', { node: 'n1' }), /n1 is no node of platform ipmi/);
    await assert.rejects(module.call('console', { node: 'n9' }), /n9 is no node of platform ipmi/);
    assert.equal(bmcs.counts(0).received, 0);
  }));
