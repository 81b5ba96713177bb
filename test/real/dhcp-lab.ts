/** Segments and hosts for DHCP: namespaces joined by bridges in one of their own, where hosts have no address until they get one. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Program } from './dhcp-program.ts';
import { install } from './install.ts';

const CLEANUP = `
for ns in $(ip netns list | cut -d' ' -f1 | grep "^$0-"); do ip netns pids "$ns" | xargs -r kill -9 2>/dev/null; done
for ns in $(ip netns list | cut -d' ' -f1 | grep "^$0-"); do ip netns del "$ns"; done`;

/** An interface of a host: its segment, and its address where it has one from the start. */
export interface Port {
  readonly segment: string;
  readonly address?: string;
  readonly mac?: string;
}

export interface Seen {
  readonly is: string;
  readonly [field: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly said: string;
}

export class DhcpLab {
  readonly folder = mkdtempSync(join(tmpdir(), 'kraken-dhcp-'));
  readonly #prefix = `kd${process.pid}`;
  readonly #switch = `${this.#prefix}-switch`;
  /** Outlives this process, and cleans up when its standard input ends. */
  readonly #watcher: ChildProcess;
  readonly #running = new Set<ChildProcess>();
  #cables = 0;

  constructor(segments: readonly string[]) {
    install({ ip: 'iproute2' });
    this.#watcher = spawn('sh', ['-c', `cat >/dev/null; ${CLEANUP}`, this.#prefix], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    this.#watcher.unref();
    (this.#watcher.stdin as Socket | null)?.unref();
    run('ip', ['netns', 'add', this.#switch]);
    run(
      'ip',
      ['-n', this.#switch, '-batch', '-'],
      segments.map((name) => `link add name ${name} type bridge\nlink set dev ${name} up\n`).join(''),
    );
  }

  host(name: string, ports: Readonly<Record<string, Port>>): void {
    const namespace = `${this.#prefix}-${name}`;
    run('ip', ['netns', 'add', namespace]);
    run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
    for (const [iface, { segment, address, mac }] of Object.entries(ports)) {
      const cable = `cable${this.#cables++}`;
      run('ip', ['link', 'add', iface, 'netns', namespace, 'type', 'veth', 'peer', 'name', cable, 'netns', this.#switch]);
      run('ip', ['-n', this.#switch, '-batch', '-'], `link set dev ${cable} master ${segment}\nlink set dev ${cable} up`);
      const lines = [...(mac ? [`link set ${iface} address ${mac}`] : []), ...(address ? [`addr add ${address} dev ${iface}`] : [])];
      run('ip', ['-n', namespace, '-batch', '-'], [...lines, `link set ${iface} up`].join('\n'));
    }
  }

  /** A port of a segment for a machine that runs at the switch. */
  tap(name: string, segment: string): void {
    run('ip', ['netns', 'exec', this.#switch, 'ip', 'tuntap', 'add', name, 'mode', 'tap']);
    run('ip', ['-n', this.#switch, '-batch', '-'], `link set dev ${name} master ${segment}\nlink set dev ${name} up`);
  }

  /** Ends by itself, or is ended after `seconds`; what it said to the end. `host` undefined = at the switch. */
  async run(host: string | undefined, program: string, args: readonly string[], seconds = 20): Promise<Ended> {
    const child = this.start(host, program, args);
    let said = '';
    child.stdout?.on('data', (chunk) => {
      said += chunk;
    });
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    return { code, said };
  }

  start(host: string | undefined, program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    const namespace = host === undefined ? this.#switch : `${this.#prefix}-${host}`;
    const child = spawn('ip', ['netns', 'exec', namespace, program, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env });
    this.#running.add(child);
    child.once('exit', () => this.#running.delete(child));
    return child;
  }

  file(name: string, text: string, mode = 0o644): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  async serve(host: string, program: Program): Promise<Served> {
    const node = ['--import', 'tsx', '--conditions=kraken-source', new URL('dhcp-program.ts', import.meta.url).pathname];
    return Served.start(this.start(host, process.execPath, [...node, JSON.stringify(program)]));
  }

  ip(host: string, ...args: readonly string[]): string {
    return run('ip', ['-n', `${this.#prefix}-${host}`, ...args]);
  }

  end(): void {
    for (const child of this.#running) child.kill('SIGKILL');
    run('sh', ['-c', CLEANUP, this.#prefix]);
    this.#watcher.stdin?.end();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The server's process, and what it has told so far. */
export class Served {
  readonly seen: Seen[] = [];
  readonly #child: ChildProcess;
  #errors = '';

  static async start(child: ChildProcess): Promise<Served> {
    const served = new Served(child);
    await served.until(({ is }) => is === 'open');
    return served;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.seen.push(JSON.parse(line) as Seen));
    child.stderr?.on('data', (chunk) => {
      this.#errors += chunk;
    });
  }

  async until(wanted: (seen: Seen) => boolean, seconds = 20): Promise<Seen> {
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(20)) {
      const found = this.seen.find(wanted);
      if (found) return found;
      if (this.#child.exitCode !== null) break;
    }
    throw new Error(
      `the server has not told it (exit ${this.#child.exitCode}); ${this.#errors}\n${this.seen.map((one) => JSON.stringify(one)).join('\n')}`,
    );
  }

  async counts(): Promise<Seen> {
    this.forget();
    this.#child.stdin?.write('\n');
    return this.until(({ is }) => is === 'counts');
  }

  forget(): void {
    this.seen.length = 0;
  }

  steps(name: string): string[] {
    return this.seen.filter((one) => one.is === 'step' && one['name'] === name).map(({ kind, step }) => `${kind} ${step}`);
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await gone;
  }
}

function run(program: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed (${status}): ${stderr.trim()}${input && `\n${input}`}`);
  return stdout;
}
