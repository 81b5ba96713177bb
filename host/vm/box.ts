/** A cluster in a box: network, BMCs, machines and the host at its head, all inside, all gone at its end. */
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { BMC_CIPHER_SUITE, BMC_PASSWORD, BMC_USER, Bmcs, type ChassisCommand, MOST_BMCS } from './bmcs.ts';
import { Head } from './head.ts';
import { type Board, Machine } from './machine.ts';
import { BRIDGE, bmcAddress, HEAD, macOf, nodeAddress, SUBNET, VmNetwork } from './network.ts';
import { demandParts, type Firmware, type MachineKind } from './parts.ts';
import { QemuBoard } from './qemu.ts';
import { SerialLog } from './serial-log.ts';
import { UmlBoard } from './uml.ts';

export interface BoxOptions {
  readonly machines: number;
  readonly kind: MachineKind;
  readonly firmware: Firmware;
  /** The program and its first arguments by which hosts are started. */
  readonly kraken: readonly string[];
  /** Where the logs are kept: of the head, and of every machine's serial port. Absent: they go with the box. */
  readonly logs?: string;
  readonly memoryMiB?: number;
}

/** One BMC each, of one ipmi_sim. */
export const MOST_MACHINES = MOST_BMCS;
const MEMORY: Readonly<Record<MachineKind, number>> = { qemu: 512, uml: 384 };
const UML = '/usr/bin/linux.uml';

/** Patience in proportion to machines that boot in seconds; a real cluster keeps the defaults, which are in minutes. */
export const QUICK = { repairAfterUp: 10_000, graceLeast: 20_000, graceUnknown: 60_000, foundOffWait: 5_000, backoffMost: 15_000 } as const;

export class Box {
  readonly folder: string;
  readonly logs: string;
  readonly network: VmNetwork;
  readonly bmcs: Bmcs;
  readonly machines: readonly Machine[];
  readonly head: Head;
  readonly #options: BoxOptions;
  readonly #serial = new Map<number, SerialLog>();
  #router: ChildProcess | undefined;
  #ended: Promise<void> | undefined;

