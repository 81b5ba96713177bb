/** One process of a module, from its pipes up: lines, handshake, heartbeat, and whether it keeps to the rules. */
import {
  CODES,
  createPeer,
  createWriter,
  type Declaration,
  LineDecoder,
  type LineFault,
  type LineWriter,
  type Peer,
  type PeerFault,
  PROTOCOL,
  RpcError,
} from '@kraken-hpc/sdk/wire';
import type { Json, ServiceDeclaration } from '../core/declaration.ts';
import type { Millis } from '../core/record.ts';
import type { Complaints } from './complaints.ts';
import type { ModuleSession, SupervisorOptions } from './hooks.ts';
import { errorOnWire, Incoming, readable } from './incoming.ts';
import type { Limits } from './limits.ts';
import type { ModuleLog } from './logs.ts';
import { reporter } from './observe.ts';
import { Outgoing } from './outgoing.ts';
import { refuse } from './refuse.ts';
import type { ServiceSpec } from './registry.ts';
import type { Child } from './spawn.ts';

export interface SessionOptions {
  readonly spec: ServiceSpec;
  readonly limits: Limits;
  readonly hooks: SupervisorOptions;
  readonly log: ModuleLog;
  readonly complaints: Complaints;
  readonly child: Child;
  /** It broke a rule or a limit: it must go. */
  broke(why: string): void;
  hung(why: string): void;
}

/** How much of a bad line is shown. */
const SHOWN = 200;
/** A pipe that closes is mostly a process that ends: so long its exit is waited for, which says more. */
const EXITING = 200;
/** How long one that floods is not read. */
const SLOWED = 20;

