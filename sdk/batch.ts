/** One `mutation/run` or `poller/run`: calls the module's handlers, and answers for every node by the deadline, whatever they do. */
import { failureOf } from './errors.ts';
import type { Hearing, Level, NodeTask, Task, TaskNode } from './task.ts';
import { type CallContext, CODES, type Failed, type Failure, type Observed, type Outcome, type Values } from './wire/index.ts';

type AnyTask = Task<unknown, unknown, unknown>;
type AnyNode = TaskNode<unknown, unknown>;
type Results = ReadonlyMap<string, object | Error> | Readonly<Record<string, object | Error>>;

/** A handler of a definition, its types left behind. */
export interface Handler {
  readonly one?: (task: NodeTask<unknown, unknown, unknown>) => unknown;
  readonly many?: (task: AnyTask) => unknown;
  readonly atOnce?: number;
}

/** What the session lends to a task. */
export interface Tools {
  readonly config: AnyTask['config'];
  readonly host: AnyTask['host'];
  /** Milliseconds since the epoch, by the host's clock. */
  now(): number;
  log(level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void;
  progress(id: string | number, message: string, fraction?: number): void;
  /** Takes secrets out of a message. */
  clean(text: string): string;
  undeclared(values: Values): string | undefined;
  /** `state/discover`; resolves to the revision that it led to. */
  report(observed: readonly Observed[]): Promise<number>;
}

export interface Job {
  /** `mutation powerOn`. */
  readonly name: string;
  readonly nodes: readonly AnyNode[];
  readonly deadline: number;
  readonly handler: Handler;
  readonly call: CallContext;
  /** Aborted when the module is stopped; its reason is the answer. */
  readonly stopping: AbortSignal;
}

const AT_ONCE = 64;
/** How long finished nodes wait for others before they are reported early, in milliseconds. */
const EARLY = 20;
const LONGEST_TIMER = 2 ** 31 - 1;

/** Made when somebody looks at it: most nodes' signals are never used. */
class LazySignal {
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined && !this.#controller.signal.aborted) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  abort(reason: string): void {
    this.#reason ??= new Error(reason);
    this.#controller?.abort(this.#reason);
  }
}

class Batch {
  readonly #job: Job;
  readonly #tools: Tools;
  readonly #byId: ReadonlyMap<string, AnyNode>;
  readonly #open: Set<string>;
  readonly #failed: Failed[] = [];
  readonly #all = new LazySignal();
  readonly #signals = new Map<string, LazySignal>();
  /** Seen and not yet sent, one entry a node. */
  #unsent = new Map<string, Observed>();
  /** Nodes of which something was reported early, with the revision that it led to. */
  readonly #early = new Map<string, number>();
  #flushing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  #end: () => void = () => {};
  readonly whenEnded = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  constructor(job: Job, tools: Tools) {
    this.#job = job;
    this.#tools = tools;
    this.#byId = new Map(job.nodes.map((node) => [node.id, node]));
    this.#open = new Set(this.#byId.keys());
  }

