/** An installation in which everything is well, in a folder of its own: tests break one thing of it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { EngineStatus } from '../../host/core/answers.ts';
import type { PeerStatus } from '../../host/core/peer-status.ts';
import type { Answers, Site } from '../../host/doctor/site.ts';

const DAY = 86_400_000;
const HOST = 100;
const STARTED = 1_000_000;

export const CONFIG = {
  services: {
    ipmi: { module: 'ipmi', config: { user: 'admin', password: { file: 'FOLDER/bmc.password' } } },
    lab: { module: 'libvirt', config: { servers: { rack1: { uri: 'qemu+ssh://root@rack1/system' } } } },
    pxe: { module: 'pxe', config: { interfaces: ['lo'], root: 'FOLDER/boot' } },
    old: { module: 'simulator', enabled: false },
  },
  sync: { listen: ['127.0.0.1'] },
};

export const peer = (more: Partial<PeerStatus>): PeerStatus => ({
  ...{ id: '1', name: 'kr1', role: 'child', state: 'connected', since: 0, behind: 0, bytesInPerSecond: 0, bytesOutPerSecond: 0 },
  ...{ forged: 0, replayed: 0, malformed: 0 },
  ...more,
});

export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'kraken-doctor-'));
  readonly data = join(this.folder, 'data');
  readonly config = join(this.folder, 'kraken.yaml');
  readonly root = join(this.folder, 'root');
  programs = new Set(['flock', 'virsh', 'ssh', 'ipmitool', 'zstd', 'busybox', 'dpkg-deb']);
  printed: Record<string, string> = {
    'timedatectl show': 'yes\n',
    'systemctl is-enabled': 'enabled\n',
    'systemctl is-active': 'active\n',
  };
  status: EngineStatus = {
    revision: 9,
    nodes: 4,
    walks: { atGoal: 4, running: 0, waiting: 0, backingOff: 0, stuck: 0, held: 0, unreachable: 0 },
    waiting: [],
    brakes: [],
    inFlight: 0,
    dropped: {},
    services: ['ipmi', 'lab', 'pxe'].map((service) => ({ service, module: service, state: 'ready', since: 0, serves: '', mutations: 3 })),
  };
  peers: readonly PeerStatus[] = [peer({})];
  open: Answers['open'] = [];
  site: Site;

  constructor() {
    for (const name of ['store/journal', 'services', 'keys']) mkdirSync(join(this.data, name), { recursive: true, mode: 0o700 });
    chmodSync(this.data, 0o700);
    for (const name of ['lock', 'keys/ca.key', 'keys/host.key', 'keys/ca.crt', 'store/journal/1', 'control.sock'])
      this.write(join(this.data, name), '');
    this.write(join(this.folder, 'bmc.password'), 'topsecret');
    mkdirSync(join(this.folder, 'boot'));
    this.write(this.config, JSON.stringify(CONFIG).replaceAll('FOLDER', this.folder));
    chmodSync(this.config, 0o644);
    this.system('run/systemd/system/.', '');
    this.system('etc/systemd/system/kraken.service', '[Service]\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n');
    this.system('proc/meminfo', 'MemTotal:       16000000 kB\nMemFree: 1 kB\n');
    this.system('proc/stat', `cpu 1\nbtime ${Math.floor(Date.now() / 1000) - STARTED}\n`);
    this.system('proc/sys/net/ipv4/ip_unprivileged_port_start', '1024\n');
    const program = join(this.folder, 'kraken/dist/kraken.js');
    this.write(program, '');
    this.write(join(this.folder, 'kraken/package.json'), '{"version":"1.2.3"}');
    this.process(HOST, 'node', 1, ['socket:[7001]', join(this.data, 'lock')], (STARTED + 60) * 100);
    this.system(`proc/${HOST}/cmdline`, `node\0${program}\0up\0`);
    this.process(101, 'node', HOST, ['socket:[7067]', 'socket:[7069]'], STARTED * 100);
    this.sockets({
      unix: [7001],
      udp: [
        [67, 7067],
        [69, 7069],
      ],
      tcp: [],
    });
    this.site = this.#site();
  }

  end(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #site(): Site {
    return {
      version: '1.2.3',
      node: 'v20.20.2',
      engines: '^20.19.0 || ^22.18.0 || >=24.11.0',
      uid: process.getuid?.(),
      now: Date.now(),
      paths: { config: this.config, dataDir: this.data, socket: join(this.data, 'control.sock'), runDir: join(this.data, 'run') },
      isConfigNamed: true,
      host: this.answers(),
      root: this.root,
      program: (name) => (this.programs.has(name) ? `/usr/bin/${name}` : undefined),
      run: (program, [first]) => {
        const out = this.printed[`${program} ${first}`];
        return Promise.resolve(out === undefined ? undefined : { exit: 0, out });
      },
    };
  }

  answers(): Answers {
    return { status: this.status, peers: this.peers, open: this.open };
  }

  write(path: string, text: string, mode = 0o600): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode });
    chmodSync(path, mode);
  }

  /** A file of the system: proc/…, etc/… */
  system(path: string, text: string): void {
    const whole = join(this.root, path);
    if (path.endsWith('/.')) mkdirSync(whole, { recursive: true });
    else this.write(whole, text);
  }

  process(pid: number, name: string, parent: number, holds: readonly string[], started = 0): void {
    this.system(`proc/${pid}/comm`, `${name}\n`);
    this.system(`proc/${pid}/stat`, `${pid} (${name}) S ${parent} ${Array.from({ length: 17 }, () => 0).join(' ')} ${started} 0`);
    this.system(
      `proc/${pid}/limits`,
      'Limit  Soft Limit  Hard Limit  Units\nMax open files            65536                65536                files\n',
    );
    this.system(`proc/${pid}/status`, 'Name: x\nCapEff:\t0000000000000400\n');
    this.system(`proc/${pid}/cgroup`, '0::/system.slice/kraken.service\n');
    for (const [fd, target] of holds.entries()) {
      const link = join(this.root, `proc/${pid}/fd/${fd + 3}`);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(target, link);
    }
  }

  /** No process is left. */
  kill(pid: number): void {
    rmSync(join(this.root, `proc/${pid}`), { recursive: true, force: true });
  }

  sockets({
    unix,
    udp,
    tcp,
  }: {
    readonly unix: readonly number[];
    readonly udp: readonly (readonly [number, number])[];
    readonly tcp: readonly (readonly [number, number])[];
  }): void {
    const socket = join(this.data, 'control.sock');
    this.system(
      'proc/net/unix',
      `Num RefCount Protocol Flags Type St Inode Path\n${unix.map((inode) => `0: 00000002 00000000 00010000 0001 01 ${inode} ${socket}\n`).join('')}`,
    );
    const line = ([port, inode]: readonly [number, number], state: string): string =>
      ` 1: 00000000:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} 0:0 0:0 0 0 0 ${inode} 2\n`;
    this.system('proc/net/udp', `  sl  local_address\n${udp.map((one) => line(one, '07')).join('')}`);
    this.system('proc/net/tcp', `  sl  local_address\n${tcp.map((one) => line(one, '0A')).join('')}`);
  }

  /** It stands still, and its process is gone, with all that it held. */
  stop(): void {
    this.kill(HOST);
    this.kill(101);
    this.sockets({ unix: [], udp: [], tcp: [] });
    unlinkSync(join(this.data, 'control.sock'));
    this.site = {
      ...this.site,
      host: { why: `no host answers on ${this.site.paths.socket}: is it running?`, todo: 'Start it with: kraken up' },
    };
    this.printed['systemctl is-active'] = 'inactive\n';
  }

  /** What a month is made of. */
  readonly month = 30 * DAY;
}
