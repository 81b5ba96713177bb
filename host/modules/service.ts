/** One service: performs what its life (restart.ts) asks for, and says every change of it. */
import { CODES, type Declaration } from '@kraken-hpc/sdk/wire';
import type { ServiceStatus } from '../core/answers.ts';
import type { Json, ServiceDeclaration } from '../core/declaration.ts';
import type { NodeId } from '../core/record.ts';
import { RefusalError } from '../core/refusal.ts';
import { Complaints } from './complaints.ts';
import { checkConfig, hasSecrets, type Resolved, resolveConfig, scrubber, strings } from './config.ts';
import type { Prepared } from './confine/confinement.ts';
import { seesOther } from './confine/plan.ts';
import { declare } from './declare.ts';
import { end } from './end.ts';
import { initialize } from './handshake.ts';
import type { Reply, SupervisorOptions } from './hooks.ts';
import { killLadder, type Ladder } from './ladder.ts';
import type { Limits } from './limits.ts';
import { ModuleLog } from './logs.ts';
import type { Ask } from './outgoing.ts';
import { failure, refuse } from './refuse.ts';
import type { ServiceSpec } from './registry.ts';
import { callModule, tellConfig } from './requests.ts';
import { type Life, type LifeEvent, newborn, next, type Phase } from './restart.ts';
import { sentenceOf } from './sentences.ts';
import { Session } from './session.ts';
import { type Child, trySpawn } from './spawn.ts';
import { Usage } from './usage.ts';
import type { Watchman } from './watchman.ts';

export interface ServiceOptions {
  readonly hooks: SupervisorOptions;
  readonly limits: Limits;
  readonly ladder: Ladder;
  readonly watchman: Watchman;
}

interface Run {
  readonly child: Child;
  readonly session: Session;
  /** Being stopped, or killed: nobody starts with that twice. */
  ending: boolean;
}

export class Service {
  readonly #options: ServiceOptions;
  readonly #complaints: Complaints;
  readonly log: ModuleLog;
  #spec: ServiceSpec;
  #life: Life;
  #run: Run | undefined;
  #declaration: ServiceDeclaration | undefined;
  #wire: Declaration | undefined;
  #scrub: (text: string) => string = (text) => text;
  /** The same for what the module itself writes: until its schema says what is secret, all of its config is. */
  #scrubLog: (text: string) => string = (text) => text;
  readonly #usage = new Usage();
  #retry: NodeJS.Timeout | undefined;
  #settled: (() => void)[] = [];

