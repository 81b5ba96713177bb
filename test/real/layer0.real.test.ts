/** Layer 0 as it is: built by the command, unpacked by others' tools, booted on a PC without firmware and by Linux as a process. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { install, kernelPackage } from './install.ts';
import { KrakenHost } from './kraken-host.ts';

const KRAKEN = fileURLToPath(new URL('../../host/dist/kraken.js', import.meta.url));
const MIB = 384;
const RELEASE_MOST = 30_000_000;
const host = new KrakenHost();
const place = (name: string): string => host.file(name);
const NAMESPACE = `krl0-${process.pid}`;
const machines = new Set<Machine>();

before(() => {
  install({
    ...{ 'qemu-system-x86_64': 'qemu-system-x86', 'linux.uml': 'user-mode-linux', busybox: 'busybox-static', zstd: 'zstd', cpio: 'cpio' },
    ...{ uml_mconsole: 'uml-utilities', ip: 'iproute2', 'dpkg-deb': 'dpkg', flock: 'util-linux' },
  });
  KrakenHost.build();
});
after(async () => {
  for (const machine of machines) machine.end();
  spawnSync('ip', ['netns', 'del', NAMESPACE]);
  await host.end();
});

interface Built {
  readonly id: string;
  readonly sha256: string;
  readonly seconds: number;
  readonly bytes: { readonly initramfs: number; readonly unpacked: number };
  readonly parts: readonly { readonly name: string; readonly bytes: number }[];
}

function build(out: string, args: readonly string[], umask = '022', cwd = '/'): Built {
  const command = [process.execPath, KRAKEN, 'layer0', 'build', '--modules', kernelPackage(), '--out', out, '-o', 'json', ...args];
  const { stdout, stderr, status } = spawnSync('sh', ['-c', 'umask "$0"; exec "$@"', umask, ...command], { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Built;
}

const text = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

test('two builds from other folders and under other umasks are the same, byte for byte', () => {
  const first = build(place('one'), ['--level', '3']);
  const second = build(place('two'), ['--level', '3'], '077', host.folder);
  assert.deepEqual(readFileSync(place('two/initramfs')), readFileSync(place('one/initramfs')));
  assert.deepEqual([second.id, second.sha256], [first.id, first.sha256]);
  assert.equal(statSync(place('two/kernel')).mode & 0o777, 0o644);
  console.log(`  quick: ${text(first.bytes.initramfs)}, unpacked ${text(first.bytes.unpacked)}, ${first.seconds.toFixed(1)} s`);
  console.log(`  ${first.parts.map(({ name, bytes }) => `${name} ${text(bytes)}`).join(', ')}`);
});

test('compressed for release it is under 30 MB', () => {
  const { bytes, seconds } = build(place('release'), []);
  console.log(`  release: ${text(bytes.initramfs)}, ${seconds.toFixed(1)} s`);
  assert.ok(bytes.initramfs < RELEASE_MOST, `${bytes.initramfs} bytes`);
});

test('cpio and busybox unpack what was packed', () => {
  for (const [name, cpio] of [
    ['gnu', 'cpio -i -d --quiet'],
    ['busybox', 'busybox cpio -i -d'],
  ] as const) {
    const dir = place(name);
    const script = `mkdir "$0" && cd "$0" && zstd -q -d -c "$1" | ${cpio} 2>/dev/null; find . -mindepth 1 | wc -l`;
    const { stdout } = spawnSync('sh', ['-c', script, dir, place('one/initramfs')], { encoding: 'utf8' });
    const inspected = spawnSync(process.execPath, [KRAKEN, 'layer0', 'inspect', '--json', place('one/initramfs')], { encoding: 'utf8' });
    const { entries, facts } = JSON.parse(inspected.stdout) as { entries: number; facts: { id: string } };
    assert.equal(Number(stdout), entries);
    assert.equal((JSON.parse(readFileSync(join(dir, 'etc/kraken/layer0.json'), 'utf8')) as { id: string }).id, facts.id);
    const version = spawnSync(join(dir, 'usr/bin/node'), [join(dir, 'kraken/kraken.js'), '--version'], { encoding: 'utf8' });
    assert.match(version.stdout, /^kraken \d/, 'Node.js runs, stripped, and the bundle with it');
  }
});

const PIN = `sha256:${'A'.repeat(43)}`;
const MAC = '52:54:00:12:34:56';
function commandLine(more: Readonly<Record<string, string>> = {}): string {
  const words = {
    ...{ parent: '10.0.2.2', id: '123e4567-e89b-12d3-a456-426655440000', ca: PIN, ip: '10.0.2.15/24', gw: '10.0.2.2' },
    ...{ mac: MAC, name: 'kr7', boot: '0123456789abcdef', ...more },
  };
  return `quiet panic=5 ${Object.entries(words)
    .map(([name, value]) => `kraken.${name}=${value}`)
    .join(' ')}`;
}

/** A machine, by what comes out of its console. */
class Machine {
  readonly lines: { readonly seconds: number; readonly text: string }[] = [];
  readonly #child: ChildProcess;

