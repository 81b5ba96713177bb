/** The server's rules, case by case: what comes in by which way, what goes out by which way. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { DhcpServer, type ServerOptions } from './server.ts';
import { address, heard, MAC, message, type Said } from './test/client.ts';
import type { Boot, ClientKind, Lease, Stranger } from './types.ts';

const LEASE: Lease = {
  node: 'n7',
  name: 'kr7',
  mac: MAC,
  ip: '10.0.0.7',
  mask: '255.255.255.0',
  router: '10.0.0.254',
  dns: ['10.0.0.53', '10.0.0.54'],
  domain: 'test',
  mtu: 9000,
  seconds: 3600,
};
const FAR: Lease = { ...LEASE, name: 'kr8', mac: '02:00:00:00:00:08', ip: '10.9.0.8' };
const LINKS = [
  { iface: 'eth0', address: '10.0.0.1', mask: '255.255.255.0' },
  { iface: 'eth1', address: '10.1.0.1', mask: '255.255.255.0' },
];
const SERVER = address('10.0.0.1');

function lab(options: Partial<ServerOptions> & { file?: Boot } = {}) {
  const said = { steps: [] as string[], strangers: [] as Stranger[], dropped: [] as string[] };
  const server = new DhcpServer({
    links: LINKS,
    clientPort: 68,
    proxy: false,
    book: {
      lease: (mac) => [LEASE, FAR].find((lease) => lease.mac === mac),
      boot: (_lease, kind) => options.file ?? (kind.startsWith('http') ? { file: 'http://10.0.0.1/a.efi' } : { file: `${kind}.file` }),
    },
    sink: {
      step: (lease, kind, step) => void said.steps.push(`${lease.name} ${kind} ${step}`),
      stranger: (seen) => void said.strangers.push(seen),
      dropped: (why) => void said.dropped.push(why),
    },
    ...options,
  });
  const take = (what: Said | Buffer, arrival: { from?: string; port?: number; to?: string; isBootServer?: boolean } = {}, now = 0) =>
    server
      .take(Buffer.isBuffer(what) ? what : message(what), { from: '0.0.0.0', port: 68, ...arrival }, now)
      .map(({ bytes, link, address: to, port }) => ({ ...heard(bytes), way: `${link.iface} ${to}:${port}`, bytes }));
  return { server, said, take };
}

const PXE = 'PXEClient:Arch:00000:UNDI:002001';

interface Case {
  readonly what: string;
  readonly says: Said;
  readonly by?: { from?: string; port?: number; to?: string };
  /** TYPE INTERFACE ADDRESS:PORT for each answer. */
  readonly answers: readonly string[];
  readonly dropped?: RegExp;
}

const NAMES: Readonly<Record<number, string>> = { 2: 'OFFER', 5: 'ACK', 6: 'NAK' };
const RELAY = { from: '10.9.0.1', port: 67, to: '10.0.0.1' };
const FAR_MAC = FAR.mac;

