/**
 * What must hold in every lab whatever happens, worked out from the lab's own truth (which machine really runs, who really hears it,
 * what a person really asked for), never from what the engine believes. Each breach is a sentence with the time and the node.
 */
import type { Effect } from '../../host/core/effect.ts';
import { type Lab, MINUTE, SECOND } from './lab.ts';
import type { Machine } from './machine.ts';

/** Steps that may kill what runs on a node, by the declarations that the lab uses. */
const DISRUPTIVE = new Set(['powerOff', 'unhang', 'stop', 'update', 'drop', 'clear']);

/**
 * Nodes that were cut off together: nobody repairs them before some were heard again. (The brake waits for half; as it is on for
 * each failure domain apart, a quarter of the whole is what can be told from outside.)
 */
interface Cut {
  readonly at: number;
  readonly lost: Set<string>;
  back: number;
}

/** A silent host is given up after this (40 s in the lab, and its report). */
const NOTICED = 41 * SECOND;

/** What people said of one node, and what became of it. */
interface Truth {
  wanted: { phys: string; images: string };
  order: boolean;
  held: boolean;
  busy: boolean;
  /** `retry --disruptive` was given, and the node has not been at goal since. */
  exempt: boolean;
  /** Its own host, or its firmware, was last heard by this host. */
  heard: number;
  /** It was heard in SYNC once, or switched on by this host. */
  ours: boolean;
  /** Repairs since it was at goal for half an hour, since a change of cfg, an order or a retry. */
  repairs: number;
  goalSince: number | undefined;
  /** It was cut off together with many others, all in SYNC: these. */
  cut: Cut | undefined;
  /** Its BMC can be asked, and would say that it is off. */
  offSince: number | undefined;
  /** Of its last session. */
  boots: number;
  wasHeard: boolean;
  sent: Map<string, { run: number; deadline: number; answered: boolean }>;
  allowed: number;
}

export class Checkers {
  readonly breaches: string[] = [];
  readonly #lab: Lab;
  readonly #truth = new Map<string, Truth>();
  readonly #grace: number;
  #frozen = false;
  #upSince: number;
  #earsSince = 0;

