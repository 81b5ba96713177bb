/** From cold to SYNC by the longer ways: behind a router with a DHCP relay, and beside a site's own DHCP server. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { BRIDGE, HEAD, macOf, nodeAddress, SUBNET } from '../../host/vm/network.ts';
import { BoxLab, type LabOptions } from './box-lab.ts';
import { install } from './install.ts';

const FAR = 'far0';
const FAR_ROUTER = '10.40.0.1';
const FAR_NODE = '10.40.0.7';
const ROUTER = '10.99.0.2';
const SITE = '10.99.0.3';
const OTHER = '10.99.2.99';
/** Without an IPv6 router on the segment iPXE waits 15 s, and all of it is emulated. */
const LIMIT = 120;
const PC: LabOptions = { machines: 1, kind: 'qemu', firmware: 'bios', args: 'console=ttyS0 panic=1' };

before(() => install({ dhcrelay: 'isc-dhcp-relay', dnsmasq: 'dnsmasq-base', ip: 'iproute2', sysctl: 'procps', nft: 'nftables' }));

/** Another host beside the head: a namespace that goes with the box, each interface on a bridge of it. */
function neighbour(
  lab: BoxLab,
  number: number,
  ports: Readonly<Record<string, { readonly bridge: string; readonly address: string }>>,
): string {
  const { network } = lab.box;
  const place = network.firmwarePlace(number);
  assert.equal(spawnSync('ip', ['netns', 'add', place]).status, 0);
  for (const [name, { bridge, address }] of Object.entries(ports)) {
    network.ip([
      `link add n${number}${name} type veth peer name ${name} netns ${place}`,
      `link set n${number}${name} master ${bridge}`,
      `link set n${number}${name} up`,
    ]);
    const lines = `addr add ${address} dev ${name}\nlink set ${name} up\nlink set lo up\n`;
    assert.equal(spawnSync('ip', ['-n', place, '-batch', '-'], { input: lines }).status, 0);
  }
  return place;
}

async function boots(lab: BoxLab, nodes: readonly object[]): Promise<void> {
  const from = await lab.apply(nodes);
  await lab.until('SYNC', LIMIT, async () => (await lab.inSync()).length === 1);
  const steps = (await lab.history()).filter(({ view, path }) => view === 'dsc' && path === '/pxe/step').map(({ to }) => String(to));
  console.log(`  SYNC ${((Date.now() - from) / 1000).toFixed(1)} s after the description; ${steps.join(' ')}`);
  assert.deepEqual(steps.slice(-3), ['SCRIPT', 'KERNEL', 'INITRAMFS']);
  assert.deepEqual(lab.switched(1), ['set power 1'], 'its power was touched more than once');
  assert.equal(lab.box.machine(1).boots, 1, 'it went through its firmware more than once');
}

test('a machine in another subnet, by a relay and through a router', async () => {
  const lab = await BoxLab.open(PC);
  try {
    const { network } = lab.box;
    network.ip([`link add ${FAR} type bridge stp_state 0 forward_delay 0`, `link set ${FAR} up`, `link set tap1 master ${FAR}`]);
    const router = { near: { bridge: BRIDGE, address: `${ROUTER}/16` }, far: { bridge: FAR, address: `${FAR_ROUTER}/24` } };
    const place = neighbour(lab, 90, router);
    // The bridge is a switch, and in the head's namespace only for QEMU's sake: what the machine broadcasts is not for the head's ears.
    const deaf = 'add table bridge far\nadd chain bridge far input { type filter hook input priority 0; }\n';
    const input = `${deaf}add rule bridge far input iifname "tap1" drop\n`;
    assert.equal(spawnSync('ip', ['netns', 'exec', network.namespace, 'nft', '-f', '-'], { input }).status, 0);
    network.ip([`route add 10.40.0.0/24 via ${ROUTER} dev ${BRIDGE}`]);
    assert.equal(spawnSync('ip', ['netns', 'exec', place, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']).status, 0);
    network.spawn('dhcrelay', ['-4', '-d', '-id', 'far', '-iu', 'near', HEAD], { stdio: 'ignore' }, place);
    const [node = {}] = lab.box.nodes();
    const kraken = { eth: { mac: macOf(1) }, ip: { ip: FAR_NODE, subnet: '255.255.255.0' } };
    await boots(lab, [{ ...node, ipv4: { ifaces: { kraken }, routes: [{ ip: FAR_ROUTER }] } }]);
    const said = lab.box
      .serial(1)
      .lines()
      .map(({ text }) => text);
    assert.ok(
      said.some((line) => line.includes(`${FAR_NODE}/24 by ${FAR_ROUTER}`)),
      'its way out is not the router',
    );
    const { peers } = await lab.control('peer/list', {});
    assert.match(peers.map(({ address }) => address).join(' '), new RegExp(`^${FAR_NODE}:\\d+$`), 'its host came from another address');
  } finally {
    await lab.end();
  }
});

/** The site's own server, which gives the machine this address, and says nothing of booting. */
function siteServer(lab: BoxLab, address: string): void {
  const place = neighbour(lab, 91, { site0: { bridge: BRIDGE, address: `${SITE}/16` } });
  const own = ['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--user=root', '--pid-file', '--interface=site0'];
  const gives = [`--dhcp-range=10.99.2.0,static,${SUBNET}`, `--dhcp-host=${macOf(1)},${address}`, '--dhcp-option=3'];
  const leases = `--dhcp-leasefile=${join(lab.box.folder, 'site.leases')}`;
  lab.box.network.spawn('dnsmasq', [...own, ...gives, leases], { stdio: 'ignore' }, place);
}

test("a machine that a site's own DHCP server gives its address, and that this service only tells what to boot", async () => {
  const lab = await BoxLab.open({ ...PC, pxe: { mode: 'proxy' } });
  try {
    siteServer(lab, nodeAddress(1));
    await boots(lab, lab.box.nodes());
  } finally {
    await lab.end();
  }
});

test('beside a site that gives another address than is described: it is given no file, and the log says what to correct', async () => {
  const lab = await BoxLab.open({ ...PC, pxe: { mode: 'proxy' } });
  try {
    siteServer(lab, OTHER);
    await lab.apply();
    const logs = (): Promise<string> => lab.kraken('service', 'logs', 'pxe');
    const sentence = `kr1 (${macOf(1)}) takes ${OTHER} of the DHCP server ${SITE}, and ${nodeAddress(1)} is its address here`;
    await lab.until('the sentence', 300, async () => (await logs()).includes(sentence));
    await lab.until('a refusal', 300, async () => (await logs()).includes(`${OTHER} is the address of no node`));
    const steps = (await lab.history()).filter(({ path }) => path === '/pxe/step').map(({ to }) => to);
    assert.ok(steps.includes('REQUEST') && !steps.includes('SCRIPT'), `it went on: ${steps.join(' ')}`);
    assert.deepEqual(lab.switched(1), ['set power 1']);
  } finally {
    await lab.end();
  }
});
