/** Starts this machine anew where its parent asks for that before it takes it: only where the operator allowed it, and once a boot. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { HostLog } from './log.ts';

export interface SelfRebootOptions {
  /** The configuration's sync.selfReboot. */
  readonly isAllowed: boolean;
  readonly isRoot: boolean;
  /** The kernel's boot id. */
  readonly boot: string;
  /** Where it is remembered for which boot it was tried: a restart of this host is no other boot. */
  readonly dir: string;
  /** What a reboot would end. */
  readonly runs: () => boolean;
  readonly log: HostLog;
  /** Rejects with why it failed. */
  readonly reboot?: () => Promise<unknown>;
}

export class SelfReboot {
  readonly #options: SelfRebootOptions;

  constructor(options: SelfRebootOptions) {
    this.#options = options;
  }

  /** `asked`: why the parent wants it. Reboots, or says why it does not. */
  ask(asked: string): void {
    const { log, reboot = rebootMachine } = this.#options;
    const not = this.#whyNot() ?? this.#remember();
    if (not !== undefined) {
      log('error', `this machine must be started anew before its parent takes it: ${asked}; it is not done by itself: ${not}`);
      return;
    }
    log('warn', `this machine starts anew now, as its parent takes it only then: ${asked}`);
    reboot().catch((error: Error) => log('error', `this machine could not be started anew: ${error.message}; reboot it by hand`));
  }

  #whyNot(): string | undefined {
    const { isAllowed, isRoot, runs } = this.#options;
    if (isRoot) return 'it is the root of the cluster';
    if (!isAllowed) return 'sync.selfReboot of the configuration is not true';
    if (runs()) return 'services run on it';
    return undefined;
  }

  /** Before it is done, so that what does not help is not done again and again. */
  #remember(): string | undefined {
    const { dir, boot } = this.#options;
    const file = join(dir, 'self-reboot');
    try {
      if (readBoot(file) === boot) return 'it was tried in this boot already';
      writeFileSync(file, boot, { mode: 0o600 });
      return undefined;
    } catch (error) {
      return `it cannot be remembered that it was tried: ${(error as Error).message}`;
    }
  }
}

function readBoot(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** At once: an orderly shutdown would wait for what a diskless node does not have. */
function rebootMachine(): Promise<unknown> {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  return execa('reboot', ['-f'], { env, extendEnv: false, stdin: 'ignore', timeout: 60_000 });
}
