/** The sync layer of a running host: the pure part between the loop and the sockets. */
import { setFlagsFromString } from 'node:v8';
import type { Effect } from './core/effect.ts';
import type { Engine } from './core/engine.ts';
import type { Claim } from './core/event.ts';
import { CODES } from './core/failures.ts';
import type { PeerStatus } from './core/peer-status.ts';
import type { Millis } from './core/record.ts';
import { RefusalError } from './core/refusal.ts';
import type { HostLog } from './log.ts';
import type { Loop } from './loop.ts';
import { makeSync, runsSomething } from './make-sync.ts';
import { SelfReboot } from './self-reboot.ts';
import type { Store } from './store/store.ts';
import type { Address, SyncAction, SyncEvent } from './sync/actions.ts';
import { text } from './sync/addresses.ts';
import { SyncEdge } from './sync/edge/edge.ts';
import type { ClaimBeside, Decision } from './sync/edge/enrol-server.ts';
import { peerStatuses } from './sync/statuses.ts';
import type { Sync } from './sync/sync.ts';
import { caPinOf, certifyHost, certifyRoot, type SyncPlace } from './sync-place.ts';

type Of<T extends Effect['type']> = Extract<Effect, { type: T }>;

/** From so many children on memory is spared. */
const MANY = 2_000;

/** What the sync layer is built around. */
export interface SyncSurroundings {
  readonly place: SyncPlace;
  readonly engine: Engine;
  readonly loop: () => Loop;
  readonly store: Store;
  readonly now: () => Millis;
  readonly log: HostLog;
}

export class Syncing {
  /** Where it listens; known when it is open. */
  bound: readonly Address[] = [];
  readonly #at: SyncSurroundings;
  readonly #sync: Sync;
  readonly #edge: SyncEdge;
  readonly #selfReboot: SelfReboot;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #isSettling = false;
  #stopped = false;
  #spares = false;