  /** Throws a RefusalError that says what this machine lacks; then nothing of it is left. */
  constructor(options: BoxOptions) {
    demandParts(options.kind, options.firmware);
    this.#options = options;
    this.folder = mkdtempSync(join(tmpdir(), 'kraken-box-'));
    this.logs = options.logs === undefined ? join(this.folder, 'logs') : resolve(options.logs);
    this.network = new VmNetwork(this.folder);
    try {
      mkdirSync(this.logs, { recursive: true });
      mkdirSync(join(this.boot, 'amd64'), { recursive: true });
      const numbers = Array.from({ length: options.machines }, (_, i) => i + 1);
      for (const number of numbers) this.network.plugIn(number);
      if (options.kind === 'uml') for (const number of numbers) this.network.plugInFirmware(number);
      this.bmcs = new Bmcs(this.folder, this.network, options.machines);
      this.machines = numbers.map((number) => this.#machine(number));
      const { kraken } = options;
      this.head = new Head({ network: this.network, folder: this.folder, log: join(this.logs, 'head.log'), kraken });
    } catch (error) {
      void this.network.end();
      throw error;
    }
  }

  /** The root of the boot files. */
  get boot(): string {
    return join(this.folder, 'boot');
  }

  /** What the machines boot, into the root of the boot files: layer 0 with the kernel that they can run. */
  async build(kernel: { readonly kernel?: string; readonly modules?: string } = {}): Promise<void> {
    const { buildLayer0 } = await import('../layer0/build.ts');
    const out = join(this.boot, 'amd64');
    const isUml = this.#options.kind === 'uml';
    await buildLayer0({ out, level: 3, ...(isUml ? { kernel: 'none' } : kernel) });
    if (isUml) copyFileSync(UML, join(out, 'kernel'));
  }

  /** The BMCs answer, the segment has a router; the machines are off. */
  start(): void {
    this.bmcs.start((command) => this.#take(command));
    if (this.#options.kind === 'qemu') this.#router = this.#announce();
  }

  /** The machines as nodes: on, and in sync. */
  nodes(): Record<string, unknown>[] {
    return this.machines.map(({ number, name }) => ({
      nodename: name,
      arch: 'amd64',
      platform: 'ipmi',
      physState: 'POWER_ON',
      runState: 'SYNC',
      ipv4: { ifaces: { kraken: { eth: { mac: macOf(number) }, ip: { ip: nodeAddress(number), subnet: SUBNET } } } },
      ipmi: { address: bmcAddress(number) },
    }));
  }

  /** Of the head. */
  config(settings: object = QUICK, args = ''): { settings: object; sync: object; services: Record<string, object> } {
    const file = join(this.folder, 'bmc.password');
    writeFileSync(file, `${BMC_PASSWORD}\n`, { mode: 0o600 });
    const login = { user: BMC_USER, password: { file }, cipherSuite: BMC_CIPHER_SUITE };
    return {
      settings,
      sync: { hello: 2_000, dead: 8_000 },
      services: {
        ipmi: {
          module: 'ipmi',
          config: { ...login, answerMs: 5_000, bootOverride: this.#options.firmware },
        },
        pxe: { module: 'pxe', config: { interfaces: [BRIDGE], root: this.boot, parents: [HEAD], ...(args && { args }) } },
      },
    };
  }

  /** Numbers count from 1. */
  machine(number: number): Machine {
    const machine = this.machines[number - 1];
    if (machine === undefined) throw new Error(`there is no machine ${number}; there are ${this.machines.length}`);
    return machine;
  }

  serial(number: number): SerialLog {
    return this.#serial.get(this.machine(number).number) as SerialLog;
  }

  /** It loses its power, and nobody was asked. */
  cutPower(number: number): void {
    this.machine(number).power(false);
  }

  /** Everything in it is ended and removed; the second time there is nothing to do. */
  end(): Promise<void> {
    this.#ended ??= (async () => {
      try {
        await this.head.stop();
        await this.bmcs.stop();
        await Promise.all(this.machines.map((machine) => machine.end()));
        this.#router?.kill('SIGKILL');
      } finally {
        await this.network.end();
        rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
      }
    })();
    return this.#ended;
  }

  #machine(number: number): Machine {
    const { kind, firmware, memoryMiB = MEMORY[kind] } = this.#options;
    const name = `kr${number}`;
    const folder = join(this.folder, name);
    mkdirSync(folder);
    const log = new SerialLog(join(this.logs, `${name}.log`));
    this.#serial.set(number, log);
    const given = { number, network: this.network, folder, log, memoryMiB };
    const board: Board = kind === 'qemu' ? new QemuBoard({ ...given, firmware }) : new UmlBoard(given);
    return new Machine(number, name, { board, log, told: (isOn) => this.bmcs.setPower(number, isOn) });
  }

  #take({ number, words }: ChassisCommand): void {
    const machine = this.machine(number);
    if (words === 'set power 1') machine.power(true);
    else if (words === 'set power 0' || words.startsWith('set shutdown')) machine.power(false);
    else if (words.startsWith('set reset')) machine.reset();
  }

  /** iPXE waits for 15 seconds on a segment without a router of IPv6; this one says that there is one, and gives no addresses. */
  #announce(): ChildProcess {
    this.network.ip([`addr add fd00:99::1/64 dev ${BRIDGE} nodad`]);
    const args = ['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--user=root', '--pid-file', `--interface=${BRIDGE}`];
    const router = [
      '--enable-ra',
      '--dhcp-range=fd00:99::,ra-only,64',
      `--ra-param=${BRIDGE},5`,
      `--dhcp-leasefile=${join(this.folder, 'leases')}`,
    ];
    return this.network.spawn('dnsmasq', [...args, ...router], { stdio: 'ignore' });
  }
}
