/** Hours of random faults and orders in a lab of random size, repeatable by its seed, with every checker looking on; then all is healed. */
import { seededRandom } from '../../host/core/random.ts';
import type { Settings } from '../../host/core/settings.ts';
import { Checkers } from './checkers.ts';
import { HOUR, Lab, MINUTE, SECOND } from './lab.ts';
import type { Machine } from './machine.ts';

export interface StormOptions {
  readonly settings?: Partial<Settings>;
  /** Virtual time of faults. */
  readonly hours?: number;
  /** Changes the lab's engine before it begins: to prove that the checkers notice. */
  readonly sabotage?: (lab: Lab) => void;
}

/** The breaches of one seed's storm: sentences. */
export function storm(seed: number, options: StormOptions = {}): string[] {
  return new Storm(seed, options).run();
}

/** Faults and people's doings, each with its weight. */
const DOINGS = [
  [6, 'bmc'],
  [4, 'deaf'],
  [4, 'hangs'],
  [8, 'die'],
  [6, 'panic'],
  [5, 'powerCut'],
  [1, 'rackPowerCut'],
  [5, 'unlink'],
  [3, 'cutRack'],
  [2, 'network'],
  [5, 'module'],
  [4, 'restart'],
  [2, 'restartInStep'],
  [8, 'power'],
  [3, 'images'],
  [5, 'reboot'],
  [2, 'cancel'],
  [5, 'hold'],
  [1, 'freeze'],
  [5, 'busy'],
  [3, 'retry'],
  [3, 'slowPost'],
] as const;
type Doing = (typeof DOINGS)[number][1];

class Storm {
  readonly #lab: Lab;
  readonly #check: Checkers;
  readonly #random: () => number;
  readonly #hours: number;
  readonly #log: string[] = [];