  constructor(at: SyncSurroundings) {
    this.#at = at;
    const { options, keys } = at.place;
    this.#sync = makeSync(at);
    this.#selfReboot = new SelfReboot({
      isAllowed: options.selfReboot === true,
      isRoot: at.place.isRoot,
      boot: keys.boot,
      dir: at.place.keysDir,
      runs: () => runsSomething(at.engine),
      log: at.log,
    });
    const { settle } = this;
    this.#edge = new SyncEdge(
      {
        listen: options.listen,
        keys,
        children: {
          decide: (claim, beside) => this.#decide(claim, beside),
          issue: async (node, key) => (at.engine.world.tree.hanging(node).size > 0 ? certifyHost(at.place, node, key) : undefined),
          fault: (error) => at.log('error', `a claim could not be decided: ${String((error as Error)?.stack ?? error)}`),
        },
        ...(options.caPin === undefined
          ? {}
          : {
              uplink: {
                caPin: options.caPin,
                wantsCertificate: options.listen.length > 0,
                privileged: process.getuid?.() === 0,
                fault: (error) =>
                  at.log(
                    'error',
                    `what the parent gave this host cannot be kept: ${String((error as Error)?.message ?? error)}; make room there`,
                  ),
                ...(options.token ? { token: options.token } : {}),
              },
            }),
      },
      {
        datagram: (from, bytes) => this.#sync.datagram(from, bytes, at.now()),
        opened: (stream) => this.#sync.opened(stream, at.now()),
        frame: (stream, bytes) => this.#sync.frame(stream, bytes, at.now()),
        closed: (stream, why) => this.#sync.closed(stream, why, at.now()),
        enrolled: (attempt, outcome) => this.#sync.enrolled(attempt, outcome, at.now()),
        settled: settle,
      },
    );
  }

  /** Opens the sockets, then looks for the parent. Rejects with a RefusalError. */
  async open(): Promise<void> {
    const { place, loop, store } = this.#at;
    if (place.isRoot) await certifyRoot(place, this.#at.engine.world.self);
    try {
      this.bound = await this.#edge.open();
    } catch (error) {
      throw new RefusalError({
        code: CODES.notReady,
        what: 'this host cannot listen for its neighbours',
        where: place.options.listen.map(({ host, port }) => `${host} port ${port}`).join(', '),
        why: String((error as Error).message),
        todo: 'Name other addresses with --listen, or end what uses the port.',
      });
    }
    loop().onTurn((turn) => {
      // A new root takes the identity that a file of nodes names for it.
      if (place.isRoot && turn.engine && 'self' in turn.engine)
        certifyRoot(place, this.#at.engine.world.self).catch((error: Error) =>
          this.#at.log('error', `this host has no certificate in its new name: ${error.message}; see to keys/ca.key, then start it anew`),
        );
      this.#sync.turn(turn);
      if (this.#lacksCertificate()) this.#sync.uplink?.renew(this.#at.now());
      this.#later();
    });
    store.onDurable((seq) => {
      this.#sync.durable(seq);
      this.#later();
    });
    this.#sync.start(this.#at.now());
    this.settle();
  }

  /** Nodes hang on this host, and it cannot show them who it is. */
  #lacksCertificate(): boolean {
    const { place, engine } = this.#at;
    const { self, tree } = engine.world;
    return !place.isRoot && !place.keys.chain && tree.hanging(self).size > 0;
  }

  run(effect: Of<'run'>): void {
    this.#sync.run(effect, this.#at.now());
    this.#later();
  }

  probe(effect: Of<'probe'>): void {
    this.#sync.probe(effect, this.#at.now());
    this.#later();
  }

  peers(): readonly PeerStatus[] {
    return peerStatuses(this.#sync, this.#at.engine.world, this.#at.now());
  }

  /** What modules are told of it. */
  get told(): { readonly ca?: string; readonly listens: readonly string[] } {
    const ca = caPinOf(this.#at.place);
    return { ...(ca === undefined ? {} : { ca }), listens: this.bound.map(text) };
  }

  get place(): SyncPlace {
    return this.#at.place;
  }

  /** What was dropped at the door, in all. */
  get figures(): SyncEdge['figures'] & { readonly unknown: number } {
    return { ...this.#edge.figures, unknown: this.#sync.figures.unknown };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#edge.close();
  }

  /** After what else happens in this turn of the event loop. */
  #later(): void {
    if (this.#isSettling) return;
    this.#isSettling = true;
    queueMicrotask(this.settle);
  }

  /** Does what the sync layer asks for, and sleeps until it wants to be woken. */
  readonly settle = (): void => {
    this.#isSettling = false;
    if (this.#stopped) return;
    const now = this.#at.now();
    if (this.#sync.wake <= now) this.#sync.tick(now);
    for (const action of this.#sync.take(now)) this.#do(action);
    this.#sleep();
  };

  #do(action: SyncAction): void {
    switch (action.type) {
      case 'event':
        return this.#tell(action.event);
      case 'log':
        return this.#at.log(action.level, action.message, action.node ? { node: action.node } : {});
      case 'reboot':
        return this.#selfReboot.ask(action.why);
      default:
        return this.#edge.perform(action);
    }
  }

  #tell(event: SyncEvent): void {
    if (event.type !== 'told' && event.type !== 'reported') {
      this.#at.loop().push(event);
      return;
    }
    const { peer, number, ...said } = event;
    const done = (isTaken: boolean): void => {
      this.#sync.taken(number, isTaken, this.#at.now());
      this.#later();
    };
    this.#at
      .loop()
      .ask((request) => ({ ...said, request }))
      .then(
        () => done(true),
        (error: Error) => {
          this.#at.log('error', `what ${peer} says was not taken: ${error.message}`, { node: peer });
          done(false);
        },
      );
  }

  #sleep(): void {
    const at = this.#sync.wake;
    if (at === this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#timerAt = Number.POSITIVE_INFINITY;
        this.settle();
      },
      Math.max(0, Math.ceil(at - this.#at.now())),
    );
  }

  /**
   * V8 lets garbage grow to the size of what lives before it looks: with 10,000 children 300 MB and more. At a fifth it is 240 MB
   * (`npm run bench -- sync`); a burst of steps takes a fifth longer then, and so a host with few children is left as it is.
   */
  #spareMemory(): void {
    if (this.#spares || (this.#sync.children?.peers.size ?? 0) < MANY) return;
    this.#spares = true;
    setFlagsFromString('--heap-growing-percent=20');
  }

  /** The core's judgement of a claim, and what an admitted host is given. */
  async #decide(claim: Claim, { generation, listens }: ClaimBeside): Promise<Decision> {
    const { loop, engine, now, place } = this.#at;
    const { self, nodes } = engine.world;
    let term: number;
    try {
      ({ term } = (await loop().ask((request) => ({ type: 'claim', request, claim }))) as { term: number });
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      const { code, why, todo } = error.refusal;
      if (todo.startsWith('reboot')) return { kind: 'reboot', why };
      if (todo.startsWith('It makes a new key')) return { kind: 'no', why, newKey: true };
      return { kind: code === CODES.notPermitted ? 'no' : 'wait', why };
    }
    const host = { generation, ...(listens > 0 ? { listens: { host: claim.address, port: listens } } : {}) };
    const { sid, secret } = this.#sync.admitted(claim.node, term, host, now());
    this.#spareMemory();
    this.#later();
    const { hello, dead } = place.options.settings;
    const above = this.#sync.uplink?.above ?? [];
    const parentName = nodes.get(self)?.name || self;
    return {
      kind: 'admitted',
      admission: { parent: self, parentName, term, sid, secret, generation: place.keys.generation, above, hello, dead },
    };
  }
}