  constructor(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const started = performance.now();
    this.#child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, ...env } });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      if (stream)
        createInterface({ input: stream }).on('line', (line) => {
          this.lines.push({ seconds: (performance.now() - started) / 1000, text: line.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]|\r/g, '') });
        });
    machines.add(this);
  }

  /** The seconds at which it said that, since it was switched on. */
  async until(words: RegExp, within = 60_000): Promise<number> {
    for (const end = performance.now() + within; ; await sleep(50)) {
      const line = this.lines.find(({ text: said }) => words.test(said));
      if (line) return line.seconds;
      if (performance.now() > end) throw new Error(`it does not say ${words}:\n${this.said}`);
    }
  }

  get said(): string {
    return this.lines.map(({ text: line }) => line).join('\n');
  }

  /** User-mode Linux is many processes. */
  end(): void {
    machines.delete(this);
    try {
      process.kill(-(this.#child.pid ?? 0), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

function pc(more: Readonly<Record<string, string>> = {}): Machine {
  const disk = ['-kernel', place('one/kernel'), '-initrd', place('one/initramfs'), '-append', `console=ttyS0 ${commandLine(more)}`];
  const network = ['-netdev', 'user,id=n0', '-device', `virtio-net-pci,netdev=n0,mac=${MAC},romfile=`];
  const screen = ['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot'];
  return new Machine('qemu-system-x86_64', ['-M', 'pc', '-accel', 'tcg,thread=multi', '-m', String(MIB), ...screen, ...disk, ...network]);
}

function uml(name: string, more: Readonly<Record<string, string>> = {}): Machine {
  const tap = `tap-${name}`;
  spawnSync('ip', ['netns', 'add', NAMESPACE]);
  const script = 'ip tuntap add dev "$0" mode tap && ip addr add 10.0.2.2/24 dev "$0" && ip link set "$0" up && exec "$@"';
  const network = `vec0:transport=tap,ifname=${tap},depth=64,gro=1,mac=${MAC}`;
  const args = [
    `umid=${name}`,
    `mem=${MIB}M`,
    `initrd=${place('one/initramfs')}`,
    'rdinit=/init',
    ...commandLine(more).split(' '),
    network,
  ];
  const command = ['linux.uml', ...args, 'con=null', 'con0=null,fd:1'];
  return new Machine('ip', ['netns', 'exec', NAMESPACE, 'sh', '-c', script, tap, ...command], { HOME: host.folder });
}

const PHASES: readonly (readonly [phase: string, ends: RegExp])[] = [
  ['kernel, unpacking, file systems', /^layer0: \S+ kernel \d/],
  ['modules', /^layer0: \S+ modules: /],
  ['network', new RegExp(`^layer0: \\S+ network: (?:eth|vec)0 ${MAC} 10\\.0\\.2\\.15/24 by 10\\.0\\.2\\.2`)],
  ['process', /^layer0: \S+ host started, process \d+/],
  ['host', /^kraken is up: 1 node, socket \/run\/kraken\/control\.sock/],
  ['first try of the parent', /the parent 10\.0\.2\.2:31415 does not take this host: (?!.*(?:ENETUNREACH|EHOSTUNREACH))/],
];

async function phases(machine: Machine): Promise<void> {
  let last = 0;
  const said: string[] = [];
  for (const [phase, ends] of PHASES) {
    const at = await machine.until(ends);
    said.push(`${phase} ${(at - last).toFixed(2)} s`);
    last = at;
  }
  console.log(`  ${said.join(', ')}; all ${last.toFixed(1)} s`);
  assert.doesNotMatch(machine.said, /Kernel panic|not found|can't|cannot|No such file|is not on the kernel command line/);
}

test('a PC of 384 MB, without virtualization, boots it up to the first call of its parent', async () => {
  const machine = pc();
  await phases(machine);
  assert.match(machine.said, /modules: .*virtio_net/);
  machine.end();
});

test('user-mode Linux of 384 MB boots the same initramfs', async () => {
  const machine = uml('same');
  await phases(machine);
  assert.match(machine.said, /no modules: those here are of the kernel/);
  machine.end();
});

test('no interface has the MAC: the console says so, and which there are', async () => {
  const machine = uml('other', { mac: '52:54:00:00:00:01' });
  await machine.until(/no interface has the MAC 52:54:00:00:00:01; there are: vec0 \(52:54:00:12:34:56\); waiting for it/);
  machine.end();
});

test('a host that cannot run is started again at once, then later and later, and says why on the console', async () => {
  const machine = uml('wrong', { ca: 'no-pin' });
  for (const wait of [0, 1, 2]) await machine.until(new RegExp(`host ended with [1-9]\\d* after \\d+ s; started again in ${wait} s`));
  assert.match(machine.said, /kraken\.ca: "no-pin" is no pin/);
  machine.end();
});

test('Ctrl-Alt-Del ends the host in order, then the machine starts anew', async () => {
  const machine = uml('anew');
  await machine.until(/the parent 10\.0\.2\.2:31415 does not take this host/);
  // It may wait for an answer that a machine which ends does not give any more.
  spawnSync('uml_mconsole', ['anew', 'cad'], { env: { ...process.env, HOME: host.folder }, timeout: 3000, killSignal: 'SIGKILL' });
  await machine.until(/^layer0: \S+ reboot: ending the host/);
  await machine.until(/stopping: it was interrupted/);
  await machine.until(/^layer0: \S+ reboot$/);
  machine.end();
});
