/** A machine of the box as its BMC sees it: switched on, off, reset; what runs in it ends, reboots, hangs. */
import type { SerialLog } from './serial-log.ts';

/** How a run ended by itself: it switched itself off, or wants to go through its firmware again. */
export type Ending = 'off' | 'reboot';

/** What is on the board, from firmware on. */
export interface Board {
  /** One run, from power-on or reset to its end; `signal` takes the power away. Resolves when nothing of it runs any more. */
  run(signal: AbortSignal): Promise<Ending>;
  /** Everything stands still, and the power stays. */
  freeze(): void;
  /** Its kernel panics. Rejects where it has none that could. */
  panic(): Promise<void>;
  /** Every process but the first is killed. Rejects where nothing reaches them. */
  killProcesses(): Promise<void>;
}

/** A board that ends as soon as it starts is not started faster than this. */
const LEAST_RUN = 1_000;

export class Machine {
  readonly number: number;
  readonly name: string;
  readonly #board: Board;
  readonly #log: SerialLog;
  readonly #told: (isOn: boolean) => void;
  #isOn = false;
  #power: AbortController | undefined;
  #life: Promise<void> | undefined;
  /** How often firmware has begun. */
  boots = 0;

  /** `told`: whether it has power, whenever that changes. */
  constructor(number: number, name: string, { board, log, told }: { board: Board; log: SerialLog; told: (isOn: boolean) => void }) {
    this.number = number;
    this.name = name;
    this.#board = board;
    this.#log = log;
    this.#told = told;
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  /** Twice on is on; off while it starts is off; on while it ends starts it when it has ended. */
  power(isOn: boolean): void {
    if (isOn !== this.#isOn) this.#log.note(isOn ? 'power on' : 'power off');
    this.#isOn = isOn;
    this.#told(isOn);
    if (!isOn) this.#power?.abort();
    else this.#life ??= this.#live().finally(() => (this.#life = undefined));
  }

  reset(): void {
    if (!this.#isOn) return;
    this.#log.note('reset');
    this.#power?.abort();
  }

  /** It stands still, as hung hardware does: only its power helps. */
  freeze(): void {
    this.#log.note('hangs');
    this.#board.freeze();
  }

  panic(): Promise<void> {
    this.#log.note('is made to panic');
    return this.#board.panic();
  }

  killProcesses(): Promise<void> {
    this.#log.note('its processes are killed');
    return this.#board.killProcesses();
  }

  /** Off, and until nothing of it runs. */
  async end(): Promise<void> {
    this.#isOn = false;
    this.#power?.abort();
    await this.#life;
  }

  async #live(): Promise<void> {
    while (this.#isOn) {
      const power = new AbortController();
      this.#power = power;
      this.boots += 1;
      const begun = performance.now();
      const ending = await this.#board.run(power.signal).catch((error: Error): Ending => {
        this.#log.note(`cannot run: ${error.message}`);
        return 'reboot';
      });
      if (power.signal.aborted) continue;
      this.#log.note(ending === 'off' ? 'has switched itself off' : 'reboots by itself');
      if (ending === 'off') this.power(false);
      else if (performance.now() - begun < LEAST_RUN) await pause(LEAST_RUN, power.signal);
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
