/**
 * The BMCs of a cluster in a box: one `ipmi_sim` with all of them, each at an address of its own. What is asked of a chassis is on
 * record with its time, and told to whoever has the machines.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { bmcAddress, type VmNetwork } from './network.ts';

export const BMC_USER = 'kraken';
export const BMC_PASSWORD = 'in-the-box';
/** ipmi_sim speaks no other that encrypts. */
export const BMC_CIPHER_SUITE = 3;
/** Two bytes of address space are left to BMCs of one ipmi_sim: 20h, 22h … FEh. */
export const MOST_BMCS = 112;

/** One command that reached a chassis: `set power 1`, `set boot pxe`. */
export interface ChassisCommand {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Of the machine, from 1. */
  readonly number: number;
  readonly words: string;
}

export class Bmcs {
  readonly #folder: string;
  readonly #network: VmNetwork;
  readonly #count: number;
  #process: ChildProcess | undefined;

  constructor(folder: string, network: VmNetwork, count: number) {
    this.#folder = join(folder, 'bmcs');
    this.#network = network;
    this.#count = count;
    mkdirSync(join(this.#folder, 'state'), { recursive: true });
    const script = this.#file('chassis.sh');
    writeFileSync(script, CHASSIS, { mode: 0o755 });
    const all = Array.from({ length: count }, (_, i) => ({ number: i + 1, mc: `0x${(0x20 + 2 * i).toString(16)}` }));
    writeFileSync(this.#file('lan.conf'), all.map(({ number, mc }) => lanConf(number, mc, script)).join('\n'));
    writeFileSync(this.#file('node.emu'), all.map(({ mc }) => emu(mc)).join('\n'));
    for (const { number } of all) this.setPower(number, false);
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  /** `told`: every command, in order, when it has come. */
  start(told: (command: ChassisCommand) => void): void {
    const args = ['-n', '-c', this.#file('lan.conf'), '-f', this.#file('node.emu'), '-s', this.#file('state')];
    const child = this.#network.spawn('ipmi_sim', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    this.#process = child;
    createInterface({ input: child.stdio[3] as Readable }).on('line', (line) => told(parseCommand(line)));
  }

  /** Fails where ipmi_sim has ended already: a wrong version, or no memory. */
  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** What the BMC reads at its chassis from now on. */
  setPower(number: number, isOn: boolean): void {
    writeFileSync(this.#file(`${number}.power`), isOn ? '1\n' : '0\n');
  }

  /** Everything that was set, in order; `get` commands are not on record. */
  commands(): readonly ChassisCommand[] {
    const file = this.#file('commands');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map(parseCommand) : [];
  }

  get count(): number {
    return this.#count;
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.isRunning) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

function parseCommand(line: string): ChassisCommand {
  const [at, number, ...words] = line.split(' ');
  return { at: Number(at) / 1e6, number: Number(number), words: words.join(' ') };
}

const lanConf = (number: number, mc: string, script: string): string => `name "bmc${number}"
set_working_mc ${mc}
  startlan 1
    addr ${bmcAddress(number)} 623
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa1234567${number.toString(16).padStart(8, '0')}
  endlan
  chassis_control "${script} ${number}"
  user 2 true "${BMC_USER}" "${BMC_PASSWORD}" admin 10 none md2 md5 straight
`;

const emu = (mc: string): string => `mc_setbmc ${mc}
mc_add ${mc} 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable ${mc} 1000 0x0a
mc_enable ${mc}
`;

/**
 * Called by ipmi_sim with the machine's number, inside of the BMC's answer: it only notes what is wanted and passes it on (file
 * descriptor 3), so that machines take no time of the BMCs'. Times are in nanoseconds.
 */
const CHASSIS = `#!/bin/sh
cd "$(dirname "$0")" || exit 1
number=$1; shift
case "$1 $2" in
  'get power') power=0; read -r power < $number.power; echo "power:\${power:-0}";;
  'get boot') boot=none; [ -f $number.boot ] && read -r boot < $number.boot; echo "boot:$boot";;
  'set power') echo "$3" > $number.power;;
  'set boot') echo "$3" > $number.boot;;
  'set shutdown') echo 0 > $number.power;;
esac
[ "$1" = set ] || exit 0
line="$(date +%s%N) $number $*"
echo "$line" >> commands
echo "$line" >&3
exit 0
`;
