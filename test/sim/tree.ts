/**
 * Several real engines, one a host, on one virtual clock: the core's half of state sync without the wire. What a host tells and reports is
 * compared with what it told before, and the difference arrives a moment later, if the two are connected. Every power action is counted.
 */
import type { Json, ServiceDeclaration } from '../../host/core/declaration.ts';
import type { Effect, Refusal } from '../../host/core/effect.ts';
import { Engine, type Remembered } from '../../host/core/engine.ts';
import type { Claim, Command, Event, Item, Observed } from '../../host/core/event.ts';
import type { Turn } from '../../host/core/record.ts';
import { report, upMembersOf, upMembersOfRecord } from '../../host/core/report.ts';
import { downMembersOf, downMembersOfRecord, nodesFor, tell } from '../../host/core/tell.ts';
import { IMAGES, IPMI, PXE, VARIABLES } from '../core/layercake.ts';
import { MINUTE, SECOND } from './lab.ts';

const LATENCY = 5;
const DEAD = 40 * SECOND;
const BOOT_TIME = 30 * SECOND;
/** Said only when it is touched: its age is another at every look. */
const AGEING = '@heard';

interface Machine {
  on: boolean;
  boots: number;
  actions: { on: number; off: number };
}

/** What one end has said to the other. */
class Stream {
  first = true;
  readonly said = new Map<string, string>();
  readonly touched = new Set<string>();
}

interface Link {
  readonly parent: Host;
  readonly child: Host;
  readonly term: number;
  readonly boot: string;
  readonly down: Stream;
  readonly up: Stream;
  /** Since when nothing gets through. */
  silentSince: number | undefined;
  /** The parent has given it up. */
  givenUp: boolean;
}

export class Host {
  readonly tree: Tree;
  readonly id: string;
  readonly parents: readonly string[];
  readonly services: readonly ServiceDeclaration[];
  engine: Engine;
  /** Its process runs. */
  up = true;
  turns: Turn[] = [];
  link: Link | undefined;
  key = '';
  certificate: { issuer: string; boot: string; term: number } | undefined;
  images = 'ACTIVE';
  running = false;
  readonly logs: string[] = [];
  readonly answers = new Map<number, Json>();
  readonly refusals = new Map<number, Refusal>();
  readonly steps: string[] = [];
  readonly syncs = new Map<string, number>();
  #request = 1;

  constructor(tree: Tree, id: string, parents: readonly string[], services: readonly ServiceDeclaration[]) {
    this.tree = tree;
    this.id = id;
    this.parents = parents;
    this.services = services;
    this.engine = this.start();
  }

  get world(): Engine['world'] {
    return this.engine.world;
  }

  get isRoot(): boolean {
    return this.parents.length === 0;
  }

  get boot(): string {
    return `${this.id}-boot${this.tree.machine(this.id).boots}`;
  }

