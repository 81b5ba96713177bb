/**
 * Runs a module in memory, through the same code as its process does, every line of the protocol included: `await testModule(module,
 * …)`.
 */
import type { Module, Self } from './define.ts';
import { Session } from './session.ts';
import type { Level } from './task.ts';
import {
  type Change,
  createPeer,
  errorKind,
  type Failed,
  type Json,
  type NodeState,
  type Observed,
  type Outcome,
  type Params,
  type Peer,
  type PeerOptions,
  PROTOCOL,
  type Values,
} from './wire/index.ts';

/** A node as the module under test is shown it, by path; absent = nothing is wanted, nothing was seen. */
export interface TestNode {
  readonly cfg?: Values;
  readonly dsc?: Values;
}

/** The world that the module under test finds. */
export interface TestOptions {
  readonly config?: { readonly [key: string]: Json };
  /** By id. */
  readonly nodes?: Readonly<Record<string, TestNode>>;
  /** What the module is told of its host. */
  readonly self?: Partial<Self>;
  /** What the host answers beyond what is said below, e.g. `{'engine/status': () => …}`. */
  readonly answers?: PeerOptions<'host'>['answers'];
}

/** What came of a mutation or a poll. */
export interface TestRun {
  /** By node: all values that were reported, early and in the answer. */
  readonly observed: Readonly<Record<string, Values>>;
  /** By node: the name of the error (schemas/errors.json) and its message. */
  readonly failed: Readonly<Record<string, { readonly error: string; readonly message: string; readonly retryAfter?: number }>>;
}

/** For which nodes, and for how long. */
export interface RunOptions {
  /** Some of the nodes; default all. */
  readonly nodes?: readonly string[];
  /** Milliseconds until the deadline; default 5000. */
  readonly within?: number;
  /** Aborted: the task is cancelled. */
  readonly signal?: AbortSignal;
}

/** A line that the module logged, its secrets redacted as they are in a host. */
export interface TestLog {
  readonly level: Level;
  readonly message: string;
  readonly fields?: { readonly [key: string]: Json };
}

/** A module that is initialized and ready, and what it has said so far. Whatever is refused rejects with an `RpcError`. */
export interface ModuleUnderTest {
  /** A mutation of its own, `core/sync` or `core/quiesce`. Rejects if the call as a whole is refused or cancelled. */
  run(mutation: string, options?: RunOptions): Promise<TestRun>;
  poll(poller: string, options?: RunOptions): Promise<TestRun>;
  probe(node: string): Promise<boolean>;
  /** Rejects if the module refuses it. */
  update(config: { readonly [key: string]: Json }): Promise<void>;
  /** Rejects as the operator would see it. */
  call(name: string, params?: { readonly [key: string]: Json }): Promise<Json>;
  /** Tells its watches of changes. */
  changed(changes: readonly Change[]): void;
  stop(): Promise<void>;
  /** What it reported by `state/discover`, in order. */
  readonly discovered: readonly Observed[];
  readonly log: readonly TestLog[];
  readonly progress: readonly { readonly message: string; readonly fraction?: number }[];
  /** What it wanted changed in cfg. */
  readonly proposed: readonly { readonly node: string; readonly values: Values }[];
  /** What it wrote to stderr, where the protocol has no place for it. */
  readonly complaints: readonly string[];
}

/** Until `stop` must have come back, in milliseconds. */
const GRACE = 2000;

class Bench implements ModuleUnderTest {
  readonly discovered: Observed[] = [];
  readonly log: TestLog[] = [];
  readonly progress: { message: string; fraction?: number }[] = [];
  readonly proposed: { node: string; values: Values }[] = [];
  readonly complaints: string[] = [];
  readonly #nodes: Readonly<Record<string, TestNode>>;
  readonly #host: Peer<'host'>;
  readonly #watches: number[] = [];
  #lastWatch = 0;
  #revision = 1;

  constructor(module: Module, { nodes = {}, answers }: TestOptions) {
    this.#nodes = nodes;
    const session: Session = new Session(module, {
      send: (line) => queueMicrotask(() => this.#host.receive(line.slice(0, -1))),
      named: () => {},
      complain: (text) => this.complaints.push(text),
      exit: () => {},
    });
    this.#host = createPeer({
      end: 'host',
      send: (line) => queueMicrotask(() => session.receive(line.slice(0, -1))),
      answers: { ...this.#answers(), ...answers },
      hears: {
        '$/log': (line) => this.log.push(line),
        '$/progress': ({ id: _id, ...progress }) => this.progress.push(progress),
      },
      onFault: ({ text }) => this.complaints.push(text),
    });
  }