  constructor(seed: number, options: StormOptions) {
    this.#random = seededRandom(seed);
    const nodes = this.#random() < 0.8 ? 5 + this.#below(12) : 17 + this.#below(44);
    const perRack = 3 + this.#below(8);
    this.#hours = options.hours ?? 2 + 2 * this.#random();
    const settings = options.settings ? { settings: options.settings } : {};
    this.#lab = new Lab({ nodes, seed, every: 20 * SECOND, labels: (i) => ({ rack: `r${Math.floor(i / perRack)}` }), ...settings });
    options.sabotage?.(this.#lab);
    this.#check = new Checkers(this.#lab, { phys: 'POWER_ON', images: 'ACTIVE' });
  }

  run(): string[] {
    const lab = this.#lab;
    lab.create();
    this.#pass(5 * MINUTE);
    for (const end = lab.now + this.#hours * HOUR; lab.now < end && this.#check.breaches.length === 0; ) {
      this.#do(this.#pick());
      this.#pass(this.#random() < 0.5 ? this.#below(60) * SECOND : this.#below(12 * 60) * SECOND);
    }
    if (this.#check.breaches.length === 0) this.#heal();
    return this.#check.breaches.length > 0 ? [...this.#check.breaches, `what was done: ${this.#log.slice(-12).join('; ')}`] : [];
  }

  #pass(time: number): void {
    for (const end = this.#lab.now + time; this.#lab.now < end; ) {
      this.#lab.run(Math.min(20 * SECOND, end - this.#lab.now));
      this.#check.look();
    }
  }

  // --- one doing -------------------------------------------------------------------------------------------------------------

  #do(doing: Doing): void {
    this.#log.push(`${Math.round((this.#lab.now - 1_000_000_000_000) / SECOND)} s ${doing}`);
    this.#check.look();
    const machine = this.#any();
    const { id } = machine;
    switch (doing) {
      case 'bmc':
        machine.bmc = (['good', 'dead', 'login', 'busy'] as const)[this.#below(4)] ?? 'good';
        return;
      case 'deaf':
        machine.deaf = this.#random() < 0.5;
        return;
      case 'hangs':
        machine.hangs = this.#random() < 0.5;
        return;
      case 'slowPost':
        machine.post = 10 * SECOND + this.#below(300) * SECOND;
        return;
      case 'die':
        this.#die(machine);
        return;
      case 'panic':
        if (!machine.on) return;
        this.#die(machine);
        machine.start();
        return;
      case 'powerCut':
        this.#powerCut(machine);
        return;
      case 'rackPowerCut':
        for (const one of this.#rackOf(machine)) this.#powerCut(one);
        return;
      case 'unlink':
        this.#link([machine], !machine.linked);
        return;
      case 'cutRack':
        this.#link(this.#rackOf(machine), !machine.linked);
        return;
      case 'network':
        this.#network(!this.#lab.network);
        return;
      case 'module': {
        const name = ['ipmi', 'pxe', 'images'][this.#below(3)] ?? 'ipmi';
        this.#service(name, this.#lab.down.has(name) ? 'ready' : 'crashed');
        return;
      }
      default:
        this.#person(doing, id);
    }
  }

  #person(doing: Doing, id: string): void {
    const lab = this.#lab;
    switch (doing) {
      case 'restart':
        this.#restart((1 + this.#below(120)) * SECOND);
        return;
      case 'restartInStep':
        this.#person(this.#random() < 0.5 ? 'reboot' : 'power', id);
        lab.run(this.#below(400));
        this.#restart(this.#below(3000));
        return;
      case 'power': {
        const ids = this.#some(id);
        const phys = this.#random() < 0.5 ? 'POWER_OFF' : 'POWER_ON';
        this.#check.want(ids, { phys });
        if (this.#random() < 0.5) lab.set({ '/physState': phys }, ids);
        else lab.operate({ kind: 'power', nodes: ids, to: phys === 'POWER_ON' ? 'on' : 'off' });
        return;
      }
      case 'images': {
        const images = this.#random() < 0.5 ? 'IDLE' : 'ACTIVE';
        this.#check.want([id], { images });
        lab.set({ '/images/state': images }, [id]);
        return;
      }
      case 'reboot': {
        const ids = this.#some(id);
        this.#check.order(ids);
        lab.operate({ kind: 'reboot', nodes: ids, cycle: this.#random() < 0.5 });
        return;
      }
      case 'cancel':
        this.#check.cancel(lab.ids);
        lab.operate({ kind: 'cancel', nodes: lab.ids });
        return;
      case 'hold':
        this.#hold(id, this.#random() < 0.6);
        return;
      case 'freeze':
        this.#freeze(this.#random() < 0.4);
        return;
      case 'busy':
        this.#busy(id, this.#random() < 0.6);
        return;
      case 'retry':
        this.#retry([id], this.#random() < 0.3);
        return;
      default:
    }
  }

  #restart(after: number): void {
    this.#lab.restart(after);
    this.#check.restarted();
    this.#check.look();
  }

  #die(machine: Machine): void {
    if (!machine.on) return;
    machine.die();
    machine.silence();
  }

  #powerCut(machine: Machine): void {
    machine.powerOff();
    machine.silence();
  }

  #link(machines: readonly Machine[], linked: boolean): void {
    const ids = machines.map((machine) => machine.id);
    if (!linked && this.#lab.network) this.#check.cut(ids.filter((id) => this.#lab.machines.get(id)?.linked));
    for (const machine of machines) {
      machine.linked = linked;
      if (linked) machine.greet();
      else machine.silence();
    }
  }

  #network(up: boolean): void {
    const lab = this.#lab;
    if (!up) this.#check.cut(lab.ids.filter((id) => lab.machines.get(id)?.linked));
    lab.network = up;
    for (const machine of lab.machines.values()) {
      if (up) machine.greet();
      else machine.silence();
    }
  }

  #service(name: string, state: 'ready' | 'crashed'): void {
    if (state === 'ready' && name === this.#lab.player) this.#check.listening();
    this.#lab.service(name, state);
  }

  #hold(id: string, held: boolean): void {
    this.#check.hold([id], held);
    this.#lab.operate(held ? { kind: 'hold', nodes: [id], why: 'a disk is changed' } : { kind: 'release', nodes: [id], busy: false });
  }

  #freeze(frozen: boolean): void {
    this.#check.freeze(frozen);
    this.#lab.operate(frozen ? { kind: 'freeze', why: 'maintenance' } : { kind: 'thaw' });
  }