  constructor(spec: ServiceSpec, options: ServiceOptions, stopped?: string) {
    this.#spec = spec;
    this.#options = options;
    const { hooks, limits } = options;
    this.#life = newborn(hooks.now(), stopped);
    this.log = new ModuleLog(limits, hooks.now, (line) => this.#scrubLog(line));
    this.#complaints = new Complaints(hooks.now, (sentence) => this.#say('warn', sentence));
  }

  get phase(): Phase {
    return this.#life.phase;
  }

  status(): ServiceStatus {
    const { phase, since, why, starts } = this.#life;
    const { service, module, serves } = this.#spec;
    const pid = this.#run?.child.program;
    const told = {
      service,
      module,
      state: phase,
      since,
      serves,
      mutations: this.#declaration?.mutations.length ?? 0,
      restarts: Math.max(0, starts - 1),
    };
    return { ...told, ...(why === undefined ? {} : { why }), ...(pid === undefined ? {} : { pid }) };
  }

  start(spec?: ServiceSpec): void {
    if (spec) this.#spec = spec;
    this.#happen({ type: 'start' });
  }

  restart(why: string, spec?: ServiceSpec): void {
    if (spec) this.#spec = spec;
    this.#happen({ type: 'restart', why });
  }

  /** Resolves when its process is gone. */
  async stop(why: string): Promise<void> {
    this.#happen({ type: 'stop', why });
    await this.settled((phase) => phase !== 'stopping');
  }

  /** Resolves when its life has come where `there` says. */
  async settled(there: (phase: Phase) => boolean): Promise<void> {
    while (!there(this.#life.phase)) await new Promise<void>((resolve) => this.#settled.push(resolve));
  }

  /** Resolves when it is ready; rejects when it will not be without somebody's help, or (`atOnce`) when it has crashed. */
  async ready(atOnce = false): Promise<void> {
    const over: readonly Phase[] = ['ready', 'rejected', 'failed', 'stopped', ...(atOnce ? (['crashed', 'unresponsive'] as const) : [])];
    await this.settled((phase) => over.includes(phase));
    if (this.#life.phase === 'ready') return;
    const { service } = this.#spec;
    throw refuse(
      CODES.NotReady,
      service,
      `it is ${this.#life.phase}`,
      this.#life.why ?? 'it was stopped',
      `Look at \`kraken service logs ${service}\`, then \`kraken service start ${service}\``,
    );
  }

  /** A new config: told to the running module if nothing in it is secret, else it starts anew with it. Refused: the old one stays. */
  async configure(config: Json): Promise<void> {
    const spec = { ...this.#spec, config };
    const session = this.#run?.session;
    if (this.#life.phase !== 'ready' || !session || !this.#wire) return this.start(spec);
    const resolved = await resolveConfig(spec.service, config);
    await checkConfig(spec.service, this.#wire.config as Json | undefined, resolved);
    if (hasSecrets(this.#wire.config as Json | undefined) || seesOther(this.#spec.config, config))
      return this.restart('its config changed', spec);
    await tellConfig(session.peer, spec.service, resolved.config, this.#options.limits.start);
    this.#spec = spec;
  }

  /** One of the calls that it declared. */
  async call(call: string, params: { readonly [key: string]: Json }): Promise<Json> {
    const { service } = this.#spec;
    const peer = this.#life.phase === 'ready' ? this.#run?.session.peer : undefined;
    if (peer && this.#wire) return callModule({ peer, declaration: this.#wire, service, clean: this.#scrub }, call, params);
    throw refuse(CODES.NotReady, service, `it is ${this.#life.phase}`, this.#life.why ?? '', `Look at: kraken service logs ${service}`);
  }

  /** Never rejects. */
  async ask(ask: Ask, run: number): Promise<Reply> {
    const outgoing = this.#life.phase === 'ready' ? this.#run?.session.outgoing : undefined;
    if (outgoing) return outgoing.ask(ask, run);
    const { phase, why } = this.#life;
    return {
      observed: [],
      failed: [],
      lost: failure(CODES.NotReady, `service ${this.#spec.service} is ${phase}${why === undefined ? '' : `: ${why}`}`),
    };
  }

  cancel(run: number, nodes: readonly NodeId[], why: string): void {
    this.#run?.session.outgoing?.cancel(run, nodes, why);
  }

  async probe(node: NodeId, timeoutMs: number): Promise<boolean> {
    return (this.#life.phase === 'ready' && (await this.#run?.session.outgoing?.probe(node, timeoutMs))) ?? false;
  }

  /** Memory and processors, looked at every few seconds. */
  checkUse(): void {
    const run = this.#run;
    if (!run || run.ending) return;
    const why = this.#usage.excess(run.child.pid, this.#spec, this.#options.limits.memory);
    if (why !== undefined) this.#happen({ type: 'broke', why });
  }

  #happen(happened: LifeEvent): void {
    const { hooks } = this.#options;
    const before = this.#life;
    const event = 'why' in happened ? { ...happened, why: this.#scrub(happened.why) } : happened;
    const { life, act } = next(before, event, hooks.now(), hooks.random());
    this.#life = life;
    if (life.phase !== 'crashed') clearTimeout(this.#retry);
    if (life.phase !== before.phase || act === 'spawn') this.#tell(life);
    switch (act) {
      case 'spawn':
        void this.#spawn();
        break;
      case 'stop':
        void this.#end(this.#options.ladder, life.why ?? '');
        break;
      case 'kill':
        void this.#end(killLadder, life.why ?? '');
        break;
      case 'wait':
        this.#retry = setTimeout(() => this.#happen({ type: 'retry' }), Math.max(0, (life.retryAt ?? 0) - hooks.now()));
        break;
      case 'none':
        break;
      default:
        act satisfies never;
    }
    for (const resolve of this.#settled.splice(0)) resolve();
  }

  async #spawn(): Promise<void> {
    const { hooks, limits, watchman } = this.#options;
    const spec = this.#spec;
    let resolved: Resolved;
    let confined: Prepared | undefined;
    try {
      [resolved, confined] = await Promise.all([resolveConfig(spec.service, spec.config), hooks.confinement?.prepare(spec)]);
      this.#scrub = scrubber(resolved.read);
      this.#scrubLog = scrubber(strings(resolved.config));
    } catch (error) {
      this.#happen({ type: 'rejected', why: sentence(error) });
      this.#happen({ type: 'exit', why: 'it was never started' });
      return;
    }
    if (this.#life.phase !== 'starting') return this.#happen({ type: 'exit', why: 'it was never started' });
    if (confined?.said !== undefined) this.#say('warn', confined.said);
    const child = trySpawn(confined ? { ...spec, confined } : spec);
    if (typeof child === 'string') return this.#happen({ type: 'exit', why: child });
    watchman.watch(child.pid);
    const mine = (event: LifeEvent): void => {
      if (this.#run === run) this.#happen(event);
    };
    const session = new Session({
      spec,
      limits,
      hooks,
      log: this.log,
      complaints: this.#complaints,
      scrub: (text) => this.#scrub(text),
      child,
      broke: (why) => mine({ type: 'broke', why }),
      hung: (why) => mine({ type: 'hung', why }),
    });
    const run: Run = { child, session, ending: false };
    this.#run = run;
    void this.#handshake(run, spec, resolved);
    const how = await child.gone;
    watchman.forget(child.pid);
    this.log.end();
    const why =
      how +
      session.close(`service ${spec.service} (module ${spec.module}) ended: ${how}`) +
      (this.log.last === '' ? '' : `; the last line of its log: ${JSON.stringify(this.log.last)}`);
    this.#run = undefined;
    this.#happen({ type: 'exit', why });
  }

  async #handshake(run: Run, spec: ServiceSpec, resolved: Resolved): Promise<void> {
    const { hooks, limits } = this.#options;
    const current = (): boolean => this.#run === run && this.#life.phase === 'starting';
    try {
      const wire = await initialize({ peer: run.session.peer, spec, limits, hooks }, resolved.config);
      this.#scrub = this.#scrubLog = scrubber(await checkConfig(spec.service, wire.config as Json | undefined, resolved));
      const declaration = declare(wire as unknown as Json, spec);
      if (!current()) return;
      await hooks.declared(spec, declaration, wire);
      if (!current()) return;
      this.#declaration = declaration;
      this.#wire = wire;
      this.#happen({ type: 'declared' });
      run.session.open(declaration);
      this.#happen({ type: 'ready' });
    } catch (error) {
      if (!current()) return;
      if (error instanceof RefusalError) this.#happen({ type: 'rejected', why: sentence(error) });
      else this.#happen({ type: 'broke', why: sentence(error) });
    }
  }

  async #end(ladder: Ladder, why: string): Promise<void> {
    const run = this.#run;
    if (!run || (run.ending && ladder !== killLadder)) return;
    run.ending = true;
    const tried = await end(run.child, run.session, ladder, why);
    if (tried) this.#say('warn', `did not stop on ${tried}: killed with SIGKILL`);
  }

  /** Every change of state is told; the ones that a person wants to know are said. */
  #tell(life: Life): void {
    const { hooks } = this.#options;
    const { service } = this.#spec;
    const said = sentenceOf(service, life);
    const { mutations = [], pollers = [] } = this.#declaration ?? {};
    if (life.phase === 'ready')
      this.#say('info', `is ready: ${mutations.length} mutations, ${pollers.length} pollers (pid ${this.#run?.child.program})`);
    else if (said) this.#say(said.level, said.text);
    if (life.phase !== 'unresponsive') hooks.state(service, life.phase, life.why);
  }

  #say(level: 'info' | 'warn' | 'error', text: string): void {
    const { service } = this.#spec;
    const named = `${service} `;
    const message = this.#scrub(text.startsWith(named) ? text.slice(named.length) : text);
    this.log.note(message);
    this.#options.hooks.log({ level, service, message: `service ${service} ${message}` });
  }
}

const sentence = (error: unknown): string => (error instanceof Error ? error.message : String(error));
