/** Files of other tools: what becomes of them, what is said to be left, and what is refused by its line. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { isMask, macOf, maskOf } from '../../host/import/address.ts';
import { readGenders } from '../../host/import/genders.ts';
import { readHosts } from '../../host/import/hosts.ts';
import type { Imported } from '../../host/import/imported.ts';
import { readWarewulf } from '../../host/import/warewulf.ts';

const folder = mkdtempSync(join(tmpdir(), 'kraken-import-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/import/${name}`, import.meta.url), 'utf8');
const lines = (findings: Imported['left']): string[] => findings.map(({ line, text }) => `${line}: ${text}`);
const named = ({ nodes }: Imported, name: string): unknown => nodes.find((node) => node['nodename'] === name);

test('genders: attributes are labels, one without a value an empty one', () => {
  const imported = readGenders(fixture('genders'));
  assert.deepEqual(imported.wrong, []);
  assert.equal(imported.nodes.length, 18);
  assert.deepEqual(named(imported, 'slci'), {
    nodename: 'slci',
    labels: { eth2: 'eslci', cluster: 'slc', all: '', passwdhost: '', management: '' },
  });
  assert.deepEqual(named(imported, 'slc0'), {
    nodename: 'slc0',
    labels: { eth2: 'eslc0', cluster: 'slc', all: '', ipmi: 'slc0-bmc', quota: '90%' },
  });
  assert.deepEqual(lines(imported.left), ['6: 1gig cannot be a label: a letter, then letters, digits and . _ -, at most 63']);
});

const GENDERS: readonly (readonly [text: string, wrong: readonly string[]])[] = [
  ['a b=c=d\n', []],
  ['a\n', []],
  [' a b\n', []],
  ['a b# c d\n#\n\n', []],
  ['a[01-03]-ib b\n', []],
  ['a b,c,\n', ['1: b,c,: an attribute has no name']],
  ['a b\n\na c,,d\n', ['3: c,,d: an attribute has no name']],
  ['a =c\n', ['1: =c: an attribute has no name']],
  ['a b=\n', ['1: the attribute b has no value after its =']],
  ['a b c\n', ['1: "c": attributes are separated by commas, without spaces']],
  ['a b\na b=1\n', ['2: a has the attribute b twice']],
  ['a b,b\n', ['1: a has the attribute b twice']],
  ['a,a b\n', ['1: a,a names a node twice']],
  ['a[1-3,x] b\n', ['1: node set "a[1-3,x]", character 7: "x" is no number and no range like 1-16']],
  ['a[3-1] b\n', ['1: node set "a[3-1]", character 3: the range 3-1 runs backwards']],
];
const hasNodeattr = spawnSync('nodeattr', ['--help']).error === undefined;

for (const [text, wrong] of GENDERS) {
  test(`genders ${JSON.stringify(text)}`, () => {
    assert.deepEqual(lines(readGenders(text).wrong), wrong);
    if (hasNodeattr) assert.equal(nodeattr(text, '-k').status === 0, wrong.length === 0);
  });
}

/** `%n` after other text is left out: nodeattr reads beyond its memory there. */
test('genders: what nodeattr itself makes of a file', { skip: hasNodeattr ? false : 'nodeattr is not installed (Debian: genders)' }, () => {
  const attribute = fc.tuple(fc.stringMatching(/^[a-z]{1,3}$/), fc.option(fc.stringMatching(/^(?:[a-z]{1,4}|%n)$/)));
  const line = fc.tuple(
    fc.stringMatching(/^[a-c](?:\[[1-4](?:-[5-9])?(?:,[1-9]{2})?\])?$/),
    fc.array(attribute, { minLength: 1, maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 4 }), (entries) => {
      const written = entries.map(
        ([nodes, pairs]) => `${nodes} ${pairs.map(([name, value]) => (value ? `${name}=${value}` : name)).join(',')}\n`,
      );
      const text = written.join('');
      const { nodes, wrong } = readGenders(text);
      const { status, stdout } = nodeattr(text, '-k');
      assert.equal(status === 0, wrong.length === 0, text + stdout);
      if (wrong.length > 0) return;
      for (const { nodename, labels = {} } of nodes) {
        const said = nodeattr(text, '-l', String(nodename)).stdout.split('\n').filter(Boolean).sort();
        assert.deepEqual(
          Object.entries(labels ?? {})
            .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
            .sort(),
          said,
          text,
        );
      }
    }),
    { numRuns: 40 },
  );
});

function nodeattr(text: string, ...args: string[]): { readonly status: number | null; readonly stdout: string } {
  const file = join(folder, 'genders');
  writeFileSync(file, text);
  return spawnSync('nodeattr', ['-f', file, ...args], { encoding: 'utf8' });
}