  #busy(id: string, busy: boolean): void {
    if (busy) {
      this.#lab.operate({ kind: 'busy', nodes: [id], owner: 'job 17' });
      this.#check.busy([id], true);
      return;
    }
    this.#check.busy([id], false);
    this.#lab.operate({ kind: 'release', nodes: [id], busy: true });
  }

  #retry(ids: readonly string[], disruptive: boolean): void {
    this.#check.retry(ids, disruptive);
    this.#lab.operate({ kind: 'retry', nodes: ids, disruptive });
  }

  // --- afterwards -------------------------------------------------------------------------------------------------------------

  /** Everything is mended; what a person must do is done as the engine says; then every machine is where it is wanted. */
  #heal(): void {
    const lab = this.#lab;
    this.#log.push('healed');
    for (const machine of lab.machines.values()) Object.assign(machine, { bmc: 'good', deaf: false, hangs: false, post: 20 * SECOND });
    for (const name of [...lab.down]) this.#service(name, 'ready');
    this.#link([...lab.machines.values()], true);
    this.#network(true);
    this.#freeze(false);
    for (const machine of lab.machines.values()) if (machine.on && !machine.hostUp) this.#reset(machine);
    this.#pass(2 * HOUR);
    const left = (): string[] => lab.ids.filter((id) => lab.walk(id) !== 'atGoal');
    const explained = new Set(lab.waiting().flatMap((group) => group.nodes));
    const inGrace = (id: string): boolean =>
      lab.explain(id).reasons.some((reason) => reason.kind === 'grace' && reason.until !== undefined);
    for (const id of left()) if (!explained.has(id) && !inGrace(id)) this.#unexplained(id, 'is neither at goal nor waits for a person');
    for (let round = 0; round < 4 && left().length > 0; round++) {
      for (const group of lab.waiting()) this.#remedy(group.kind, group.nodes);
      this.#pass(HOUR);
    }
    for (const id of left()) this.#unexplained(id, 'is not at goal though a person did what was said');
    for (const id of lab.ids)
      if (lab.walk(id) === 'atGoal' && !this.#check.atGoal(id) && !this.#hidden(id))
        this.#unexplained(id, 'is said to be at goal, and is not');
  }

  /** Held or busy nodes may differ only where nobody may touch them. */
  #hidden(id: string): boolean {
    return this.#lab.engine.world.nodes.get(id)?.book.hold !== undefined;
  }

  /** Somebody walks to the machine: what hung in its firmware boots on. */
  #reset(machine: Machine): void {
    if (this.#random() < 0.5) machine.start();
  }

  #remedy(kind: string, ids: readonly string[]): void {
    switch (kind) {
      case 'held':
        for (const id of ids) this.#hold(id, false);
        return;
      case 'busy':
        for (const id of ids) this.#busy(id, false);
        return;
      case 'foundOff':
        this.#check.want(ids, { phys: 'POWER_ON' });
        this.#lab.operate({ kind: 'power', nodes: ids, to: 'on' });
        return;
      case 'stuck':
      case 'terminal':
        this.#retry(ids, false);
        return;
      case 'neverHeard':
      case 'massFailure':
        this.#retry(ids, true);
        return;
      default:
    }
  }

  #unexplained(id: string, text: string): void {
    const machine = this.#lab.machines.get(id);
    const truth = `on ${machine?.on} host ${machine?.hostUp} ${machine?.run} ${machine?.images}, wanted ${JSON.stringify(this.#check.wanted(id))}`;
    const explanation = this.#lab.explain(id);
    const said = `${explanation.walk}: ${explanation.summary} ${explanation.blockers.join(' ')}`;
    if (this.#check.breaches.length < 6) this.#check.breaches.push(`node ${Number(id.slice(-4))} ${text} (${truth}; engine: ${said})`);
  }

  // --- chance -------------------------------------------------------------------------------------------------------------------

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick(): Doing {
    let left = this.#random() * DOINGS.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, doing] of DOINGS) {
      left -= weight;
      if (left <= 0) return doing;
    }
    return 'die';
  }

  #any(): Machine {
    const machines = [...this.#lab.machines.values()];
    return machines[this.#below(machines.length)] as Machine;
  }

  #some(id: string): string[] {
    return this.#random() < 0.8 ? [id] : this.#lab.ids.filter(() => this.#random() < 0.3);
  }

  #rackOf(machine: Machine): Machine[] {
    const rackOf = (id: string): string | undefined => this.#lab.engine.world.nodes.get(id)?.label('rack');
    return [...this.#lab.machines.values()].filter((other) => rackOf(other.id) === rackOf(machine.id));
  }
}
