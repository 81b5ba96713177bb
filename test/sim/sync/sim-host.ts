/** A simulated machine with a host on it: power, firmware, kernel, disk, and one process after the other. What is truth is here. */
import { type Millis, SECOND } from './clock.ts';
import { Disk, Keys } from './disk.ts';
import { METER } from './modules.ts';
import { Process } from './process.ts';
import type { Sim } from './sim.ts';
import type { Station } from './station.ts';

export type Kind = 'root' | 'middle' | 'leaf';

const POST = 20 * SECOND;
const DHCP_AGAIN = 4 * SECOND;
const LOGS_MOST = 200;

export class SimHost {
  readonly sim: Sim;
  readonly id: string;
  readonly kind: Kind;
  readonly address: string;
  readonly seed: number;
  /** Where it looks for parents, the best first. */
  readonly parents: readonly string[];
  disk = new Disk();
  keys: Keys;
  process: Process | undefined;
  /** The error of its wall clock. */
  wall: Millis = 0;
  isOn = true;
  /** Its kernel runs. */
  isUp = true;
  /** Its firmware gets nowhere, and its kernel does nothing any more. */
  hangs = false;
  boots = 1;
  images: 'UNKNOWN' | 'IDLE' | 'ACTIVE' = 'UNKNOWN';
  /** The last reading, never the same twice. */
  meter = 0;
  /** The hash of a token that a person has given it. */
  token: string | undefined;
  readonly logs: string[] = [];
  /** Since when nothing of it can be heard, because it does not run; for the checkers. */
  silentSince: Millis | undefined;
  #bootCount = 0;

  constructor(sim: Sim, id: string, kind: Kind, address: string, parents: readonly string[], seed: number) {
    this.sim = sim;
    this.id = id;
    this.kind = kind;
    this.address = address;
    this.parents = parents;
    this.seed = seed;
    this.keys = this.#newKeys();
  }

  get station(): Station {
    return this.sim.net.station(this.address);
  }

  get boot(): string {
    return `${this.id}-boot${this.boots}`;
  }

  /** Its process runs, and something of it can be heard. */
  get isAlive(): boolean {
    return this.process !== undefined;
  }

  log(message: string): void {
    this.logs.push(`${(this.sim.clock.now / SECOND).toFixed(1)} s: ${message}`);
    if (this.logs.length > LOGS_MOST) this.logs.splice(0, LOGS_MOST / 2);
  }

  #newKeys(): Keys {
    return new Keys(() => Uint8Array.from({ length: 32 }, () => Math.floor(this.sim.random() * 256)));
  }

  // --- its process ---------------------------------------------------------------------------------------------------------------

  start(): void {
    if (this.process || !this.isUp) return;
    this.process = new Process(this);
    this.station.endpoint = this.process;
    this.silentSince = undefined;
    this.sim.watch((watcher) => watcher.started?.(this));
    this.process.start();
  }

  /** kill -9; `silently`: its kernel goes with it, and ends no connection. */
  kill(silently = false): void {
    const { process } = this;
    if (!process) return;
    process.isDead = true;
    this.process = undefined;
    this.station.endpoint = undefined;
    this.disk.crash();
    this.silentSince = this.sim.clock.now;
    this.sim.net.pipes.died(process, silently);
    this.sim.watch((watcher) => watcher.killed?.(this));
  }

  /** pid 1 starts it again after a while. */
  restart(after: Millis): void {
    this.kill();
    const { boots } = this;
    this.sim.clock.later(after, () => {
      if (this.boots === boots) this.start();
    });
  }

  /** What it had stored is gone; `andKeys`: all of it. */
  loseData(andKeys = false): void {
    this.kill();
    this.disk = new Disk();
    if (andKeys) this.keys = this.#newKeys();
    this.sim.watch((watcher) => watcher.lost?.(this));
  }

  // --- its machine -----------------------------------------------------------------------------------------------------------------

  #down(): void {
    this.#bootCount++;
    this.kill(true);
    this.silentSince ??= this.sim.clock.now;
    this.isUp = false;
    this.station.isUp = false;
    this.sim.net.pipes.look();
  }

  powerOff(): void {
    this.isOn = false;
    this.hangs = false;
    this.#down();
  }

  powerOn(): void {
    if (this.isOn) return;
    this.isOn = true;
    this.#post();
  }

  /** Its kernel panics, and starts the machine anew. */
  reboot(): void {
    if (!this.isOn) return;
    this.#down();
    this.#post();
  }

  /** Nothing is heard of it any more until its power is cycled. */
  hang(): void {
    if (!this.isOn) return;
    this.hangs = true;
    this.#down();
  }

  #post(): void {
    const count = ++this.#bootCount;
    this.sim.clock.later(POST, () => this.#dhcp(count));
  }

  #goesOn(count: number): boolean {
    return count === this.#bootCount && this.isOn && !this.hangs;
  }

  /** It asks for an address until it is served; a host with a disk boots from that. */
  #dhcp(count: number): void {
    if (!this.#goesOn(count)) return;
    if (this.kind !== 'leaf') return void this.sim.clock.later(6 * SECOND, () => this.#boot(count));
    const heard = this.#said({ '/pxe/state': 'WAIT', '/runState': 'UNKNOWN' });
    this.sim.clock.later(SECOND, () => {
      if (!this.#goesOn(count)) return;
      const isServed = heard.some((process) => !process.isDead && process.world.nodes.get(this.id)?.seen('/pxe/state') === 'WAIT');
      if (!isServed) return void this.sim.clock.later(DHCP_AGAIN - SECOND, () => this.#dhcp(count));
      this.sim.clock.later(2 * SECOND, () => {
        if (this.#goesOn(count)) this.#said({ '/pxe/state': 'INIT', '/runState': 'INIT' });
      });
      this.sim.clock.later(5 * SECOND, () => this.#boot(count));
    });
  }

  /** Firmware is heard by those of its parents that can be reached. */
  #said(values: Record<string, string>): Process[] {
    const heard: Process[] = [];
    for (const id of this.parents) {
      const { process, address } = this.sim.host(id);
      if (!process || !this.sim.net.isOpen(this.address, address, 'udp')) continue;
      process.observed('pxe', { node: this.id, values, heard: 'dhcp' });
      heard.push(process);
    }
    return heard;
  }

  #boot(count: number): void {
    if (!this.#goesOn(count)) return;
    this.boots++;
    this.isUp = true;
    this.station.isUp = true;
    this.images = 'UNKNOWN';
    if (this.kind === 'leaf') {
      // Memory is all that it has.
      this.disk = new Disk();
      this.keys = this.#newKeys();
      this.meter++;
    }
    this.start();
  }

  // --- what happens on it ------------------------------------------------------------------------------------------------------------

  /** Its meter has moved. */
  read(): void {
    if (!this.process) return;
    this.meter++;
    this.process.observed('meter', { node: this.id, values: { [METER]: this.meter } });
  }

  seen(id: string, path: string): unknown {
    return this.process?.world.nodes.get(id)?.seen(path);
  }

  cfg(id: string): { readonly [member: string]: unknown } | undefined {
    return this.process?.world.nodes.get(id)?.cfg;
  }
}
