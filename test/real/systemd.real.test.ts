/**
 * The unit under a real systemd: process 1 of a namespace of its own, with nothing to start but a host. As a user of its own and shut off
 * from all else, the host answers, its modules run, ports below 1024 are opened; killed, it is started again; stopped, it stays so.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { unitText } from '../../host/systemd/unit.ts';
import { install } from './install.ts';
import { KrakenHost } from './kraken-host.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TARGETS = 'basic multi-user network-online paths shutdown slices sockets sysinit time-sync timers umount local-fs swap'.split(' ');
const CONFIG = `services:
  sim: { module: simulator, config: {} }
  rest: { module: restapi, config: { listen: '127.0.0.1:3141' } }
  pxe: { module: pxe, config: { interfaces: [lo], root: /opt } }
`;
const PATHS = {
  config: '/opt/kraken.yaml',
  dataDir: '/var/lib/kraken',
  socket: '/run/kraken/control.sock',
  runDir: '/run/kraken/keys',
};
const KRAKEN = '/opt/kraken/host/dist/kraken.js';
const LIMIT = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'kraken-systemd-real-'));
const file = (name: string): string => join(folder, name);
const said = (name: string): string => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : '');
let machine: ChildProcess | undefined;
let group = '';

/** What a person would do, at its console. Each answer is a file. */
const PROBE = `#!/bin/sh
cd '${folder}'
kraken() { '${process.execPath}' ${KRAKEN} "$@"; }
ready() { for i in $(seq 120); do [ "$(systemctl show kraken -p SubState --value)" = running ] && return; sleep 0.5; done; }
ready
systemctl status kraken > show 2>&1
kraken service list -o json > before 2>&1
sleep 8
kraken service list -o json > services 2>&1
kraken doctor -o json > doctor 2>&1
for name in simulator restapi pxe; do kraken plugin info $name -o json > info-$name 2>&1; done
pid=$(systemctl show kraken -p MainPID --value)
cat /proc/$pid/status > status
stat -c '%U %a' /var/lib/kraken /run/kraken/control.sock > owners
kill -9 $pid
sleep 2; ready
systemctl show kraken -p NRestarts --value > restarts
kraken engine status -o name > again 2>&1
kraken engine stop > stop 2>&1
sleep 8
systemctl show kraken -p ActiveState --value > end
touch done
`;

/** A second one, as what covers parts of the first lets the kernel refuse bubblewrap one of its own. On a machine nothing covers any. */
const PROC = '/opt/proc';

/** All that systemd may write to is made for it, and goes with it; of the machine it sees files that it cannot change, and none of its units. */
const OWN = ['/run', '/var', '/tmp', '/opt', '/etc/systemd/system', '/dev/shm'];

/**
 * The root of the machine is seen through a mount that is read-only, device nodes as well; then the old root is left, so that nothing leads
 * back to it. Whatever systemd starts by itself on a machine (it empties /tmp, for one) is not there: neither its units nor its generators.
 */
const ENTER = `
set -e
mount --make-rprivate /
mount --bind / /mnt
mount -o remount,bind,ro /mnt
mount --bind /dev /mnt/dev; mount -o remount,bind,ro /mnt/dev
mount --bind /dev/pts /mnt/dev/pts
mount --rbind /sys /mnt/sys; umount -R /mnt/sys/fs/cgroup; mount -o remount,bind,ro /mnt/sys
mount -t cgroup2 cgroup2 /mnt/sys/fs/cgroup
mount -t proc proc /mnt/proc
mount --bind /mnt/proc/sys /mnt/proc/sys; mount -o remount,bind,ro /mnt/proc/sys
[ ! -e /mnt/proc/sysrq-trigger ] || mount --bind /dev/null /mnt/proc/sysrq-trigger
for place in ${OWN.join(' ')}; do mount -t tmpfs tmpfs /mnt$place; done
mkdir -p /mnt/var/lib /mnt/var/log /mnt/var/tmp /mnt/opt/kraken /mnt/opt/old '/mnt${folder}'
mkdir /mnt${PROC}; mount -t proc proc /mnt${PROC}
mount --bind '${ROOT}' /mnt/opt/kraken; mount -o remount,bind,ro /mnt/opt/kraken
mount --bind '${folder}' '/mnt${folder}'
cp '${folder}/kraken.yaml' /mnt/opt/
cp -r '${folder}'/units/* /mnt/etc/systemd/system/
ip link set lo up
cd /mnt
pivot_root . opt/old
umount -l /opt/old
`;

const BOOT = `${ENTER}
unset NOTIFY_SOCKET
export container=lxc SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=/var/none SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/var/none
exec /lib/systemd/systemd --system --unit=default.target --log-target=console
`;

/** Where systemd could do harm, if it could: asked, not tried. */
const MACHINES = ['/', '/etc', '/usr', '/root', '/home', '/dev', '/sys', '/proc/sys', '/opt/kraken', '/opt/kraken/host'];
const LOOK = `${ENTER}
for place in ${MACHINES.join(' ')}; do [ ! -w $place ] || echo "can write $place"; done
for place in ${OWN.join(' ')}; do [ "$(stat -f -c %T $place)" = tmpfs ] || echo "$place is the machine's"; done
ls /opt/old
`;

