/** One virtual machine: power, firmware that boots over the network, a host of its own when it is up. It knows nothing of what anybody wants of it. */
import { hash, mix, unit } from './chance.ts';
import { imagesBecome, imagesSeen } from './image-set.ts';
import { type Fault, type Latency, slowness } from './profile.ts';
import type { Hearing, ImagesState, SavedNode, Seen, Stage } from './seen.ts';
import type { Surroundings } from './surroundings.ts';

export class VirtualNode {
  readonly id: string;
  readonly since: number;
  stage: Stage = 'off';
  /** Its host process lives. */
  host = false;
  run: 'INIT' | 'SYNC' = 'INIT';
  images: ImagesState = 'UNKNOWN';
  /** What the boot server has prepared for it. */
  pxe: 'NONE' | 'WAIT' | 'INIT' = 'NONE';
  boots = 0;
  /** Power commands that its BMC has taken. */
  powerOns = 0;
  powerOffs = 0;
  /** Starts of images that failed, one after the other. */
  failures = 0;
  fault: Fault = 'none';
  #at: Surroundings;
  /** What was set to happen before the last change of power or boot does not happen any more. */
  #life = 0;
  #isAwaited = false;
  /** Counts how often it has begun to reboot by itself. */
  #restless = 0;
  #draws: number;

  constructor(id: string, at: Surroundings, since: number, saved?: SavedNode) {
    this.id = id;
    this.#at = at;
    this.since = since;
    if (saved !== undefined) [, this.stage, , this.run, this.images, this.pxe, this.boots, this.powerOns, this.powerOffs] = saved;
    if (saved !== undefined) [this.host, this.fault] = [saved[2] === 1, saved[10]];
    this.#draws = mix(hash(id, at.profile.seed) + this.boots + this.powerOns + this.powerOffs);
  }

  saved(): SavedNode {
    const { id, stage, run, images, pxe, boots, powerOns, powerOffs, since, fault } = this;
    return [id, stage, this.host ? 1 : 0, run, images, pxe, boots, powerOns, powerOffs, since, fault];
  }

  get isOn(): boolean {
    return this.stage !== 'off';
  }

  /** Its own host can be reached over its own network. */
  get answers(): boolean {
    return this.host && this.fault !== 'linkDown';
  }

  get boot(): string {
    return `${this.id.slice(-12)}-${this.boots}`;
  }

  /** Milliseconds of a latency, drawn anew. */
  draw(name: Latency): number {
    const [from = 0, to = 0] = this.#at.profile.latencies[name];
    this.#draws = (this.#draws + 0x9e3779b9) | 0;
    return (from + (to - from) * unit(mix(this.#draws))) * this.#at.profile.scale * slowness(this.fault, name);
  }

  powerOn(now: number): void {
    if (!this.isOn) this.#post(now);
  }

  powerOff(now: number): void {
    if (!this.isOn) return;
    this.#die(now);
    this.#enter('off');
  }

  /** By itself: a panic, a watchdog, somebody with a finger. */
  reboot(now: number): void {
    if (!this.isOn) return;
    this.#die(now);
    this.#post(now);
  }

  /** Puts it where it is when it is first seen. */
  begin(now: number): void {
    const { start } = this.#at.profile;
    if (start === 'on') this.powerOn(now);
    if (start !== 'running') return;
    this.host = true;
    this.boots = 1;
    this.run = 'SYNC';
    if (this.#plays('images')) this.images = 'ACTIVE';
    this.#enter('up');
    this.#comeBack(now);
  }

  /** This process was started anew, the machine was not: what it was about to do it does now, and its host comes back to us. */
  resume(now: number): void {
    if (!this.host && this.boots > 0) this.#fallSilent(now);
    switch (this.stage) {
      case 'off':
      case 'panicked':
        return;
      case 'hung':
        return this.fault === 'hangAtBoot' ? undefined : this.#dhcp(now);
      case 'post':
        return this.#post(now);
      case 'dhcp':
        return this.#dhcp(now);
      case 'load':
        return this.#load(now);
      case 'up':
        if (this.host) return this.#comeBack(now);
        if (this.fault !== 'crash') this.#after(now, 'hostMs', (then) => this.#startHost(then));
        return;
      default:
        this.stage satisfies never;
    }
  }

  /** What its host says of itself when it has come to us. */
  greet(): void {
    if (this.#plays('hosts')) this.say({ '/physState': 'POWER_ON', '/runState': this.run, '/busy': 'FREE', ...imagesSeen(this.#at, this) });
  }

  /** What its host reports without being asked. */
  say(values: Seen): void {
    if (this.answers) this.#at.report(this, values, this.#plays('hosts') ? { heard: 'session', ...this.voice() } : {});
  }

  /** Goes with whatever its own host says. */
  voice(): Hearing {
    return this.answers && this.#plays('hosts') ? { session: { boot: this.boot, live: true } } : {};
  }

  setFault(fault: Fault, now: number): void {
    const before = this.fault;
    if (fault === before) return;
    this.fault = fault;
    this.#at.changed(this);
    this.#cleared(before, now);
    switch (fault) {
      case 'powerCut':
        return this.powerOff(now);
      case 'crash':
        return this.#crash(now);
      case 'panic':
        if (this.stage === 'up') this.#panic(now);
        return;
      case 'linkDown':
        if (this.host) this.#fallSilent(now);
        return;
      case 'selfReboot':
        return this.#rebootAgain(now, 0, ++this.#restless);
      case 'imageError':
        return imagesBecome(this.#at, this, 'ACTIVE', 'ERROR');
      default:
        return;
    }
  }

  /** It is to come into sync when it comes; there is nothing to be seen of that yet. */
  awaitSync(): Seen {
    this.#isAwaited = true;
    return {};
  }

  setRun(run: 'INIT' | 'SYNC'): void {
    this.run = run;
    this.#at.changed(this);
  }

  setPxe(state: 'NONE' | 'WAIT' | 'INIT'): void {
    this.pxe = state;
    this.#at.changed(this);
  }

  #plays(part: 'pxe' | 'hosts' | 'images'): boolean {
    return this.#at.profile.parts.includes(part);
  }

  /** Happens only if the machine has not been switched or rebooted meanwhile. */
  #after(now: number, latency: Latency, run: (now: number) => void): void {
    const life = this.#life;
    this.#at.timeline.at(now + this.draw(latency), (then) => {
      if (life === this.#life) run(then);
    });
  }

  /** Nothing of what runs on it survives. */
  #die(now: number): void {
    if (this.host) this.#fallSilent(now);
    this.#life++;
    this.host = false;
    this.run = 'INIT';
    this.images = 'UNKNOWN';
    this.pxe = 'NONE';
    this.failures = 0;
    this.#isAwaited = false;
  }

  /** Nobody hears a machine die: its session is given up when it was silent for long enough. */
  #fallSilent(now: number): void {
    const { boot } = this;
    this.#at.timeline.at(now + this.draw('silenceMs'), () => {
      if (this.#plays('hosts') && !(this.answers && this.boot === boot)) this.#at.report(this, {}, { session: { boot, live: false } });
    });
  }

