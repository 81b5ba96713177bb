/** A libvirtd of a test's own: its folders are the test's and seen by nobody else, its machines are emulated. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** For `install`. */
export const LIBVIRT = {
  libvirtd: 'libvirt-daemon',
  virsh: 'libvirt-clients',
  'qemu-system-x86_64': 'qemu-system-x86',
  '/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so': 'libvirt-daemon-driver-qemu',
};

/**
 * $1: its folder. Without a virtlogd, and without control groups, which containers do not have. Its /dev has no kvm: one that is there and
 * of no use makes libvirtd ask every emulator anew, 15 s each time, what it can. It knows the user that libvirtd was built for, whom no
 * package that is installed here makes.
 */
const START = `
for folder in /run/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /etc/libvirt; do
  mkdir -p "$folder" "$1/root$folder"; mount --bind "$1/root$folder" "$folder"
done
mkdir -p "$1/dev"
mount -t tmpfs tmpfs "$1/dev"
mkdir "$1/dev/net" "$1/dev/pts" "$1/dev/shm"
for node in null zero full random urandom tty net/tun; do touch "$1/dev/$node"; mount --bind "/dev/$node" "$1/dev/$node"; done
mount --bind /dev/pts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
ln -s /proc/self/fd "$1/dev/fd"
mount --rbind "$1/dev" /dev
for file in passwd group; do cp "/etc/$file" "$1/$file"; mount --bind "$1/$file" "/etc/$file"; done
grep -q ^libvirt-qemu: /etc/group || echo libvirt-qemu:x:64055: >> /etc/group
grep -q ^libvirt-qemu: /etc/passwd || echo libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin >> /etc/passwd
cp "$1/qemu.conf" "$1/libvirtd.conf" /etc/libvirt/
exec libvirtd --config /etc/libvirt/libvirtd.conf --pid-file "$1/pid"
`;
const UP_LIMIT = 20_000;

export type Spawn = (program: string, args: readonly string[], options: SpawnOptions) => ChildProcess;

export class Libvirtd {
  readonly folder: string;
  readonly uri: string;
  readonly #spawn: Spawn;
  #process: ChildProcess | undefined;

  constructor(folder: string, spawnIt: Spawn = (program, args, options) => spawn(program, args, { ...options, detached: true })) {
    this.folder = folder;
    this.#spawn = spawnIt;
    this.uri = `qemu:///system?socket=${join(folder, 'libvirt-sock')}`;
    mkdirSync(folder, { recursive: true });
    const plain = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\n';
    writeFileSync(join(folder, 'qemu.conf'), `${plain}stdio_handler = "file"\ncgroup_controllers = []\nnamespaces = []\n`);
    writeFileSync(join(folder, 'libvirtd.conf'), `unix_sock_dir = "${folder}"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n`);
  }

  async start(): Promise<void> {
    rmSync(join(this.folder, 'libvirt-sock'), { force: true });
    this.#process = this.#spawn('unshare', ['-m', 'sh', '-c', START, 'sh', this.folder], { stdio: 'ignore' });
    for (const end = performance.now() + UP_LIMIT; ; await sleep(100)) {
      if (existsSync(join(this.folder, 'libvirt-sock')) && this.#ask('list').status === 0) return;
      if (performance.now() > end) throw new Error(`libvirtd does not answer: ${this.#ask('list').stderr}`);
    }
  }

  /** A domain of that XML within `<domain>`. */
  define(name: string, inside: string): void {
    const file = join(this.folder, `${name}.xml`);
    writeFileSync(file, `<domain type='qemu'><name>${name}</name>${inside}</domain>`);
    this.virsh('define', file);
  }

  virsh(...args: readonly string[]): string {
    const { status, stdout, stderr } = this.#ask(...args);
    if (status !== 0) throw new Error(`virsh ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  #ask(...args: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    return spawnSync('virsh', ['-q', '-c', this.uri, ...args], { encoding: 'utf8', timeout: 20_000 });
  }

  /** Its machines run on. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // What was spawned may be the program that entered a namespace for it.
    process.kill(Number(readFileSync(join(this.folder, 'pid'), 'utf8')), 'SIGTERM');
    await gone;
  }

  /** Machines and all. */
  async end(): Promise<void> {
    if (this.#process?.exitCode === null) {
      const running = this.virsh('list', '--name').split('\n').filter(Boolean);
      for (const name of running) this.#ask('destroy', name);
    }
    await this.stop();
  }
}