const CASES: readonly Case[] = [
  { what: 'DISCOVER', says: {}, answers: ['OFFER eth0 255.255.255.255:68'] },
  { what: 'DISCOVER with the broadcast flag', says: { flags: 0x8000 }, answers: ['OFFER eth0 255.255.255.255:68'] },
  { what: 'DISCOVER that has waited', says: { secs: 60 }, answers: ['OFFER eth0 255.255.255.255:68'] },
  { what: 'SELECTING', says: { type: 3, options: { 50: address('10.0.0.7'), 54: SERVER } }, answers: ['ACK eth0 255.255.255.255:68'] },
  {
    what: 'SELECTING by another of our addresses',
    says: { type: 3, options: { 50: address('10.0.0.7'), 54: address('10.1.0.1') } },
    answers: ['ACK eth0 255.255.255.255:68'],
  },
  {
    what: 'SELECTING another server',
    says: { type: 3, options: { 50: address('10.0.0.99'), 54: address('10.0.0.2') } },
    answers: [],
    dropped: /kr7 .* another DHCP server, 10\.0\.0\.2/,
  },
  {
    what: 'SELECTING an address that is not its own',
    says: { type: 3, options: { 50: address('10.0.0.9'), 54: SERVER } },
    by: { to: '10.0.0.1' },
    answers: ['NAK eth0 255.255.255.255:68'],
  },
  { what: 'INIT-REBOOT', says: { type: 3, options: { 50: address('10.0.0.7') } }, answers: ['ACK eth0 255.255.255.255:68'] },
  {
    what: 'INIT-REBOOT with an old address, wherever it is',
    says: { type: 3, options: { 50: address('10.1.0.9') } },
    answers: ['NAK eth0 255.255.255.255:68', 'NAK eth1 255.255.255.255:68'],
  },
  { what: 'RENEWING', says: { type: 3, ciaddr: '10.0.0.7' }, by: { from: '10.0.0.7', to: '10.0.0.1' }, answers: ['ACK eth0 10.0.0.7:68'] },
  { what: 'REBINDING', says: { type: 3, ciaddr: '10.0.0.7' }, by: { from: '10.0.0.7' }, answers: ['ACK eth0 10.0.0.7:68'] },
  {
    what: 'RENEWING an old address',
    says: { type: 3, ciaddr: '10.0.0.9' },
    by: { from: '10.0.0.9', to: '10.0.0.1' },
    answers: ['NAK eth0 255.255.255.255:68'],
  },
  {
    what: 'RENEWING behind a router',
    says: { type: 3, mac: FAR_MAC, ciaddr: '10.9.0.8' },
    by: { from: '10.9.0.8', to: '10.0.0.1' },
    answers: ['ACK eth0 10.9.0.8:68'],
  },
  {
    what: 'RENEWING an old address behind a router',
    says: { type: 3, mac: FAR_MAC, ciaddr: '10.9.0.9' },
    by: { from: '10.9.0.9', to: '10.0.0.1' },
    answers: ['NAK eth0 10.9.0.9:68'],
  },
  { what: 'REQUEST of nothing', says: { type: 3 }, answers: [], dropped: /requests no address/ },
  { what: 'INFORM', says: { type: 8, ciaddr: '10.0.0.7' }, answers: ['ACK eth0 10.0.0.7:68'] },
  { what: 'INFORM of an address of another', says: { type: 8, ciaddr: '10.0.0.8' }, answers: [] },
  {
    what: 'DECLINE',
    says: { type: 4, options: { 50: address('10.0.0.7'), 54: SERVER } },
    answers: [],
    dropped: /kr7 .* declines 10\.0\.0\.7/,
  },
  { what: 'RELEASE', says: { type: 7, ciaddr: '10.0.0.7' }, answers: [] },
  { what: 'DISCOVER by a relay', says: { mac: FAR_MAC, giaddr: '10.9.0.1' }, by: RELAY, answers: ['OFFER eth0 10.9.0.1:67'] },
  {
    what: 'DISCOVER by a relay without rights',
    says: { mac: FAR_MAC, giaddr: '10.9.0.1' },
    by: { ...RELAY, port: 6700 },
    answers: ['OFFER eth0 10.9.0.1:6700'],
  },
  {
    what: 'REQUEST by a relay',
    says: { type: 3, mac: FAR_MAC, giaddr: '10.9.0.1', options: { 50: address('10.9.0.8'), 54: SERVER } },
    by: RELAY,
    answers: ['ACK eth0 10.9.0.1:67'],
  },
  {
    what: 'old address by a relay',
    says: { type: 3, mac: FAR_MAC, giaddr: '10.9.0.1', options: { 50: address('10.9.0.9') } },
    by: RELAY,
    answers: ['NAK eth0 10.9.0.1:67'],
  },
  {
    what: 'relay of another subnet',
    says: { giaddr: '10.9.0.1' },
    by: RELAY,
    answers: [],
    dropped: /kr7 .* relay 10\.9\.0\.1 speaks for the subnet of 10\.9\.0\.1, in which its address 10\.0\.0\.7/,
  },
  {
    what: 'relay that names the subnet in its option (RFC 3527)',
    says: { giaddr: '10.9.0.1', options: { 82: [5, 4, ...address('10.0.0.0')] } },
    by: RELAY,
    answers: ['OFFER eth0 10.9.0.1:67'],
  },
  {
    what: 'client that names its subnet (RFC 3011)',
    says: { giaddr: '10.9.0.1', options: { 118: address('10.0.0.0') } },
    by: RELAY,
    answers: ['OFFER eth0 10.9.0.1:67'],
  },
  {
    what: 'relay that stands for the server (RFC 5107)',
    says: {
      type: 3,
      mac: FAR_MAC,
      giaddr: '10.9.0.1',
      options: { 50: address('10.9.0.8'), 54: address('10.9.0.1'), 82: [11, 4, ...address('10.9.0.1')] },
    },
    by: RELAY,
    answers: ['ACK eth0 10.9.0.1:67'],
  },
  {
    what: 'a lease of no subnet here',
    says: { mac: FAR_MAC },
    answers: [],
    dropped: /kr8 .* 10\.9\.0\.8 is in no subnet here \(10\.0\.0\.1\/24 on eth0, 10\.1\.0\.1\/24 on eth1\)/,
  },
];