  constructor(lab: Lab, wanted: { phys: string; images: string }) {
    this.#lab = lab;
    this.#upSince = lab.now;
    this.#grace = 5 * MINUTE;
    for (const [id, machine] of lab.machines) {
      this.#truth.set(id, {
        wanted: { ...wanted },
        order: false,
        held: false,
        busy: false,
        exempt: false,
        heard: 0,
        ours: false,
        repairs: 0,
        goalSince: undefined,
        cut: undefined,
        offSince: undefined,
        boots: machine.boots,
        wasHeard: false,
        sent: new Map(),
        allowed: 0,
      });
    }
    lab.watcher = {
      sent: (run) => this.#sent(run),
      answered: (run) => this.#answered(run),
      power: (machine, action) => this.#power(machine, action),
    };
  }

  // --- what people do, told by the test before it does it ----------------------------------------------------------------

  want(ids: readonly string[], change: { phys?: string; images?: string }): void {
    for (const id of ids) {
      const truth = this.#of(id);
      if (change.phys === 'POWER_OFF') this.#takeOut(id);
      truth.wanted = { ...truth.wanted, ...change };
      this.#afresh(truth);
    }
  }

  order(ids: readonly string[]): void {
    for (const id of ids) {
      const truth = this.#of(id);
      truth.order = true;
      truth.offSince = undefined;
      this.#takeOut(id);
      this.#afresh(truth);
    }
  }

  cancel(ids: readonly string[]): void {
    for (const id of ids) this.#of(id).order = false;
  }

  hold(ids: readonly string[], held: boolean): void {
    for (const id of ids) this.#of(id).held = held;
  }

  busy(ids: readonly string[], busy: boolean): void {
    for (const id of ids) this.#of(id).busy = busy;
  }

  freeze(frozen: boolean): void {
    this.#frozen = frozen;
  }

  retry(ids: readonly string[], disruptive: boolean): void {
    for (const id of ids) {
      const truth = this.#of(id);
      this.#afresh(truth);
      if (!disruptive) continue;
      truth.exempt = true;
      this.#takeOut(id);
    }
  }

  restarted(): void {
    this.#upSince = this.#lab.now;
    this.#earsSince = this.#lab.now;
  }

  /** What speaks for the nodes' hosts has come back. */
  listening(): void {
    this.#earsSince = this.#lab.now;
  }

  /** These have just lost their link to this host. */
  cut(ids: readonly string[]): void {
    const lost = ids.filter((id) => {
      const truth = this.#of(id);
      const seen = this.#lab.seen(id, '/runState') === 'SYNC' && this.#lab.seen(id, '/physState') === 'POWER_ON';
      return seen && heard(this.#lab, this.#machine(id)) && truth.wanted.phys === 'POWER_ON' && !truth.order && truth.sent.size === 0;
    });
    if (lost.length < this.#mass()) return;
    const cut = { at: this.#lab.now, lost: new Set(lost), back: 0 };
    for (const id of lost) this.#of(id).cut = cut;
  }

  /** More than a tenth of all children, at least 5. */
  #mass(): number {
    return Math.max(5, Math.floor((this.#lab.machines.size + 1) * 0.1) + 1);
  }

  /**
   * It is none of those that were cut off any more: a person took it on, or it was switched off. Before their silence was noticed,
   * the others may be too few for a mass then.
   */
  #takeOut(id: string): void {
    const truth = this.#of(id);
    truth.cut?.lost.delete(id);
    if (truth.cut && this.#lab.now - truth.cut.at <= NOTICED && truth.cut.lost.size < this.#mass()) truth.cut.lost.clear();
    if (truth.cut && truth.cut.back * 4 >= truth.cut.lost.size) truth.cut.lost.clear();
    truth.cut = undefined;
  }

  // --- what is true ----------------------------------------------------------------------------------------------------------

  /** Call often: notes what is heard and what is at goal. */
  look(): void {
    const { now } = this.#lab;
    for (const [id, truth] of this.#truth) {
      const machine = this.#machine(id);
      const isHeard = heard(this.#lab, machine);
      if (isHeard) {
        truth.heard = now;
        if (machine.run === 'SYNC') truth.ours = true;
        if (!truth.wasHeard) truth.exempt = false;
        if (truth.cut) {
          truth.cut.back++;
          if (truth.cut.back * 4 >= truth.cut.lost.size) truth.cut.lost.clear();
          truth.cut = undefined;
        }
        if (machine.boots !== truth.boots) truth.busy = false;
        truth.boots = machine.boots;
      }
      truth.wasHeard = isHeard;
      truth.heard = Math.max(truth.heard, machine.saidAt ?? 0);
      if (!machine.on) truth.busy = false;
      if (!machine.on) this.#takeOut(id);
      const shows = !machine.on && machine.bmc === 'good' && this.#lab.up && !this.#lab.down.has('ipmi');
      if (!shows) truth.offSince = undefined;
      else if (now - (truth.offSince ??= now) > MINUTE) truth.order = false;
      if (this.atGoal(id)) {
        truth.goalSince ??= now;
        if (now - truth.goalSince >= 30 * MINUTE) truth.repairs = 0;
      } else truth.goalSince = undefined;
    }
  }

  /** The machine really is where cfg wants it. */
  atGoal(id: string): boolean {
    const machine = this.#machine(id);
    const { wanted } = this.#of(id);
    if (wanted.phys === 'POWER_OFF') return !machine.on;
    return machine.on && machine.hostUp && machine.run === 'SYNC' && machine.images === wanted.images;
  }

  wanted(id: string): { phys: string; images: string } {
    return this.#of(id).wanted;
  }

  // --- the rules -----------------------------------------------------------------------------------------------------------

  #sent(run: Extract<Effect, { type: 'run' }>): void {
    this.look();
    for (const { id } of run.nodes) {
      const truth = this.#of(id);
      const step = `${run.service}/${run.mutation}`;
      if (this.#frozen) this.#breach(id, `${step} was sent while the engine is frozen`);
      if (truth.held) this.#breach(id, `${step} was sent while it is held`);
      if (DISRUPTIVE.has(run.mutation) && truth.busy) this.#breach(id, `${step} was sent while it is busy`);
      if (run.service !== 'ipmi') continue;
      this.#once(id, truth, step, run);
      if (run.mutation === 'powerOn') this.#checkOn(id, truth);
      else this.#checkOff(id, truth, step);
      truth.allowed++;
    }
  }

  /** The same power step again: only when the one before was answered, or its deadline has passed. */
  #once(id: string, truth: Truth, step: string, run: Extract<Effect, { type: 'run' }>): void {
    const before = truth.sent.get(step);
    if (before && !before.answered && this.#lab.now <= before.deadline) {
      const undone = step === 'ipmi/powerOn' ? !this.#machine(id).on : this.#machine(id).on;
      if (!undone) this.#breach(id, `${step} was sent a second time before the first was over`);
    }
    truth.sent.set(step, { run: run.run, deadline: run.deadline, answered: false });
  }

  #answered(run: number): void {
    for (const truth of this.#truth.values()) {
      for (const sent of truth.sent.values()) if (sent.run === run) sent.answered = true;
      for (const [step, sent] of truth.sent) if (sent.answered) truth.sent.delete(step);
    }
  }

  #checkOn(id: string, truth: Truth): void {
    if (truth.wanted.phys !== 'POWER_ON') this.#breach(id, 'it was switched on, and nobody wants that');
    truth.ours = true;
  }

  #checkOff(id: string, truth: Truth, step: string): void {
    if (truth.wanted.phys === 'POWER_OFF' || truth.order) return;
    truth.repairs++;
    if (truth.repairs > 3) this.#breach(id, `${step}: repair number ${truth.repairs} since it was last at goal for half an hour`);
    if (truth.exempt) return;
    const { now } = this.#lab;
    if (now - this.#earsSince < 5 * MINUTE)
      this.#breach(id, `${step}: a repair though nobody could have heard it ${(now - this.#earsSince) / SECOND} s ago`);
    if (truth.cut?.lost.has(id)) this.#breach(id, `${step}: a repair of a node that is cut off together with many others`);
    if (!truth.ours) this.#breach(id, `${step}: a repair of a node that was never heard nor switched on by us`);
    if (now - this.#upSince < 5 * MINUTE) this.#breach(id, `${step}: a repair ${(now - this.#upSince) / SECOND} s after this host's start`);
    if (heard(this.#lab, this.#machine(id))) this.#breach(id, `${step}: a repair of a node whose host is alive and heard`);
    else if (now - truth.heard < this.#grace)
      this.#breach(id, `${step}: a repair ${Math.round((now - truth.heard) / SECOND)} s after it was last heard`);
  }

  #power(machine: Machine, action: 'on' | 'off'): void {
    const truth = this.#of(machine.id);
    truth.allowed--;
    if (truth.allowed < 0) this.#breach(machine.id, `its BMC got a power-${action} that no step asked for`);
    truth.allowed = Math.max(0, truth.allowed);
  }

  #afresh(truth: Truth): void {
    truth.repairs = 0;
  }

  #breach(id: string, text: string): void {
    const at = Math.round((this.#lab.now - 1_000_000_000_000) / SECOND);
    if (this.breaches.length < 20) this.breaches.push(`at ${at} s, node ${Number(id.slice(-4))}: ${text}`);
  }

  #of(id: string): Truth {
    const truth = this.#truth.get(id);
    if (!truth) throw new Error(`no truth of ${id}`);
    return truth;
  }

  #machine(id: string): Machine {
    const machine = this.#lab.machines.get(id);
    if (!machine) throw new Error(`no machine ${id}`);
    return machine;
  }
}

/** This host really hears the machine's own host now. */
function heard(lab: Lab, machine: Machine): boolean {
  return lab.up && machine.on && machine.hostUp && machine.linked && lab.network && !lab.down.has(lab.player);
}
