/**
 * Real BMCs without hardware: one `ipmi_sim` (package openipmi) with as many as wanted. Each is reached through a UDP port of our own that
 * passes on what it gets, so that single BMCs, or the whole network to them, can be cut and mended. Every chassis command that
 * reaches a BMC is on record, with its time.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const USER = 'ipmiusr';
export const PASSWORD = 'test';
/** ipmi_sim speaks no other that encrypts. */
export const CIPHER_SUITE = 3;

/** One command that reached a chassis: `set power 1`, `set boot pxe`. */
export interface ChassisCommand {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly bmc: number;
  readonly words: string;
}

export interface IpmiSim {
  readonly address: string;
  /** Where the BMC with this number (from 0) is reached. */
  port(bmc: number): number;
  /** Its own port, past the one that can be cut: serial over LAN names it. */
  ownPort(bmc: number): number;
  cut(...bmcs: readonly number[]): void;
  mend(...bmcs: readonly number[]): void;
  isOn(bmc: number): boolean;
  /** Switches the machine without its BMC having been asked: somebody's finger. */
  setPower(bmc: number, on: boolean): void;
  /** Where the next boot is from: `pxe`, `none`. */
  boot(bmc: number): string;
  /** Everything that was set, in order; `get` commands are not on record. */
  commands(): readonly ChassisCommand[];
  stop(): Promise<void>;
}

/** Two bytes of address space are left to BMCs of one ipmi_sim: 20h, 22h … FEh. */
const MOST = 112;
const START_LIMIT = 10_000;

/**
 * `switchMs`: how long a chassis takes to be switched, and its BMC to answer. All BMCs of one ipmi_sim wait for each other. `serial`: the
 * TCP port of 127.0.0.1 where the serial line of each machine is.
 */
