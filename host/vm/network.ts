/**
 * The network of a cluster in a box: one namespace with a bridge, on it a tap for each machine, and for machines without firmware of
 * their own a namespace with an interface of the machine's MAC. Nothing is in the machine's own network, and a watcher that outlives
 * this process removes all of it: processes, namespaces, files.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** Addresses of the box: 10.99.0.1 the host, 10.99.1.N the BMCs, 10.99.2.N the machines. */
export const HEAD = '10.99.0.1';
export const SUBNET = '255.255.0.0';
export const BRIDGE = 'br0';
/** Theirs alone: what serves the bridge has no business at their addresses. */
const BMC_LINK = 'bmc0';
export const bmcAddress = (number: number): string => `10.99.1.${number}`;
export const nodeAddress = (number: number): string => `10.99.2.${number}`;
export const macOf = (number: number): string => `52:54:00:99:02:${number.toString(16).padStart(2, '0')}`;

/**
 * $0: the prefix of the namespaces; $1: a folder to be removed, or nothing. A process that was being started may enter a namespace
 * after the others were ended, therefore all are looked at until they are empty twice.
 */
const CLEANUP = `
all() { ip netns list 2>/dev/null | cut -d' ' -f1 | grep -E "^$0(-[0-9]+)?$"; }
quiet=0; round=0
while [ $quiet -lt 2 ] && [ $round -lt 200 ]; do
  pids=$(for ns in $(all); do ip netns pids "$ns"; done)
  if [ -n "$pids" ]; then kill -9 $pids 2>/dev/null; quiet=0; else quiet=$((quiet + 1)); fi
  round=$((round + 1)); sleep 0.05
done
for ns in $(all); do ip netns del "$ns"; done
[ -z "$1" ] || rm -rf "$1"
`;

export class VmNetwork {
  readonly namespace = `krvm${process.pid}`;
  readonly #watcher: ChildProcess;
  readonly #folder: string;

  /** `folder`: removed at the end, with the network. */
  constructor(folder: string) {
    this.#folder = folder;
    const script = `trap '' INT TERM HUP; cat >/dev/null; ${CLEANUP}`;
    this.#watcher = spawn('sh', ['-c', script, this.namespace, folder], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#watcher.unref();
    run('ip', ['netns', 'add', this.namespace]);
    this.ip([
      'link set lo up',
      `link add ${BRIDGE} type bridge stp_state 0 forward_delay 0`,
      `addr add ${HEAD}/16 dev ${BRIDGE}`,
      `link set ${BRIDGE} up`,
      // A bridge without a running port has no carrier, and an interface without one shows its address to nobody.
      `link add wire0 type veth peer name ${BMC_LINK}`,
      `link set wire0 master ${BRIDGE}`,
      'link set wire0 up',
      `link set ${BMC_LINK} up`,
    ]);
  }

  /** The BMC's address, and the socket that the machine's network card is plugged into. */
  plugIn(number: number): void {
    this.ip([
      `addr add ${bmcAddress(number)}/32 dev ${BMC_LINK}`,
      `tuntap add tap${number} mode tap`,
      `link set tap${number} master ${BRIDGE}`,
      `link set tap${number} up`,
    ]);
  }

  /** A place for the firmware of a machine that has none: its network card before its kernel runs. */
  plugInFirmware(number: number): void {
    const place = this.firmwarePlace(number);
    run('ip', ['netns', 'add', place]);
    const link = `link add fw${number} type veth peer name eth0 address ${macOf(number)} netns ${place}`;
    this.ip([link, `link set fw${number} master ${BRIDGE}`, `link set fw${number} up`]);
  }

  firmwarePlace(number: number): string {
    return `${this.namespace}-${number}`;
  }

  /** A BMC that is cut is there no more; what is sent to it is lost without a word. */
  cutBmc(number: number): void {
    const address = bmcAddress(number);
    const nobody = `02:00:00:99:01:${number.toString(16).padStart(2, '0')}`;
    this.ip([`addr del ${address}/32 dev ${BMC_LINK}`, `neigh replace ${address} lladdr ${nobody} nud permanent dev ${BRIDGE}`]);
  }

  mendBmc(number: number): void {
    const address = bmcAddress(number);
    this.ip([`neigh del ${address} dev ${BRIDGE}`, `addr add ${address}/32 dev ${BMC_LINK}`]);
  }

  /** Starts a program in the box, as a session of its own so that a Ctrl-C is not for it; the process id is the program's. */
  spawn(program: string, args: readonly string[], options: SpawnOptions = {}, namespace = this.namespace): ChildProcess {
    return spawn('ip', ['netns', 'exec', namespace, program, ...args], { ...options, detached: true });
  }

  /** Lines for `ip -batch`. */
  ip(lines: readonly string[]): void {
    run('ip', ['-n', this.namespace, '-batch', '-'], `${lines.join('\n')}\n`);
  }

  /** All that is in the box is ended, its namespaces are removed, and its folder. */
  async end(): Promise<void> {
    const gone = once(this.#watcher, 'exit');
    this.#watcher.ref();
    this.#watcher.stdin?.end();
    if (this.#watcher.exitCode === null) await gone;
    // The watcher may itself have been killed.
    run('sh', ['-c', CLEANUP, this.namespace, this.#folder]);
  }
}

function run(program: string, args: readonly string[], input = ''): void {
  const { status, stderr } = spawnSync(program, args, { input, encoding: 'utf8' });
  if (status !== 0)
    throw new Error(`${program} ${args.slice(0, 4).join(' ')} failed (${status}): ${stderr.trim()}${input && `\n${input}`}`);
}
