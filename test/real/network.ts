/**
 * A network of hosts on this machine: a namespace for each, all on one bridge in a namespace of its own, nothing in the machine's own.
 * Frames are lost, and hosts cut off, where the bridge forwards. Whatever becomes of the test, nothing of it is left.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { install } from './install.ts';

/** A host's place in the network. */
export interface Place {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly address6: string;
}

const CLEANUP = `
for ns in $(ip netns list | cut -d' ' -f1 | grep "^$0-"); do ip netns pids "$ns" | xargs -r kill -9 2>/dev/null; done
for ns in $(ip netns list | cut -d' ' -f1 | grep "^$0-"); do ip netns del "$ns"; done`;

export class Network {
  readonly #prefix = `kr${process.pid}`;
  readonly #switch = `${this.#prefix}-switch`;
  readonly #places = new Map<string, Place>();
  /** Outlives this process, and cleans up when its standard input ends. */
  readonly #watcher: ChildProcess;

  constructor() {
    install({ ip: 'iproute2', nft: 'nftables' });
    this.#watcher = spawn('sh', ['-c', `cat >/dev/null; ${CLEANUP}`, this.#prefix], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    run('ip', ['netns', 'add', this.#switch]);
    batch(this.#switch, ['link add br0 type bridge', 'link set br0 up', 'link set lo up']);
    this.#rules('add table bridge kraken', 'add chain bridge kraken forward { type filter hook forward priority 0; }');
  }

  /** A host's namespace, with an IPv4 and an IPv6 address on the network. */
  add(name: string): Place {
    const number = this.#places.size + 1;
    const place = { name, namespace: `${this.#prefix}-${name}`, address: `10.77.0.${number}`, address6: `fd77::${number}` };
    run('ip', ['netns', 'add', place.namespace]);
    run('ip', ['link', 'add', 'eth0', 'netns', place.namespace, 'type', 'veth', 'peer', 'name', name, 'netns', this.#switch]);
    batch(this.#switch, [`link set dev ${name} master br0`, `link set dev ${name} up`]);
    batch(place.namespace, [
      'link set lo up',
      `addr add ${place.address}/16 dev eth0`,
      `addr add ${place.address6}/64 dev eth0 nodad`,
      'link set eth0 up',
    ]);
    this.#places.set(name, place);
    return place;
  }

  /** More addresses of one host; nobody else has them. */
  addresses(name: string, count: number): string[] {
    const addresses = Array.from({ length: count }, (_, i) => `10.77.${100 + this.#places.size}.${i + 1}`);
    batch(
      this.place(name).namespace,
      addresses.map((address) => `addr add ${address}/16 dev eth0`),
    );
    return addresses;
  }

  /** A program with its arguments, to be run in the host's namespace; the process id is the program's own. */
  inside(name: string, program: string, args: readonly string[]): [string, string[]] {
    const { namespace } = this.place(name);
    return ['ip', ['netns', 'exec', namespace, program, ...args]];
  }

  /** The same at the switch, which sees everything. */
  atSwitch(program: string, args: readonly string[]): [string, string[]] {
    return ['ip', ['netns', 'exec', this.#switch, program, ...args]];
  }

  place(name: string): Place {
    const place = this.#places.get(name);
    if (!place) throw new Error(`there is no host ${name} in this network`);
    return place;
  }

  /** From now on this share of all frames is lost, each by chance. */
  lose(share: number): void {
    this.#lost = share > 0 ? [`add rule bridge kraken forward numgen random mod 1000 < ${Math.round(share * 1000)} drop`] : [];
    this.#apply();
  }
  #lost: readonly string[] = [];

  /** No frame passes between these hosts and the others. */
  cut(...names: readonly string[]): void {
    const set = `{ ${names.map((name) => `"${name}"`).join(', ')} }`;
    this.#cuts =
      names.length === 0
        ? []
        : [
            `add rule bridge kraken forward iifname ${set} oifname != ${set} drop`,
            `add rule bridge kraken forward iifname != ${set} oifname ${set} drop`,
          ];
    this.#apply();
  }
  #cuts: readonly string[] = [];

  mend(): void {
    this.cut();
  }

  #apply(): void {
    this.#rules('flush chain bridge kraken forward', ...this.#cuts, ...this.#lost);
  }

  /** The port of the switch: its host notices nothing, and nobody hears it. */
  link(name: string, to: 'up' | 'down'): void {
    batch(this.#switch, [`link set dev ${this.place(name).name} ${to}`]);
  }

  #rules(...lines: readonly string[]): void {
    run('ip', ['netns', 'exec', this.#switch, 'nft', '-f', '-'], lines.join('\n'));
  }

  /** All processes in the namespaces are ended, and the namespaces removed. */
  end(): void {
    run('sh', ['-c', CLEANUP, this.#prefix]);
    this.#watcher.stdin?.end();
  }
}

function batch(namespace: string, commands: readonly string[]): void {
  run('ip', ['-n', namespace, '-batch', '-'], commands.join('\n'));
}

function run(program: string, args: readonly string[], input = ''): void {
  const { status, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed (${status}): ${stderr.trim()}${input && `\n${input}`}`);
}