  #post(now: number): void {
    this.#enter('post');
    this.#after(now, 'postMs', (then) => {
      if (this.fault === 'hangAtBoot') this.#enter('hung');
      else this.#dhcp(then);
    });
  }

  /** The client is heard, and served: the boot server knows it. Unanswered, it asks again. */
  #dhcp(now: number): void {
    this.#enter('dhcp');
    if (this.fault === 'linkDown') return this.#after(now, 'dhcpRetryMs', (then) => this.#dhcp(then));
    this.#served('WAIT', 'UNKNOWN');
    this.#after(now, 'dhcpMs', (then) => {
      if (this.fault === 'linkDown') return this.#dhcp(then);
      this.#served('INIT', 'INIT');
      this.#load(then);
    });
  }

  /** How far the boot server has come with its client. */
  #served(pxe: 'WAIT' | 'INIT', runState: 'UNKNOWN' | 'INIT'): void {
    if (!this.#plays('pxe')) return;
    this.setPxe(pxe);
    this.#at.report(this, { '/pxe/state': pxe, '/runState': runState }, this.#plays('hosts') ? { heard: 'dhcp' } : {});
  }

  #load(now: number): void {
    this.#enter('load');
    this.#after(now, 'loadMs', (then) => {
      this.boots++;
      this.#enter('up');
      if (this.fault === 'panic') this.#panic(then);
      else if (this.fault !== 'crash') this.#startHost(then);
    });
  }

  #startHost(now: number): void {
    this.host = true;
    this.setRun('INIT');
    if (this.fault !== 'linkDown') this.#meet(now);
    else this.#fallSilent(now);
  }

  #comeBack(now: number): void {
    if (this.host) this.#after(now, 'hostMs', (then) => this.#meet(then));
  }

  /** It says what it is, and is told what it was awaited for. */
  #meet(now: number): void {
    this.greet();
    if (!this.answers || !this.#isAwaited) return;
    this.#after(now, 'hostMs', () => {
      if (!this.answers || !this.#isAwaited) return;
      this.#isAwaited = false;
      this.setRun('SYNC');
      this.say({ '/runState': 'SYNC', ...imagesSeen(this.#at, this) });
    });
  }

  #crash(now: number): void {
    if (!this.host) return;
    this.#fallSilent(now);
    this.host = false;
    this.#at.changed(this);
  }

  #panic(now: number): void {
    this.#die(now);
    this.#enter('panicked');
  }

  #rebootAgain(now: number, wait: number, restless: number): void {
    this.#at.timeline.at(now + wait, (then) => {
      if (this.fault !== 'selfReboot' || restless !== this.#restless) return;
      if (this.stage === 'up') this.reboot(then);
      this.#rebootAgain(then, Math.max(1, this.draw('rebootEveryMs')), restless);
    });
  }

  #cleared(fault: Fault, now: number): void {
    if (fault === 'hangAtBoot' && this.stage === 'hung') this.#dhcp(now);
    if (fault === 'crash' && this.stage === 'up' && !this.host) this.#after(now, 'hostMs', (then) => this.#startHost(then));
    if (fault === 'linkDown') this.#comeBack(now);
  }

  #enter(stage: Stage): void {
    this.stage = stage;
    this.#at.changed(this);
  }
}