for (const { what, says, by, answers, dropped } of CASES)
  test(what, () => {
    const { take, said } = lab();
    const got = take(says, by);
    assert.deepEqual(
      got.map(({ type, way }) => `${NAMES[type]} ${way}`),
      answers,
    );
    if (dropped) assert.match(said.dropped.join(), dropped);
    else assert.deepEqual(said.dropped, []);
    for (const { type, options, yiaddr, ciaddr } of got) {
      assert.equal(yiaddr, type === 6 || says.type === 8 ? '0.0.0.0' : says.mac === FAR_MAC ? '10.9.0.8' : '10.0.0.7');
      assert.equal(ciaddr, type === 5 ? (says.ciaddr ?? '0.0.0.0') : '0.0.0.0');
      assert.equal(options.has(51), type !== 6 && says.type !== 8);
    }
  });

test('a lease is told in full to who asks for nothing in particular, and in part to who does', () => {
  const told = (options: Said['options']) => {
    const [answer] = lab().take(options ? { options } : {});
    return Object.fromEntries([...(answer?.options ?? [])].map(([code, bytes]) => [code, [...bytes]]));
  };
  assert.deepEqual(told(undefined), {
    53: [2],
    54: SERVER,
    51: [0, 0, 14, 16],
    58: [0, 0, 7, 8],
    59: [0, 0, 12, 78],
    1: [255, 255, 255, 0],
    3: address('10.0.0.254'),
    6: [...address('10.0.0.53'), ...address('10.0.0.54')],
    15: [...Buffer.from('test')],
    12: [...Buffer.from('kr7')],
    26: [0x23, 0x28],
    28: address('10.0.0.255'),
  });
  assert.deepEqual(Object.keys(told({ 55: [1, 12] })).map(Number), [1, 3, 6, 12, 51, 53, 54]);
});

interface Boots {
  readonly kind: ClientKind;
  readonly options: Readonly<Record<number, string | readonly number[]>>;
  readonly file: string;
  readonly siaddr: string;
}

