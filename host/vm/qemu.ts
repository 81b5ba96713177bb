/** A PC by QEMU, emulated to the last instruction: its own firmware, an iPXE ROM on its network card, no disk. */
import type { ChildProcess } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Board, Ending } from './machine.ts';
import { macOf, type VmNetwork } from './network.ts';
import { type Firmware, OVMF } from './parts.ts';
import { endOf, signalGroup } from './process-end.ts';
import type { SerialLog } from './serial-log.ts';

export interface QemuOptions {
  readonly number: number;
  readonly network: VmNetwork;
  readonly folder: string;
  readonly log: SerialLog;
  readonly firmware: Firmware;
  readonly memoryMiB: number;
}

const PANIC_LIMIT = 5_000;

export class QemuBoard implements Board {
  readonly #options: QemuOptions;
  #process: ChildProcess | undefined;

  constructor(options: QemuOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<Ending> {
    const { network, log, folder, firmware } = this.#options;
    rmSync(join(folder, 'qmp'), { force: true });
    if (firmware === 'uefi') copyFileSync(OVMF.vars, join(folder, 'vars.fd'));
    const child = network.spawn('qemu-system-x86_64', this.#arguments(), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    if (child.stdout) log.take(child.stdout);
    if (child.stderr) log.take(child.stderr);
    const { code } = await endOf(child, signal);
    this.#process = undefined;
    if (code !== 0 && !signal.aborted) throw new Error(`QEMU has ended with ${code}`);
    return 'off';
  }

  freeze(): void {
    if (this.#process) signalGroup(this.#process, 'SIGSTOP');
  }

  /** By an NMI: Linux panics of it where it was booted with `unknown_nmi_panic`. */
  panic(): Promise<void> {
    return qmp(join(this.#options.folder, 'qmp'), 'inject-nmi');
  }

  killProcesses(): Promise<void> {
    return Promise.reject(new Error('nothing reaches the processes of a PC from outside'));
  }

  /** Without acceleration, which virtual machines that run this have not, or not well. */
  #arguments(): string[] {
    const { number, folder, firmware, memoryMiB } = this.#options;
    const flash = [
      ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${OVMF.code}`],
      ...['-drive', `if=pflash,format=raw,unit=1,file=${join(folder, 'vars.fd')}`],
    ];
    return [
      ...['-nodefaults', '-no-user-config', '-M', 'pc,graphics=off', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', String(memoryMiB)],
      ...['-display', 'none', '-serial', 'stdio', '-qmp', `unix:${join(folder, 'qmp')},server=on,wait=off`],
      ...['-netdev', `tap,id=n0,ifname=tap${number},script=no,downscript=no`],
      ...['-device', `virtio-net-pci,netdev=n0,mac=${macOf(number)}${firmware === 'uefi' ? ',romfile=' : ''},bootindex=0`],
      ...['-device', 'virtio-rng-pci', '-boot', 'n'],
      ...(firmware === 'uefi' ? flash : []),
    ];
  }
}

/** One command of the QEMU Machine Protocol. */
function qmp(socket: string, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket);
    connection.setTimeout(PANIC_LIMIT, () => connection.destroy(new Error(`QEMU does not answer to ${command}`)));
    connection.on('error', reject);
    let answers = 0;
    createInterface({ input: connection }).on('line', (line) => {
      const { QMP, return: done, error } = JSON.parse(line) as { QMP?: object; return?: object; error?: { desc: string } };
      if (error) connection.destroy(new Error(error.desc));
      else if (QMP) connection.write(`{"execute":"qmp_capabilities"}\n{"execute":"${command}"}\n`);
      else if (done && ++answers === 2) {
        connection.destroy();
        resolve();
      }
    });
  });
}