before(async () => {
  install({ '/lib/systemd/systemd': 'systemd', unshare: 'util-linux', ip: 'iproute2', bwrap: 'bubblewrap' });
  if (process.getuid?.() !== 0) throw new Error('systemd is process 1: this test needs root');
  KrakenHost.build();
  mkdirSync(file('units'));
  writeFileSync(file('kraken.yaml'), CONFIG);
  writeFileSync(file('probe'), PROBE, { mode: 0o755 });
  const unit = (name: string, text: string): void => writeFileSync(join(folder, 'units', name), text);
  unit('kraken.service', unitText({ command: [process.execPath, KRAKEN], paths: PATHS, user: 'daemon' }));
  mkdirSync(file('units/kraken.service.d'));
  unit('kraken.service.d/proc.conf', `[Service]\nReadWritePaths=${PROC}\nStandardError=file:${file('log')}\n`);
  unit('probe.service', `[Service]\nExecStart=${file('probe')}\n`);
  unit('default.target', '[Unit]\nDefaultDependencies=no\nWants=kraken.service probe.service\n');
  for (const target of TARGETS) unit(`${target}.target`, '[Unit]\nDefaultDependencies=no\n');
  group = join(cgroups(), `kraken-test-${process.pid}`);
  mkdirSync(group);
  const [program, ...args] = inside(LOOK);
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.deepEqual([status, stdout, stderr], [0, '', ''], 'the namespace is not shut off from this machine: systemd is not started in it');
  const [first, ...rest] = inside(BOOT);
  machine = spawn(first, rest, { stdio: ['ignore', 'ignore', 'inherit'] });
  for (const end = Date.now() + LIMIT; !existsSync(file('done')) && Date.now() < end && machine.exitCode === null; ) await sleep(200);
});

after(async () => {
  if (machine && machine.exitCode === null) {
    machine.kill('SIGKILL');
    await once(machine, 'exit');
  }
  for (let tries = 0; tries < 50 && group !== '' && !removed(group); tries++) await sleep(100);
  rmSync(folder, { recursive: true, force: true });
});

/** A script as process 1 of namespaces of its own, in a control group of its own. */
function inside(script: string): readonly [string, ...string[]] {
  const spaces = ['--fork', '--pid', '--mount', '--uts', '--ipc', '--net', '--cgroup', '--kill-child'];
  return ['sh', '-c', `echo $$ > '${group}/cgroup.procs'; exec unshare ${spaces.join(' ')} sh -c "$0"`, script];
}

/** Where the second version of control groups is mounted. */
function cgroups(): string {
  const line = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .find((one) => / cgroup2 /.test(one));
  const place = line?.split(' ')[1];
  if (place === undefined) throw new Error('no cgroup2 is mounted on this machine: mount -t cgroup2 cgroup2 /sys/fs/cgroup/unified');
  return place;
}

/** Groups within it first; one that has a process yet is busy. */
function removed(path: string): boolean {
  spawnSync('find', [path, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], { stdio: 'ignore' });
  return !existsSync(path);
}

test('the host is ready when systemd says so, and its modules run', () => {
  assert.ok(existsSync(file('done')), `systemd did not come so far:\n${said('show')}\n${said('log')}`);
  assert.equal((JSON.parse(said('before')) as { services: unknown[] }).services.length, 3);
  const { services } = JSON.parse(said('services')) as { services: { service: string; state: string; why?: string }[] };
  assert.deepEqual(services.map(({ service, state, why }) => `${service} ${state}${why === undefined ? '' : ` ${why}`}`).sort(), [
    'pxe ready',
    'rest ready',
    'sim ready',
  ]);
});

test('it is a user of its own, may do no more than open low ports, and keeps its data to itself', () => {
  assert.match(said('status'), /^Uid:\t1\t1\t1\t1$/m);
  assert.match(said('status'), /^CapEff:\t0000000000000400$/m);
  assert.match(said('status'), /^CapBnd:\t0000000000000400$/m);
  assert.match(said('status'), /^NoNewPrivs:\t1$/m);
  assert.match(said('status'), /^Seccomp:\t2$/m);
  assert.equal(said('owners'), 'daemon 700\ndaemon 600\n');
});

test('its modules are shut off from it by bubblewrap, but for the one that opens low ports', () => {
  const enforced = (plugin: string): readonly string[] => {
    const { confinement } = JSON.parse(said(`info-${plugin}`)) as { confinement: { what: string; state: string }[] };
    return confinement.filter(({ state }) => state === 'enforced').map(({ what }) => what);
  };
  const apart = ['data of others', 'files', 'environment', 'memory', 'processes', 'cfg:write', 'root'];
  for (const what of [...apart, 'network'])
    assert.ok(enforced('simulator').includes(what), `simulator: ${what}\n${said('info-simulator')}`);
  for (const what of apart.filter((one) => one !== 'cfg:write')) assert.ok(enforced('restapi').includes(what), `restapi: ${what}`);
  assert.ok(!enforced('pxe').includes('files'));
  assert.match(said('info-pxe'), /it was granted ports, and in bubblewrap it could not open them/);
});

test('the doctor has nothing but the unit that is not enabled', () => {
  const { findings } = JSON.parse(said('doctor')) as { findings: { check: string; status: string; found: string }[] };
  const wrong = findings
    .filter(({ status }) => status === 'problem' || status === 'warning')
    .map(({ check, found }) => `${check}: ${found}`);
  assert.deepEqual(
    wrong.filter((one) => !/^(?:programs|data): /.test(one)),
    ['systemd: kraken.service is disabled: nothing starts the host after a reboot'],
  );
});

test('killed, it is started again; stopped by its own command, it stays so', () => {
  assert.equal(said('restarts'), '1\n');
  assert.equal(said('again'), 'running\n');
  assert.equal(said('stop'), 'Stopped.\n');
  assert.equal(said('end'), 'inactive\n');
});