  start(stored?: Remembered): Engine {
    const { now } = this.tree;
    const options = { variables: VARIABLES, self: this.id, seed: 1, now, hosts: true, root: this.isRoot, boot: this.boot };
    this.engine = new Engine(options, stored);
    if (stored) this.engine.world.seq = this.turns.at(-1)?.seq ?? 0;
    else this.turns = [];
    if (!this.world.nodes.has(this.id)) this.apply([{ id: this.id, nodename: this.id }], 'core');
    for (const declaration of this.services) {
      this.send({ type: 'declare', request: this.#request++, declaration });
      this.send({ type: 'service', service: declaration.service, state: 'ready' });
    }
    return this.engine;
  }

  request(): number {
    return this.#request++;
  }

  apply(docs: readonly Record<string, unknown>[], user = 'alice'): number {
    const request = this.#request++;
    const nodes = docs.map((doc) => ({ mode: 'put' as const, id: String(doc['id']), doc: doc as never }));
    this.send({ type: 'apply', request, author: { user }, change: { nodes } });
    return request;
  }

  set(id: string, values: Record<string, unknown>): void {
    this.send({
      type: 'apply',
      request: this.#request++,
      author: { user: 'alice' },
      change: { set: { nodes: [id], values: values as never } },
    });
  }

  operate(command: Command): number {
    const request = this.#request++;
    this.send({ type: 'operate', request, author: { user: 'alice', why: 'a test' }, command });
    return request;
  }

  claim(claim: Partial<Claim> & { node: string }): { term: number } | Refusal {
    const request = this.#request++;
    const whole: Claim = {
      boot: 'b1',
      key: 'k1',
      address: '10.0.0.1',
      proof: { kind: 'boot', privileged: true },
      term: 0,
      runs: false,
      ...claim,
    };
    this.send({ type: 'claim', request, claim: whole });
    const answer = this.answers.get(request) as { term: number } | undefined;
    const refused = this.refusals.get(request);
    if (answer) return answer;
    if (refused) return refused;
    throw new Error('a claim was not answered');
  }

  observed(service: string, item: Observed): void {
    this.send({ type: 'observed', service, items: [item] });
  }

  seen(id: string, path: string): unknown {
    return this.world.nodes.get(id)?.seen(path);
  }

  fact(id: string, path: string) {
    return this.world.nodes.get(id)?.facts.get(path);
  }

  book(id: string) {
    const node = this.world.nodes.get(id);
    if (!node) throw new Error(`${this.id} does not know ${id}`);
    return node.book;
  }

  send(...events: Event[]): void {
    if (!this.up) return;
    for (const effect of this.engine.turn(events, this.tree.now)) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'journal':
        this.turns.push(effect.turn);
        this.tree.touched(this, effect.turn);
        return;
      case 'run':
        for (const { id } of effect.nodes)
          this.steps.push(`${effect.service === 'core' ? '' : `${effect.service}/`}${effect.mutation} ${id}`);
        this.#run(effect);
        return;
      case 'poll':
        this.#later(50, () => {
          const observed = effect.nodes.map(({ id }) => ({
            node: id,
            values: { '/physState': this.tree.machine(id).on ? 'POWER_ON' : 'POWER_OFF' },
          }));
          this.send({ type: 'polled', poll: effect.poll, observed, failed: [] });
        });
        return;
      case 'probe': {
        const { node, timeout } = effect;
        const link = this.tree.linkOf(node);
        const answered = link?.parent === this && this.tree.alive(link);
        if (link?.parent === this && !answered) link.givenUp = true;
        this.#later(answered ? LATENCY : timeout, () => this.send({ type: 'probed', node, answered }));
        return;
      }
      case 'log':
        this.logs.push(effect.message);
        return;
      case 'answer':
        this.answers.set(effect.request, effect.result);
        return;
      case 'refuse':
        this.refusals.set(effect.request, effect.refusal);
        return;
      case 'cancel':
        return;
      default:
        effect satisfies never;
    }
  }

  #run({ run, service, mutation, nodes }: Extract<Effect, { type: 'run' }>): void {
    const reply = (observed: Observed[], after: number): void =>
      this.#later(after, () => this.send({ type: 'ran', run, observed, failed: [] }));
    if (service === 'core') {
      if (mutation === 'core/sync') for (const { id } of nodes) this.syncs.set(id, run);
      this.tree.stir(this);
      return reply(mutation === 'core/quiesce' ? nodes.map(({ id }) => ({ node: id, values: { '/runState': 'INIT' } })) : [], 1);
    }
    if (service === 'images') {
      this.images = mutation === 'stop' ? 'IDLE' : mutation === 'begin' ? this.images : 'ACTIVE';
      return reply(
        nodes.map(({ id }) => ({ node: id, values: { '/images/state': this.images } })),
        100,
      );
    }
    if (service === 'pxe') {
      const values = mutation === 'wait' ? { '/pxe/state': 'WAIT' } : undefined;
      return reply(values ? nodes.map(({ id }) => ({ node: id, values })) : [], 50);
    }
    for (const { id } of nodes) this.tree.power(id, mutation === 'powerOn');
    reply(
      nodes.map(({ id }) => ({ node: id, values: { '/physState': this.tree.machine(id).on ? 'POWER_ON' : 'POWER_OFF' } })),
      200,
    );
  }

  #later(after: number, run: () => void): void {
    const { engine } = this;
    this.tree.later(after, () => {
      if (this.up && this.engine === engine) run();
    });
  }
}

export class Tree {
  now = 1_000_000_000_000;
  readonly hosts = new Map<string, Host>();
  readonly #machines = new Map<string, Machine>();
  readonly #cut = new Set<string>();
  readonly #stirred = new Set<Host>();
  #queue: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  /** Members that changed and that no change in the journal touches. */
  readonly untouched: string[] = [];
  readonly links = new Set<Link>();