test('hosts: the first name is the node, loopback is left out, the rest is said', () => {
  const imported = readHosts(fixture('hosts'), 22);
  assert.deepEqual(imported.wrong, []);
  assert.deepEqual(
    imported.nodes.map(({ nodename }) => nodename),
    ['head', 'kr1', 'kr2', 'kr2-ib', 'kr3'],
  );
  assert.deepEqual(named(imported, 'kr1'), {
    nodename: 'kr1',
    ipv4: {
      ifaces: { kraken: { ip: { ip: '10.0.0.1', subnet: '255.255.252.0' } } },
      hostname: { hostname: 'kr1', domainname: 'cluster.example' },
    },
  });
  assert.deepEqual(named(imported, 'kr3'), {
    nodename: 'kr3',
    ipv4: { ifaces: { kraken: { ip: { ip: '10.0.0.3', subnet: '255.255.252.0' } } } },
  });
  assert.deepEqual(lines(imported.left), [
    '9: other names of kr1: login',
    '12: kr2 has its address from line 10 already: 10.0.5.2 is left out',
    '13: fd00::3 of kr3: Kraken keeps IPv4 addresses of nodes',
  ]);
  assert.deepEqual(readHosts('10.0.0.1 kr1\n').nodes, [{ nodename: 'kr1', ipv4: { ifaces: { kraken: { ip: { ip: '10.0.0.1' } } } } }]);
});

for (const [text, wrong] of [
  ['10.0.0.1\n', ['1: 10.0.0.1 has no name']],
  ['# x\n10.0.0 kr1\n', ['2: "10.0.0" is no address']],
  ['kr1 10.0.0.1\n', ['1: "kr1" is no address']],
  ['10.0.0.1 kr1!\n', ['1: "kr1!" cannot be the name of a node: letters, digits and . _ - between them, at most 253']],
  ['fe80::1%eth0 kr1\n10.0.0.300 kr2', ['2: "10.0.0.300" is no address']],
] as const) {
  test(`hosts ${JSON.stringify(text)}`, () => assert.deepEqual(lines(readHosts(text).wrong), wrong));
}

test('Warewulf: profiles are laid over each other, networks and BMCs taken over', () => {
  const imported = readWarewulf(fixture('nodes.conf'));
  assert.deepEqual(imported.wrong, []);
  assert.deepEqual(imported.nodes, [
    {
      nodename: 'n001.alpine',
      labels: { cluster: 'alpine', image: 'rocky-9' },
      pxe: { args: 'quiet crashkernel=no' },
      ipv4: {
        ifaces: {
          kraken: {
            eth: { iface: 'eno1', mac: 'aa:bb:cc:00:00:01', mtu: 9000 },
            ip: { ip: '10.0.2.1', subnet: '255.255.252.0' },
          },
        },
        routes: [{ ip: '10.0.0.1' }],
        dnsNameservers: [{ ip: '10.0.0.1' }],
      },
      platform: 'ipmi',
      ipmi: { address: '10.0.6.1', port: 6231, user: 'admin' },
    },
    {
      nodename: 'n002.alpine',
      labels: { cluster: 'alpine', image: 'rocky-9-cuda', gpu: 'a100' },
      pxe: { args: 'crashkernel=no nouveau.modeset=0' },
      ipv4: {
        ifaces: {
          default: { eth: { mtu: 9000 }, ip: { ip: '10.1.2.2', subnet: '255.255.252.0' } },
          kraken: { eth: { mac: 'aa:bb:cc:00:00:02' }, ip: { ip: '10.0.2.2', subnet: '255.255.252.0' } },
          ib: { eth: { iface: 'ib0' }, ip: { ip: '10.2.2.2', subnet: '255.255.0.0' } },
        },
      },
      platform: 'ipmi',
      ipmi: { address: '10.0.6.2' },
    },
    { nodename: 'n003.alpine', pxe: { args: 'console=ttyS0' }, platform: 'ipmi', ipmi: { address: '10.0.6.3', user: 'root' } },
  ]);
  assert.deepEqual(lines(imported.left), [
    "6: the image rocky-9 is kept as the label image; it is not made one of Kraken's images",
    '7: runtime overlay: Kraken has no overlays',
    '15: ipmi.password: no secret stands in a node: put it into a file that the ipmi service names',
    '30: network devices.default.tags.DNS1: it has no place in Kraken',
    '31: network devices.default.tags.domain: it has no place in Kraken',
    "33: the image rocky-9-cuda is kept as the label image; it is not made one of Kraken's images",
    '40: 2nd cannot be a label: a letter, then letters, digits and . _ -, at most 63',
    '56: asset key: it has no place in Kraken',
    '69: network devices.ib.type: it has no place in Kraken',
    '71: 80:00:02:08:fe:80:00:00:00:00:00:00:aa:bb:cc:00:00:00:00:02 is no MAC address of Ethernet',
    '78: discoverable: kraken node adopt takes in machines that show themselves',
  ]);
  assert.doesNotMatch(JSON.stringify(imported), /calvin/);
});