  async open(config: { readonly [key: string]: Json }, { node = 'self', ...place }: Partial<Self> = {}): Promise<void> {
    const names = { host: { name: 'test', version: '0', ...place }, node, service: 'test', module: 'test' };
    await this.#host.request('initialize', { protocols: [PROTOCOL], ...names, config, capabilities: [], now: Date.now() });
    this.#host.notify('initialized', {});
    await this.#host.request('ping', {});
  }

  async run(mutation: string, options: RunOptions = {}): Promise<TestRun> {
    const { deadline, nodes, request } = this.#task(options);
    return this.#gather(() => this.#host.request('mutation/run', { mutation, deadline, nodes }, request));
  }

  async poll(poller: string, options: RunOptions = {}): Promise<TestRun> {
    const { deadline, nodes, request } = this.#task(options);
    return this.#gather(() => this.#host.request('poller/run', { poller, deadline, nodes }, request));
  }

  async probe(node: string): Promise<boolean> {
    return (await this.#host.request('session/probe', { node })).answered;
  }

  async update(config: { readonly [key: string]: Json }): Promise<void> {
    await this.#host.request('config/update', { config });
  }

  async call(name: string, params: { readonly [key: string]: Json } = {}): Promise<Json> {
    return (await this.#host.request('module/call', { call: name, params })).result;
  }

  changed(changes: readonly Change[]): void {
    const revision = ++this.#revision;
    for (const watch of this.#watches) this.#host.notify('state/changed', { watch, revision, changes });
  }

  async stop(): Promise<void> {
    await this.#host.request('shutdown', { reason: 'test', grace: GRACE });
    this.#host.close('the test has ended');
  }

  #task({ nodes = Object.keys(this.#nodes), within = 5000, signal }: RunOptions) {
    const tasks = nodes.map((id) => ({ id, cfg: this.#nodes[id]?.cfg ?? {}, dsc: this.#nodes[id]?.dsc ?? {}, revision: this.#revision }));
    return { deadline: Date.now() + within, nodes: tasks, request: signal === undefined ? {} : { signal } };
  }

  async #gather(send: () => Promise<Outcome>): Promise<TestRun> {
    const from = this.discovered.length;
    const { observed, failed } = await send();
    return { observed: byNode([...this.discovered.slice(from), ...observed]), failed: failures(failed) };
  }

  #states(): NodeState[] {
    return Object.entries(this.#nodes).map(([id, { cfg = {}, dsc = {} }]) => ({ id, cfg, dsc }));
  }

  #answers(): PeerOptions<'host'>['answers'] {
    return {
      'state/discover': ({ observed }) => {
        this.discovered.push(...observed);
        return { revision: ++this.#revision };
      },
      'state/read': () => ({ nodes: this.#states(), revision: this.#revision }),
      'state/watch': () => {
        const watch = ++this.#lastWatch;
        this.#watches.push(watch);
        return { watch, revision: this.#revision, nodes: this.#states(), more: false };
      },
      'state/unwatch': ({ watch }) => {
        this.#watches.splice(this.#watches.indexOf(watch), 1);
        return {};
      },
      'state/propose': ({ changes, last }: Params<'state/propose'>) => {
        this.proposed.push(...changes);
        return last ? { revision: ++this.#revision } : {};
      },
    };
  }
}

function byNode(observed: readonly Observed[]): Record<string, Values> {
  const all: Record<string, Values> = {};
  for (const { node, values } of observed) all[node] = { ...all[node], ...values };
  return all;
}

const failures = (failed: readonly Failed[]): TestRun['failed'] =>
  Object.fromEntries(
    failed.map(({ node, error: { code, message, retryAfter } }) => [
      node,
      { error: errorKind(code)?.name ?? String(code), message, ...(retryAfter !== undefined && { retryAfter }) },
    ]),
  );

/** The module, initialized and ready. Rejects if it refuses its config. */
export async function testModule(module: Module, options: TestOptions = {}): Promise<ModuleUnderTest> {
  const bench = new Bench(module, options);
  await bench.open(options.config ?? {}, options.self);
  return bench;
}