export async function startIpmiSim(count: number, { switchMs = 0, serial = 0 } = {}): Promise<IpmiSim> {
  if (count > MOST) throw new Error(`one ipmi_sim has room for ${MOST} BMCs, not ${count}`);
  const folder = mkdtempSync(join(tmpdir(), 'kraken-ipmi-sim-'));
  const file = (name: string): string => join(folder, name);
  const base = await freePorts(count);
  writeConfig(folder, count, base, { switchMs, serial });
  const child = spawn('ipmi_sim', ['-n', '-c', file('lan.conf'), '-f', file('node.emu'), '-s', file('state')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const gates = await Promise.all(Array.from({ length: count }, (_, bmc) => openGate(base + bmc)));
  await isAnswering(child, base, () => said);
  const read = (name: string): string => (existsSync(file(name)) ? readFileSync(file(name), 'utf8').trim() : '');
  return {
    address: '127.0.0.1',
    port: (bmc) => gateOf(gates, bmc).port,
    ownPort: (bmc) => base + bmc,
    cut: (...bmcs) => bmcs.forEach((bmc) => void (gateOf(gates, bmc).isOpen = false)),
    mend: (...bmcs) => bmcs.forEach((bmc) => void (gateOf(gates, bmc).isOpen = true)),
    isOn: (bmc) => read(`${bmc}.power`) === '1',
    setPower: (bmc, on) => writeFileSync(file(`${bmc}.power`), on ? '1' : '0'),
    boot: (bmc) => read(`${bmc}.boot`) || 'none',
    commands: () => read('commands').split('\n').filter(Boolean).map(parseCommand),
    stop: async () => {
      for (const gate of gates) gate.close();
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        await Promise.race([once(child, 'exit'), sleep(2000).then(() => child.kill('SIGKILL'))]);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function parseCommand(line: string): ChassisCommand {
  const [at, bmc, ...words] = line.split(' ');
  return { at: Number(at) / 1e6, bmc: Number(bmc), words: words.join(' ') };
}

function writeConfig(
  folder: string,
  count: number,
  base: number,
  { switchMs, serial }: { readonly switchMs: number; readonly serial: number },
): void {
  mkdirSync(join(folder, 'state'));
  const script = join(folder, 'chassis.sh');
  writeFileSync(script, chassis(switchMs), { mode: 0o755 });
  const bmcs = Array.from({ length: count }, (_, bmc) => ({ bmc, mc: `0x${(0x20 + 2 * bmc).toString(16)}` }));
  writeFileSync(join(folder, 'lan.conf'), bmcs.map(({ bmc, mc }) => lanConf(bmc, mc, base + bmc, { script, serial })).join('\n'));
  writeFileSync(join(folder, 'node.emu'), bmcs.map(({ mc }) => emu(mc)).join('\n'));
}

const lanConf = (
  bmc: number,
  mc: string,
  port: number,
  { script, serial }: { readonly script: string; readonly serial: number },
): string => `name "bmc${bmc}"
set_working_mc ${mc}
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid a123456789abcdefa1234567${bmc.toString(16).padStart(8, '0')}
  endlan
  chassis_control "${script} ${bmc}"${serial === 0 ? '' : `\n  sol "tcp:127.0.0.1:${serial}" 115200`}
  user 2 true "${USER}" "${PASSWORD}" admin 10 none md2 md5 straight
`;

const emu = (mc: string): string => `mc_setbmc ${mc}
mc_add ${mc} 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable ${mc} 1000 0x0a
mc_enable ${mc}
`;

/** Called by ipmi_sim with the BMC's number; it runs inside of the BMC's answer. Its times are in nanoseconds. */
const chassis = (switchMs: number): string => `#!/bin/sh
cd "$(dirname "$0")" || exit 1
bmc=$1; shift
[ "$1" = set ] && echo "$(date +%s%N) $bmc $*" >> commands
case "$1 $2" in
  'get power') power=0; [ -f $bmc.power ] && read -r power < $bmc.power; echo "power:\${power:-0}";;
  'get boot') boot=none; [ -f $bmc.boot ] && read -r boot < $bmc.boot; echo "boot:$boot";;
  'set power') ${switchMs > 0 ? `sleep ${switchMs / 1000}; ` : ''}echo "$3" > $bmc.power;;
  'set boot') echo "$3" > $bmc.boot;;
  'set shutdown') echo 0 > $bmc.power;;
esac
exit 0
`;

interface Gate {
  readonly port: number;
  isOpen: boolean;
  close(): void;
}

function gateOf(gates: readonly Gate[], bmc: number): Gate {
  const gate = gates[bmc];
  if (gate === undefined) throw new Error(`there is no BMC ${bmc}; there are ${gates.length}`);
  return gate;
}

/** Passes datagrams on to a port of 127.0.0.1 and their answers back, each client by a socket of its own. */
async function openGate(target: number): Promise<Gate> {
  const front = createSocket('udp4');
  const backs = new Map<number, Socket>();
  const gate = {
    port: 0,
    isOpen: true,
    close: () => {
      front.close();
      for (const back of backs.values()) back.close();
    },
  };
  front.on('message', (bytes, { port }) => {
    if (!gate.isOpen) return;
    let back = backs.get(port);
    if (back === undefined) {
      back = createSocket('udp4');
      back.on('message', (answer) => gate.isOpen && front.send(answer, port, '127.0.0.1'));
      back.on('error', () => {});
      backs.set(port, back);
    }
    back.send(bytes, target, '127.0.0.1');
  });
  front.bind(0, '127.0.0.1');
  await once(front, 'listening');
  gate.port = front.address().port;
  return gate;
}

/** A row of ports that nobody has. */
async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const base = 20_000 + Math.floor(Math.random() * 10_000);
    const sockets: Socket[] = [];
    try {
      for (let port = base; port < base + count; port++) {
        const socket = createSocket('udp4');
        sockets.push(socket);
        await new Promise<void>((resolve, reject) => {
          socket.once('error', reject);
          socket.bind(port, '127.0.0.1', () => resolve());
        });
      }
      return base;
    } catch {
      // Somebody has one of them: another row.
    } finally {
      for (const socket of sockets) socket.close();
    }
  }
  throw new Error(`no ${count} free UDP ports in a row were found`);
}

/** An RMCP presence ping (ASF 2.0, 3.2.4.2), which every BMC answers. */
const PING = Buffer.from([0x06, 0x00, 0xff, 0x06, 0x00, 0x00, 0x11, 0xbe, 0x80, 0x00, 0x00, 0x00]);

async function isAnswering(child: ChildProcess, port: number, said: () => string): Promise<void> {
  const socket = createSocket('udp4');
  let isUp = false;
  socket.on('message', () => {
    isUp = true;
  });
  socket.on('error', () => {});
  for (const end = Date.now() + START_LIMIT; !isUp && Date.now() < end && child.exitCode === null; await sleep(50))
    socket.send(PING, port, '127.0.0.1');
  socket.close();
  if (!isUp) throw new Error(`ipmi_sim does not answer: ${said().trim() || `exit code ${child.exitCode}`}`);
}