export class Session {
  readonly #options: SessionOptions;
  readonly #writer: LineWriter;
  readonly #decoder: LineDecoder;
  readonly #incoming: Incoming;
  readonly #closers: (() => void)[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly peer: Peer<'host'>;
  #outgoing: Outgoing | undefined;
  #heardAt: Millis;
  #pongs = 0;
  #garbage = 0;
  #line = '';
  #closed = false;
  #slowed = false;
  #paths: readonly string[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    const { child, limits, log, hooks, complaints, spec } = options;
    this.#heardAt = hooks.now();
    this.#decoder = new LineDecoder(limits.line);
    this.#writer = createWriter(child.stdin, {
      limit: limits.unread,
      onOverflow: (bytes) => this.#broke(`it does not read its input: ${bytes} bytes wait for it, the limit is ${limits.unread}`),
      onError: () => this.#unlessExiting('it closed its input'),
    });
    this.#incoming = new Incoming({
      service: spec.service,
      limits,
      hooks,
      complaints,
      session: this.#facade(),
      slow: () => this.#slow(),
      broke: (why) => this.#broke(why),
    });
    this.peer = createPeer<'host'>({
      end: 'host',
      send: (line) => this.#writer.send(line),
      answers: this.#incoming.answers(),
      hears: {
        '$/log': ({ level, message }) => log.line(`${level}: ${message}`),
        '$/progress': ({ message }) => log.line(`progress: ${message}`),
      },
      onFault: (fault) => this.#fault(fault),
      onLate: (late) => {
        if (late.method === 'ping') this.#pongs += 1;
        this.#outgoing?.late(late);
      },
      errorOf: errorOnWire,
      maxInFlight: limits.inFlight,
    });
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stdout.once('end', () => this.#unlessExiting('it closed its output'));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#logged(text));
  }

  /** Answered and open to runs. */
  get outgoing(): Outgoing | undefined {
    return this.#outgoing;
  }

  /** Sends `initialize`. Rejects with a RefusalError when starting it again would not help; with an Error when it is a crash. */
  async initialize(config: { readonly [key: string]: Json }): Promise<Declaration> {
    const { spec, limits, hooks } = this.#options;
    const { host } = hooks;
    const params = {
      protocols: [PROTOCOL],
      host: { name: host.name, version: host.version },
      node: host.node,
      service: spec.service,
      module: spec.module,
      config,
      capabilities: [],
      now: hooks.now(),
    };
    const bytes = Buffer.byteLength(JSON.stringify(params));
    const no = (why: string, todo: string) => refuse(CODES.InvalidParams, spec.service, 'it cannot be initialized', why, todo);
    if (bytes > limits.initialize)
      throw no(`its config makes ${bytes} bytes, the limit is ${limits.initialize}`, 'Make the config smaller');
    const answer = await this.peer.request('initialize', params, { timeoutMs: limits.start }).catch((error: RpcError) => {
      throw handshakeError(error, no, limits.start);
    });
    if (answer.protocol !== PROTOCOL)
      throw no(`it picked protocol ${answer.protocol}, this host speaks ${PROTOCOL}`, 'Upgrade the older of the two');
    return answer.declaration;
  }

  /** The declaration is accepted: the module is told, may call, and can be called. */
  open(declaration: ServiceDeclaration): void {
    const { spec, limits, hooks, complaints } = this.#options;
    this.#paths = readable(declaration);
    this.#incoming.open(declaration);
    this.#outgoing = new Outgoing({
      service: spec.service,
      limits,
      peer: this.peer,
      reporter: reporter(declaration),
      complaints,
      now: hooks.now,
      late: (items) => hooks.late(spec.service, items),
      refused: (one) => this.#incoming.refused(one),
    });
    this.peer.notify('initialized', {});
    this.#beat();
  }

  /** Asks it to end; tells it to when it has answered. The rest is the stop ladder's. */
  shutdown(reason: string, grace: number): void {
    this.peer.request('shutdown', { reason, grace }, { timeoutMs: grace }).then(
      () => this.peer.notify('exit', {}),
      () => {},
    );
  }

  /** The process is gone. What still waits is lost, its watches end. Returns what else there is to say of how it ended. */
  close(how: string): string {
    const half = this.#decoder.end();
    this.#end();
    this.peer.close(how);
    for (const closer of this.#closers.splice(0)) closer();
    return half?.fault === 'halfLine' ? ` in the middle of a line (${half.bytes} bytes: ${shown(half.start)})` : '';
  }

  #facade(): ModuleSession {
    const { service, permissions } = this.#options.spec;
    const session = this;
    return {
      service,
      permissions,
      get paths() {
        return session.#paths;
      },
      notify: (method, params) => this.peer.notify(method, params),
      sendRaw: (line) => this.peer.sendRaw(line),
      get pendingBytes() {
        return session.#writer.pendingBytes;
      },
      drained: () => this.#writer.drained(),
      onClose: (listener) => (this.#closed ? listener() : this.#closers.push(listener)),
    };
  }

  #read(chunk: Buffer): void {
    if (this.#closed) return;
    this.#heardAt = this.#options.hooks.now();
    for (const item of this.#decoder.push(chunk)) {
      if (typeof item !== 'string') this.#lineFault(item);
      else {
        this.#line = item;
        this.peer.receive(item);
      }
    }
  }

  /** Over its limit the log is dropped, and read slower: a flood must not cost the host its time. */
  #logged(text: string): void {
    const { log, complaints, limits, child } = this.#options;
    if (log.chunk(text)) return;
    complaints.complain('log', `writes more than ${limits.logPerSecond} bytes of log a second; what is over it is dropped`);
    child.stderr.pause();
    setTimeout(() => child.stderr.resume(), SLOWED);
  }

  #lineFault(fault: LineFault): void {
    switch (fault.fault) {
      case 'tooLong':
        return this.#broke(`it wrote a line over the limit of ${fault.limit} bytes`);
      case 'invalidUtf8':
        return this.#wrote(`a line of ${fault.bytes} bytes that is not UTF-8`, fault.start);
      case 'halfLine':
        return;
      default:
        return fault satisfies never;
    }
  }

  #fault(fault: PeerFault): void {
    const { complaints } = this.#options;
    switch (fault.kind) {
      case 'notJson':
        return this.#wrote('a line that is not JSON', this.#line);
      case 'notRpc':
        return this.#wrote(`what is no message of the protocol (${fault.text.split(':')[0]})`, this.#line);
      case 'tooMany':
        this.#slow();
        return complaints.complain('tooMany', `${fault.text}; what is over it is refused (${CODES.TooMany})`);
      case 'badParams':
      case 'badResult':
      case 'unknownMethod':
        return complaints.complain(`${fault.kind} ${fault.method ?? ''}`, `${fault.text}. A defect of the module: report it to its author`);
      case 'handlerFailed':
        return complaints.complain(`handler ${fault.method ?? ''}`, `the host failed to answer it: ${fault.text}`);
      default:
        return fault.kind satisfies never;
    }
  }

  /** Garbage on stdout is said, and too much of it ends the module: skipped in silence it would cost somebody a day. */
  #wrote(what: string, line: string): void {
    const { complaints, limits } = this.#options;
    this.#garbage += 1;
    complaints.complain(
      'garbage',
      `wrote on stdout ${what}: ${shown(line)}. stdout belongs to the protocol; a module's own words go to stderr`,
    );
    if (this.#garbage > limits.garbageLines)
      this.#broke(`it wrote ${this.#garbage} lines on stdout that are no messages, at last ${what}: ${shown(line)}`);
  }

  /** Silent for long, it is asked whether it is there; one timer at a time, set anew only when it has run out. */
  #beat(): void {
    const { limits, hooks } = this.#options;
    const rest = limits.idle - (hooks.now() - this.#heardAt);
    if (rest > 0) this.#after(rest, () => this.#beat());
    else void this.#ping();
  }

  async #ping(): Promise<void> {
    const { limits, hung } = this.#options;
    const pongs = this.#pongs;
    try {
      await this.peer.request('ping', {}, { timeoutMs: limits.ping });
    } catch (error) {
      // If it was this process that stood still, the answer is in the pipe: it is read before anybody is blamed.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      if (this.#closed) return;
      if (error instanceof RpcError && error.code === CODES.DeadlineExceeded && this.#pongs === pongs) {
        this.#end();
        hung(`it did not answer a ping for ${limits.ping / 1000} s`);
        return;
      }
    }
    if (!this.#closed) this.#after(limits.idle, () => this.#beat());
  }

  #slow(): void {
    const { stdout } = this.#options.child;
    if (this.#closed || this.#slowed) return;
    this.#slowed = true;
    stdout.pause();
    this.#after(SLOWED, () => {
      this.#slowed = false;
      stdout.resume();
    });
  }

  #unlessExiting(why: string): void {
    if (!this.#closed) this.#after(EXITING, () => this.#broke(why));
  }

  #broke(why: string): void {
    if (this.#closed) return;
    this.#end();
    this.#options.broke(why);
  }

  /** Nothing of it is read or timed any more. */
  #end(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#options.child.stdout.resume();
  }

  #after(ms: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }
}

const shown = (line: string): string => JSON.stringify(line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line);

function handshakeError(error: RpcError, no: (why: string, todo: string) => Error, start: number): Error {
  const data = error.data as { readonly supported?: unknown; readonly field?: unknown } | null | undefined;
  switch (error.code) {
    case CODES.NoCommonVersion:
      return no(
        `it speaks protocol ${JSON.stringify(data?.supported ?? 'unknown')}, this host speaks ${PROTOCOL}`,
        'Upgrade the older of the two',
      );
    case CODES.InvalidParams:
    case CODES.InvalidValue:
    case CODES.Terminal:
      return no(`it says: ${error.message}`, 'Correct the config of this service; it then starts by itself');
    case CODES.DeadlineExceeded:
      return new Error(`it did not answer initialize in ${start / 1000} s`);
    default:
      return typeof data?.field === 'string'
        ? no(error.message, 'A defect of the module: report it to its author')
        : new Error(error.message);
  }
}
