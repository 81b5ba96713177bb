/** One life of a host's process: engine, sync layer and what is between them, as `host/loop.ts` and `host/syncing.ts` have it. */
import type { Json } from '../../../host/core/declaration.ts';
import type { Effect, Refusal } from '../../../host/core/effect.ts';
import { Engine } from '../../../host/core/engine.ts';
import type { Claim, Event, Observed, Proof } from '../../../host/core/event.ts';
import { CODES } from '../../../host/core/failures.ts';
import { engineRecord, nodeRecord } from '../../../host/core/snapshot.ts';
import type { Address, EnrolOutcome, EnrolRequest, StreamId, SyncAction, SyncEvent } from '../../../host/sync/actions.ts';
import { sessionKeys } from '../../../host/sync/edge/session-keys.ts';
import { peekSid, Seal } from '../../../host/sync/seal.ts';
import { Sync } from '../../../host/sync/sync.ts';
import { VARIABLES } from '../../core/layercake.ts';
import { SECOND } from './clock.ts';
import { Modules, SERVICES } from './modules.ts';
import type { SimHost } from './sim-host.ts';
import type { Answered, Endpoint, Knock } from './station.ts';

/** Simulated time begins here. */
export const EPOCH = 1_000_000_000_000;
export const PORT = 31_415;
const FSYNC = 2;
const LAG = 100;
const MODULES_START = SECOND;

type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;
type Asked = { taken(result: Json): void; refused(refusal: Refusal): void };

export class Process implements Endpoint {
  readonly host: SimHost;
  readonly engine: Engine;
  readonly sync: Sync;
  readonly startedAt: number;
  isDead = false;
  /** Events that came from the sync layer: what a forged datagram must not bring about. */
  heardEvents = 0;
  readonly #base: number;
  readonly #asked = new Map<number, Asked>();
  readonly #modules: Modules;
  #request = 1;
  #queue: Event[] = [];
  #isScheduled = false;
  #held: { readonly seq: number; readonly effect: Effect }[] = [];
  #fsyncAt = Number.POSITIVE_INFINITY;
  #tickAt = Number.POSITIVE_INFINITY;
  #syncAt = Number.POSITIVE_INFINITY;

  constructor(host: SimHost) {
    this.host = host;
    const { sim, disk } = host;
    const { clock } = sim;
    this.startedAt = clock.now;
    const keys = host.keys.open(host.boot, host.kind !== 'leaf');
    if (host.kind === 'root') keys.chain = true;
    // As `steadyClock` of running.ts: the wall clock of the start, never behind what is stored.
    this.#base = Math.max(EPOCH + clock.now + host.wall, disk.lastAt) - clock.now;
    const place = { self: host.id, hosts: true, root: host.kind === 'root', boot: host.boot };
    const options = { variables: VARIABLES, seed: host.seed, now: this.now, ...place, settings: sim.settings.engine };
    this.engine = new Engine(options, disk.read());
    this.engine.world.seq = disk.durableSeq;
    this.#modules = new Modules(this);
    const { session } = keys;
    this.sync = new Sync({
      world: this.engine.world,
      settings: sim.settings.sync,
      generation: keys.generation,
      now: this.now,
      random: sim.random,
      seal: (of) => new Seal({ ...of, generation: keys.generation }),
      peekSid,
      keys: sessionKeys(keys.master),
      parents: host.parents.map((id) => ({ host: sim.host(id).address, port: PORT })),
      ...(session ? { saved: session } : {}),
      boot: host.boot,
      runs: () => this.engine.world.nodes.get(host.id)?.seen('/images/state') === 'ACTIVE',
    });
  }

