/** One simulated machine: a BMC, firmware that boots over the network, a host of its own when booted, images on it. */
import type { Json } from '../../host/core/declaration.ts';
import type { Failure, Observed } from '../../host/core/event.ts';
import { type Lab, SECOND } from './lab.ts';

type Reply = (values: Record<string, Json> | undefined, error?: Failure) => void;

export class Machine {
  readonly lab: Lab;
  readonly id: string;
  on: boolean;
  /** Its kernel and host are up. */
  hostUp = false;
  run: 'INIT' | 'SYNC' = 'INIT';
  images: string = 'IDLE';
  busy: Json = 'FREE';
  boots = 0;
  actions = { on: 0, off: 0 };

  // faults
  bmc: 'good' | 'dead' | 'login' | 'busy' | 'mute' = 'good';
  /** Takes commands, does nothing. */
  deaf = false;
  /** So long after it took a power-off it carries it out, whatever became of its answer. */
  offAfter = 0;
  /** The machine whose power this BMC really switches: a wrong address. */
  wired: Machine | undefined;
  /** What its BMC reads is not this machine's. */
  readsPowerOf: 'on' | 'off' | undefined;
  hangs = false;
  post: number;
  /** Its host can reach us. */
  linked = true;
  imageFault: string | undefined;
  /** When this host last took in a word of its own. */
  saidAt: number | undefined;

  #boot = 0;

  constructor(lab: Lab, id: string, running: boolean) {
    this.lab = lab;
    this.id = id;
    this.on = running;
    this.post = lab.options.post ?? 20 * SECOND;
    if (running) {
      this.hostUp = true;
      this.run = 'SYNC';
      this.images = 'ACTIVE';
      this.boots = 1;
    }
  }

  get boot(): string {
    return `${this.id}-boot${this.boots}`;
  }

  /** What is said by the node's own host carries its session. */
  voice(service: string): Partial<Observed> {
    return (service === 'images' || service === 'hosts') && this.hostUp ? { session: { boot: this.boot, live: true } } : {};
  }

  act(service: string, action: string, reply: Reply): void {
    const latency = 40 + Math.floor(this.lab.random() * 40);
    this.lab.later(latency, () => {
      if (service === 'ipmi') this.#power(action, reply);
      else if (service === 'pxe') this.#pxe(action, reply);
      else if (service === 'images' || service === 'hosts') this.#host(action, reply);
      else reply(this.lab.scripts.get(service)?.[action] ?? {});
    });
  }