const BOOTS: readonly Boots[] = [
  { kind: 'bios', options: { 60: PXE, 93: [0, 0], 94: [1, 2, 1], 97: [0, ...Array(16).fill(7)] }, file: 'bios.file', siaddr: '10.0.0.1' },
  { kind: 'uefi-x64', options: { 60: 'PXEClient:Arch:00007:UNDI:003016', 93: [0, 7] }, file: 'uefi-x64.file', siaddr: '10.0.0.1' },
  { kind: 'uefi-x64', options: { 60: 'PXEClient', 93: [0, 9] }, file: 'uefi-x64.file', siaddr: '10.0.0.1' },
  { kind: 'uefi-x64', options: { 60: 'PXEClient:Arch:00007:UNDI:003016' }, file: 'uefi-x64.file', siaddr: '10.0.0.1' },
  { kind: 'uefi-arm64', options: { 60: 'PXEClient', 93: [0, 11] }, file: 'uefi-arm64.file', siaddr: '10.0.0.1' },
  {
    kind: 'http-x64',
    options: { 60: 'HTTPClient:Arch:00016:UNDI:003001', 93: [0, 16] },
    file: 'http://10.0.0.1/a.efi',
    siaddr: '10.0.0.1',
  },
  { kind: 'http-arm64', options: { 60: 'HTTPClient', 93: [0, 19] }, file: 'http://10.0.0.1/a.efi', siaddr: '10.0.0.1' },
  { kind: 'ipxe-bios', options: { 60: PXE, 77: 'iPXE', 93: [0, 0] }, file: 'ipxe-bios.file', siaddr: '10.0.0.1' },
  { kind: 'ipxe-x64', options: { 77: '\x04iPXE', 93: [0, 7] }, file: 'ipxe-x64.file', siaddr: '10.0.0.1' },
  { kind: 'ipxe-arm64', options: { 175: [177, 1, 1], 93: [0, 11] }, file: 'ipxe-arm64.file', siaddr: '10.0.0.1' },
  { kind: 'other', options: { 60: 'PXEClient:Arch:00006', 93: [0, 6] }, file: '', siaddr: '0.0.0.0' },
  { kind: 'other', options: { 60: 'udhcp 1.35.0' }, file: '', siaddr: '0.0.0.0' },
  { kind: 'other', options: {}, file: '', siaddr: '0.0.0.0' },
];

for (const { kind, options, file, siaddr } of BOOTS)
  test(`${kind}, by ${JSON.stringify(options).slice(0, 60)}: from DISCOVER to ACK`, () => {
    const { take, said } = lab();
    const [offer] = take({ options });
    const [ack] = take({ type: 3, options: { ...options, 50: address('10.0.0.7'), 54: SERVER } });
    for (const answer of [offer, ack]) {
      assert.deepEqual([answer?.file, answer?.siaddr], [file, siaddr]);
      assert.equal(answer?.options.get(60)?.toString(), kind.startsWith('http') ? 'HTTPClient' : undefined);
      assert.deepEqual(answer?.options.get(97), options[97] && Buffer.from(options[97]));
      assert.deepEqual(answer?.options.get(175), options[175] && Buffer.of(176, 1, 1), 'iPXE need not wait for a proxy');
    }
    assert.deepEqual(
      said.steps,
      ['DISCOVER', 'OFFER', 'REQUEST', 'ACK'].map((step) => `kr7 ${kind} ${step}`),
    );
  });

test("what a client or a relay identifies itself by comes back, the relay's last", () => {
  const options = { 61: [1, 2, 0, 0, 0, 0, 7], 82: [1, 2, 9, 9, 2, 3, 8, 8, 8] };
  const [offer] = lab().take({ mac: FAR_MAC, giaddr: '10.9.0.1', options }, RELAY);
  assert.deepEqual([...(offer?.options.get(61) ?? [])], options[61]);
  assert.deepEqual([...(offer?.options.get(82) ?? [])], options[82]);
  assert.equal(offer?.codes.at(-1), 82);
  assert.equal(offer?.giaddr, '10.9.0.1');
});

test('a refusal by a relay is to be broadcast there', () => {
  const [nak] = lab().take({ type: 3, mac: FAR_MAC, giaddr: '10.9.0.1', options: { 50: address('10.9.0.9') } }, RELAY);
  assert.equal(nak?.flags, 0x8000);
});

test('no answer is longer than the client takes, nor shorter than BOOTP has it; a long name goes into an option', () => {
  const file = `http://10.0.0.1/${'x'.repeat(230)}`;
  for (const [given, most] of [
    [undefined, 548],
    [576, 548],
    [100, 548],
    [1000, 972],
    [65535, 1472],
  ] as const) {
    const max = given === undefined ? {} : { 57: [given >> 8, given & 255] };
    const big = { 60: PXE, 93: [0, 0], 61: Array(200).fill(5), 97: [0, ...Array(16).fill(7)], ...max };
    const { take, said } = lab({ file: { file } });
    const [offer] = take({ options: big });
    assert.ok(offer && offer.bytes.length >= 300 && offer.bytes.length <= most);
    assert.equal(offer.options.get(67)?.toString(), file);
    assert.equal(offer.options.get(61)?.length === 200, said.dropped.length === 0);
    assert.deepEqual(offer.options.get(1), Buffer.from(address('255.255.255.0')));
  }
});

