/** One process of a module, from its pipes up: lines, handshake, heartbeat, and whether it keeps to the rules. */
import {
  CODES,
  createPeer,
  createWriter,
  LineDecoder,
  type LineFault,
  type LineWriter,
  type Peer,
  type PeerFault,
} from '@kraken-hpc/sdk/wire';
import type { ServiceDeclaration } from '../core/declaration.ts';
import type { Complaints } from './complaints.ts';
import { Heartbeat } from './heartbeat.ts';
import type { ModuleSession, SupervisorOptions } from './hooks.ts';
import { errorOnWire, Incoming, readable } from './incoming.ts';
import type { Limits } from './limits.ts';
import type { ModuleLog } from './logs.ts';
import { reporter } from './observe.ts';
import { Outgoing } from './outgoing.ts';
import type { ServiceSpec } from './registry.ts';
import type { Child } from './spawn.ts';

export interface SessionOptions {
  readonly spec: ServiceSpec;
  readonly limits: Limits;
  readonly hooks: SupervisorOptions;
  readonly log: ModuleLog;
  readonly complaints: Complaints;
  readonly child: Child;
  /** Takes the secrets out of a text. */
  scrub(text: string): string;
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
  readonly #heartbeat: Heartbeat;
  #garbage = 0;
  #line = '';
  #closed = false;
  #slowed = false;
  #paths: readonly string[] = [];

  constructor(options: SessionOptions) {
    this.#options = options;
    const { child, limits, log, hooks, complaints, spec } = options;
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
        if (late.method === 'ping') this.#heartbeat.pong();
        this.#outgoing?.late(late);
      },
      errorOf: errorOnWire,
      maxInFlight: limits.inFlight,
    });
    this.#heartbeat = new Heartbeat({
      peer: this.peer,
      limits,
      now: hooks.now,
      hung: (why) => {
        this.#end();
        options.hung(why);
      },
    });
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stdout.once('end', () => this.#unlessExiting('it closed its output'));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#logged(text));
  }

  /** Answered and open to runs. */
  get outgoing(): Outgoing | undefined {
    return this.#outgoing;
  }

  /** The declaration is accepted: the module is told, may call, and can be called. */
  open(declaration: ServiceDeclaration): void {
    const { spec, limits, hooks, complaints, scrub } = this.#options;
    this.#paths = readable(declaration);
    this.#incoming.open(declaration);
    this.#outgoing = new Outgoing({
      service: spec.service,
      limits,
      peer: this.peer,
      reporter: reporter(declaration),
      complaints,
      scrub,
      now: hooks.now,
      late: (items) => hooks.late(spec.service, items),
      refused: (one) => this.#incoming.refused(one),
    });
    this.peer.notify('initialized', {});
    this.#heartbeat.start();
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
    this.#heartbeat.heard();
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
    this.#heartbeat.stop();
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

/** A bad line as it is shown to a person. */
const shown = (line: string): string => JSON.stringify(line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line);