  /** A host whose process runs; `parents`: whom it may attach to, the best first; none = the root. */
  host(id: string, parents: readonly string[] = [], services: readonly ServiceDeclaration[] = [IPMI, PXE]): Host {
    this.#machines.set(id, this.#machines.get(id) ?? { on: true, boots: 1, actions: { on: 0, off: 0 } });
    const host = new Host(this, id, parents, services);
    this.hosts.set(id, host);
    host.key = `${id}-key1`;
    return host;
  }

  leaf(id: string, parents: readonly string[]): Host {
    return this.host(id, parents, [IMAGES]);
  }

  machine(id: string): Machine {
    let machine = this.#machines.get(id);
    if (!machine) {
      machine = { on: false, boots: 0, actions: { on: 0, off: 0 } };
      this.#machines.set(id, machine);
    }
    return machine;
  }

  get powerActions(): { on: number; off: number } {
    const all = [...this.#machines.values()];
    return { on: all.reduce((sum, { actions }) => sum + actions.on, 0), off: all.reduce((sum, { actions }) => sum + actions.off, 0) };
  }

  /** A BMC switches a machine; its host comes up a while later with nothing remembered. */
  power(id: string, on: boolean): void {
    const machine = this.machine(id);
    machine.actions[on ? 'on' : 'off']++;
    if (machine.on === on) return;
    machine.on = on;
    const host = this.hosts.get(id);
    if (!on) {
      if (host) this.kill(host);
      return;
    }
    machine.boots++;
    const { boots } = machine;
    this.later(BOOT_TIME / 3, () => this.#dhcp(id, boots, { '/pxe/state': 'WAIT', '/runState': 'UNKNOWN' }));
    this.later(BOOT_TIME / 2, () => this.#dhcp(id, boots, { '/pxe/state': 'INIT', '/runState': 'INIT' }));
    this.later(BOOT_TIME, () => {
      if (!machine.on || machine.boots !== boots || !host) return;
      host.up = true;
      host.link = undefined;
      host.certificate = undefined;
      host.key = `${id}-key${boots}`;
      host.images = 'IDLE';
      host.start();
    });
  }

  /** Its firmware is heard by all its parents that can be reached. */
  #dhcp(id: string, boots: number, values: Observed['values']): void {
    const machine = this.machine(id);
    const host = this.hosts.get(id);
    if (!machine.on || machine.boots !== boots || !host) return;
    for (const name of host.parents) {
      const parent = this.hosts.get(name);
      if (parent && !this.isCut(parent, host)) parent.observed('pxe', { node: id, values, heard: 'dhcp' });
    }
  }

  kill(host: Host): void {
    host.up = false;
  }

  /** The process of a host starts on an empty data directory: it knows no session any more. */
  startEmpty(host: Host): void {
    host.up = true;
    host.link = undefined;
    for (const link of [...this.links]) {
      if (link.child !== host && link.parent !== host) continue;
      this.links.delete(link);
      if (link.parent === host && link.child.link === link) {
        link.child.link = undefined;
        link.child.send({ type: 'uplink', connected: false });
      }
    }
    host.start();
  }

  /** The process of a host starts again on what it had stored. */
  restart(host: Host): void {
    host.up = true;
    host.start({ engine: undefined, nodes: [], tail: [...host.turns] });
    for (const link of this.links) {
      if (link.parent === host) this.#renew(link);
      if (link.child === host) this.#renew(link);
    }
  }

  /** Nothing gets from one to the other, or again. */
  cut(a: string, b: string, isCut = true): void {
    const pair = [a, b].sort().join('|');
    if (isCut) this.#cut.add(pair);
    else this.#cut.delete(pair);
    if (!isCut) for (const host of this.hosts.values()) this.stir(host);
  }

  isCut(a: Host, b: Host): boolean {
    return this.#cut.has([a.id, b.id].sort().join('|'));
  }

  alive({ parent, child }: Link): boolean {
    return parent.up && child.up && !this.isCut(parent, child);
  }

  linkOf(child: string): Link | undefined {
    return this.hosts.get(child)?.link;
  }

  later(after: number, run: () => void): void {
    const at = this.now + after;
    const place = this.#queue.findIndex((other) => other.at > at);
    this.#queue.splice(place < 0 ? this.#queue.length : place, 0, { at, order: this.#order++, run });
  }

  /** Starts the hosts' own going: every second they look after their links. */
  begin(): void {
    const beat = (): void => {
      for (const host of this.hosts.values()) if (host.up && !host.isRoot) this.#look(host);
      for (const link of [...this.links]) this.#watch(link);
      this.later(SECOND, beat);
    };
    this.later(SECOND, beat);
  }

  run(time: number): void {
    const end = this.now + time;
    for (let steps = 0; ; steps++) {
      if (steps > 3_000_000) throw new Error('the tree does not come to rest');
      let wake = Number.POSITIVE_INFINITY;
      let first: Host | undefined;
      for (const host of this.hosts.values()) {
        const at = host.up ? (host.engine.wake ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
        if (at < wake) {
          wake = at;
          first = host;
        }
      }
      const next = this.#queue[0];
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, Math.max(wake, this.now));
      if (at > end) break;
      this.now = Math.max(this.now, at);
      if (next && next.at <= Math.max(wake, this.now) && next.at <= at) {
        this.#queue.shift();
        next.run();
      } else first?.send({ type: 'tick' });
    }
    this.now = end;
  }

  until(condition: () => boolean, within: number): boolean {
    for (const end = this.now + within; this.now < end; ) {
      if (condition()) return true;
      this.run(SECOND);
    }
    return condition();
  }

  // --- links ---------------------------------------------------------------------------------------------------------------

  /** A child without a link asks its parents in their order. */
  #look(host: Host): void {
    if (host.link) return;
    for (const id of host.parents) {
      const parent = this.hosts.get(id);
      if (!parent?.up || this.isCut(parent, host)) continue;
      const { certificate } = host;
      const own = host.world.nodes.get(host.id);
      const answer = parent.claim({
        node: host.id,
        boot: host.boot,
        key: host.key,
        address: '10.0.0.1',
        proof: certificate ? { kind: 'certificate', ...certificate } : { kind: 'boot', privileged: true },
        term: certificate?.term ?? own?.book.key?.term ?? 0,
        runs: host.running,
      });
      if (!('term' in answer)) continue;
      host.certificate = { issuer: parent.id, boot: host.boot, term: answer.term };
      this.connect(parent, host, answer.term);
      return;
    }
  }

  connect(parent: Host, child: Host, term: number): void {
    for (const link of this.links) if (link.child === child) this.links.delete(link);
    const link: Link = {
      parent,
      child,
      term,
      boot: child.boot,
      down: new Stream(),
      up: new Stream(),
      silentSince: undefined,
      givenUp: false,
    };
    this.links.add(link);
    child.link = link;
    child.send({ type: 'uplink', connected: true, above: [parent.id, ...parent.world.tree.above] });
    this.later(LATENCY, () => {
      if (this.alive(link) && child.link === link) this.#hello(link);
    });
    this.stir(parent);
    this.stir(child);
  }

  #renew(link: Link): void {
    for (const stream of [link.down, link.up]) {
      stream.first = true;
      stream.said.clear();
    }
    link.child.send({ type: 'uplink', connected: true, above: [link.parent.id, ...link.parent.world.tree.above] });
    if (link.parent.up && !link.givenUp) this.#hello(link);
    this.stir(link.parent);
    this.stir(link.child);
  }