  #power(action: string, reply: Reply): void {
    if (this.bmc === 'dead')
      return this.lab.later(2 * SECOND, () => reply(undefined, { code: -32001, message: `BMC of ${this.id.slice(-3)} did not answer` }));
    if (this.bmc === 'mute') return;
    if (this.bmc === 'login') return reply(undefined, { code: -32003, message: 'the BMC refused the password' });
    if (this.bmc === 'busy') return reply(undefined, { code: -32002, message: 'the BMC is busy' });
    const target = this.wired ?? this;
    if (action === 'powerOn') {
      this.lab.watcher.power?.(target, 'on');
      target.actions.on++;
      if (!target.deaf) target.powerOn();
    } else if (action === 'powerOff' || action === 'unhang') {
      this.lab.watcher.power?.(target, 'off');
      target.actions.off++;
      if (!target.deaf && this.offAfter > 0) this.lab.later(this.offAfter, () => target.powerOff());
      else if (!target.deaf) target.powerOff();
    }
    this.lab.later(100, () =>
      reply({ '/physState': (this.readsPowerOf ?? (target.on ? 'on' : 'off')) === 'on' ? 'POWER_ON' : 'POWER_OFF' }),
    );
  }

  powerOn(): void {
    if (this.on) return;
    this.on = true;
    this.start();
  }

  powerOff(): void {
    this.on = false;
    this.die();
  }

  /** Its kernel ends, by power or panic; a parent that is reachable loses the session only by silence. */
  die(): void {
    this.#boot++;
    this.hostUp = false;
  }

  /** Firmware: POST, DHCP, kernel, host. */
  start(): void {
    const boot = ++this.#boot;
    const at = (time: number, run: () => void): void =>
      this.lab.later(time, () => {
        if (boot === this.#boot && this.on) run();
      });
    at(this.post, () => this.dhcp(boot));
  }

  /** Asks for an address until it is served. */
  dhcp(boot: number): void {
    if (boot !== this.#boot || !this.on || this.hangs) return;
    this.report('pxe', { values: { '/pxe/state': 'WAIT', '/runState': 'UNKNOWN' }, heard: 'dhcp' });
    const served =
      this.lab.up && !this.lab.down.has('pxe') && this.linked && this.lab.network && this.lab.seen(this.id, '/pxe/state') === 'WAIT';
    if (!served) {
      this.lab.later(4 * SECOND, () => this.dhcp(boot));
      return;
    }
    this.lab.later(3 * SECOND, () => {
      if (boot === this.#boot && this.on) this.report('pxe', { values: { '/pxe/state': 'INIT', '/runState': 'INIT' }, heard: 'dhcp' });
    });
    this.lab.later(6 * SECOND, () => {
      if (boot === this.#boot && this.on) this.phoneHome();
    });
  }

  phoneHome(): void {
    this.boots++;
    this.hostUp = true;
    this.run = 'INIT';
    this.images = 'IDLE';
    this.busy = 'FREE';
    this.greet();
  }

  /** Its host's session with the head: at boot, and again after the head or the link came back. */
  greet(): void {
    if (!this.hostUp) return;
    const images = this.run === 'SYNC' ? { '/images/state': this.images } : {};
    this.report(this.lab.player, {
      values: { '/physState': 'POWER_ON', '/runState': this.run, '/busy': this.busy, ...(this.lab.player === 'images' ? images : {}) },
      heard: 'session',
      session: { boot: this.boot, live: true },
    });
  }

  /** The parent's dead time has passed, and its probe was not answered. */
  givenUp(): void {
    this.report(this.lab.player, { values: {}, session: { boot: this.boot, live: false } }, true);
  }

  report(service: string, item: Omit<Observed, 'node'>, local = false): void {
    if (!this.lab.up || this.lab.down.has(service) || (!local && !(this.linked && this.lab.network))) return;
    if (!local) this.saidAt = this.lab.now;
    this.lab.send({ type: 'observed', service, items: [{ node: this.id, ...item }] });
  }

  /** Silent from now on: 40 s later the parent gives it up. */
  silence(): void {
    this.lab.later(40 * SECOND, () => {
      if (!this.hostUp || !this.linked || !this.lab.network) this.givenUp();
    });
  }

  #pxe(action: string, reply: Reply): void {
    if (action === 'wait') reply({ '/pxe/state': 'WAIT' });
    else reply(undefined);
  }

  #host(action: string, reply: Reply): void {
    if (!this.hostUp || !this.linked || !this.lab.network)
      return this.lab.later(2 * SECOND, () => reply(undefined, { code: -32001, message: 'its host did not answer' }));
    if (this.imageFault && (action === 'start' || action === 'mend')) {
      this.images = this.imageFault;
      return reply({ '/images/state': this.images });
    }
    switch (action) {
      case 'core/sync':
        this.run = 'SYNC';
        return reply({ '/runState': 'SYNC' });
      case 'core/quiesce':
        this.run = 'INIT';
        return reply({ '/runState': 'INIT' });
      case 'begin':
        return reply({ '/images/state': this.images });
      case 'start':
      case 'mend':
      case 'update':
        this.images = 'ACTIVE';
        return reply({ '/images/state': 'ACTIVE' });
      case 'stop':
      case 'drop':
      case 'clear':
        this.images = 'IDLE';
        return reply({ '/images/state': 'IDLE' });
      default:
        return reply({});
    }
  }
}
