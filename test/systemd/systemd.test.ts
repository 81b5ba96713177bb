/** The unit as systemd itself reads and judges it, and what a host tells systemd. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { notifySystemd } from '../../host/systemd/notify.ts';
import { unitText } from '../../host/systemd/unit.ts';

const folder = mkdtempSync(join(tmpdir(), 'kraken-systemd-'));
const running: ChildProcess[] = [];
after(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const without = (program: string): string | false => (spawnSync(program, ['--version']).error ? `${program} is not installed` : false);

const ROOTS = {
  config: '/etc/kraken/kraken.yaml',
  dataDir: '/var/lib/kraken',
  socket: '/run/kraken/control.sock',
  runDir: '/run/kraken/keys',
};
const OTHER = { config: '/srv/k 1/kraken.yaml', dataDir: '/srv/k 1/data', socket: '/srv/run/k.sock', runDir: '/srv/k 1/data/run' };
/** 0 to 100; what is not shut off at all has 96, and what makes no sandboxes for others 22. */
const MOST_EXPOSED = 35;

for (const [name, options] of Object.entries({
  'where root has things': { paths: ROOTS, user: 'daemon' },
  elsewhere: { paths: OTHER, user: 'daemon' },
  'as root': { paths: ROOTS, user: 'root' },
})) {
  const file = join(folder, `${name.replaceAll(' ', '-')}.service`);
  const script = join(folder, '100% $odd "name"', 'kraken.js');
  mkdirSync(join(folder, '100% $odd "name"'), { recursive: true });
  writeFileSync(script, '');
  writeFileSync(file, unitText({ ...options, command: [process.execPath, script] }));

  test(`systemd understands the unit ${name}`, { skip: without('systemd-analyze') }, () => {
    const { status, stderr, stdout } = spawnSync('systemd-analyze', ['verify', '--recursive-errors=no', file], { encoding: 'utf8' });
    assert.deepEqual([status, stdout + stderr], [0, '']);
  });

  test(`the unit ${name} is shut off`, { skip: without('systemd-analyze') }, () => {
    const { status, stdout } = spawnSync(
      'systemd-analyze',
      ['security', '--offline=yes', `--threshold=${MOST_EXPOSED}`, '--no-pager', file],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(status, 0, stdout);
  });
}

test('what the unit says of data, sockets and capabilities', () => {
  const usual = unitText({ command: ['/usr/bin/node', '/opt/kraken.js'], paths: ROOTS, user: 'kraken' });
  assert.match(usual, /^ExecStart=\/usr\/bin\/node \/opt\/kraken\.js up$/m);
  assert.match(usual, /^StateDirectory=kraken$/m);
  assert.match(usual, /^AmbientCapabilities=CAP_NET_BIND_SERVICE$/m);
  assert.match(usual, /^Environment=KRAKEN_RUN_DIR=\/run\/kraken\/keys$/m);
  assert.match(usual, /^ProtectHome=yes$/m);
  assert.doesNotMatch(usual, /ReadWritePaths/);
  for (const line of [
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'RestrictNamespaces=user mnt pid net ipc uts',
    'SystemCallFilter=@system-service @mount',
    'UMask=0077',
  ])
    assert.ok(usual.includes(`\n${line}\n`), line);
  // Either would cover something in /proc, and the kernel would refuse bubblewrap a /proc of its own.
  assert.doesNotMatch(usual, /ProtectProc|ProtectKernelTunables|ProtectKernelLogs/);
  const other = unitText({ command: [join('/', 'home', 'ada', 'node'), 'x'], paths: OTHER, user: 'root' });
  assert.match(other, /^Environment="KRAKEN_DATA_DIR=\/srv\/k 1\/data"$/m);
  assert.match(other, /^ReadWritePaths="\/srv\/k 1\/data" \/srv\/run$/m);
  assert.match(other, /^ProtectHome=read-only$/m);
  assert.match(other, /^RestrictNamespaces=yes$/m);
  assert.doesNotMatch(other, /StateDirectory|AmbientCapabilities/);
});

/** What systemd is: it listens to datagrams, and prints each. */
const LISTENER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
print('listening', flush=True)
while True:
    data, ancillary, _, _ = s.recvmsg(65536, 1024)
    for level, kind, piece in ancillary: os.close(int.from_bytes(piece[:4], sys.byteorder))
    print(data.decode().replace(chr(10), '|'), flush=True)
`;

async function listener(name: string): Promise<{ readonly socket: string; heard(wanted: RegExp): Promise<string> }> {
  const socket = join(folder, name);
  const child = spawn('python3', ['-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  running.push(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  const heard = async (wanted: RegExp): Promise<string> => {
    for (;;) {
      const found = lines.find((line) => wanted.test(line));
      if (found !== undefined) return found;
      await once(reader, 'line');
    }
  };
  await heard(/^listening$/);
  return { socket, heard };
}

const skip = without('systemd-notify') || without('python3');

test('a datagram reaches who listens', { skip }, async () => {
  const { socket, heard } = await listener('own');
  assert.equal(await notifySystemd({ ...process.env, NOTIFY_SOCKET: socket }, 'READY=1', 'STATUS=a b'), undefined);
  assert.equal(await heard(/READY/), 'READY=1|STATUS=a b');
});

test('nothing is done where nobody wants to know; what fails is said', async () => {
  assert.equal(await notifySystemd({ PATH: '/nowhere' }, 'READY=1'), undefined);
  assert.match(
    String(await notifySystemd({ PATH: '/nowhere', NOTIFY_SOCKET: '/nowhere/s' }, 'READY=1')),
    /^systemd was not told READY=1: there is no systemd-notify; install/,
  );
  if (!skip)
    assert.match(
      String(await notifySystemd({ ...process.env, NOTIFY_SOCKET: '/nowhere/s' }, 'READY=1')),
      /^systemd was not told READY=1: /,
    );
});

test('a host says that it is ready when it answers, and that it ends', { skip }, async () => {
  const { socket, heard } = await listener('host');
  const entry = fileURLToPath(new URL('../../host/bin/kraken.js', import.meta.url));
  const data = join(folder, 'data');
  const env = {
    ...process.env,
    NOTIFY_SOCKET: socket,
    KRAKEN_DATA_DIR: data,
    KRAKEN_CONFIG: '',
    KRAKEN_SOCKET: '',
    XDG_CONFIG_HOME: folder,
  };
  const kraken = (...args: string[]) => spawn(process.execPath, [entry, ...args], { env, stdio: 'ignore' });
  const host = kraken('up');
  running.push(host);
  assert.equal(await heard(/READY/), `READY=1|STATUS=answers on ${data}/control.sock`);
  const [exit] = (await once(kraken('engine', 'status'), 'exit')) as [number];
  assert.equal(exit, 0, 'it said that it is ready, and does not answer');
  host.kill('SIGTERM');
  await heard(/^STOPPING=1$/);
  assert.deepEqual((await once(host, 'exit'))[0], 0);
});

test('init writes the unit, keeps what is there, and says what comes next', () => {
  const entry = fileURLToPath(new URL('../../host/bin/kraken.js', import.meta.url));
  const unit = join(folder, 'mine.service');
  const env = { ...process.env, KRAKEN_DATA_DIR: join(folder, 'fresh'), KRAKEN_CONFIG: join(folder, 'fresh.yaml') };
  const init = (...args: string[]) => spawnSync(process.execPath, [entry, 'init', ...args], { env, encoding: 'utf8' });
  const first = init('--unit', unit);
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /unit {12}.*mine\.service\n[\s\S]*systemctl enable --now mine\n/);
  assert.match(readFileSync(unit, 'utf8'), /^ExecStart=.*bin\/kraken\.js up$/m);
  assert.match(readFileSync(unit, 'utf8'), /^User=kraken$/m);
  chmodSync(unit, 0o600);
  const second = init('--unit', unit);
  assert.deepEqual([second.status, /mine\.service and the CA .* exist already/.test(second.stderr)], [3, true], second.stderr);
  rmSync(unit);
  const third = init('--unit', unit, '--user', 'root');
  assert.match(third.stdout, /\(was there already\)\nCA .*\(was there already\)\nunit/);
  assert.doesNotMatch(third.stdout, /useradd/);
});
