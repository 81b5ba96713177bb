/** Who is given which address, from documents and their changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { treeOf, withValue } from './document.ts';
import { Leases } from './leases.ts';
import { Nodes } from './nodes.ts';

const MAC = (last: number): string => `52:54:00:00:00:${last.toString(16).padStart(2, '0')}`;
const kr = (index: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  '/nodename': `kr${index}`,
  '/ipv4/ifaces/kraken/eth/mac': MAC(index),
  '/ipv4/ifaces/kraken/ip/ip': `10.0.0.${index}`,
  '/ipv4/ifaces/kraken/ip/subnet': '255.255.255.0',
  ...more,
});
const table = (...nodes: Record<string, unknown>[]): Leases => {
  const leases = new Leases(600);
  for (const cfg of nodes) leases.put(`id-${cfg['/nodename']}`, treeOf(cfg));
  return leases;
};

test('a lease says what state says', () => {
  const leases = table(
    kr(7, {
      '/ipv4/ifaces/kraken/eth/mac': '52-54-00-AB-CD-07',
      '/ipv4/ifaces/kraken/eth/iface': 'eth0',
      '/ipv4/ifaces/kraken/eth/mtu': 9000,
      '/ipv4/routes': [{ ip: '192.168.0.1' }, { ip: '10.0.0.254', subnet: '0.0.0.0' }],
      '/ipv4/dnsNameservers': [{ ip: '10.0.0.53' }, { ip: 'nonsense' }, {}],
      '/ipv4/hostname/domainname': 'rack.example',
    }),
  );
  const lease = {
    node: 'id-kr7',
    name: 'kr7',
    iface: 'kraken',
    device: 'eth0',
    boots: true,
    mac: '52:54:00:ab:cd:07',
    ip: '10.0.0.7',
    mask: '255.255.255.0',
    prefix: 24,
    router: '10.0.0.254',
    dns: ['10.0.0.53'],
    domain: 'rack.example',
    mtu: 9000,
    seconds: 600,
  };
  assert.deepEqual(leases.byMac('52:54:00:ab:cd:07'), lease);
  assert.deepEqual(leases.byIp('10.0.0.7'), lease);
  assert.deepEqual(leases.ofNode('id-kr7'), lease);
  assert.deepEqual(leases.faults('id-kr7'), []);
});

const SECOND = (mac: string, ip: string): Record<string, unknown> => ({
  '/ipv4/ifaces/ipmi/eth/mac': mac,
  '/ipv4/ifaces/ipmi/ip/ip': ip,
  '/ipv4/ifaces/ipmi/ip/subnet': '255.255.255.0',
});

for (const [name, nodes, expect] of [
  [
    'two nodes with one MAC: neither',
    [kr(1), kr(2, { '/ipv4/ifaces/kraken/eth/mac': MAC(1) })],
    { 1: /MAC 52:54:00:00:00:01 .* also that of kr2 \(interface kraken\), so none/, 2: /also that of kr1/ },
  ],
  [
    'two nodes with one address: neither',
    [kr(1), kr(2, { '/ipv4/ifaces/kraken/ip/ip': '10.0.0.1' })],
    { 1: /address 10\.0\.0\.1 .*kr2.*correct ipv4\.ifaces\.kraken\.ip\.ip/, 2: /kr1/ },
  ],
  [
    'an address of an interface without a MAC is taken, too',
    [kr(1), { '/nodename': 'kr2', '/ipv4/ifaces/ib/ip/ip': '10.0.0.1' }],
    { 1: /also that of kr2 \(interface ib\)/ },
  ],
  ['one node that says it twice', [kr(1, SECOND(MAC(1), '10.0.0.99'))], { 1: /also that of its own interface ipmi/ }],
  [
    'four with one MAC',
    [1, 2, 3, 4, 5].map((index) => kr(index, { '/ipv4/ifaces/kraken/eth/mac': MAC(9) })),
    { 1: /kr2 .*kr3 .*kr4 .* and 1 more/ },
  ],
  ['no mask', [kr(1, { '/ipv4/ifaces/kraken/ip/subnet': undefined })], { 1: /ipv4\.ifaces\.kraken\.ip\.subnet is missing/ }],
  ['a mask with a hole', [kr(1, { '/ipv4/ifaces/kraken/ip/subnet': '255.0.255.0' })], { 1: /255\.0\.255\.0 is no mask/ }],
  ['no address', [kr(1, { '/ipv4/ifaces/kraken/ip/ip': '10.0.0.256' })], { 1: /10\.0\.0\.256 is no IPv4 address/ }],
  [
    'the address of the subnet',
    [kr(1, { '/ipv4/ifaces/kraken/ip/ip': '10.0.0.0' })],
    { 1: /10\.0\.0\.0 is not an address of a host in \/24/ },
  ],
  ['its broadcast', [kr(1, { '/ipv4/ifaces/kraken/ip/ip': '10.0.0.255' })], { 1: /10\.0\.0\.255 is not an address of a host/ }],
  ['a MAC of many', [kr(1, { '/ipv4/ifaces/kraken/eth/mac': '01:00:5e:00:00:01' })], { 1: /is no MAC of one machine/ }],
  ['nothing to boot from', [{ '/nodename': 'kr1' }], { 1: /no interface to boot from: set ipv4\.ifaces\.kraken\.eth\.mac/ }],
] as const)
  test(`not served, and why: ${name}`, () => {
    const leases = table(...nodes);
    for (const [index, says] of Object.entries(expect)) {
      assert.match(leases.faults(`id-kr${index}`).join('; '), says);
      assert.equal(leases.ofNode(`id-kr${index}`), undefined);
      assert.equal(leases.byMac(MAC(Number(index))), undefined);
      assert.equal(leases.byIp(`10.0.0.${index}`), undefined);
    }
  });

test('it boots from the interface kraken, or from the only one that it has', () => {
  const both = table(kr(1, SECOND(MAC(100), '10.0.0.100')));
  assert.deepEqual([both.byMac(MAC(1))?.boots, both.byMac(MAC(100))?.boots], [true, false]);
  const other = table({ '/nodename': 'kr1', ...SECOND(MAC(100), '10.0.0.100') });
  assert.equal(other.ofNode('id-kr1')?.ip, '10.0.0.100');
});

test('who is put right is served, and so is who was in the way', () => {
  const leases = table(kr(1), kr(2, { '/ipv4/ifaces/kraken/eth/mac': MAC(1) }));
  assert.equal(leases.isClaimed(MAC(1)), true);
  leases.put('id-kr2', treeOf(kr(2)));
  assert.equal(leases.byMac(MAC(1))?.name, 'kr1');
  assert.equal(leases.byMac(MAC(2))?.name, 'kr2');
  leases.put('id-kr1', undefined);
  assert.equal(leases.isClaimed(MAC(1)), false);
  assert.equal(leases.byIp('10.0.0.1'), undefined);
});

test('a document changes value by value, and what it was made of does not', () => {
  const before = treeOf({ '/ipv4/ifaces/a~1b/ip/ip': '10.0.0.1', '/nodename': 'n' });
  const after = withValue(before, '/ipv4/ifaces/a~1b/ip/ip', undefined);
  assert.deepEqual(before, { ipv4: { ifaces: { 'a/b': { ip: { ip: '10.0.0.1' } } } }, nodename: 'n' });
  assert.deepEqual(after, { nodename: 'n' });
  assert.deepEqual(withValue(after, '/ipv4', { routes: [] }), { nodename: 'n', ipv4: { routes: [] } });
  assert.equal(Object.hasOwn(withValue({}, '/__proto__/x', 1), '__proto__'), true);
});

test('a watch: pages, changes, renames, a node that goes, and a new snapshot in which others are gone', async () => {
  const leases = new Leases(600);
  const nodes = new Nodes(leases);
  const told: string[] = [];
  const watcher = nodes.watcher({ cfg: (node) => told.push(node), dsc: (node, path) => told.push(`${node}${path}`) });
  const state = (index: number, dsc = {}) => ({ id: `id-kr${index}`, cfg: kr(index) as never, dsc });
  watcher.nodes([state(1, { '/runState': 'SYNC' })], true, { revision: 1, snapshot: true });
  let isComplete = false;
  void nodes.whenComplete.then(() => (isComplete = true));
  await undefined;
  assert.equal(isComplete, false, 'another page follows');
  watcher.nodes([state(2)], false, { revision: 1, snapshot: true });
  await nodes.whenComplete;
  assert.deepEqual(told, ['id-kr1', 'id-kr1/runState', 'id-kr2']);
  const cfg = (node: string, path: string, to?: unknown) => ({
    node,
    view: 'cfg' as const,
    path,
    ...(to !== undefined && { to: to as never }),
  });
  watcher.changes([cfg('id-kr2', '/ipv4/ifaces/kraken/ip/ip', '10.0.0.22'), cfg('id-kr2', '/nodename', 'two')], 2);
  assert.equal(leases.byMac(MAC(2))?.ip, '10.0.0.22');
  assert.equal(nodes.find('two')?.id, 'id-kr2');
  assert.equal(nodes.find('kr2'), undefined);
  watcher.changes(
    [
      { node: 'id-kr1', view: 'dsc', path: '/runState' },
      { node: 'id-kr1', view: 'dsc', path: '/pxe/state', to: 'WAIT' },
    ],
    3,
  );
  assert.deepEqual(nodes.get('id-kr1')?.dsc, { '/pxe/state': 'WAIT' });
  watcher.changes(
    Object.keys(kr(2)).map((path) => cfg('id-kr2', path)),
    4,
  );
  assert.equal(nodes.get('id-kr2'), undefined, 'with its last value a node is gone');
  assert.equal(leases.isClaimed(MAC(2)), false);
  watcher.resync?.();
  watcher.nodes([state(4)], false, { revision: 2, snapshot: false });
  assert.equal(leases.byMac(MAC(1))?.name, 'kr1', 'served while the new snapshot comes in, whatever is made meanwhile');
  watcher.nodes([state(3)], false, { revision: 1, snapshot: true });
  assert.deepEqual([...nodes.ids()].sort(), ['id-kr3', 'id-kr4']);
  assert.equal(leases.byMac(MAC(1)), undefined);
});
