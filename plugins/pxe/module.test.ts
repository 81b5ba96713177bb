/** The module through the protocol, its servers played by the test: what it declares, prepares, observes, shows, and what it keeps for itself. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ModuleUnderTest, type TestNode, testModule } from '@kraken-hpc/sdk/testing';
import type { ClientKind, Step, Stranger } from './dhcp/types.ts';
import { pxe } from './module.ts';
import type { ServerOptions } from './servers.ts';

const ID = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
const MAC = (index: number): string => `52:54:00:00:00:0${index}`;
const kr = (index: number, more: TestNode['cfg'] = {}): NonNullable<TestNode['cfg']> => ({
  '/nodename': `kr${index}`,
  '/arch': 'amd64',
  '/ipv4/ifaces/kraken/eth/mac': MAC(index),
  '/ipv4/ifaces/kraken/ip/ip': `10.0.0.${index}`,
  '/ipv4/ifaces/kraken/ip/subnet': '255.255.255.0',
  ...more,
});
const CA = `sha256:${'A'.repeat(43)}`;
const SELF = { node: ID(1), ca: CA, listens: ['10.0.0.1:31415'] };

interface Lab {
  readonly module: ModuleUnderTest;
  readonly root: string;
  /** What the servers were opened with, the last first. */
  readonly opened: ServerOptions[];
  readonly closed: () => number;
}

