/**
 * The real engine among simulated machines, on a virtual clock: BMCs, firmware, hosts on the nodes, a network between.
 * Counts every power action that reaches a BMC. Deterministic for a seed.
 */

import type { Explanation, WaitingGroup } from '../../host/core/answers.ts';
import { Questions } from '../../host/core/ask.ts';
import type { Json, ServiceDeclaration } from '../../host/core/declaration.ts';
import type { Effect, TaskNode } from '../../host/core/effect.ts';
import { Engine, type Remembered } from '../../host/core/engine.ts';
import type { Command, Event, Failed, Limit, Observed } from '../../host/core/event.ts';
import { seededRandom } from '../../host/core/random.ts';
import type { EngineRecord, NodeRecord, Turn } from '../../host/core/record.ts';
import type { Settings } from '../../host/core/settings.ts';
import { engineRecord, nodeRecord } from '../../host/core/snapshot.ts';
import { IMAGES, IPMI, PXE, VARIABLES } from '../core/layercake.ts';
import { Machine } from './machine.ts';

export const ROOT = '00000000-0000-4000-8000-000000000000';
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

export interface LabOptions {
  readonly nodes?: number;
  readonly seed?: number;
  readonly settings?: Partial<Settings>;
  /** Without these services (by name). */
  readonly without?: readonly string[];
  /** More services, declared beside the layercake's; they answer nothing by themselves. */
  readonly more?: readonly ServiceDeclaration[];
  /** Labels of the node with this index. */
  readonly labels?: (index: number) => Record<string, string>;
  /** The state of the machines before anybody looks. */
  readonly running?: boolean;
  /** From power-on to the first DHCP; default 20 s. */
  readonly post?: number;
  /** Pause between two rounds of the power poller; default 5 s. */
  readonly every?: number;
}

/** What a test wants to see as it happens. */
export interface Watcher {
  sent?(run: Extract<Effect, { type: 'run' }>): void;
  answered?(run: number): void;
  power?(machine: Machine, action: 'on' | 'off'): void;
}

export function nodeId(index: number): string {
  return `00000000-0000-4000-8000-${String(index + 1).padStart(12, '0')}`;
}

export class Lab {
  engine: Engine;
  now = 1_000_000_000_000;
  readonly machines = new Map<string, Machine>();
  readonly random: () => number;
  /** The host is running; its modules too unless named in `down`. */
  up = true;
  readonly down = new Set<string>();
  /** After a start of the host these declare themselves only when they are told to come. */
  readonly late = new Set<string>();
  /** Pollers report what they see as they see it, and reply empty-handed so long after. */
  early: number | undefined;
  /** Everything between this host and the nodes' own hosts (not the BMCs). */
  network = true;
  readonly logs: string[] = [];
  readonly turns: Turn[] = [];
  readonly answers: unknown[] = [];
  readonly refusals: { what: string; where: string; why: string; todo: string }[] = [];
  readonly sent: { at: number; mutation: string; node: string }[] = [];
  readonly options: LabOptions;
  readonly scripts = new Map<string, Record<string, Record<string, Json>>>();
  readonly #later: ServiceDeclaration[] = [];
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #request = 1;
  #cancelled = new Set<string>();
  /** Processes that replies come from: a host's or a module's end makes those that are under way fall silent. */
  #life = 0;
  readonly #lives = new Map<string, number>();
  readonly #open = new Map<number, string>();
  /** Looks on: every call to a module, every power action at a BMC, every reply that arrives. */
  watcher: Watcher = {};
  /** Stands between the core and whoever performs its effects: a disk that takes its time, an end of the process in between. */
  via: (effect: Effect, perform: () => void) => void = (_, perform) => perform();

  constructor(options: LabOptions = {}) {
    this.options = options;
    this.random = seededRandom((options.seed ?? 1) + 77);
    for (let i = 0; i < (options.nodes ?? 1); i++) this.machines.set(nodeId(i), new Machine(this, nodeId(i), options.running ?? false));
    this.engine = this.#boot();
  }