  /** Own node, services, neighbours: as running.ts composes them. */
  start(): void {
    const { host, engine } = this;
    if (!engine.world.nodes.has(host.id)) {
      const change = { nodes: [{ mode: 'create' as const, id: host.id, doc: { nodename: host.id } }] };
      this.ask((request) => ({ type: 'apply', request, author: { user: 'core' }, change }));
    }
    for (const declaration of SERVICES[host.kind]) this.ask((request) => ({ type: 'declare', request, declaration }));
    this.#turn();
    this.after(MODULES_START, () => this.#modules.start());
    this.sync.start(this.now);
    this.settle();
  }

  get now(): number {
    return this.#base + this.host.sim.clock.now;
  }

  get world(): Engine['world'] {
    return this.engine.world;
  }

  /** Only while this process lives. */
  after(time: number, run: () => void): void {
    this.host.sim.clock.later(time, () => {
      if (!this.isDead) run();
    });
  }

  // --- the loop ----------------------------------------------------------------------------------------------------------------

  push(event: Event): void {
    if (this.isDead) return;
    this.#queue.push(event);
    this.#schedule();
  }

  ask(make: (request: number) => Event, asked?: Partial<Asked>): void {
    const request = this.#request++;
    this.#asked.set(request, { taken: () => {}, refused: () => {}, ...asked });
    this.push(make(request));
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.after(0, () => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    const events = this.#queue;
    this.#queue = [];
    const { disk } = this.host;
    for (const effect of this.engine.turn(events, this.now)) {
      const waits = 'afterDurable' in effect && effect.afterDurable && disk.lastSeq > disk.durableSeq;
      if (waits) this.#held.push({ seq: disk.lastSeq, effect });
      else this.#perform(effect);
    }
    const at = this.engine.wake;
    if (at === undefined || at >= this.#tickAt) return;
    this.#tickAt = Math.max(at, this.now);
    const due = this.#tickAt;
    this.after(due - this.now, () => {
      if (this.#tickAt !== due) return;
      this.#tickAt = Number.POSITIVE_INFINITY;
      this.push({ type: 'tick' });
    });
  }

  #perform(effect: Effect): void {
    const { host } = this;
    switch (effect.type) {
      case 'journal':
        host.disk.append(effect.turn);
        this.#fsync(effect.durable ? FSYNC : LAG);
        host.sim.watch((watcher) => watcher.turn?.(host, effect.turn));
        this.sync.turn(effect.turn);
        if (host.kind !== 'root' && !host.keys.chain && this.world.tree.hanging(host.id).size > 0) this.sync.uplink?.renew(this.now);
        return this.settleSoon();
      case 'run':
        return effect.service === 'core' ? this.#runCore(effect) : this.#modules.run(effect);
      case 'poll':
        return this.#modules.poll(effect);
      case 'probe':
        this.sync.probe(effect, this.now);
        return this.settleSoon();
      case 'answer':
        this.#asked.get(effect.request)?.taken(effect.result);
        return void this.#asked.delete(effect.request);
      case 'refuse':
        this.#asked.get(effect.request)?.refused(effect.refusal);
        return void this.#asked.delete(effect.request);
      case 'log':
        return host.log(effect.message);
      case 'cancel':
        return;
      default:
        effect satisfies never;
    }
  }

  #runCore(effect: Of<'run'>): void {
    this.sync.run(effect, this.now);
    this.settleSoon();
  }

  #fsync(after: number): void {
    const at = this.now + after;
    if (at >= this.#fsyncAt) return;
    this.#fsyncAt = at;
    this.after(after, () => {
      if (this.#fsyncAt !== at) return;
      this.#fsyncAt = Number.POSITIVE_INFINITY;
      const { disk } = this.host;
      disk.sync();
      this.host.sim.watch((watcher) => watcher.durable?.(this.host));
      while (this.#held[0] && this.#held[0].seq <= disk.durableSeq) this.#perform((this.#held.shift() as { effect: Effect }).effect);
      this.sync.durable(disk.durableSeq);
      if (disk.wantsSnapshot) disk.snapshot(engineRecord(this.world), [...this.world.nodes.values()].map(nodeRecord));
      this.settle();
    });
  }

  // --- the sync layer ------------------------------------------------------------------------------------------------------------

  #isSettling = false;

  settleSoon(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    this.after(0, () => {
      this.#isSettling = false;
      this.settle();
    });
  }

  settle(): void {
    if (this.isDead) return;
    if (this.sync.wake <= this.now) this.sync.tick(this.now);
    for (const action of this.sync.take(this.now)) this.#do(action);
    const at = this.sync.wake;
    if (at === this.#syncAt || at === Number.POSITIVE_INFINITY) return;
    this.#syncAt = at;
    this.after(Math.max(0, Math.ceil(at - this.now)), () => {
      if (this.#syncAt !== at) return;
      this.#syncAt = Number.POSITIVE_INFINITY;
      this.settle();
    });
  }

  #do(action: SyncAction): void {
    const { host } = this;
    const { net } = host.sim;
    switch (action.type) {
      case 'datagram':
        return net.send({ host: host.address, port: PORT }, action.to, action.bytes);
      case 'frame':
        return net.pipes.frame(this, action.stream, action.bytes);
      case 'dial':
        return net.pipes.dial(this, host.address, action.stream, action.to);
      case 'hangUp':
        return net.pipes.hangUp(this, action.stream);
      case 'accept':
        return net.pipes.accept(this, action.stream);
      case 'enrol':
        return this.#enrol(action.request);
      case 'reboot':
        host.log(`is told to reboot: ${action.why}`);
        return this.after(0, () => host.reboot());
      case 'event':
        this.heardEvents++;
        return this.#tell(action.event);
      case 'log':
        return host.log(action.message);
      default:
        action satisfies never;
    }
  }

  #tell(event: SyncEvent): void {
    if (event.type !== 'told' && event.type !== 'reported') return this.push(event);
    const { peer, number, ...said } = event;
    this.host.sim.watch((watcher) => watcher.heard?.(this.host, event));
    const done = (isTaken: boolean): void => {
      this.sync.taken(number, isTaken, this.now);
      this.settleSoon();
    };
    this.ask((request) => ({ ...said, request }), { taken: () => done(true), refused: () => done(false) });
  }

  datagram(from: Address, bytes: Uint8Array): void {
    this.sync.datagram(from, bytes, this.now);
    this.settle();
  }

  opened(stream: StreamId): void {
    this.sync.opened(stream, this.now);
    this.settle();
  }

  frame(stream: StreamId, bytes: Uint8Array): void {
    this.sync.frame(stream, bytes, this.now);
    this.settle();
  }

  closed(stream: StreamId, why: string): void {
    this.sync.closed(stream, why, this.now);
    this.settle();
  }

  // --- doors ---------------------------------------------------------------------------------------------------------------------

  /** The best proof first; where a parent says that it is good no more, the others: as `edge.ts` does. */
  #enrol(request: EnrolRequest): void {
    const { keys, address, sim } = this.host;
    let isNewKey = false;
    let knocks = this.#knocks(request);
    let last: Answered = { outcome: { kind: 'noAnswer', why: 'this host has nothing to show' } };
    const next = (): void => {
      const knock = knocks.shift();
      if (!knock) return this.#enrolled(request, last);
      sim.net.pipes.ask(address, request.to, knock, (answer) => {
        if (this.isDead) return;
        last = answer;
        const { kind } = answer.outcome;
        if (kind !== 'no' && kind !== 'reboot') return this.#enrolled(request, answer);
        if (answer.wantsNewKey && !isNewKey) {
          isNewKey = true;
          keys.renew();
          knocks = this.#knocks(request);
        }
        next();
      });
    };
    next();
  }

  #knocks(request: EnrolRequest): Knock[] {
    const { keys, boot, address, token } = this.host;
    const { key, generation, statement } = keys;
    const base = { request, boot, key, generation, privileged: true, address };
    return [
      ...(statement ? [{ ...base, statement }] : []),
      ...(token === undefined ? [] : [{ ...base, statement: undefined, token }]),
      { ...base, statement: undefined },
    ];
  }

  #enrolled(request: EnrolRequest, { outcome, statement, chain }: Answered): void {
    const { keys } = this.host;
    if (outcome.kind === 'admitted' && statement) {
      keys.statement = statement;
      keys.session = { address: request.to, admission: outcome.admission };
      if (chain) keys.chain = true;
    }
    this.sync.enrolled(request.attempt, outcome, this.now);
    this.settle();
  }

  /** The door: what the edge has verified, the core's judgement, and what an admitted host is given. */
  knock(knock: Knock, answer: (answered: Answered) => void): void {
    const { keys, id } = this.host;
    const { node, term, runs } = knock.request;
    if (!keys.chain) return answer({ outcome: { kind: 'noAnswer', why: 'it hung up without an answer' } });
    const { statement, boot, key, address } = knock;
    if (statement && statement.key !== key) return answer({ outcome: { kind: 'no', why: 'the statement is for another key' } });
    const claim: Claim = { node, boot, key, address, proof: proofOf(knock), term, runs };
    const taken = (result: Json): void => {
      const given = (result as { term: number }).term;
      const listens = { host: address, port: PORT };
      const { sid, secret } = this.sync.admitted(node, given, { generation: knock.generation, listens }, this.now);
      this.settleSoon();
      const { hello, dead } = this.host.sim.settings.sync;
      const above = this.sync.uplink?.above ?? [];
      const rest = { generation: keys.generation, above, hello, dead };
      const admission = { parent: id, parentName: this.world.nodes.get(id)?.name || id, term: given, sid, secret, ...rest };
      const chain = this.world.tree.hanging(node).size > 0;
      this.host.sim.watch((watcher) => watcher.admitted?.(this.host, claim, given));
      answer({ outcome: { kind: 'admitted', admission }, statement: { issuer: id, boot, term: given, key }, chain });
    };
    const refused = (refusal: Refusal): void => {
      this.host.sim.watch((watcher) => watcher.refused?.(this.host, claim, refusal));
      answer({ outcome: outcomeOf(refusal), wantsNewKey: refusal.todo.startsWith('It makes a new key') });
    };
    this.ask((request) => ({ type: 'claim', request, claim }), { taken, refused });
  }

  observed(service: string, item: Observed): void {
    this.push({ type: 'observed', service, items: [item] });
  }
}

function proofOf({ statement, token, privileged }: Knock): Proof {
  if (statement) return { kind: 'certificate', issuer: statement.issuer, boot: statement.boot, term: statement.term };
  return token === undefined ? { kind: 'boot', privileged } : { kind: 'token', hash: token };
}

function outcomeOf({ code, why, todo }: Refusal): EnrolOutcome {
  if (todo.startsWith('reboot')) return { kind: 'reboot', why };
  return { kind: code === CODES.notPermitted ? 'no' : 'wait', why };
}
