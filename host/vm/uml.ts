/** A machine that is user-mode Linux: light enough for dozens. Its firmware is a program of ours; the kernel that it fetches is run as a process. */
import { type ChildProcess, execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Board, Ending } from './machine.ts';
import { macOf, type VmNetwork } from './network.ts';
import { endOf, signalGroup } from './process-end.ts';
import type { SerialLog } from './serial-log.ts';

export interface UmlOptions {
  readonly number: number;
  readonly network: VmNetwork;
  readonly folder: string;
  readonly log: SerialLog;
  readonly memoryMiB: number;
}

/** Where a kernel that restarts looks for itself: nowhere, so that it ends, and its machine goes through its firmware. */
const NO_KERNEL = '/nowhere/restarted';
const PANIC_LIMIT = 5_000;

export class UmlBoard implements Board {
  readonly #options: UmlOptions;
  #process: ChildProcess | undefined;

  constructor(options: UmlOptions) {
    this.#options = options;
    mkdirSync(this.#file('uml'), { recursive: true });
  }

  async run(signal: AbortSignal): Promise<Ending> {
    const { network, log, number } = this.#options;
    const firmware = network.spawn(
      process.execPath,
      [...firmwareCommand(), macOf(number), this.#options.folder],
      { stdio: ['ignore', 'pipe', 'pipe'] },
      network.firmwarePlace(number),
    );
    const { code } = await this.#watch(firmware, signal);
    if (signal.aborted) return 'off';
    if (code !== 0 || !existsSync(this.#file('args'))) throw new Error(`firmware has ended with ${code}`);
    return this.#boot(readFileSync(this.#file('args'), 'utf8'), signal, log);
  }

  freeze(): void {
    if (this.#process) signalGroup(this.#process, 'SIGSTOP');
  }

  panic(): Promise<void> {
    return this.#sysrq('c');
  }

  killProcesses(): Promise<void> {
    return this.#sysrq('i');
  }

  #file(name: string): string {
    return join(this.#options.folder, name);
  }

  /** The kernel does it where it was booted with `sysrq_always_enabled`. One that has panicked answers no more. */
  async #sysrq(key: string): Promise<void> {
    const socket = join(this.#file('uml'), 'node', 'mconsole');
    await promisify(execFile)('uml_mconsole', [socket, 'sysrq', key], { timeout: PANIC_LIMIT }).catch(() => undefined);
  }

  #watch(child: ChildProcess, signal: AbortSignal): ReturnType<typeof endOf> {
    const { log } = this.#options;
    this.#process = child;
    if (child.stdout) log.take(child.stdout);
    if (child.stderr) log.take(child.stderr);
    return endOf(child, signal).finally(() => (this.#process = undefined));
  }

  async #boot(line: string, signal: AbortSignal, log: SerialLog): Promise<Ending> {
    const { network, number, memoryMiB } = this.#options;
    rmSync(join(this.#file('uml'), 'node'), { recursive: true, force: true });
    const hardware = [
      ...[`uml_dir=${this.#file('uml')}/`, 'umid=node', `mem=${memoryMiB}M`, `initrd=${this.#file('initrd')}`, 'rdinit=/init'],
      ...[`vec0:transport=tap,ifname=tap${number},depth=64,gro=1,mac=${macOf(number)}`, 'con=null', 'con0=null,fd:1', 'console=tty0'],
    ];
    const words = line.split(/\s+/).filter((word) => word !== '' && !word.startsWith('initrd=') && !word.startsWith('console='));
    // Under another name than the file's: what is run when it restarts.
    const named = ['-c', `exec -a ${NO_KERNEL} "$0" "$@"`, this.#file('kernel'), ...hardware, ...words];
    const child = network.spawn('bash', named, { stdio: ['ignore', 'pipe', 'pipe'] });
    const { code, signal: by } = await this.#watch(child, signal);
    if (signal.aborted) return 'off';
    const said = log.lines().slice(-20);
    if (said.some(({ text }) => /Failed to exec kernel|reboot: Restarting system/.test(text))) return 'reboot';
    if (said.some(({ text }) => /reboot: (?:Power down|System halted)/.test(text))) return 'off';
    return this.#afterPanic(line, `${by ?? code}`, signal, log);
  }

  /** A kernel that panics stands still, or restarts after so many seconds, as it was told by `panic=`. */
  async #afterPanic(line: string, how: string, signal: AbortSignal, log: SerialLog): Promise<Ending> {
    const seconds = Number(/(?:^|\s)panic=(-?\d+)/.exec(line)?.[1] ?? 0);
    log.note(`its kernel has died (${how})${seconds === 0 ? ', and stands still' : ''}`);
    await new Promise<void>((resolve) => {
      const timer = seconds === 0 ? undefined : setTimeout(resolve, Math.max(0, seconds) * 1000);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    return 'reboot';
  }
}

/** Built, it lies beside the command; from sources, as itself. */
function firmwareCommand(): string[] {
  const isSource = import.meta.url.endsWith('.ts');
  const file = fileURLToPath(new URL(isSource ? './firmware.ts' : './firmware.js', import.meta.url));
  return isSource ? ['--import', import.meta.resolve('tsx'), file] : [file];
}
