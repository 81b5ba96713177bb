/** The libvirt plugin and a real libvirtd: a hypervisor full of machines, what others do to them, one machine from cold to SYNC. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ModuleUnderTest, testModule } from '@kraken-hpc/sdk/testing';
import { BRIDGE, macOf } from '../../host/vm/network.ts';
import { libvirt } from '../../plugins/libvirt/module.ts';
import { BoxLab } from './box-lab.ts';
import { install } from './install.ts';
import { LIBVIRT, Libvirtd } from './libvirtd.ts';

const COUNT = 12;
const ON = { '/physState': 'POWER_ON' };
const OFF = { '/physState': 'POWER_OFF' };
const TYPE = "<type arch='x86_64' machine='pc'>hvm</type>";
const TINY = `<memory unit='MiB'>16</memory><vcpu>1</vcpu><os>${TYPE}</os><devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices>`;

const folder = mkdtempSync(join(tmpdir(), 'kraken-libvirt-'));
const hypervisor = new Libvirtd(folder);
let module: ModuleUnderTest;

const nameOf = (number: number): string => `vm${number}`;
const all = (values: object): object => Object.fromEntries(Array.from({ length: COUNT }, (_, i) => [nameOf(i), values]));

before(async () => {
  install(LIBVIRT);
  await hypervisor.start();
  for (let i = 0; i < COUNT; i++) hypervisor.define(nameOf(i), TINY);
  const nodes = Array.from({ length: COUNT }, (_, i) => {
    const cfg = { '/nodename': `kr${i}`, '/platform': 'libvirt', '/vm/vmName': nameOf(i), '/vm/apiServer': 'own' };
    return [nameOf(i), { cfg }] as const;
  });
  module = await testModule(libvirt(), {
    config: { servers: { own: { uri: hypervisor.uri } }, bootOverride: 'network' },
    nodes: Object.fromEntries(nodes),
  });
});
after(async () => {
  await module?.stop();
  await hypervisor.end();
  rmSync(folder, { recursive: true, force: true });
});

test('all machines of a hypervisor are read by one call, switched on, read again, switched off', async () => {
  const times: string[] = [];
  const timed = async <T>(what: string, run: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const done = await run();
    times.push(`${what} ${Math.round(performance.now() - from)} ms`);
    return done;
  };
  assert.deepEqual((await timed('off, read', () => module.poll('power'))).observed, all(OFF));
  const on = await timed('switched on', () => module.run('powerOn', { within: 60_000 }));
  assert.deepEqual([on.observed, on.failed], [all(ON), {}]);
  assert.deepEqual((await timed('on, read', () => module.poll('power'))).observed, all(ON));
  const off = await timed('switched off', () => module.run('powerOff', { within: 60_000 }));
  assert.deepEqual([off.observed, off.failed], [all(OFF), {}]);
  console.log(`  ${COUNT} machines: ${times.join(', ')}`);
});

test('a machine boots from the network first this once; its definition stays as it is', async () => {
  assert.deepEqual((await module.run('powerOn', { nodes: ['vm0'] })).observed, { vm0: ON });
  assert.match(hypervisor.virsh('dumpxml', 'vm0'), /<boot dev='network'\/>/);
  assert.doesNotMatch(hypervisor.virsh('dumpxml', '--inactive', 'vm0'), /<boot dev='network'\/>/);
});

test('what others do is seen: paused is on, destroyed is off, and who is off is not switched off again', async () => {
  hypervisor.virsh('suspend', 'vm0');
  assert.deepEqual((await module.poll('power')).observed['vm0'], ON);
  hypervisor.virsh('destroy', 'vm0');
  assert.deepEqual((await module.poll('power')).observed['vm0'], OFF);
  assert.deepEqual((await module.run('unhang', { nodes: ['vm0'] })).observed, { vm0: OFF });
});

test('a domain that nobody has defined is named, and the others are read', async () => {
  hypervisor.virsh('undefine', 'vm1');
  const { observed, failed } = await module.poll('power');
  assert.match(failed['vm1']?.message ?? '', /domain vm1 of qemu:\/\/\/system.* does not exist: define it/);
  assert.equal(Object.keys(observed).length, COUNT - 1);
  hypervisor.define('vm1', TINY);
});

test('a libvirtd that is away is no power action, its machines run on, and it is found when it is back', async () => {
  assert.deepEqual((await module.run('powerOn', { nodes: ['vm2'] })).observed, { vm2: ON });
  await hypervisor.stop();
  const { observed, failed } = await module.poll('power');
  assert.deepEqual(observed, {});
  assert.equal(failed['vm2']?.error, 'NodeUnreachable', failed['vm2']?.message);
  assert.match(failed['vm2']?.message ?? '', /did not answer/);
  await hypervisor.start();
  // A command is always tried, however long its hypervisor was away.
  assert.deepEqual((await module.run('powerOn', { nodes: ['vm3'], within: 30_000 })).observed, { vm3: ON });
  assert.deepEqual((await module.poll('power')).observed['vm2'], ON, 'its machines ran on');
});

/** A PC as host/vm makes it, as a domain on the box's bridge. */
function pc(log: string): string {
  const card = `<interface type='bridge'><mac address='${macOf(1)}'/><source bridge='${BRIDGE}'/><model type='virtio'/></interface>`;
  const serial = `<serial type='file'><source path='${log}'/></serial>`;
  const devices = `<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>${card}${serial}<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>`;
  return `<memory unit='MiB'>512</memory><vcpu>1</vcpu><os>${TYPE}<boot dev='network'/></os><features><acpi/></features>${devices}`;
}