  #hello(link: Link): void {
    link.parent.observed('core', { node: link.child.id, values: {}, heard: 'hello', session: { boot: link.boot, live: true } });
  }

  /** Both ends notice silence after a while; a link that was given up and is heard again goes on from a snapshot. */
  #watch(link: Link): void {
    const { parent, child } = link;
    if (this.alive(link)) {
      const wasSilent = link.silentSince !== undefined;
      link.silentSince = undefined;
      // A session that the parent knows nothing of any more is none.
      if (child.link === link && parent.world.nodes.get(child.id)?.book.key?.term !== link.term) {
        child.link = undefined;
        child.send({ type: 'uplink', connected: false });
        this.links.delete(link);
      } else if (link.givenUp && child.link === link) {
        link.givenUp = false;
        this.#hello(link);
        this.#renew(link);
      } else if (wasSilent) {
        this.stir(parent);
        this.stir(child);
      }
      return;
    }
    link.silentSince ??= this.now;
    if (this.now - link.silentSince < DEAD) return;
    if (!link.givenUp && parent.up) {
      link.givenUp = true;
      parent.observed('core', { node: child.id, values: {}, session: { boot: link.boot, live: false } });
    }
    if (child.link === link && child.up) {
      child.link = undefined;
      child.send({ type: 'uplink', connected: false });
    }
  }

  /** What a turn touches, by the helpers that the sync layer goes by. */
  touched(host: Host, turn: Turn): void {
    const note = (node: string, members: readonly string[], up: boolean): void => {
      for (const link of this.links) {
        const stream = up ? (link.child === host ? link.up : undefined) : link.parent === host ? link.down : undefined;
        if (stream) for (const member of members) stream.touched.add(`${node} ${member}`);
      }
    };
    for (const change of turn.changes) {
      note(change.node, downMembersOf(change), false);
      note(change.node, upMembersOf(change), true);
      if (change.view === 'cfg' && ['', '/parentId', '/parents'].some((path) => change.path === path)) note(change.node, ['*'], false);
      if (change.view === 'cfg' && change.path === '') note(change.node, ['*'], true);
    }
    for (const id in turn.records) {
      for (const name in turn.records[id]) {
        note(id, downMembersOfRecord(name), false);
        note(id, upMembersOfRecord(name), true);
        if (name === 'at' || name === 'key') note(id, ['*'], false);
      }
    }
    if (turn.engine && 'frozen' in turn.engine) for (const id of host.world.nodes.keys()) note(id, ['@frozen'], false);
    this.stir(host);
  }

  stir(host: Host): void {
    if (this.#stirred.has(host)) return;
    this.#stirred.add(host);
    this.later(LATENCY, () => {
      this.#stirred.delete(host);
      if (host.up) this.#exchange(host);
    });
  }

  #exchange(host: Host): void {
    for (const link of [...this.links]) {
      if (!this.alive(link) || link.givenUp || link.child.link !== link) continue;
      const { parent, child, term } = link;
      if (parent === host) {
        const told = new Map<string, Json>();
        for (const node of nodesFor(parent.world, child.id))
          for (const [member, value] of tell(parent.world, node, child.id)) told.set(`${node.id} ${member}`, value);
        const number = parent.syncs.get(child.id);
        if (number !== undefined) told.set(`${child.id} @sync`, number);
        const { all, items } = this.#difference(link.down, told, `${parent.id} to ${child.id}`);
        if (items.length > 0 || all)
          this.later(LATENCY, () => child.send({ type: 'told', request: child.request(), parent: parent.id, all, items }));
      } else if (child === host) {
        const said = new Map<string, Json>();
        for (const node of child.world.nodes.values())
          for (const [member, value] of report(child.world, node)) said.set(`${node.id} ${member}`, value);
        const { all, items } = this.#difference(link.up, said, `${child.id} to ${parent.id}`);
        if (items.length > 0 || all)
          this.later(LATENCY, () => parent.send({ type: 'reported', request: parent.request(), host: child.id, term, all, items }));
      }
    }
  }

  #difference(stream: Stream, map: ReadonlyMap<string, Json>, where: string): { all: boolean; items: Item[] } {
    const all = stream.first;
    stream.first = false;
    const items: Item[] = [];
    const isTouched = (key: string): boolean => stream.touched.has(key) || stream.touched.has(`${key.slice(0, key.indexOf(' '))} *`);
    const check = (key: string): void => {
      if (!all && !isTouched(key) && !key.endsWith('@sync')) this.untouched.push(`${where}: ${key}`);
    };
    for (const [key, value] of map) {
      const text = JSON.stringify(value);
      const known = stream.said.get(key);
      if (known === text || (known !== undefined && key.endsWith(AGEING) && !isTouched(key))) continue;
      check(key);
      stream.said.set(key, text);
      items.push(itemOf(key, JSON.parse(text) as Json));
    }
    for (const key of [...stream.said.keys()]) {
      if (map.has(key)) continue;
      check(key);
      stream.said.delete(key);
      if (!all) items.push(itemOf(key, undefined));
    }
    stream.touched.clear();
    return { all, items };
  }
}

function itemOf(key: string, value: Json | undefined): Item {
  const end = key.indexOf(' ');
  return { node: key.slice(0, end), member: key.slice(end + 1), ...(value === undefined ? {} : { value }) };
}

export { MINUTE, SECOND };