test('strangers get nothing, and are listed once in a while, so many a second', () => {
  const { take, said, server } = lab();
  const uuid = [0, 0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 0x88, 0x77, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0];
  const mac = '02:00:00:00:99:01';
  const options = { 60: `${PXE}\x1b[31m`, 93: [0, 0], 97: uuid };
  assert.deepEqual(take({ mac, options }), []);
  assert.deepEqual(take({ mac, type: 3, options: { 50: address('10.0.0.9') } }, {}, 9_999), []);
  const seen = { mac, kind: 'bios', vendor: `${PXE}[31m`, via: 'eth0 or eth1', uuid: '11223344-5566-7788-99aa-bbccddeeff00' };
  assert.deepEqual(said.strangers, [seen]);
  take({ mac, giaddr: '10.9.0.1' }, RELAY, 10_000);
  assert.equal(said.strangers[1]?.via, 'relay 10.9.0.1');
  for (let i = 0; i < 5000; i++)
    take({ mac: `02:00:00:01:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}` }, {}, 20_000);
  assert.equal(said.strangers.length, 12);
  assert.equal(server.counts.strange, 5003);
});

test('a proxy gives no address, says what to boot, also at its own port, refuses nobody', () => {
  const { take, said } = lab({ proxy: true });
  const pxe = { 60: PXE, 93: [0, 0], 97: [0, ...Array(16).fill(7)] };
  const [offer, ...none] = take({ options: pxe });
  assert.deepEqual(none, []);
  assert.deepEqual([offer?.type, offer?.yiaddr, offer?.file, offer?.way], [2, '0.0.0.0', 'bios.file', 'eth0 255.255.255.255:68']);
  assert.deepEqual(offer?.options.get(60)?.toString(), 'PXEClient');
  assert.deepEqual([...(offer?.options.get(43) ?? [])], [6, 1, 8, 255]);
  assert.equal(offer?.options.has(51) || offer?.options.has(1), false);
  assert.deepEqual(take({ type: 3, options: { ...pxe, 50: address('10.0.0.7'), 54: address('10.0.0.2') } }), []);
  const [ack] = take({ type: 3, ciaddr: '10.0.0.9', options: pxe }, { from: '10.0.0.9', port: 4011, to: '10.0.0.1', isBootServer: true });
  assert.deepEqual([ack?.type, ack?.yiaddr, ack?.file, ack?.way], [5, '0.0.0.0', 'bios.file', 'eth0 10.0.0.9:4011']);
  assert.deepEqual(take({}), [], 'a client that does not boot is none of its business');
  const [http] = take({ options: { 60: 'HTTPClient', 93: [0, 16] } });
  assert.deepEqual([http?.options.get(60)?.toString(), http?.options.get(67)?.toString()], ['HTTPClient', 'http://10.0.0.1/a.efi']);
  take({ mac: '02:00:00:00:99:01' });
  assert.deepEqual([said.strangers, said.dropped], [[], []]);
});

test('a proxy overhears which address a client takes, and says so where it is not the described one', () => {
  const pxe = { 60: PXE, 93: [0, 0] };
  const cases: readonly (readonly [wanted: string, isTold: boolean])[] = [
    ['10.0.0.7', false],
    ['10.0.0.9', true],
  ];
  for (const [wanted, isTold] of cases) {
    const { take, said } = lab({ proxy: true });
    assert.deepEqual(take({ type: 3, options: { ...pxe, 50: address(wanted), 54: address('10.0.0.2') } }), []);
    const [text = '', ...more] = said.dropped;
    assert.deepEqual(more, []);
    assert.equal(
      /takes 10\.0\.0\.9 of the DHCP server 10\.0\.0\.2, and 10\.0\.0\.7 is its address here.*let that server/.test(text),
      isTold,
    );
    assert.equal(text !== '', isTold);
  }
});