async function lab(t: TestContext, nodes: Record<string, TestNode>, config: Record<string, unknown> = {}): Promise<Lab> {
  const root = mkdtempSync(join(tmpdir(), 'kraken-pxe-'));
  mkdirSync(join(root, 'amd64'));
  for (const name of ['kernel', 'initramfs', 'undionly.kpxe', 'snponly.efi']) writeFileSync(join(root, 'amd64', name), name);
  const opened: ServerOptions[] = [];
  let closed = 0;
  const module = pxe(async (options) => {
    if (options.interfaces.includes('none')) throw new Error('there is no interface none');
    opened.unshift(options);
    return { addresses: ['10.0.0.1'], close: async () => void closed++ };
  });
  const under = await testModule(module, { nodes, self: SELF, config: { interfaces: ['br0'], root, ...config } as never });
  t.after(async () => {
    await under.stop();
    rmSync(root, { recursive: true, force: true });
  });
  await until('it has started', () => under.log.some(({ message }) => message.startsWith('serving')));
  return { module: under, root, opened, closed: () => closed };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = performance.now() + 2000; !holds(); ) {
    assert.ok(performance.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

function exchange({ book, sink }: ServerOptions, mac: string, kind: ClientKind, xid: number): void {
  const lease = book.lease(mac) ?? assert.fail(`${mac} has no lease`);
  for (const step of ['DISCOVER', 'OFFER', 'REQUEST', 'ACK'] satisfies Step[]) sink.step(lease, kind, step, xid);
}

/** By the order in which it was told; `heard` as an exclamation mark. */
const said = (module: ModuleUnderTest, from = 0): string[] =>
  module.discovered.slice(from).map(({ values, heard }) => Object.values(values).join(' ') + (heard === 'dhcp' ? '!' : ''));

test('what it declares: two steps, what it sees by itself, that it may say who was heard; and nothing that is secret', () => {
  const { declaration } = pxe();
  assert.deepEqual(declaration.mutations, {
    wait: {
      mutates: { '/pxe/state': ['NONE', 'WAIT'] },
      requires: { '/physState': 'POWER_ON' },
      timeout: '60s',
    },
    boot: {
      mutates: { '/pxe/state': ['WAIT', 'INIT'], '/runState': ['UNKNOWN', 'INIT'] },
      requires: { '/physState': 'POWER_ON' },
      failTo: { '/physState': 'PHYS_HANG' },
      timeout: '20m',
    },
  });
  // Nothing that a secret could be in is shown to it.
  assert.deepEqual(declaration.reads, ['/nodename', '/arch', '/platform', '/parentId', '/ipv4/', '/pxe/', '/booted/id']);
  assert.deepEqual(
    Object.entries(declaration.config ?? {}).filter(([, schema]) => schema['x-secret'] === true),
    [],
  );
  assert.deepEqual(declaration.permissions, ['net', 'ports', 'sessions']);
  assert.deepEqual(Object.keys(declaration.calls ?? {}), ['show', 'strangers']);
  assert.equal(declaration.requires, undefined, 'it serves machines of every platform');
});

test('it waits for a node whose boot it could serve, and says of another what is missing', async (t) => {
  const bare = { '/nodename': 'kr9' };
  const { module } = await lab(t, { [ID(7)]: { cfg: kr(7) }, [ID(8)]: { cfg: kr(8, { '/arch': 'arm64' }) }, [ID(9)]: { cfg: bare } });
  const { observed, failed } = await module.run('wait');
  assert.deepEqual(observed, { [ID(7)]: { '/pxe/state': 'WAIT' } });
  assert.equal(failed[ID(8)]?.error, 'StepFailed');
  assert.match(
    failed[ID(8)]?.message ?? '',
    /^its boot cannot be served: there is no file kernel in \S+, nor below it in nodes\/kr8, arm64; there is no file/,
  );
  assert.match(failed[ID(9)]?.message ?? '', /it has no interface to boot from: set ipv4\.ifaces\.kraken\.eth\.mac/);
  assert.deepEqual(await module.run('boot', { nodes: [ID(7)] }), { observed: {}, failed: {} }, 'taken, and nothing to say yet');
});

test('a boot from the first packet to the last file, as the host and people see it', async (t) => {
  const { module, opened } = await lab(t, { [ID(7)]: { cfg: kr(7) } });
  const servers = opened[0] ?? assert.fail();
  assert.deepEqual((await module.run('wait')).failed, {});
  const from = module.discovered.length;
  exchange(servers, MAC(7), 'bios', 1);
  const fetch = async (name: string, by: 'tftp' | 'http'): Promise<string> => {
    const served = await servers.source.open(name, '10.0.0.7', by);
    assert.notEqual(served.kind, 'refused', `${name}: ${served.kind === 'refused' ? served.why : ''}`);
    servers.source.done(name, '10.0.0.7', by, 1, 1);
    return served.kind === 'bytes' ? String(served.bytes) : '';
  };
  await fetch('undionly.kpxe', 'tftp');
  exchange(servers, MAC(7), 'ipxe-bios', 2);
  const script = await fetch('boot.ipxe', 'http');
  for (const [, name] of script.matchAll(/http:\/\/10\.0\.0\.1:8067\/([0-9a-f]{16}\/\w+)/g)) await fetch(name ?? '', 'http');
  const steps = ['DISCOVER WAIT UNKNOWN!', 'OFFER', 'REQUEST', 'ACK INIT INIT!', 'LOADER'];
  const more = ['DISCOVER', 'OFFER', 'REQUEST', 'ACK', 'SCRIPT', 'KERNEL', 'INITRAMFS'];
  await until('all is told', () => module.discovered.length >= from + 12);
  // The host of this test never says that it has taken it in: from the script on it is said again.
  assert.deepEqual(
    said(module, from).map((line) => line.replace(/ (INIT|WAIT) \w+!$/, '')),
    [...steps.map((line) => line.replace(/ (INIT|WAIT) \w+!$/, '')), ...more],
  );
  assert.equal(said(module, from)[0], steps[0]);
  assert.equal(said(module, from)[3], steps[3]);
  const shown = (await module.call('show', { node: ID(7) })) as {
    script: string;
    ready: boolean;
    last: { steps: { step: string }[] };
    lease: object;
  };
  assert.equal(shown.ready, true);
  assert.equal(shown.script, script);
  assert.deepEqual(
    shown.last.steps.map(({ step }) => step),
    [
      ...['DISCOVER', 'OFFER', 'REQUEST', 'ACK', 'LOADER'],
      ...['DISCOVER', 'OFFER', 'REQUEST', 'ACK', 'SCRIPT', 'KERNEL', 'INITRAMFS'].map((step) => `${step} (ipxe-bios)`),
    ],
  );
  await assert.rejects(module.call('show', { node: 'nobody' }), /there is no node nobody among those that this service serves/);
});

for (const [kind, arch, expect] of [
  ['bios', 'amd64', { file: 'undionly.kpxe', next: '10.9.9.9' }],
  ['uefi-x64', 'amd64', { file: 'snponly.efi', next: '10.9.9.9' }],
  ['uefi-arm64', 'arm64', { file: 'snponly.efi', next: '10.9.9.9' }],
  ['uefi-arm64', 'amd64', undefined],
  ['bios', 'arm64', undefined],
  ['http-x64', 'amd64', { file: 'http://10.9.9.9:8067/snponly.efi' }],
  ['ipxe-bios', 'amd64', { file: 'http://10.9.9.9:8067/boot.ipxe', next: '10.9.9.9' }],
  ['ipxe-arm64', 'arm64', { file: 'http://10.9.9.9:8067/boot.ipxe', next: '10.9.9.9' }],
  ['other', 'amd64', undefined],
] as const)
  test(`what a client ${kind} of a machine ${arch} is told to boot`, async (t) => {
    const second = {
      '/ipv4/ifaces/data/eth/mac': '52:54:00:00:00:99',
      '/ipv4/ifaces/data/ip/ip': '10.1.0.7',
      '/ipv4/ifaces/data/ip/subnet': '255.255.255.0',
    };
    const { opened, module } = await lab(t, { [ID(7)]: { cfg: kr(7, { '/arch': arch, ...second }) } });
    const { book, sink } = opened[0] ?? assert.fail();
    const lease = book.lease(MAC(7)) ?? assert.fail();
    assert.deepEqual(book.boot(lease, kind, '10.9.9.9'), expect);
    if (expect === undefined && kind !== 'other')
      await until('it is told', () =>
        module.log.some(({ message }) => message.startsWith(`kr7 (${MAC(7)}) asks as ${kind}, which its arch is not`)),
      );
    const other = book.lease('52:54:00:00:00:99') ?? assert.fail();
    assert.equal(book.boot(other, kind, '10.9.9.9'), undefined, 'it boots from one interface');
    sink.step(other, kind, 'DISCOVER', 1);
    assert.deepEqual(said(module), []);
  });

test('its own loader and a server that nodes are told', async (t) => {
  const { opened } = await lab(
    t,
    { [ID(7)]: { cfg: kr(7, { '/pxe/loader': 'own.efi' }) } },
    { server: '10.0.0.250', ports: { http: 80 }, loaders: { bios: 'x' } },
  );
  const { book } = opened[0] ?? assert.fail();
  const lease = book.lease(MAC(7)) ?? assert.fail();
  assert.deepEqual(book.boot(lease, 'bios', '10.0.0.1'), { file: 'own.efi', next: '10.0.0.250' });
  assert.deepEqual(book.boot(lease, 'ipxe-x64', '10.0.0.1'), { file: 'http://10.0.0.250:80/boot.ipxe', next: '10.0.0.250' });
});

test("a MAC that two nodes have is nobody's: whose it is not is told, and it is no stranger", async (t) => {
  const { module, opened } = await lab(t, { [ID(7)]: { cfg: kr(7) }, [ID(8)]: { cfg: kr(8, { '/ipv4/ifaces/kraken/eth/mac': MAC(7) }) } });
  const { book, sink } = opened[0] ?? assert.fail();
  assert.equal(book.lease(MAC(7)), undefined);
  for (let i = 0; i < 100; i++) sink.stranger({ mac: MAC(7), kind: 'bios', vendor: '', via: 'br0' });
  await until('it is told', () => module.log.some(({ level }) => level === 'warn'));
  const told = module.log.filter(({ level }) => level === 'warn').map(({ message }) => message);
  assert.match(told[0] ?? '', /^kr7 is not served: MAC 52:54:00:00:00:07 of its interface kraken is also that of kr8 \(interface kraken\)/);
  assert.equal(told.length, 20, 'a log is not filled by whoever sends packets');
  assert.deepEqual(await module.call('strangers'), { strangers: [] });
});

test('strangers are listed until they are nodes, the last first, at most 256', async (t) => {
  const { module, opened } = await lab(t, { [ID(7)]: { cfg: kr(7) } });
  const { sink } = opened[0] ?? assert.fail();
  const stranger = (mac: string): Stranger => ({ mac, kind: 'bios', vendor: 'PXEClient', via: 'br0' });
  const list = async (): Promise<string[]> =>
    ((await module.call('strangers')) as { strangers: { mac: string; asked: number }[] }).strangers.map(
      ({ mac, asked }) => `${mac} ${asked}`,
    );
  sink.stranger(stranger(MAC(8)));
  sink.stranger(stranger(MAC(9)));
  sink.stranger(stranger(MAC(8)));
  sink.stranger(stranger(MAC(7)));
  assert.deepEqual(await list(), [`${MAC(8)} 2`, `${MAC(9)} 1`]);
  assert.equal(module.log.filter(({ message }) => message.includes('unknown machine')).length, 2, 'each is told once');
  module.changed(Object.entries(kr(8)).map(([path, to]) => ({ node: ID(8), view: 'cfg', path, to: to as never })));
  await module.call('strangers');
  assert.deepEqual(await list(), [`${MAC(9)} 1`]);
  for (let i = 0; i < 1000; i++)
    sink.stranger(stranger(`02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`));
  assert.equal((await list()).length, 256);
});

test('whether a node runs what it would be given: after a change of its document', async (t) => {
  const { module } = await lab(t, { [ID(7)]: { cfg: kr(7), dsc: { '/booted/id': 'x' } } });
  await until('it is compared', () => said(module).includes('OLD'));
  const { boot } = (await module.call('show', { node: 'kr7' })) as { boot: string };
  module.changed([{ node: ID(7), view: 'dsc', path: '/booted/id', to: boot }]);
  await until('it is current', () => said(module).includes('CURRENT'));
  module.changed([{ node: ID(7), view: 'dsc', path: '/pxe/boot', to: 'CURRENT' }]);
  const from = module.discovered.length;
  module.changed([{ node: ID(7), view: 'cfg', path: '/pxe/args', to: 'quiet' }]);
  await until('it is old', () => said(module, from).includes('OLD'));
});

test('another configuration opens the servers anew; one that cannot be leaves the old one in force', async (t) => {
  const { module, opened, closed, root } = await lab(t, { [ID(7)]: { cfg: kr(7) } });
  const config = { interfaces: ['br0'], root, mode: 'proxy', leaseTime: '1h' };
  await module.update(config);
  assert.deepEqual([opened[0]?.mode, opened[0]?.book.lease(MAC(7))?.seconds, closed()], ['proxy', 3600, 1]);
  await assert.rejects(module.update({ ...config, mode: 'dhcp', interfaces: ['none'] }), /there is no interface none/);
  assert.deepEqual([opened[0]?.mode, opened.length], ['proxy', 3]);
  assert.equal(((await module.call('show', { node: 'kr7' })) as { ready: boolean }).ready, true);
});

test('what cannot be opened now is said, to whoever asks and as a failed step, and is tried again', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'kraken-pxe-'));
  let tries = 0;
  const module = pxe(async () => {
    tries++;
    throw new Error('interface br0 has no IPv4 address: set it up');
  });
  const config = { interfaces: ['br0'], root };
  const under = await testModule(module, { nodes: { [ID(7)]: { cfg: kr(7) } }, self: SELF, config });
  t.after(async () => {
    await under.stop();
    rmSync(root, { recursive: true });
  });
  await until('it is said', () => under.log.length > 0);
  assert.deepEqual(
    under.log.map(({ level, message }) => `${level} ${message}`),
    ['error nothing is served: interface br0 has no IPv4 address: set it up; this is tried again every 5 s'],
  );
  assert.match((await under.run('wait')).failed[ID(7)]?.message ?? '', /^nothing is served: interface br0 has no IPv4 address: set it up$/);
  const { missing } = (await under.call('show', { node: 'kr7' })) as { missing: string[] };
  assert.equal(missing[0], 'interface br0 has no IPv4 address: set it up');
  assert.equal(tries, 1);
});

for (const [name, config, message] of [
  ['no root', { root: 'boot' }, /root must match \^\//],
  ['a kernel out of the root', { kernel: '../vmlinuz' }, /kernel must match/],
  ['no time', { leaseTime: 'long' }, /leaseTime must match/],
  ['a port that there is not', { ports: { smtp: 25 } }, /ports\/smtp is not known/],
  ['no mode', { mode: 'on' }, /mode must be one of dhcp, proxy, off/],
] as const)
  test(`refused, and said why: ${name}`, async (t) => {
    await assert.rejects(lab(t, {}, config), message);
  });
