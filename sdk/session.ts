/** The module's end of the protocol: from `initialize` to `exit`. Knows nothing of processes: `serve` and `testModule` give it a link. */
import { type Handler, type Job, runBatch, type Tools } from './batch.ts';
import { answerCall } from './calls.ts';
import { checkConfig, Redaction } from './config.ts';
import { Reportable } from './declaration.ts';
import type { Module, Self } from './define.ts';
import { failureOf, toldOf } from './errors.ts';
import { PeerHost } from './host.ts';
import type { Level } from './task.ts';
import {
  type CallContext,
  CODES,
  createPeer,
  type Json,
  type LineFault,
  type Outcome,
  type Params,
  type Peer,
  PROTOCOL,
  type Result,
  RpcError,
  refusal,
  rpcError,
} from './wire/index.ts';

export interface Link {
  /** Sends a whole line. */
  send(line: string): void;
  /** The name of this instance has become known. */
  named(service: string): void;
  /** A line for a person (stderr); secrets are out of it. */
  complain(text: string): void;
  /** The module has nothing more to do: `code` 0 = as asked. */
  exit(code: number): void;
}

type State = 'new' | 'declared' | 'ready' | 'stopping';
/** What of the grace is left to tasks; the rest is for `stop` and the answer. */
const TASKS_SHARE = 0.6;
const LONGEST_MESSAGE = 16_384;
const PROGRESS_EVERY = 100;

export class Session {
  readonly #module: Module;
  readonly #link: Link;
  readonly #peer: Peer<'module'>;
  readonly #host: PeerHost;
  readonly #redaction = new Redaction();
  readonly #reportable: Reportable;
  readonly #life = new AbortController();
  /** Each with its own way to be given up: one signal for all would warn of a leak at the eleventh listener. */
  readonly #running = new Map<Promise<unknown>, AbortController>();
  #state: State = 'new';
  #service = '';
  #self: Self = { node: '', listens: [] };
  #config: Readonly<Record<string, unknown>> = {};
  #started: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;
  /** The host's clock less our own, which never jumps. */
  #clock = Date.now() - performance.now();
  #progressAt = Number.NEGATIVE_INFINITY;

