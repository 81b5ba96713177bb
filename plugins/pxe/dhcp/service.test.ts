/** The sockets, as far as a process without rights has them: by relays on the loopback interface. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { NetworkInterfaceInfo } from 'node:os';
import { test } from 'node:test';
import { type Condition, linksOf } from './interfaces.ts';
import { type DhcpOptions, DhcpService } from './service.ts';
import { address, heard, MAC, message } from './test/client.ts';

const options = (port: number): DhcpOptions => ({
  interfaces: ['127.0.0.1'],
  port,
  proxy: false,
  book: {
    lease: (mac) => (mac === MAC ? { node: 'n', name: 'kr7', mac, ip: '127.0.3.7', mask: '255.0.0.0', dns: [], seconds: 60 } : undefined),
    boot: () => undefined,
  },
  sink: { step: () => {}, stranger: () => {}, dropped: () => {} },
  log: () => {},
});

async function socketOn(host: string, port = 0) {
  const socket = createSocket('udp4');
  socket.bind(port, host);
  await once(socket, 'listening');
  return socket;
}

const freePort = async (): Promise<number> => {
  const socket = await socketOn('127.0.0.1');
  const { port } = socket.address();
  socket.close();
  return port;
};

test('a relay without rights is answered where it asks from; broadcasts are heard, and answered by broadcast', async () => {
  const port = await freePort();
  const service = await DhcpService.open(options(port));
  const relay = await socketOn('127.0.2.1');
  const client = await socketOn('255.255.255.255', port + 1);
  try {
    assert.deepEqual(service.servers, ['127.0.0.1']);
    relay.send(message({ giaddr: '127.0.2.1' }), port, '127.0.0.1');
    const [bytes, from] = await once(relay, 'message');
    assert.deepEqual([heard(bytes).yiaddr, from.address, from.port], ['127.0.3.7', '127.0.0.1', port]);
    relay.setBroadcast(true);
    relay.send(message({ type: 3, options: { 50: address('127.0.3.7') } }), port, '255.255.255.255');
    const [ack, server] = await once(client, 'message');
    assert.deepEqual([heard(ack).type, server.address, server.port], [5, '127.0.0.1', port]);
    relay.send(Buffer.from('noise'), port, '127.0.0.1');
    relay.send(message({ giaddr: '127.0.2.1' }), port, '127.0.0.1');
    await once(relay, 'message');
    const { received, malformed, answered } = service.counts;
    assert.deepEqual({ received, malformed, answered }, { received: 4, malformed: 1, answered: 3 });
  } finally {
    relay.close();
    client.close();
    await service.close();
  }
});

test('a port that another program has for itself is named, and nothing stays open', async () => {
  const other = await socketOn('127.0.0.1');
  const { port } = other.address();
  await assert.rejects(
    DhcpService.open(options(port)),
    new RegExp(`^Error: DHCP cannot open UDP port ${port} on 127\\.0\\.0\\.1 \\(lo\\): another program has it`),
  );
  other.close();
  await once(other, 'close');
  await (await DhcpService.open(options(port))).close();
});

const ipv4 = (where: string, netmask = '255.255.255.0'): NetworkInterfaceInfo => ({
  address: where,
  netmask,
  family: 'IPv4',
  mac: '',
  internal: false,
  cidr: null,
});
const TABLE = { lo: [ipv4('127.0.0.1', '255.0.0.0')], eth0: [ipv4('10.0.0.1'), ipv4('10.0.1.1')] };
const CONDITIONS: Readonly<Record<string, Condition>> = { lo: 'up', eth0: 'up', eth1: 'up', eth2: 'quiet', eth3: 'down' };
const condition = (name: string): Condition => CONDITIONS[name] ?? 'absent';

const INTERFACES: readonly [readonly string[], readonly string[] | RegExp][] = [
  [['eth0'], ['10.0.0.1', '10.0.1.1']],
  [['10.0.1.1'], ['10.0.1.1']],
  [
    ['10.0.1.1', 'eth0'],
    ['10.0.1.1', '10.0.0.1'],
  ],
  [[], /no interface to serve/],
  [['eth1'], /cannot serve eth1: it has no IPv4 address to answer from; give it one/],
  [['eth2'], /cannot serve eth2: it has no carrier; see to its cable/],
  [['eth3'], /cannot serve eth3: it is down; set it up \(ip link set eth3 up\)/],
  [['eth9'], /cannot serve eth9: this machine has no such interface; there are lo \(127\.0\.0\.1\), eth0 \(10\.0\.0\.1\)/],
  [['10.0.9.1'], /cannot serve 10\.0\.9\.1: no interface of this machine that is up has this address/],
];

for (const [wanted, is] of INTERFACES)
  test(`interfaces ${wanted.join(', ') || '(none)'}`, () => {
    const get = () => linksOf(wanted, TABLE, condition).map((link) => link.address);
    if (is instanceof RegExp) assert.throws(get, is);
    else assert.deepEqual(get(), is);
  });