/** The cases of Warewulf's own tests for profiles of profiles; what a node is then called by is the label of the last. */
for (const [node, profiles, expected] of [
  [[], {}, ''],
  [['p1'], {}, 'p1'],
  [['p1', 'p2'], {}, 'p1 p2'],
  [['p1', 'p2'], { p2: ['~p1'] }, 'p2'],
  [['p1', 'p2'], { p2: ['~p3'] }, 'p1 p2'],
  [['p1'], { p1: ['p2'], p2: ['p3'] }, 'p1 p2 p3'],
  [['p1'], { p1: ['p2'], p2: ['~p2', 'p3'] }, 'p1 p3'],
  [['p1'], { p1: ['p2'], p2: ['p3'], p3: ['p1'] }, 'p1 p2 p3'],
  [['p1'], { p1: ['p2'], p2: ['~p1', 'p3'], p3: ['p1'] }, 'p2 p3 p1'],
  [['p1', 'p2'], { p1: ['p3'], p2: ['~p3', 'p4'], p4: ['p3'] }, 'p1 p2 p4 p3'],
] as const) {
  test(`Warewulf: profiles ${JSON.stringify([node, profiles])}`, () => {
    const all = ['p1', 'p2', 'p3', 'p4'].map((name) => {
      const own = (profiles as Record<string, readonly string[]>)[name] ?? [];
      return `  ${name}:\n    kernel:\n      args: [${name}]\n    profiles: ${JSON.stringify(own)}\n`;
    });
    const text = `nodeprofiles:\n${all.join('')}nodes:\n  n1:\n    profiles: ${JSON.stringify(node)}\n`;
    const [imported] = readWarewulf(text).nodes;
    assert.deepEqual((imported?.['pxe'] as { args?: string } | undefined)?.args ?? '', expected);
  });
}

for (const [text, wrong] of [
  ['nodes: {}\n', []],
  ['nodes:\n  n1:\n', []],
  ['WW_INTERNAL: 45\n', ['1: there are no nodes in it']],
  ['- a\n', ['1: there are no nodes in it']],
  ['x: 1\nnodegroups:\n  default: {}\n', ['2: nodegroups are of a Warewulf before 4.1: upgrade the file with it first']],
  ['nodes:\n  n1: [\n', /^3: it is no YAML: /],
  ['nodes:\n  n1: {}\n  n1: {}\n', /^3: it is no YAML: Map keys must be unique/],
  ['nodes:\n  n1:\n    profiles: [a]\n', ['3: there is no profile a']],
  ['nodes:\n  n_1_: {}\n', ['2: "n_1_" cannot be the name of a node: letters, digits and . _ - between them, at most 253']],
  ['nodes:\n  n1:\n    network devices:\n      a:\n        ipaddr: 10.0.0\n', ['5: 10.0.0 is no IPv4 address']],
  ['nodes:\n  n1:\n    network devices:\n      a: {ipaddr: 10.0.0.1, netmask: 255.0.255.0}\n', ['4: 255.0.255.0 is no network mask']],
  ['nodes:\n  n1:\n    network devices:\n      a: {hwaddr: "aa:bb"}\n', ['4: aa:bb is no MAC address']],
  ['nodes:\n  n1:\n    network devices:\n      a: {mtu: big}\n', ['4: big is no MTU']],
  ['nodes:\n  n1:\n    network devices:\n      a: {gateway: g}\n', ['4: g is no IPv4 address']],
  ['nodes:\n  n1:\n    ipmi: {ipaddr: bmc 1}\n', ['3: bmc 1 is no address of a BMC']],
  ['nodes:\n  n1:\n    ipmi: {port: "0"}\n', ['3: 0 is no port']],
  [`nodes:\n  n1:\n    ipmi: {username: ${'u'.repeat(17)}}\n`, [`3: the user ${'u'.repeat(17)} of a BMC is longer than 16 characters`]],
  ['nodes:\n  n1:\n    kernel: {args: "é"}\n', ['3: kernel arguments are at most 1024 characters of ASCII']],
] as const) {
  test(`Warewulf ${JSON.stringify(text)}`, () => {
    const found = lines(readWarewulf(text).wrong);
    if (wrong instanceof RegExp) assert.match(found.join('\n'), wrong);
    else assert.deepEqual(found, wrong);
  });
}

test('no text makes a reader throw', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom('nodes:\n', ' ', '  a: ', '\n', '&x', '*x', '<<: *x', '{', '}', '[1-2]', '~', '- ', 'ipmi', '10.0.0.1', ','),
        { maxLength: 20 },
      ),
      (pieces) => {
        for (const read of [readGenders, readHosts, readWarewulf]) read(pieces.join(''));
      },
    ),
    { numRuns: 500 },
  );
});

test('masks and addresses', () => {
  assert.deepEqual([maskOf(0), maskOf(1), maskOf(22), maskOf(32)], ['0.0.0.0', '128.0.0.0', '255.255.252.0', '255.255.255.255']);
  assert.deepEqual(['255.255.252.0', '255.0.255.0', '24'].map(isMask), [true, false, false]);
  assert.deepEqual(['AA:bb:cc:00:11:22', 'aabbcc001122', 'aabb.cc00.1122', 'aa:bb-cc:00:11:22', 'aa:bb:cc:00:11'].map(macOf), [
    'aa:bb:cc:00:11:22',
    'aa:bb:cc:00:11:22',
    'aa:bb:cc:00:11:22',
    undefined,
    undefined,
  ]);
});
