/** The DHCP server against clients, relays, firmware and a load generator that others wrote, on segments of its own. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DhcpLab, type Served } from './dhcp-lab.ts';
import { install } from './install.ts';

const MASK = '255.255.255.0';
const CLIENT = '02:00:00:00:20:07';
const SECOND = '02:00:00:00:30:07';
const FAR = '02:00:00:00:40:07';
const SITE = '02:00:00:00:50:07';
const STRANGER = '02:00:00:00:99:99';
const UUID = '11223344-5566-7788-99aa-bbccddeeff00';
const SITE_BOOTS = { 'ipxe-bios': { file: 'http://10.50.0.1/boot.ipxe' } };
const BOOTS = {
  bios: { file: 'undionly.kpxe' },
  'uefi-x64': { file: 'snponly.efi' },
  'http-x64': { file: 'http://10.20.0.1/snponly.efi' },
  'ipxe-bios': { file: 'http://10.20.0.1/boot.ipxe' },
  'ipxe-x64': { file: 'http://10.20.0.1/boot.ipxe' },
};
const lease = (name: string, mac: string, ip: string) => ({
  node: name,
  name,
  mac,
  ip,
  mask: MASK,
  router: ip.replace(/\d+$/, '254'),
  dns: ['10.20.0.53'],
  domain: 'cluster.test',
  mtu: 1400,
  seconds: 600,
});
const LEASES = [lease('kr7', CLIENT, '10.20.0.7'), lease('kr8', SECOND, '10.30.0.7'), lease('kr9', FAR, '10.40.0.7')];

let lab: DhcpLab;
let server: Served;

before(async () => {
  install({
    udhcpc: 'udhcpc',
    dhclient: 'isc-dhcp-client',
    dhcping: 'dhcping',
    dhcrelay: 'isc-dhcp-relay',
    perfdhcp: 'kea-admin',
    dnsmasq: 'dnsmasq-base',
    'qemu-system-x86_64': 'qemu-system-x86',
    '/usr/lib/ipxe/qemu/pxe-virtio.rom': 'ipxe-qemu',
    '/usr/share/seabios/bios.bin': 'seabios',
    '/usr/share/ovmf/OVMF.fd': 'ovmf',
    ip: 'iproute2',
  });
  lab = new DhcpLab(['near', 'side', 'far', 'site', 'load']);
  lab.host('server', { eth0: { segment: 'near', address: '10.20.0.1/24' }, eth1: { segment: 'side', address: '10.30.0.1/24' } });
  lab.host('client', { eth0: { segment: 'near', mac: CLIENT } });
  lab.host('second', { eth0: { segment: 'side', mac: SECOND } });
  lab.host('relay', { eth0: { segment: 'near', address: '10.20.0.2/24' }, eth1: { segment: 'far', address: '10.40.0.1/24' } });
  lab.host('far', { eth0: { segment: 'far', mac: FAR } });
  lab.host('stranger', { eth0: { segment: 'near', mac: STRANGER } });
  lab.host('dnsmasq', { eth0: { segment: 'site', address: '10.50.0.2/24' } });
  lab.host('proxy', { eth0: { segment: 'site', address: '10.50.0.1/24' } });
  lab.host('booter', { eth0: { segment: 'site', mac: SITE } });
  lab.host('loaded', { eth0: { segment: 'load', address: '10.60.0.1/16' } });
  lab.host('load', { eth0: { segment: 'load', address: '10.60.0.2/16' } });
  lab.ip('server', 'route', 'add', '10.40.0.0/24', 'via', '10.20.0.2');
  server = await lab.serve('server', { interfaces: ['eth0', 'eth1'], leases: LEASES, boots: BOOTS, serves: true });
});
after(async () => {
  await server?.stop();
  lab?.end();
});

/** What the client's script was told in all its calls. */
async function told(file: string): Promise<Record<string, string>> {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  return Object.fromEntries(
    lines.filter((line) => line.includes('=')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

async function udhcpc(host: string, ...args: string[]) {
  const out = join(lab.folder, `udhcpc-${host}-${Math.random()}`);
  const script = lab.file(`udhcpc-${host}.sh`, `#!/bin/sh\nenv >> ${out}\nexit 0\n`, 0o755);
  const ended = await lab.run(host, 'udhcpc', ['-i', 'eth0', '-n', '-q', '-f', '-t', '3', '-T', '1', '-s', script, ...args]);
  return { ...ended, told: await told(out) };
}

/** A machine that has nothing but its firmware; `args` choose another than SeaBIOS with iPXE's ROM. */
function boot(tap: string, mac: string, { args = [], rom }: { args?: readonly string[]; rom?: string } = {}) {
  const net = [
    '-netdev',
    `tap,id=n0,ifname=${tap},script=no,downscript=no`,
    '-device',
    `virtio-net-pci,netdev=n0,mac=${mac}${rom === undefined ? '' : `,romfile=${rom}`}`,
  ];
  const machine = [
    '-M',
    'pc',
    '-accel',
    'tcg',
    '-m',
    '256',
    '-display',
    'none',
    '-monitor',
    'none',
    '-serial',
    'none',
    '-uuid',
    UUID,
    '-boot',
    'n',
  ];
  return lab.start(undefined, 'qemu-system-x86_64', [...machine, ...net, ...args]);
}

test('udhcpc gets its lease, all that it asks for, and is no boot client', async () => {
  server.forget();
  const { code, said, told } = await udhcpc('client', '-O', 'mtu', '-O', 'router', '-O', 'domain', '-O', 'hostname', '-O', 'dns');
  assert.equal(code, 0, said);
  const { ip, subnet, router, dns, domain, hostname, mtu, lease, serverid } = told;
  assert.deepEqual(
    { ip, subnet, router, dns, domain, hostname, mtu, lease, serverid },
    {
      ip: '10.20.0.7',
      subnet: MASK,
      router: '10.20.0.254',
      dns: '10.20.0.53',
      domain: 'cluster.test',
      hostname: 'kr7',
      mtu: '1400',
      lease: '600',
      serverid: '10.20.0.1',
    },
  );
  assert.deepEqual(server.steps('kr7'), ['other DISCOVER', 'other OFFER', 'other REQUEST', 'other ACK']);
});

test('a client on the other interface is answered there, by the address of that interface', async () => {
  const { code, said, told } = await udhcpc('second');
  assert.equal(code, 0, said);
  assert.deepEqual([told['ip'], told['serverid']], ['10.30.0.7', '10.30.0.1']);
});

test('udhcpc as firmware is given its file', async () => {
  server.forget();
  const { code, said, told } = await udhcpc(
    'client',
    '-V',
    'PXEClient:Arch:00007:UNDI:003016',
    '-x',
    '0x5d:0007',
    '-O',
    'bootfile',
    '-O',
    'tftp',
  );
  assert.equal(code, 0, said);
  assert.deepEqual([told['siaddr'], told['boot_file'] ?? told['bootfile']], ['10.20.0.1', 'snponly.efi']);
  assert.deepEqual(server.steps('kr7'), ['uefi-x64 DISCOVER', 'uefi-x64 OFFER', 'uefi-x64 REQUEST', 'uefi-x64 ACK']);
});

test('dhclient gets a lease; with an address that is not its own it is refused and starts anew', async () => {
  const leases = lab.file(
    'dhclient.leases',
    'lease { interface "eth0"; fixed-address 10.20.0.99; renew 5 2040/01/01 00:00:00; rebind 5 2040/01/02 00:00:00; expire 5 2040/01/03 00:00:00; }\n',
  );
  const script = lab.file('dhclient.sh', '#!/bin/sh\nexit 0\n', 0o755);
  const conf = lab.file('dhclient.conf', 'timeout 8;\n');
  const args = ['-4', '-1', '-d', '-v', '-cf', conf, '-lf', leases, '-pf', join(lab.folder, 'dhclient.pid'), '-sf', script, 'eth0'];
  server.forget();
  const client = lab.start('client', 'dhclient', args);
  let said = '';
  client.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  await server.until(({ is, step }) => is === 'step' && step === 'ACK', 15);
  await sleep(300);
  client.kill('SIGKILL');
  assert.match(said, /DHCPNAK/);
  assert.match(said, /bound to 10\.20\.0\.7/);
  assert.deepEqual(server.steps('kr7'), ['other REQUEST', 'other DISCOVER', 'other OFFER', 'other REQUEST', 'other ACK']);
});

test('dhcping is answered', async () => {
  lab.ip('client', 'addr', 'add', '10.20.0.7/24', 'dev', 'eth0');
  const { code, said } = await lab.run('client', 'dhcping', ['-v', '-t', '2', '-c', '10.20.0.7', '-s', '10.20.0.1', '-h', CLIENT]);
  lab.ip('client', 'addr', 'flush', 'dev', 'eth0');
  assert.equal(code, 0, said);
  assert.match(said, /Got answer from: 10\.20\.0\.1/);
});

test('behind a relay, whose own option comes back to it', async () => {
  const relay = lab.start('relay', 'dhcrelay', ['-4', '-d', '-a', '-id', 'eth1', '-iu', 'eth0', '10.20.0.1']);
  await sleep(500);
  const { code, said, told } = await udhcpc('far');
  relay.kill();
  assert.equal(code, 0, said);
  assert.deepEqual([told['ip'], told['router'], told['serverid']], ['10.40.0.7', '10.40.0.254', '10.20.0.1']);
});

test('a stranger gets nothing, and is seen', async () => {
  server.forget();
  const { code } = await udhcpc('stranger', '-V', 'PXEClient:Arch:00000', '-x', '0x5d:0000');
  assert.equal(code, 1);
  const strangers = server.seen.filter(({ is }) => is === 'stranger');
  assert.deepEqual(strangers, [{ is: 'stranger', mac: STRANGER, kind: 'bios', vendor: 'PXEClient:Arch:00000', via: 'eth0 or eth1' }]);
  assert.equal(server.steps('kr7').length, 0);
});

test('beside a server of the site the proxy says only what to boot', async () => {
  const dnsmasq = lab.start('dnsmasq', 'dnsmasq', [
    '-k',
    '-p',
    '0',
    '-C',
    '/dev/null',
    '-i',
    'eth0',
    '--bind-interfaces',
    '--dhcp-range=10.50.0.100,10.50.0.110,600',
    '--leasefile-ro',
    '--no-ping',
    '-u',
    'root',
  ]);
  const proxy = await lab.serve('proxy', {
    interfaces: ['eth0'],
    proxy: true,
    serves: true,
    leases: [lease('kr50', SITE, '10.50.0.7')],
    boots: SITE_BOOTS,
  });
  await sleep(300);
  const plain = await udhcpc('booter');
  assert.equal(plain.code, 0, plain.said);
  assert.deepEqual([plain.told['serverid'], plain.told['siaddr']], ['10.50.0.2', '10.50.0.2']);
  assert.deepEqual(proxy.steps('kr50'), []);
  lab.tap('tapsite', 'site');
  const machine = boot('tapsite', SITE);
  await proxy.until(({ is }) => is === 'fetch', 90);
  machine.kill('SIGKILL');
  assert.deepEqual(proxy.steps('kr50').slice(0, 2), ['ipxe-bios DISCOVER', 'ipxe-bios OFFER']);
  assert.ok(proxy.steps('kr50').includes('ipxe-bios REQUEST'), 'it has not taken the address of the site');
  assert.ok(proxy.seen.some(({ is, by, file }) => is === 'fetch' && by === 'http' && file === '/boot.ipxe'));
  dnsmasq.kill();
  await proxy.stop();
});

test('2,000 full exchanges a second with less than one in a hundred lost, in flat memory', async () => {
  const count = 200;
  const load = await lab.serve('loaded', {
    interfaces: ['eth0'],
    isQuiet: true,
    many: { mac: '00:0c:01:02:03:04', ip: '10.60.1.1', count },
  });
  const perfdhcp = (rate: number, seconds: number) =>
    lab.run(
      'load',
      'perfdhcp',
      ['-4', '-l', 'eth0', '-R', String(count), '-r', String(rate), '-p', String(seconds), '-W', '2', '10.60.0.1'],
      60,
    );
  await perfdhcp(500, 2);
  const before = await load.counts();
  const { said } = await perfdhcp(2000, 10);
  const after = await load.counts();
  await load.stop();
  const drops = [...said.matchAll(/drops ratio: ([\d.]+)/g)].map(([, ratio]) => Number(ratio));
  const averages = [...said.matchAll(/avg delay: ([\d.]+)/g)].map(([, delay]) => Number(delay));
  const rate = /Rate: ([\d.]+)/.exec(said)?.[1];
  const mb = (of: unknown) => Math.round(Number(of) / 1e6);
  console.log(
    `  ${rate} exchanges/s; lost ${drops.join(' % and ')} %; average ${averages.join(' and ')} ms; RSS ${mb(before['rss'])} → ${mb(after['rss'])} MB`,
  );
  console.log(
    `  CPU ${((Number((after['cpu'] as { user: number }).user) - Number((before['cpu'] as { user: number }).user)) / 1e6).toFixed(1)} s of user time`,
  );
  assert.equal(drops.length, 2, said);
  assert.ok(
    drops.every((ratio) => ratio < 1),
    said,
  );
  assert.ok(Number(rate) > 1900, said);
  assert.ok(Number(after['worst']) - Number(before['rss']) < 60e6);
});

test('noise on the wire changes nothing', async () => {
  const before = await server.counts();
  const noise = lab.file(
    'noise.mjs',
    `import { createSocket } from 'node:dgram';
import { randomBytes } from 'node:crypto';
const socket = createSocket('udp4');
const head = Buffer.alloc(240); head.set([1, 1, 6]); head.set([2, 0, 0, 0, 0x20, 7], 28); head.writeUInt32BE(0x63825363, 236);
socket.bind(0, async () => {
  for (let i = 0; i < 3000; i++) {
    const tail = randomBytes(i % 400);
    const bytes = i % 3 === 0 ? tail : Buffer.concat([head, Buffer.of(53, 1, i % 9), tail]);
    await new Promise((resolve) => socket.send(bytes, 67, '10.20.0.1', resolve));
  }
  socket.close();
});`,
  );
  assert.equal((await lab.run('relay', process.execPath, [noise])).code, 0);
  const after = await server.counts();
  assert.ok(Number(after['malformed']) - Number(before['malformed']) > 1000, JSON.stringify(after));
  assert.equal((await udhcpc('client')).told['ip'], '10.20.0.7');
});

test('without the right to its port, and on an interface that is not there, it says what to do', async () => {
  const program = new URL('dhcp-program.ts', import.meta.url).pathname;
  const start =
    (...before: string[]) =>
    (interfaces: string) =>
      lab.run('loaded', before[0] ?? '', [
        ...before.slice(1),
        '--import',
        'tsx',
        '--conditions=kraken-source',
        program,
        JSON.stringify({ interfaces: [interfaces] }),
      ]);
  const { said } = await start('setpriv', '--bounding-set=-net_bind_service', '--inh-caps=-net_bind_service', process.execPath)('eth0');
  assert.match(said, /DHCP may not open UDP port 67 on 10\.60\.0\.1 \(eth0\): .*CAP_NET_BIND_SERVICE/);
  assert.match(
    (await start(process.execPath)('eth9')).said,
    /DHCP cannot serve eth9: this machine has no such interface; there are .*eth0 \(10\.60\.0\.1\)/,
  );
});

const OVMF = ['-bios', '/usr/share/ovmf/OVMF.fd'];
const OFF = 'string=no';
const FIRMWARE = [
  { what: 'the iPXE ROM of QEMU', kind: 'ipxe-bios', fetch: { by: 'http', file: '/boot.ipxe' } },
  {
    what: 'the iPXE ROM of QEMU under OVMF',
    args: OVMF,
    kind: 'ipxe-x64',
    fetch: { by: 'http', file: '/boot.ipxe' },
  },
  {
    what: 'OVMF by PXE',
    rom: '',
    args: [...OVMF, '-fw_cfg', `name=opt/org.tianocore/IPv6PXESupport,${OFF}`],
    kind: 'uefi-x64',
    fetch: { by: 'tftp', file: 'snponly.efi' },
  },
  {
    what: 'OVMF by HTTP',
    rom: '',
    args: [...OVMF, '-fw_cfg', `name=opt/org.tianocore/IPv4PXESupport,${OFF}`, '-fw_cfg', `name=opt/org.tianocore/IPv6PXESupport,${OFF}`],
    kind: 'http-x64',
    fetch: { by: 'http', file: '/snponly.efi' },
  },
];

for (const { what, kind, fetch, ...firmware } of FIRMWARE)
  test(`${what} gets its lease, and fetches the file that it is told`, async () => {
    const tap = `tap${kind}`.slice(0, 15);
    lab.tap(tap, 'near');
    server.forget();
    const machine = boot(tap, CLIENT, firmware);
    const fetched = await server.until(({ is }) => is === 'fetch', 150);
    machine.kill('SIGKILL');
    assert.deepEqual({ by: fetched['by'], file: fetched['file'] }, fetch);
    const steps = server.steps('kr7').map((step) => step.replace(`${kind} `, ''));
    assert.deepEqual([...new Set(steps)], ['DISCOVER', 'OFFER', 'REQUEST', 'ACK']);
  });