test('whatever comes, nothing is thrown; what is no message is counted and has no answer', () => {
  const { server, take, said } = lab();
  const options = fc.uint8Array({ maxLength: 400 });
  const wild = fc.oneof(
    fc.uint8Array({ maxLength: 2500 }).map((bytes) => Buffer.from(bytes)),
    fc.tuple(fc.nat(9), options).map(([type, tail]) => Buffer.concat([message({ type }).subarray(0, -1), tail])),
    fc.tuple(fc.nat(299), fc.nat(255), options).map(([at, byte, tail]) => {
      const bytes = Buffer.concat([message({ options: { 82: [5, 4, 1, 1, 1, 1], 52: [3] } }), tail]);
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(wild, fc.boolean(), (bytes, isBootServer) => {
      const copy = Buffer.from(bytes);
      const { malformed, received } = server.counts;
      for (const answer of take(bytes, { port: 68, to: '10.0.0.1', isBootServer })) {
        assert.ok(answer.bytes.length >= 300 && answer.bytes.length <= 1472);
        assert.ok(['10.0.0.7', '10.9.0.8', '0.0.0.0'].includes(answer.yiaddr));
        assert.equal(server.counts.malformed, malformed);
      }
      assert.equal(server.counts.received, received + 1);
      assert.deepEqual(bytes, copy);
    }),
    { numRuns: 3000 },
  );
  assert.ok(server.counts.malformed > 500);
  assert.ok(said.dropped.length <= 10, 'all in one second');
});

interface Captured {
  readonly what: string;
  readonly says: 'DISCOVER' | 'REQUEST';
  readonly kind: ClientKind;
  readonly base64: string;
}

/** Recorded off the wire of test/real/dhcp.real.test.ts. */
const CAPTURED = JSON.parse(readFileSync(new URL('test/captured.json', import.meta.url), 'utf8')) as readonly Captured[];

for (const { what, says, kind, base64 } of CAPTURED)
  test(`recorded: ${says} of ${what}`, () => {
    const steps: string[] = [];
    const bytes = Buffer.from(base64, 'base64');
    const isBootServer = what.endsWith('boot servers');
    const server = new DhcpServer({
      links: [{ iface: 'eth0', address: '10.20.0.1', mask: '255.255.255.0' }],
      clientPort: 68,
      proxy: isBootServer,
      book: { lease: (mac) => ({ ...LEASE, mac, ip: '10.20.0.7' }), boot: () => ({ file: 'loader' }) },
      sink: {
        step: (_lease, seen, step) => void steps.push(`${seen} ${step}`),
        stranger: () => assert.fail(),
        dropped: (why) => assert.fail(why),
      },
    });
    const [reply] = server.take(bytes, { from: '10.20.0.7', port: 68, isBootServer, ...(isBootServer && { to: '10.20.0.1' }) }, 0);
    assert.ok(reply);
    const got = heard(reply.bytes);
    assert.deepEqual(reply.bytes.subarray(4, 8), bytes.subarray(4, 8), 'xid');
    assert.deepEqual(reply.bytes.subarray(28, 44), bytes.subarray(28, 44), 'chaddr');
    assert.equal(got.file, kind === 'other' ? '' : 'loader');
    const isRefused = what.endsWith('restarts');
    assert.equal(got.type, says === 'DISCOVER' ? 2 : isRefused ? 6 : 5);
    const all = says === 'DISCOVER' ? ['DISCOVER', 'OFFER'] : isRefused ? ['REQUEST'] : ['REQUEST', 'ACK'];
    assert.deepEqual(
      steps,
      all.map((step) => `${kind} ${step}`),
    );
  });

test('every client that was recorded is there', () => {
  assert.deepEqual([...new Set(CAPTURED.map(({ kind }) => kind))].sort(), ['http-x64', 'ipxe-bios', 'ipxe-x64', 'other', 'uefi-x64']);
});
