/** Every check of the doctor, broken once: what it finds, how bad it is, what to do; all else stays as it was. */
import assert from 'node:assert/strict';
import { chmodSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { examine } from '../../host/doctor/examine.ts';
import type { Finding, Status } from '../../host/doctor/finding.ts';
import { satisfies } from '../../host/doctor/machine-checks.ts';
import { CONFIG, Lab, peer } from './site.ts';

const isRoot = process.getuid?.() === 0;

async function examined(change: (lab: Lab) => void): Promise<readonly Finding[]> {
  const lab = new Lab();
  try {
    change(lab);
    const host = 'status' in lab.site.host ? lab.answers() : lab.site.host;
    const findings = await examine({ ...lab.site, host });
    assert.doesNotMatch(JSON.stringify(findings), /topsecret/, 'a secret is shown');
    return findings.map((finding) => JSON.parse(JSON.stringify(finding).replaceAll(lab.folder, 'DIR')) as Finding);
  } finally {
    lab.end();
  }
}

test('where everything is well every check says so', async () => {
  const findings = await examined(() => {});
  assert.deepEqual(
    findings.filter(({ status, todo }) => status !== 'ok' || todo !== ''),
    [],
  );
  assert.deepEqual(
    findings.map(({ check }) => check),
    [
      'node',
      'host',
      'version',
      'data',
      'time',
      'configuration',
      'modules',
      'secret files',
      'keys',
      'services',
      'confinement',
      'engine',
      'nodes',
      'hosts',
      'programs',
      'ports',
      'clock',
      'systemd',
      'limits',
    ],
  );
});

test('a host that is stopped is looked at as well', async () => {
  const findings = await examined((lab) => lab.stop());
  assert.deepEqual(
    findings.filter(({ status }) => status !== 'ok').map(({ check, status }) => `${check} ${status}`),
    [
      'host problem',
      'version skipped',
      'services skipped',
      'confinement skipped',
      'engine skipped',
      'nodes skipped',
      'hosts skipped',
      'limits skipped',
    ],
  );
});

type Broken = readonly [name: string, change: (lab: Lab) => void, check: string, status: Status, found: RegExp, todo: RegExp];

const withConfig = (lab: Lab, config: unknown, mode = 0o600): void =>
  lab.write(lab.config, JSON.stringify(config).replaceAll('FOLDER', lab.folder), mode);
const withService = (lab: Lab, state: string, why?: string): void => {
  const [first, ...rest] = lab.status.services;
  lab.status = {
    ...lab.status,
    services: [{ ...(first ?? assert.fail()), state, restarts: 3, ...(why === undefined ? {} : { why }) }, ...rest],
  };
};

const BROKEN: readonly Broken[] = [
  [
    'an old Node.js',
    (lab) => (lab.site = { ...lab.site, node: 'v18.19.0' }),
    'node',
    'problem',
    /^Node.js is v18\.19\.0, and Kraken needs \^20/,
    /^Install/,
  ],
  [
    'a host that does not answer on this socket, and has the data',
    (lab) => {
      lab.stop();
      lab.process(100, 'node', 1, []);
      symlinkSync(join(lab.data, 'lock'), join(lab.root, 'proc/100/fd.lock'));
      lab.process(102, 'kraken', 1, [join(lab.data, 'lock')]);
    },
    'host',
    'problem',
    /^process 102 \(kraken\) runs on DIR\/data, and no host answers/,
    /--socket/,
  ],
  ['no host', (lab) => lab.stop(), 'host', 'problem', /^no host answers on DIR/, /kraken up/],
  [
    'files that were replaced under a running host',
    (lab) => utimesSync(join(lab.folder, 'kraken/dist/kraken.js'), new Date(), new Date(Date.now() + 120_000)),
    'version',
    'warning',
    /was started before DIR\/kraken\/dist\/kraken\.js was replaced/,
    /^Start it again/,
  ],
  [
    'another version',
    (lab) => writeFileSync(join(lab.folder, 'kraken/package.json'), '{"version":"1.2.4"}'),
    'version',
    'warning',
    /^the host is 1\.2\.4 .*this command is 1\.2\.3/,
    /same installation/,
  ],
  ['a host of somebody else', (lab) => lab.sockets({ unix: [], udp: [], tcp: [] }), 'version', 'skipped', /sudo/, /^$/],
  [
    'no data directory',
    (lab) => rmSync(lab.data, { recursive: true }),
    'data',
    'warning',
    /^there is no DIR\/data$/,
    /elsewhere: name it with --data-dir/,
  ],
  [
    'no data directory, and no host',
    (lab) => {
      lab.stop();
      rmSync(lab.data, { recursive: true });
    },
    'data',
    'problem',
    /^there is no DIR\/data$/,
    /kraken init/,
  ],
  [
    'a file where the data directory should be',
    (lab) => {
      rmSync(lab.data, { recursive: true });
      writeFileSync(lab.data, '');
    },
    'data',
    'problem',
    /is no directory/,
    /kraken init/,
  ],
  [
    'data that others can enter',
    (lab) => chmodSync(lab.data, 0o755),
    'data',
    'problem',
    /entered by others \(mode 0755\)/,
    /^chmod 700 DIR\/data/,
  ],
  [
    'a journal of tomorrow',
    (lab) => utimesSync(join(lab.data, 'store/journal/1'), new Date(), new Date(Date.now() + lab.month)),
    'time',
    'problem',
    /still to come/,
    /^Set the clock/,
  ],
  [
    'no configuration',
    (lab) => rmSync(lab.config),
    'configuration',
    'warning',
    /^there is no DIR\/kraken\.yaml: no service runs/,
    /kraken init/,
  ],
  [
    'a configuration that is no YAML',
    (lab) => writeFileSync(lab.config, 'services: ['),
    'configuration',
    'problem',
    /cannot be read/,
    /^Correct/,
  ],
  ['an unknown key', (lab) => withConfig(lab, { ...CONFIG, servces: {} }), 'configuration', 'problem', /servces/, /services|Correct/],
  [
    'a configuration that others can write',
    (lab) => chmodSync(lab.config, 0o666),
    'configuration',
    'problem',
    /others can write DIR/,
    /^chmod go-w DIR/,
  ],
  [
    'a password in a file that everybody reads',
    (lab) => withConfig(lab, { services: { ipmi: { module: 'ipmi', config: { user: 'a', password: 'topsecret' } } } }, 0o644),
    'configuration',
    'problem',
    /^a password stands in DIR/,
    /file: PATH/,
  ],
  [
    'a module that is not there',
    (lab) => withConfig(lab, { services: { ipmi: { module: 'ipmy' } } }),
    'modules',
    'problem',
    /^ipmi: .*modules installed are: .*ipmi/,
    /^Correct/,
  ],
  [
    'a secret that everybody reads',
    (lab) => chmodSync(join(lab.folder, 'bmc.password'), 0o644),
    'secret files',
    'problem',
    /^DIR\/bmc\.password is too open \(mode 0644\)/,
    /^chmod 600 DIR\/bmc\.password/,
  ],
  [
    'a secret that its group writes',
    (lab) => chmodSync(join(lab.folder, 'bmc.password'), 0o620),
    'secret files',
    'problem',
    /too open \(mode 0620\)/,
    /^chmod 600/,
  ],
  [
    'a secret that is not there',
    (lab) => rmSync(join(lab.folder, 'bmc.password')),
    'secret files',
    'problem',
    /^there is no DIR\/bmc\.password/,
    /mode 0600/,
  ],
  [
    'the key of a certificate that everybody reads',
    (lab) => {
      lab.write(join(lab.folder, 'web.key'), 'topsecret', 0o644);
      withConfig(lab, { services: { api: { module: 'simulator', config: { tls: { cert: '/x', key: 'FOLDER/web.key' } } } } });
    },
    'secret files',
    'problem',
    /^DIR\/web\.key is too open/,
    /^chmod 600/,
  ],
  [
    'a CA that others read',
    (lab) => chmodSync(join(lab.data, 'keys/ca.key'), 0o640),
    'keys',
    'problem',
    /^DIR\/data\/keys\/ca\.key is open to others/,
    /new CA/,
  ],
  [
    'a host key that others read',
    (lab) => chmodSync(join(lab.data, 'keys/host.key'), 0o604),
    'keys',
    'problem',
    /host\.key is open to others/,
    /Revoke/,
  ],
  [
    'keys that others can put there',
    (lab) => chmodSync(join(lab.data, 'keys'), 0o770),
    'keys',
    'problem',
    /others can write to DIR\/data\/keys/,
    /^chmod 700/,
  ],
  ['no keys', (lab) => rmSync(join(lab.data, 'keys'), { recursive: true }), 'keys', 'skipped', /there are none/, /^$/],
  [
    'a service that failed',
    (lab) => withService(lab, 'failed', 'it crashed 3 times'),
    'service ipmi',
    'problem',
    /^is failed: it crashed 3 times/,
    /kraken service restart ipmi/,
  ],
  [
    'a service that was rejected',
    (lab) => withService(lab, 'rejected', '/user is missing'),
    'service ipmi',
    'problem',
    /^is rejected: \/user is missing/,
    /kraken service logs ipmi/,
  ],
  [
    'a service that crashes',
    (lab) => withService(lab, 'crashed'),
    'service ipmi',
    'problem',
    /^is crashed, and was started 4 times$/,
    /kraken service logs ipmi/,
  ],
  ['a service that hangs', (lab) => withService(lab, 'unresponsive'), 'service ipmi', 'problem', /^is unresponsive/, /logs/],
  [
    'a service that was stopped',
    (lab) => withService(lab, 'stopped', 'cfg wants it'),
    'service ipmi',
    'warning',
    /^is stopped: cfg wants it/,
    /kraken service start ipmi/,
  ],
  [
    'modules that nothing shuts off',
    (lab) => (lab.open = ['ipmi', 'sim'].map((service) => ({ service, how: "open to the host's user (bubblewrap is not installed)" }))),
    'confinement',
    'warning',
    /^not shut off from the host: ipmi, sim; open to the host's user \(bubblewrap is not installed\)$/,
    /kraken plugin info/,
  ],
  [
    'a frozen engine',
    (lab) => (lab.status = { ...lab.status, frozen: { by: 'ada', why: 'move', since: 0 } }),
    'engine',
    'warning',
    /^is frozen by ada: move/,
    /kraken engine thaw/,
  ],
  [
    'a restored backup',
    (lab) => (lab.status = { ...lab.status, frozen: { by: 'core', why: 'the backup b was restored', since: 0 } }),
    'engine',
    'problem',
    /^is frozen: the backup b was restored/,
    /explain all.*thaw/,
  ],
  [
    'a brake',
    (lab) => (lab.status = { ...lab.status, brakes: [{ domain: 'rack r1', lost: 3, of: 4, since: 0 }] }),
    'brake',
    'problem',
    /^3 of 4 nodes of rack r1/,
    /retry --disruptive/,
  ],
  [
    'nodes that wait for a person',
    (lab) =>
      (lab.status = {
        ...lab.status,
        waiting: [{ kind: 'stuck', text: 'stuck', nodes: ['1', '2'], longest: 1, command: 'kraken node retry SET' }],
      }),
    'nodes',
    'problem',
    /^2 wait for a person: stuck/,
    /kraken node waiting.*kraken node retry SET/,
  ],
  [
    'a dead host',
    (lab) => (lab.peers = [peer({ state: 'dead', why: 'silent' })]),
    'host kr1',
    'problem',
    /^is dead: silent/,
    /kraken node explain kr1/,
  ],
  [
    'no parent',
    (lab) => (lab.peers = [peer({ id: '', name: '', role: 'parent', state: 'trying' })]),
    'host above',
    'problem',
    /^no parent is found/,
    /network/,
  ],
  ['a silent host', (lab) => (lab.peers = [peer({ state: 'probing' })]), 'host kr1', 'warning', /^is silent/, /kraken peers/],
  [
    'a host that is behind',
    (lab) => (lab.peers = [peer({ behind: 7, heardAt: Date.now() - 60_000 })]),
    'host kr1',
    'warning',
    /behind by 7/,
    /network/,
  ],
  ['forged messages', (lab) => (lab.peers = [peer({ forged: 2 })]), 'host kr1', 'warning', /^2 forged messages/, /network/],
  ['no flock', (lab) => lab.programs.delete('flock'), 'programs', 'problem', /^flock is not there, and the host needs it/, /util-linux/],
  [
    'no virsh',
    (lab) => lab.programs.delete('virsh'),
    'programs',
    'problem',
    /^virsh is not there, and service lab needs it/,
    /libvirt-clients/,
  ],
  ['no ssh', (lab) => lab.programs.delete('ssh'), 'programs', 'problem', /^ssh is not there, and service lab/, /openssh-client/],
  [
    'no ipmitool',
    (lab) => lab.programs.delete('ipmitool'),
    'programs',
    'warning',
    /^ipmitool is not there, and kraken node console/,
    /ipmitool/,
  ],
  ['no zstd', (lab) => lab.programs.delete('zstd'), 'programs', 'warning', /^zstd .*layer0 build/, /zstd/],
  [
    'no boot files',
    (lab) => rmSync(join(lab.folder, 'boot'), { recursive: true }),
    'programs',
    'problem',
    /^service pxe has its boot files in DIR\/boot/,
    /kraken layer0 build --out DIR\/boot\/amd64/,
  ],
  [
    'a DHCP server of another',
    (lab) => {
      lab.process(55, 'dnsmasq', 1, ['socket:[9067]']);
      lab.sockets({
        unix: [7001],
        udp: [
          [67, 9067],
          [69, 7069],
        ],
        tcp: [],
      });
    },
    'ports',
    'problem',
    /^UDP 67 is held by process 55 \(dnsmasq\), and service pxe needs it/,
    /^End that one/,
  ],
  [
    'the port of hosts, held while the host is stopped',
    (lab) => {
      lab.stop();
      lab.sockets({ unix: [], udp: [], tcp: [[31_415, 9001]] });
    },
    'ports',
    'problem',
    /^TCP 31415 is held by another process, and the host needs it/,
    /another port/,
  ],
  [
    'a host that may not open port 67',
    (lab) => lab.system('proc/100/status', 'CapEff:\t00000000000003ff\n'),
    'ports',
    'problem',
    /may not open 67 and 69/,
    /CAP_NET_BIND_SERVICE/,
  ],
  ['a clock that nobody sets', (lab) => (lab.printed['timedatectl show'] = 'no\n'), 'clock', 'warning', /not set by NTP/, /timedatectl/],
  ['a machine without timedatectl', (lab) => delete lab.printed['timedatectl show'], 'clock', 'skipped', /timedatectl/, /^$/],
  [
    'a machine without systemd',
    (lab) => rmSync(join(lab.root, 'run'), { recursive: true }),
    'systemd',
    'skipped',
    /not started by systemd/,
    /^$/,
  ],
  [
    'no unit',
    (lab) => rmSync(join(lab.root, 'etc'), { recursive: true }),
    'systemd',
    'warning',
    /^there is no kraken\.service/,
    /kraken init --systemd/,
  ],
  [
    'a unit that is not enabled',
    (lab) => (lab.printed['systemctl is-enabled'] = 'disabled\n'),
    'systemd',
    'warning',
    /is disabled/,
    /systemctl enable/,
  ],
  [
    'a host that was started by hand',
    (lab) => (lab.printed['systemctl is-active'] = 'inactive\n'),
    'systemd',
    'warning',
    /started by hand/,
    /systemctl start/,
  ],
  [
    'a unit that failed',
    (lab) => {
      lab.stop();
      lab.printed['systemctl is-active'] = 'failed\n';
    },
    'systemd',
    'problem',
    /has failed/,
    /journalctl/,
  ],
  [
    'too few open files',
    (lab) => {
      lab.status = { ...lab.status, nodes: 1000 };
      lab.system('proc/100/limits', 'Max open files            1024                 524288               files\n');
    },
    'limits',
    'problem',
    /may open 1024 files, and what there is may need 1256/,
    /LimitNOFILE/,
  ],
  [
    'too little memory',
    (lab) => lab.system('proc/meminfo', 'MemTotal:       200000 kB\n'),
    'limits',
    'warning',
    /^the memory of this machine is 195 MiB, and what there is may need 534/,
    /more/,
  ],
  [
    'a control group that is too small',
    (lab) => lab.system('sys/fs/cgroup/system.slice/kraken.service/memory.max', '104857600\n'),
    'limits',
    'warning',
    /control group is 100 MiB/,
    /more/,
  ],
];

for (const [name, change, check, status, found, todo] of BROKEN) {
  test(name, async () => {
    const findings = await examined(change);
    const one = findings.find((finding) => finding.check === check && finding.status === status && found.test(finding.found));
    assert.ok(
      one,
      JSON.stringify(
        findings.filter((finding) => finding.status !== 'ok' || finding.check === check),
        null,
        1,
      ),
    );
    assert.match(one.todo, todo);
  });
}

for (const [how, name, expected] of [
  ['its arguments', 'cmdline', 'node\0kraken.js\0up\0--config\0DIR/other.yaml\0'],
  ['its environment', 'environ', 'A=b\0KRAKEN_CONFIG=DIR/other.yaml\0'],
] as const) {
  test(`where nobody names one the configuration of the running host is looked at: by ${how}`, async () => {
    const looked = (isConfigNamed: boolean): Promise<readonly Finding[]> =>
      examined((lab) => {
        lab.write(join(lab.folder, 'other.yaml'), 'services: {}\n');
        lab.system(`proc/100/${name}`, expected.replaceAll('DIR', lab.folder));
        lab.site = { ...lab.site, isConfigNamed };
      });
    const found = async (isNamed: boolean): Promise<string | undefined> =>
      (await looked(isNamed)).find(({ check }) => check === 'configuration')?.found;
    assert.equal(await found(false), 'DIR/other.yaml');
    assert.equal(await found(true), 'DIR/kraken.yaml');
  });
}

test('a file of another user', { skip: isRoot ? false : 'only root can give files away' }, async () => {
  const { chownSync } = await import('node:fs');
  const findings = await examined((lab) => {
    for (const name of ['', 'lock', 'store', 'services', 'keys']) chownSync(join(lab.data, name), 4711, 4711);
  });
  const password = findings.find(({ check }) => check === 'secret files');
  assert.match(
    `${password?.status} ${password?.found} ${password?.todo}`,
    /^problem DIR\/bmc\.password belongs to user 0, and the host, which is user 4711, cannot read it chown 4711/,
  );
  const [data] = (await examined((lab) => chownSync(join(lab.data, 'keys'), 4711, 4711))).filter(({ check }) => check === 'data');
  assert.match(
    `${data?.status} ${data?.found} ${data?.todo}`,
    /^problem DIR\/data belongs to user 0, and DIR\/data\/keys to others chown -R --reference=DIR\/data DIR\/data\/keys/,
  );
});

for (const [version, is] of [
  ['v20.19.0', true],
  ['v20.18.9', false],
  ['v21.0.0', false],
  ['v22.18.0', true],
  ['v22.17.9', false],
  ['v23.9.0', false],
  ['v24.11.0', true],
  ['v24.10.9', false],
  ['v30.0.0', true],
] as const) {
  test(`Node.js ${version}`, () => assert.equal(satisfies(version, '^20.19.0 || ^22.18.0 || >=24.11.0'), is));
}