  constructor(module: Module, link: Link) {
    this.#module = module;
    this.#link = link;
    this.#reportable = new Reportable(module.declaration);
    this.#peer = createPeer({
      end: 'module',
      send: link.send,
      answers: {
        initialize: (params) => this.#initialize(params),
        ping: () => ({}),
        'mutation/run': ({ mutation, deadline, nodes }, call) =>
          this.#run(`mutation ${mutation}`, this.#mutation(mutation), deadline, nodes, call),
        'poller/run': ({ poller, deadline, nodes }, call) => this.#run(`poller ${poller}`, this.#poller(poller), deadline, nodes, call),
        'session/probe': ({ node }, call) => this.#probe(node, call),
        'config/update': ({ config }) => this.#update(config),
        'module/call': (params, { signal }) => this.#ready().then(() => answerCall(module.definition.calls, params, signal)),
        shutdown: ({ grace }) => this.stop(grace),
      },
      hears: {
        initialized: () => this.#start(),
        'state/changed': (params) => this.#host.changed(params),
        'events/happened': (params) => this.#host.happened(params),
        exit: () => link.exit(0),
      },
      onFault: ({ text }) => this.#complain(text),
      errorOf: (error) => this.#errorOf(error),
    });
    this.#host = new PeerHost(this.#peer, this.#reportable);
  }

  receive(line: string | LineFault): void {
    if (typeof line === 'string') this.#peer.receive(line);
    else this.#complain(`the host sent a line that cannot be read: ${line.fault}, ${line.bytes} bytes`);
  }

  /** Lets tasks end, then gives them up, then calls the module's `stop`; within `grace` milliseconds if `stop` is well behaved. */
  stop(grace: number): Promise<Record<string, never>> {
    this.#stopped ??= this.#end(grace);
    return this.#stopped.then(() => ({}));
  }

  /** The host is gone. */
  close(reason: string): void {
    this.#peer.close(reason);
  }

  #initialize({ protocols, host, node, service, module, config, now }: Params<'initialize'>): Result<'initialize'> {
    if (this.#state !== 'new') throw rpcError('InvalidRequest', 'initialize was sent before');
    this.#service = service;
    this.#link.named(service);
    if (!protocols.includes(PROTOCOL)) {
      const text = `host offers protocol ${protocols.join(', ')}, module speaks ${PROTOCOL}: upgrade the older of the two`;
      throw rpcError('NoCommonVersion', text, { offered: protocols, supported: [PROTOCOL] });
    }
    this.#config = this.#checked(config);
    this.#self = { node, listens: host.listens ?? [], ...(host.ca !== undefined && { ca: host.ca }) };
    this.#clock = clockOf(now) - performance.now();
    this.#state = 'declared';
    const { definition } = this.#module;
    const declaration = definition.declares?.(this.#module.declaration, this.#config as never) ?? this.#module.declaration;
    const capabilities = ['config'];
    if (declaration.mutations !== undefined || definition.hosts !== undefined) capabilities.push('mutations');
    if (declaration.pollers !== undefined) capabilities.push('pollers');
    if (definition.hosts !== undefined) capabilities.push('sessions');
    if (declaration.calls !== undefined) capabilities.push('calls');
    return { protocol: PROTOCOL, module: { name: module, version: definition.version ?? '0.0.0' }, capabilities, declaration };
  }

  #checked(given: Readonly<Record<string, Json>>): Readonly<Record<string, unknown>> {
    const schemas = this.#module.definition.config ?? {};
    this.#redaction.learn(schemas, given);
    const { config, problems } = checkConfig(schemas, given);
    if (problems.length > 0) throw refusal('InvalidParams', 'the config is refused', `config of ${this.#service}`, problems.join('; '));
    this.#redaction.learn(schemas, config);
    return config;
  }

  #start(): void {
    if (this.#state !== 'declared') return;
    this.#state = 'ready';
    const { start } = this.#module.definition;
    if (start === undefined) return;
    const life = { config: this.#config as never, self: this.#self, host: this.#host, signal: this.#life.signal, log: this.#log };
    this.#started = Promise.resolve()
      .then(() => start(life))
      .catch((error: unknown) => {
        this.#complain(`start failed: ${toldOf(error)}`);
        this.#link.exit(1);
        throw error;
      });
    this.#started.catch(() => {});
  }

  async #update(given: Readonly<Record<string, Json>>): Promise<Record<string, never>> {
    if (this.#state === 'new') throw rpcError('NotReady', 'config/update before initialize');
    const config = this.#checked(given);
    try {
      await this.#module.definition.update?.(config as never);
    } catch (error) {
      throw refusal(
        'InvalidParams',
        'the config is refused',
        `config of ${this.#service}`,
        this.#redaction.text(error instanceof Error ? error.message : String(error)),
      );
    }
    this.#config = config;
    return {};
  }

  #mutation(name: string): Handler {
    const { mutations, hosts } = this.#module.definition;
    const core = name === 'core/sync' ? hosts?.sync : name === 'core/quiesce' ? hosts?.quiesce : undefined;
    const found = core ?? (mutations !== undefined && Object.hasOwn(mutations, name) ? mutations[name] : undefined);
    if (found === undefined)
      throw rpcError('NotFound', `this module has no mutation ${name} (it has: ${Object.keys(mutations ?? {}).join(', ')})`);
    return { one: found.run, many: found.runMany, ...('atOnce' in found && { atOnce: found.atOnce }) } as Handler;
  }

  #poller(name: string): Handler {
    const { pollers } = this.#module.definition;
    const found = pollers !== undefined && Object.hasOwn(pollers, name) ? pollers[name] : undefined;
    if (found === undefined)
      throw rpcError('NotFound', `this module has no poller ${name} (it has: ${Object.keys(pollers ?? {}).join(', ')})`);
    return { one: found.poll, many: found.pollMany, ...('atOnce' in found && { atOnce: found.atOnce }) } as Handler;
  }

  async #run(
    name: string,
    handler: Handler,
    deadline: number,
    nodes: Params<'mutation/run'>['nodes'],
    call: CallContext,
  ): Promise<Outcome> {
    await this.#ready();
    const stopping = new AbortController();
    const job = { name, nodes: nodes as unknown as Job['nodes'], deadline, handler, call, stopping: stopping.signal };
    const running = runBatch(job, this.#tools());
    this.#running.set(running, stopping);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #probe(node: string, { signal }: CallContext): Promise<Result<'session/probe'>> {
    await this.#ready();
    const probe = this.#module.definition.hosts?.probe;
    if (probe === undefined) throw rpcError('MethodNotFound', 'this module does not play hosts');
    return { answered: (await probe(node, { signal })) === true };
  }

  async #ready(): Promise<void> {
    if (this.#state !== 'ready')
      throw rpcError('NotReady', this.#state === 'stopping' ? 'the module is stopping' : 'the module was not told that it is initialized');
    await this.#started;
  }

  #tools(): Tools {
    return {
      config: this.#config as never,
      host: this.#host,
      now: () => this.#clock + performance.now(),
      log: this.#log,
      progress: (id, message, fraction) => this.#progress(id, message, fraction),
      clean: (text) => this.#redaction.text(text),
      undeclared: (values) => this.#reportable.undeclared(values),
      report: (observed) => this.#host.report(observed),
    };
  }

  readonly #log = (level: Level, message: string, fields?: Readonly<Record<string, unknown>>): void => {
    const line = { level, message: this.#redaction.text(String(message)).slice(0, LONGEST_MESSAGE) };
    const clean = fields === undefined ? undefined : (this.#redaction.value(plain(fields)) as Record<string, Json>);
    this.#peer.notify('$/log', clean === undefined ? line : { ...line, fields: clean });
  };

  /** At most ten a second: it is for people. */
  #progress(id: string | number, message: string, fraction?: number): void {
    const now = performance.now();
    if (now - this.#progressAt < PROGRESS_EVERY && fraction !== 1) return;
    this.#progressAt = now;
    const text = this.#redaction.text(message).slice(0, 4096);
    this.#peer.notify(
      '$/progress',
      fraction === undefined ? { id, message: text } : { id, message: text, fraction: Math.min(1, Math.max(0, fraction)) },
    );
  }

  async #end(grace: number): Promise<void> {
    this.#state = 'stopping';
    this.#life.abort(new Error('the module is stopping'));
    const giveUp = setTimeout(() => {
      for (const task of this.#running.values()) task.abort(rpcError('Cancelled', 'the module is stopping'));
    }, grace * TASKS_SHARE);
    await Promise.allSettled(this.#running.keys());
    clearTimeout(giveUp);
    try {
      await this.#module.definition.stop?.();
    } catch (error) {
      this.#complain(`stop failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }

  #complain(text: string): void {
    this.#link.complain(this.#redaction.text(text));
  }

  #errorOf(error: unknown): { code: number; message: string; data?: unknown } {
    if (error instanceof RpcError) return { code: error.code, message: this.#redaction.text(error.message), data: error.data };
    const { code, message, retryAfter } = failureOf(error);
    if (code === CODES.StepFailed && error instanceof Error) this.#complain(error.stack ?? message);
    return { code, message: this.#redaction.text(message), ...(retryAfter !== undefined && { data: { retryAfter } }) };
  }
}

/** Two clocks of one machine differ by less than this; what more there is was the wait of `initialize` in the pipe. */
const SAME_CLOCK = 60_000;

/** The host's time now. `initialize` may have waited for this module to start: our own clock is nearer, unless it is another. */
function clockOf(told: number): number {
  const own = Date.now();
  return Math.abs(told - own) < SAME_CLOCK ? own : told;
}

/** As JSON would have it; what JSON cannot say is said as text, because a log line must never fail a step. */
function plain(fields: Readonly<Record<string, unknown>>): unknown {
  try {
    return JSON.parse(
      JSON.stringify(fields, (_key, value: unknown) =>
        value instanceof Error ? value.message : typeof value === 'bigint' ? String(value) : value,
      ),
    );
  } catch {
    return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value)]));
  }
}
