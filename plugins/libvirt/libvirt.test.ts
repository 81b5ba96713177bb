/** The plugin over a virsh that can be made to misbehave. That libvirt understands it is shown by test/real/libvirt.real.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ModuleUnderTest, type TestNode, testModule } from '@kraken-hpc/sdk/testing';
import { networkFirst, seenIn } from './domain.ts';
import { libvirt } from './module.ts';
import { FakeVirsh } from './test/fake-virsh.ts';

const OFF = { '/physState': 'POWER_OFF' };
const ON = { '/physState': 'POWER_ON' };

async function withDomains(
  count: number,
  config: object,
  run: (virsh: FakeVirsh, module: ModuleUnderTest) => Promise<void>,
  cfg: Record<string, string> = {},
): Promise<void> {
  const virsh = new FakeVirsh(count);
  const nodes: Record<string, TestNode> = {};
  for (let domain = 0; domain < count; domain++)
    nodes[`n${domain}`] = { cfg: { '/nodename': `kr${domain}`, '/platform': 'libvirt', '/vm/vmName': `${domain}`, ...cfg } };
  const module = await testModule(libvirt(), { config: { virsh: virsh.program, answerMs: 1000, ...config }, nodes });
  try {
    await run(virsh, module);
  } finally {
    await module.stop();
    virsh.end();
  }
}

test('one process reads 200 domains, and a command goes to a UUID: a name of digits is another domain to virsh', () =>
  withDomains(200, {}, async (virsh, module) => {
    assert.deepEqual(Object.values((await module.poll('power')).observed), Array(200).fill(OFF));
    assert.equal(virsh.calls().length, 1);
    assert.deepEqual((await module.run('powerOn', { nodes: ['n7'] })).observed, { n7: ON });
    assert.deepEqual(
      virsh.calls().filter((call) => !/domstats/.test(call)),
      [`qemu:///system start ${virsh.uuid(7)}`],
    );
    assert.deepEqual((await module.run('powerOff', { nodes: ['n7'] })).observed, { n7: OFF });
    assert.ok(virsh.calls().includes(`qemu:///system destroy ${virsh.uuid(7)}`));
    assert.equal(virsh.isOn(7), false);
  }));

for (const [state, isOn] of Object.entries({ 0: true, 1: true, 2: true, 3: true, 4: true, 5: false, 6: true, 7: true }))
  test(`state ${state} is ${isOn ? 'on' : 'off'}`, () =>
    withDomains(1, {}, async (virsh, module) => {
      virsh.set(0, Number(state));
      assert.deepEqual((await module.poll('power')).observed, { n0: isOn ? ON : OFF });
      assert.deepEqual((await module.run('unhang')).observed, { n0: OFF });
    }));

test('reported is what was read: a domain that does not start is off', () =>
  withDomains(1, {}, async (virsh, module) => {
    virsh.behave('deaf', '');
    assert.deepEqual((await module.run('powerOn', { within: 8000 })).observed, { n0: OFF });
  }));

test('a start whose answer stays out is not given twice', () =>
  withDomains(1, {}, async (virsh, module) => {
    virsh.behave('lost', '');
    assert.deepEqual((await module.run('powerOn', { within: 8000 })).observed, { n0: ON });
    assert.equal(virsh.calls().filter((call) => / start /.test(call)).length, 1);
  }));

const TROUBLES: Readonly<Record<string, readonly [error: string, says: RegExp]>> = {
  'error: failed to connect to the hypervisor\nerror: no socket': [
    'NodeUnreachable',
    /^libvirt at qemu:\/\/\/system did not answer: .*no socket/,
  ],
  'error: authentication failed: who are you': ['LoginRefused', /refused us/],
  'error: Timed out during operation: cannot acquire state change lock': ['DeviceBusy', /is busy/],
  'error: something else': ['StepFailed', /something else/],
};
for (const [said, [error, says]] of Object.entries(TROUBLES))
  test(`${said.split('\n')[0]}: ${error}`, () =>
    withDomains(2, {}, async (virsh, module) => {
      virsh.behave('trouble', said);
      for (const { observed, failed } of [await module.poll('power'), await module.run('powerOn')]) {
        assert.deepEqual(observed, {});
        for (const node of ['n0', 'n1']) {
          assert.equal(failed[node]?.error, error);
          assert.match(failed[node]?.message ?? '', says);
        }
      }
    }));

test('a hypervisor that is silent does not hold up another one', () =>
  withDomains(1, { servers: { other: { uri: 'test:///default' } } }, async (virsh, module) => {
    virsh.behave('silent', '');
    const { failed } = await module.poll('power');
    assert.equal(failed['n0']?.error, 'NodeUnreachable');
    assert.match(failed['n0']?.message ?? '', /did not answer within 1 s/);
    const from = performance.now();
    assert.equal((await module.poll('power')).failed['n0']?.error, 'NodeUnreachable');
    assert.ok(performance.now() - from < 500, 'the sweep waited for the dead');
  }));

for (const [what, cfg, error, says] of [
  ['no such domain', { '/vm/vmName': 'nobody' }, 'NodeUnreachable', /domain nobody of qemu:\/\/\/system does not exist/],
  ['no such server', { '/vm/apiServer': 'rack9' }, 'Terminal', /no server rack9: add servers\.rack9\.uri/],
  ['no UUID', { '/vm/uuid': '7' }, 'Terminal', /is no UUID/],
] as const)
  test(`${what}: ${error}`, () =>
    withDomains(
      1,
      {},
      async (_virsh, module) => {
        const { failed } = await module.poll('power');
        assert.equal(failed['n0']?.error, error);
        assert.match(failed['n0']?.message ?? '', says);
      },
      cfg,
    ));

test('a domain that another node names too is switched for neither', () =>
  withDomains(1, {}, async (virsh, module) => {
    module.changed([{ node: 'twin', view: 'cfg', path: '', to: { nodename: 'kr9', platform: 'libvirt', vm: { vmName: '0' } } }]);
    const { failed } = await module.run('powerOn');
    assert.match(failed['n0']?.message ?? '', /is also that of kr9, .* correct \/vm\/apiServer or \/vm\/vmName or \/vm\/uuid/);
    assert.deepEqual(virsh.calls(), []);
  }));

test('booted from the network with a definition for this once', () =>
  withDomains(1, { bootOverride: 'network' }, async (virsh, module) => {
    const disk = "<disk><boot order='1'/></disk>";
    virsh.behave('xml', `<domain><uuid>${virsh.uuid(0)}</uuid>\n<os>\n <boot dev='hd'/>\n</os>${disk}</domain>`);
    assert.deepEqual((await module.run('powerOn')).observed, { n0: ON });
    assert.match(virsh.created(), /<boot dev='network'\/>\s*<boot dev='hd'\/>\s*<\/os><disk><\/disk>/);
    assert.deepEqual(
      virsh.calls().filter((call) => / start /.test(call)),
      [],
    );
  }));

test('names with blanks and quotes are read whole', () => {
  const uuid = '52846478-9887-443f-8098-7d0a8b803449';
  assert.deepEqual(seenIn(`Domain: 'it's a vm'\n  state.state=3\n  state.reason=0\n\n${uuid} it's a vm\n`), [
    { uuid, name: "it's a vm", isOn: true },
  ]);
  assert.equal(networkFirst('<os></os>').match(/network/g)?.length, 1);
});

test('the console of a domain is reached by virsh; a name of digits would be that of another one', () =>
  withDomains(
    1,
    { servers: { rack1: { uri: 'qemu+ssh://root@rack1/system' } } },
    async (virsh, module) => {
      const args = ['-c', 'qemu+ssh://root@rack1/system', 'console', '--safe', '--domain', 'vm7'];
      assert.deepEqual(await module.call('console', { node: 'n0' }), { program: virsh.program, args, leave: 'Ctrl-]' });
      module.changed([{ node: 'n0', view: 'cfg', path: '/vm/vmName', to: '7' }]);
      await assert.rejects(module.call('console', { node: 'n0' }), /takes its name 7 for a number: set its \/vm\/uuid/);
      module.changed([{ node: 'n0', view: 'cfg', path: '/vm/uuid', to: virsh.uuid(0) }]);
      assert.ok(JSON.stringify(await module.call('console', { node: 'n0' })).includes(virsh.uuid(0)));
      assert.deepEqual(virsh.calls(), []);
    },
    { '/vm/apiServer': 'rack1', '/vm/vmName': 'vm7' },
  ));