  #boot(remembered?: Remembered): Engine {
    const { settings, seed } = this.options;
    const options = { variables: VARIABLES, self: ROOT, seed: seed ?? 1, now: this.now, ...(settings ? { settings } : {}) };
    const engine = new Engine(options, remembered);
    this.engine = engine;
    if (!remembered)
      this.send({
        type: 'apply',
        request: this.#request++,
        author: { user: 'core' },
        change: { nodes: [{ mode: 'put', id: ROOT, doc: { nodename: 'head' } }] },
      });
    for (const declaration of this.services()) if (!this.late.has(declaration.service)) this.#come(declaration);
    return engine;
  }

  #come(declaration: ServiceDeclaration): void {
    this.send({ type: 'declare', request: this.#request++, declaration });
    if (!this.down.has(declaration.service)) this.send({ type: 'service', service: declaration.service, state: 'ready' });
  }

  /** Whoever was late is here. */
  come(): void {
    for (const declaration of this.services()) if (this.late.delete(declaration.service)) this.#come(declaration);
  }

  services(): ServiceDeclaration[] {
    const images = { ...IMAGES, playsHosts: true };
    const { every } = this.options;
    const ipmi = every === undefined ? IPMI : { ...IPMI, pollers: IPMI.pollers.map((poller) => ({ ...poller, every })) };
    return [ipmi, PXE, images, ...(this.options.more ?? []), ...this.#later].filter(
      (service) => !this.options.without?.includes(service.service),
    );
  }

  /** Who speaks for the nodes' own hosts. */
  get player(): string {
    return this.services().find((service) => service.playsHosts)?.service ?? 'images';
  }

  // --- what people do ----------------------------------------------------------------------------------------------------

  /** Creates all nodes with this cfg (beside id, name, platform). */
  create(cfg: Record<string, unknown> = { physState: 'POWER_ON', runState: 'SYNC', images: { state: 'ACTIVE' } }): void {
    const nodes = [...this.machines.keys()].map((id, i) => ({
      mode: 'create' as const,
      id,
      doc: {
        id,
        nodename: `kr${i + 1}`,
        platform: 'ipmi',
        ...(this.options.labels ? { labels: this.options.labels(i) } : {}),
        ...cfg,
      } as never,
    }));
    this.send({ type: 'apply', request: this.#request++, author: { user: 'alice' }, change: { nodes } });
  }

  set(values: Record<string, unknown>, ids: readonly string[] = [...this.machines.keys()], force?: string): void {
    this.send({
      type: 'apply',
      request: this.#request++,
      author: { user: 'alice' },
      change: { set: { nodes: ids, values: values as never } },
      ...(force === undefined ? {} : { force }),
    });
  }

  operate(command: Command, user = 'alice'): void {
    this.send({ type: 'operate', request: this.#request++, author: { user }, command });
  }

  /** A module goes away or comes back. */
  service(name: string, state: 'ready' | 'crashed' | 'failed'): void {
    if (state === 'ready') this.down.delete(name);
    else this.down.add(name);
    this.#lives.set(name, (this.#lives.get(name) ?? 0) + 1);
    this.send({ type: 'service', service: name, state, ...(state === 'ready' ? {} : { why: `exited with code 1` }) });
    if (state !== 'ready') {
      for (const [run, of] of this.#open) {
        if (of !== name) continue;
        this.#open.delete(run);
        this.send({ type: 'ran', run, observed: [], failed: [], lost: { code: -32025, message: `${name} exited with code 1` } });
      }
    } else if (name === this.player) for (const machine of this.machines.values()) machine.greet();
  }

  /** kill -9 of the host, and its start on what was stored (all turns: the store's own loss is tested there). */
  restart(after = 5 * SECOND, lose = false): void {
    const stored: Remembered | undefined = lose ? undefined : { engine: undefined, nodes: [], tail: [...this.turns] };
    this.up = false;
    this.#life++;
    this.#open.clear();
    this.run(after);
    this.up = true;
    if (lose) this.turns.length = 0;
    this.#boot(stored);
    if (!lose) this.engine.world.seq = this.turns.at(-1)?.seq ?? 0;
    for (const machine of this.machines.values()) machine.greet();
  }

  /** What a snapshot would hold now. */
  snapshot(): { engine: EngineRecord; nodes: NodeRecord[] } {
    return {
      engine: engineRecord(this.engine.world),
      nodes: [...this.engine.world.nodes.values()].map((node) => structuredClone(nodeRecord(node))),
    };
  }

  /** A service that comes later. */
  declare(declaration: ServiceDeclaration): void {
    this.#later.push(declaration);
    this.send({ type: 'declare', request: this.#request++, declaration });
    this.send({ type: 'service', service: declaration.service, state: 'ready' });
  }

  /** What a service of `more` answers to its steps. */
  answersFor(name: string, steps: Record<string, Record<string, Json>>): void {
    this.scripts.set(name, steps);
  }

  limit(limit: Limit): void {
    this.operate({ kind: 'limits', set: [limit], remove: [] });
  }

  // --- time ------------------------------------------------------------------------------------------------------------------

  later(after: number, run: () => void): void {
    const at = this.now + after;
    let low = 0;
    for (let high = this.#queue.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((this.#queue[middle]?.at ?? 0) <= at) low = middle + 1;
      else high = middle;
    }
    this.#queue.splice(low, 0, { at, order: this.#order++, run });
  }

  /** Lets so much time pass. */
  run(time: number): void {
    const end = this.now + time;
    for (let steps = 0; ; steps++) {
      if (steps > 5_000_000) throw new Error('the lab does not come to rest');
      const next = this.#queue[0];
      const wake = this.up ? (this.engine.wake ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, Math.max(wake, this.now));
      if (at > end) break;
      this.now = Math.max(this.now, at);
      if (next && next.at <= wake) {
        this.#queue.shift();
        next.run();
      } else this.send({ type: 'tick' });
    }
    this.now = end;
  }

  /** Runs until the condition holds; false if it does not within the time. */
  until(condition: () => boolean, within: number, step = SECOND): boolean {
    for (const end = this.now + within; this.now < end; ) {
      if (condition()) return true;
      this.run(step);
    }
    return condition();
  }

  send(...events: Event[]): void {
    if (!this.up) return;
    for (const effect of this.engine.turn(events, this.now)) this.via(effect, () => this.#perform(effect));
  }

  // --- what is asked of the world ------------------------------------------------------------------------------------------------

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'journal':
        this.turns.push(effect.turn);
        return;
      case 'run': {
        for (const node of effect.nodes) this.sent.push({ at: this.now, mutation: `${effect.service}/${effect.mutation}`, node: node.id });
        this.watcher.sent?.(effect);
        if (this.down.has(effect.service)) return;
        const lives = this.#livesOf(effect.service);
        this.#open.set(effect.run, effect.service);
        this.#module(effect.service, effect.mutation, effect.nodes, (observed, failed) => {
          if (lives !== this.#livesOf(effect.service)) return;
          this.#open.delete(effect.run);
          this.watcher.answered?.(effect.run);
          const kept = failed.filter((one) => !this.#cancelled.has(`${effect.run}/${one.node}`));
          this.send({ type: 'ran', run: effect.run, observed, failed: kept });
        });
        return;
      }
      case 'poll': {
        const lives = this.#livesOf(effect.service);
        const lost = { code: -32025, message: `${effect.service} exited with code 1` };
        if (this.down.has(effect.service)) this.send({ type: 'polled', poll: effect.poll, observed: [], failed: [], lost });
        else
          this.#module(effect.service, 'poll', effect.nodes, (observed, failed) => {
            if (lives === this.#livesOf(effect.service)) this.#polled(effect.service, effect.poll, observed, failed);
            else if (lives.startsWith(`${this.#life} `)) this.send({ type: 'polled', poll: effect.poll, observed: [], failed: [], lost });
          });
        return;
      }
      case 'cancel':
        for (const node of effect.nodes) this.#cancelled.add(`${effect.run}/${node}`);
        return;
      case 'probe': {
        const machine = this.machines.get(effect.node);
        const answers = this.network && machine?.hostUp === true && machine.linked;
        const life = this.#life;
        this.later(answers ? 5 : effect.timeout, () => {
          if (life === this.#life) this.send({ type: 'probed', node: effect.node, answered: answers });
        });
        return;
      }
      case 'log':
        this.logs.push(effect.message);
        return;
      case 'answer':
        this.answers.push(effect.result);
        return;
      case 'refuse':
        this.refusals.push(effect.refusal);
        return;
      default:
        effect satisfies never;
    }
  }

  #polled(service: string, poll: number, observed: Observed[], failed: Failed[]): void {
    if (this.early === undefined) return this.send({ type: 'polled', poll, observed, failed });
    this.send({ type: 'observed', service, items: observed });
    this.later(this.early, () => this.send({ type: 'polled', poll, observed: [], failed }));
  }

  #livesOf(service: string): string {
    return `${this.#life} ${this.#lives.get(service) ?? 0}`;
  }

  /** One call to a module: each machine does it in its own time, the call is answered when all have. */
  #module(service: string, action: string, nodes: readonly TaskNode[], reply: (observed: Observed[], failed: Failed[]) => void): void {
    const observed: Observed[] = [];
    const failed: Failed[] = [];
    let open = nodes.length;
    const done = (): void => {
      open--;
      if (open === 0) reply(observed, failed);
    };
    for (const { id, revision } of nodes) {
      const machine = this.machines.get(id);
      if (!machine) {
        failed.push({ node: id, error: { code: -32011, message: 'no such machine' } });
        done();
        continue;
      }
      machine.act(service, action, (values, error) => {
        if (error) failed.push({ node: id, error });
        else if (values) observed.push({ node: id, values, asOf: revision, ...machine.voice(service) });
        done();
      });
    }
  }

  // --- what is looked at ------------------------------------------------------------------------------------------------------------

  seen(id: string, path: string): unknown {
    return this.engine.world.nodes.get(id)?.seen(path);
  }

  walk(id: string): string | undefined {
    return this.engine.world.nodes.get(id)?.walk;
  }

  explain(id: string): Explanation {
    return new Questions(this.engine.world).explain(id, this.now);
  }

  waiting(): readonly WaitingGroup[] {
    return new Questions(this.engine.world).waiting(this.now);
  }

  get ids(): string[] {
    return [...this.machines.keys()];
  }

  allAtGoal(ids: readonly string[] = this.ids): boolean {
    return ids.every((id) => this.walk(id) === 'atGoal');
  }

  /** Power actions that reached BMCs, all nodes together. */
  get powerActions(): { on: number; off: number } {
    let on = 0;
    let off = 0;
    for (const machine of this.machines.values()) {
      on += machine.actions.on;
      off += machine.actions.off;
    }
    return { on, off };
  }

  forgetActions(): void {
    for (const machine of this.machines.values()) machine.actions = { on: 0, off: 0 };
  }
}