  /** A task for all nodes, or for one. */
  task(node?: AnyNode): NodeTask<unknown, unknown, unknown> {
    const { config, host, log, progress, now } = this.#tools;
    const { job, signalOf } = { job: this.#job, signalOf: (id: string) => this.#signalOf(id).signal };
    const all = this.#all;
    return {
      config,
      host,
      log,
      signalOf,
      node: node as AnyNode,
      nodes: node === undefined ? job.nodes : [node],
      deadline: job.deadline,
      left: () => Math.max(0, job.deadline - now()),
      get signal() {
        return node === undefined ? all.signal : signalOf(node.id);
      },
      observed: (id, values, hearing) => this.#observe(id, values, hearing),
      failed: (id, error) => this.fail(id, failureOf(error)),
      progress: (message, fraction) => progress(job.call.id, message, fraction),
    };
  }

  /** False = it was given up before its turn came. */
  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  /** The handler of this node has ended. */
  done(id: string, values: unknown): void {
    if (typeof values === 'object' && values !== null) this.#observe(id, values);
    this.#settle(id);
  }

  fail(id: string, failure: Failure): void {
    if (!this.#open.has(id)) return;
    this.#failed.push({ node: id, error: { ...failure, message: this.#tools.clean(failure.message) } });
    this.#settle(id);
  }

  failRest(failure: Failure): void {
    for (const id of [...this.#open]) this.fail(id, failure);
  }

  settleRest(): void {
    for (const id of [...this.#open]) this.#settle(id);
  }

  /** Ends it for some nodes: their signals are aborted, the rest goes on. */
  giveUp(ids: readonly string[], code: number, reason: string): void {
    for (const id of ids) {
      this.#signals.get(id)?.abort(reason);
      if (this.#open.has(id)) this.#signalOf(id).abort(reason);
      this.fail(id, { code, message: reason });
    }
  }

  giveUpAll(code: number, reason: string): void {
    this.#all.abort(reason);
    this.giveUp([...this.#open], code, reason);
  }

  /** What goes into the answer. After it, whatever a handler still says is reported as it comes. */
  async outcome(): Promise<Outcome> {
    clearTimeout(this.#timer);
    await this.#flushing;
    const observed = this.#take();
    this.#ended = true;
    return { observed, failed: this.#failed };
  }

  /** Reports what is known now instead of in the answer. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#flushing.then(async () => {
      const observed = this.#take();
      if (observed.length === 0) return;
      try {
        const revision = await this.#tools.report(observed);
        for (const { node } of observed) this.#early.set(node, revision);
      } catch (error) {
        if (!this.#ended) return this.#putBack(observed);
        this.#tools.log(
          'warn',
          `${this.#job.name}: ${observed.length} early observations were refused: ${error instanceof Error ? error.message : String(error)}`,
        );
      }
    });
    return this.#flushing;
  }

  /** Refused now, it goes into the answer; what was seen since is newer. */
  #putBack(observed: readonly Observed[]): void {
    for (const { asOf: _asOf, ...one } of observed) {
      const since = this.#unsent.get(one.node);
      this.#unsent.set(one.node, { ...one, ...since, values: { ...one.values, ...since?.values } });
    }
  }

  #signalOf(id: string): LazySignal {
    let signal = this.#signals.get(id);
    if (signal === undefined) {
      signal = new LazySignal();
      this.#signals.set(id, signal);
    }
    return signal;
  }

  /** An observation is as old as the question, or as what this task itself has reported since. */
  #take(): Observed[] {
    const observed = [...this.#unsent.values()].map((one) => ({
      ...one,
      asOf: Math.max(this.#byId.get(one.node)?.revision ?? 0, this.#early.get(one.node) ?? 0),
    }));
    this.#unsent = new Map();
    return observed;
  }

  #observe(id: string, seen: object, hearing: Hearing = {}): void {
    if (!this.#byId.has(id)) throw new Error(`${this.#job.name}: node ${id} is not one of this task`);
    const values: Record<string, unknown> = {};
    for (const [path, value] of Object.entries(seen)) if (value !== undefined) values[path] = value;
    const undeclared = this.#tools.undeclared(values as Values);
    if (undeclared !== undefined) {
      this.fail(id, {
        code: CODES.Undeclared,
        message: `${this.#job.name} reported ${undeclared}, which is in no mutation, poller or discovery of this module`,
      });
      return;
    }
    if (Object.keys(values).length === 0 && hearing.heard === undefined && hearing.session === undefined) return;
    const before = this.#unsent.get(id);
    this.#unsent.set(id, { ...before, ...hearing, node: id, values: { ...before?.values, ...(values as Values) } });
    if (this.#ended) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), EARLY);
  }

  #settle(id: string): void {
    this.#open.delete(id);
    if (this.#open.size === 0) this.#end();
  }
}

/** Calls `one` for every node, some at once; a throw fails that node only. */
async function runEach(batch: Batch, { nodes, handler }: Job): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let node = nodes[next++]; node !== undefined; node = nodes[next++]) {
      if (!batch.isOpen(node.id)) continue;
      try {
        batch.done(node.id, await handler.one?.(batch.task(node)));
      } catch (error) {
        batch.fail(node.id, failureOf(error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(nodes.length, handler.atOnce ?? AT_ONCE) }, worker));
}

async function runAll(batch: Batch, { handler }: Job): Promise<void> {
  try {
    const results = (await handler.many?.(batch.task())) as Results | undefined;
    for (const [id, result] of results instanceof Map ? results : Object.entries(results ?? {})) {
      if (result instanceof Error) batch.fail(id, failureOf(result));
      else batch.done(id, result);
    }
    batch.settleRest();
  } catch (error) {
    batch.failRest(failureOf(error));
  }
}

/**
 * Resolves when every node is settled, at the latest at the deadline. Rejects if the call is cancelled as a whole (what was seen is
 * reported before).
 */
export async function runBatch(job: Job, tools: Tools): Promise<Outcome> {
  const batch = new Batch(job, tools);
  const left = job.deadline - tools.now();
  const timer = setTimeout(
    () => batch.giveUpAll(CODES.DeadlineExceeded, `${job.name}: its deadline has passed`),
    Math.min(Math.max(0, left), LONGEST_TIMER),
  );
  const signals = [job.call.signal, job.stopping];
  const aborted = (): AbortSignal | undefined => signals.find((signal) => signal.aborted);
  const onAbort = (): void => {
    const reason: unknown = aborted()?.reason;
    batch.giveUpAll(CODES.Cancelled, reason instanceof Error ? reason.message : 'cancelled');
  };
  for (const signal of signals) signal.addEventListener('abort', onAbort, { once: true });
  if (aborted() !== undefined) onAbort();
  job.call.onNodesCancelled((nodes, reason) => batch.giveUp(nodes, CODES.Cancelled, reason));
  void (job.handler.one === undefined ? runAll(batch, job) : runEach(batch, job));
  await batch.whenEnded;
  clearTimeout(timer);
  for (const signal of signals) signal.removeEventListener('abort', onAbort);
  const given = aborted();
  if (given === undefined) return batch.outcome();
  await batch.flush();
  throw given.reason;
}