test('a machine of a hypervisor, described while it is off, boots over the network and is in sync; ordered off, it quiesces first', async () => {
  const box = mkdtempSync(join(tmpdir(), 'kraken-libvirt-box-'));
  const uri = `qemu:///system?socket=${join(box, 'libvirt-sock')}`;
  const services = { libvirt: { module: 'libvirt', config: { servers: { box: { uri } } } } };
  const lab = await BoxLab.open({ machines: 1, kind: 'qemu', firmware: 'bios', args: 'console=ttyS0 panic=1', services });
  const inside = new Libvirtd(box, (program, args, options) => lab.box.network.spawn(program, args, options));
  try {
    await inside.start();
    inside.define('kr1', pc(join(box, 'serial.log')));
    const [node = {}] = lab.box.nodes();
    const { ipmi: _bmc, ...described } = node;
    const from = await lab.apply([{ ...described, platform: 'libvirt', vm: { apiServer: 'box', vmName: 'kr1' } }]);
    await lab.until('SYNC', 120, async () => (await lab.inSync()).length === 1);
    console.log(`  SYNC ${((Date.now() - from) / 1000).toFixed(1)} s after the description`);
    await lab.kraken('node', 'power', 'off', 'kr1', '--yes');
    await lab.until('off', 60, async () => (await lab.seen('/physState')).get('kr1') === 'POWER_OFF');
    const steps = (await lab.history()).filter(({ node: name, view, path }) => {
      return name === 'kr1' && (path === 'sent' || (view === 'dsc' && path === '/runState'));
    });
    const all = steps.map(({ path, to }) => `${path} ${to ?? 'UNKNOWN'}`).filter((step) => /libvirt|SYNC|INIT/.test(step));
    // Two may say the same of it: who saw it boot, and who took it in.
    const said = all.filter((step, at) => step !== all[at - 1]);
    assert.deepEqual(said, [
      ...['sent libvirt/powerOn', '/runState INIT', '/runState SYNC'],
      // Its own host quiesces, then it is switched off.
      ...['/runState INIT', 'sent libvirt/powerOff'],
    ]);
    assert.match(inside.virsh('domstate', 'kr1'), /shut off/);
  } finally {
    await inside.end().catch(() => {});
    await lab.end();
    rmSync(box, { recursive: true, force: true });
  }
});
