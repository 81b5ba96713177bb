/** One process of the module and what is said with it: lines as they are, so that a rule that is broken is seen and not smoothed over. */
import { CODES, createWriter, encodeLine, LineDecoder, type LineFault, type LineWriter } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import type { Confined } from '../modules/spawn.ts';
import { isObject } from '../modules/variables.ts';
import type { Book } from './book.ts';
import { type Ended, type Subject, startSubject } from './subject.ts';
import type { Watch } from './watch.ts';

/** What came of a request: a result, an error, nothing in time, or the process has ended. */
export type Answer =
  | { readonly is: 'result'; readonly result: unknown; readonly ms: number }
  | { readonly is: 'error'; readonly code: number; readonly message: string; readonly data?: unknown; readonly ms: number }
  | { readonly is: 'late'; readonly ms: number }
  | { readonly is: 'gone' };

export type Message = { readonly [key: string]: Json };

export interface Start {
  readonly command: readonly string[];
  readonly cwd: string;
  /** What is executed for the command. */
  confined(): Confined;
  readonly env?: readonly string[];
  readonly book: Book;
  readonly watch: Watch;
  called(message: Message, dialogue: Dialogue): void;
}

/** So long what a process that is gone had written may take to be read. */
const LAST_WORDS = 150;
/** What ends has closed its input before it is gone: on a busy machine it takes its time. */
const DYING = 2_000;
const KEPT = 60;
const SHOWN = 4096;
/** Bytes that wait for a module that does not read. */
const UNREAD = 64 * 1024 * 1024;

export class Dialogue {
  readonly #start: Start;
  readonly #subject: Subject;
  readonly #writer: LineWriter;
  readonly #decoder = new LineDecoder();
  readonly #waiting = new Map<number, { done(answer: Answer): void; readonly at: number }>();
  readonly #givenUp = new Set<number>();
  readonly #lines: string[] = [];
  readonly #from = performance.now();
  #left = 0;
  #next = 1;
  #asked = false;
  #isMute = false;
  /** Killed by us: what is left of it then says nothing. */
  isForced = false;
  /** It has answered initialize: from then on it lives until it is asked to end. */
  isInitialized = false;
  readonly gone: Promise<Ended>;

  constructor(start: Start) {
    this.#start = start;
    this.#subject = startSubject(start);
    const { process: child, exited, ended } = this.#subject;
    this.#writer = createWriter(child.stdin, { limit: UNREAD, onOverflow: () => {}, onError: () => this.#closedInput() });
    child.stdout.on('data', (chunk: Buffer) => this.#read(chunk));
    child.stderr.on('data', (chunk: Buffer) => this.#logged(chunk));
    void exited.then(() => setTimeout(() => this.#giveUp(), LAST_WORDS));
    this.gone = ended.then((end) => this.#over(end));
  }

  get isGone(): boolean {
    return this.#isMute;
  }

  get pid(): number {
    return this.#subject.process.pid ?? 0;
  }

  /** So far, bounded: the first lines, and the last ones. */
  get transcript(): readonly string[] {
    if (this.#left === 0) return [...this.#lines];
    return [...this.#lines.slice(0, KEPT / 2), `  … ${this.#left} lines are left out`, ...this.#lines.slice(KEPT / 2)];
  }

  request(method: string, params: unknown, ms: number): Promise<Answer> {
    return this.call(method, params, ms).answer;
  }

  call(method: string, params: unknown, ms: number): { readonly id: number; readonly answer: Promise<Answer> } {
    const id = this.#next++;
    const at = performance.now();
    const answer = new Promise<Answer>((resolve) => {
      if (this.isGone) return resolve({ is: 'gone' });
      const timer = setTimeout(() => {
        this.#givenUp.add(id);
        done({ is: 'late', ms });
      }, ms);
      const done = (given: Answer): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(given);
      };
      this.#waiting.set(id, { done, at });
      this.send({ jsonrpc: '2.0', id, method, params: params as Json });
    });
    return { id, answer };
  }

  notify(method: string, params: unknown): void {
    this.send({ jsonrpc: '2.0', method, params: params as Json });
  }

  send(message: Message): void {
    const line = encodeLine(message);
    if (line === undefined || this.isGone) return;
    this.#note('→', line);
    this.#writer.send(line);
  }

  /** From here on it may end. */
  mayEnd(): void {
    this.#asked = true;
  }

  endInput(): void {
    this.mayEnd();
    this.#note('→', '(end of its input)');
    // What was said before comes first.
    void this.#writer.drained().then(() => this.#subject.process.stdin.end());
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.isGone) return;
    this.mayEnd();
    if (signal === 'SIGKILL') this.isForced = true;
    this.#note('→', `(${signal})`);
    this.#subject.kill(signal);
  }

  /** How it ended, or undefined: it is still there after so long. */
  async endsWithin(ms: number): Promise<Ended | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const how = await Promise.race([this.gone, new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)))]);
    clearTimeout(timer);
    return how;
  }

  fail(id: Parameters<Book['fail']>[0], why: string): void {
    this.#start.book.fail(id, why, this.transcript);
  }

  note(text: string): void {
    this.#note(' ', text);
  }

  #read(chunk: Buffer): void {
    for (const item of this.#decoder.push(chunk)) {
      if (typeof item === 'string') this.#line(item);
      else this.#fault(item);
    }
  }

  #fault(fault: LineFault): void {
    switch (fault.fault) {
      case 'tooLong':
        this.#note('←', `(a line over ${fault.limit} bytes)`);
        return this.fail('wire.limit', `it wrote a line over the limit of ${fault.limit} bytes`);
      case 'invalidUtf8':
        this.#note('←', `(${fault.bytes} bytes that are not UTF-8: ${fault.start})`);
        return this.fail('wire.utf8', `it wrote a line of ${fault.bytes} bytes that is not UTF-8: ${fault.start}`);
      case 'halfLine':
        return this.fail('wire.whole', `it ended after ${fault.bytes} bytes of a line: ${fault.start}`);
      default:
        return fault satisfies never;
    }
  }

  #line(line: string): void {
    this.#note('←', line);
    this.#start.watch.said(line, this);
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      return this.fail('wire.json', `it wrote on stdout a line that is not JSON: ${JSON.stringify(line.slice(0, 200))}`);
    }
    if (!isObject(message)) return this.fail('wire.json', `it wrote on stdout what is no JSON object: ${line.slice(0, 200)}`);
    const { jsonrpc, id, method } = message;
    if (jsonrpc !== '2.0') return this.fail('wire.rpc', `a message has no "jsonrpc": "2.0": ${line.slice(0, 200)}`);
    if (typeof method === 'string') return this.#start.called(message, this);
    if (method !== undefined || (message.result === undefined) === (message.error === undefined))
      return this.fail('wire.rpc', `a message is neither a call nor an answer: ${line.slice(0, 200)}`);
    this.#answered(id, message);
  }

  #answered(id: Json | undefined, message: Message): void {
    const waiter = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    const { result, error } = message;
    const isError = isObject(error) && Number.isInteger(error.code) && typeof error.message === 'string';
    if (error !== undefined && !isError)
      return this.fail('wire.rpc', `an error is not {code, message}: ${JSON.stringify(error).slice(0, 200)}`);
    if (waiter) {
      const ms = performance.now() - waiter.at;
      if (!isObject(error)) return waiter.done({ is: 'result', result, ms });
      return waiter.done({ is: 'error', code: Number(error.code), message: String(error.message), data: error.data, ms });
    }
    if (typeof id === 'number' && this.#givenUp.delete(id)) return;
    // A line of ours that it could not read: the one answer that has no id.
    if (id === null && isObject(error)) return;
    this.fail('wire.once', `it answered ${JSON.stringify(id ?? null)}, which waits for no answer: it was answered before, or never asked`);
  }

  #logged(chunk: Buffer): void {
    const text = chunk.toString('utf8');
    this.#note('!', text.trimEnd());
    this.#start.watch.logged(chunk.length, text, this);
  }

  #closedInput(): void {
    setTimeout(() => {
      if (!this.#asked && !this.isGone) this.fail('wire.stdin', 'it closed its input and lives on');
    }, DYING).unref();
  }

  /** Its process is gone, and what is left in its pipes is read. */
  #over(end: Ended): Ended {
    const half = this.#decoder.end();
    // What we have cut short is no fault of its.
    if (half && half.fault === 'halfLine' && !this.isForced) this.#fault(half);
    this.#note(' ', `(${end.how})`);
    if (end.isHeld) this.fail('end.children', `${end.how}, and a process that it had started still holds its pipes`);
    else if (!this.isForced) this.#start.book.pass('end.children');
    if (!this.#asked && this.isInitialized) this.fail('life.stays', `${end.how}, and nobody had asked it to end`);
    this.#giveUp();
    return end;
  }

  /** Nobody is there who could answer. */
  #giveUp(): void {
    this.#isMute = true;
    for (const [id, { done }] of [...this.#waiting]) {
      this.#givenUp.add(id);
      done({ is: 'gone' });
    }
  }

  #note(way: string, text: string): void {
    if (this.#lines.length >= KEPT) {
      this.#lines.splice(KEPT / 2, 1);
      this.#left += 1;
    }
    const ms = String(Math.round(performance.now() - this.#from)).padStart(5);
    this.#lines.push(`${ms} ms ${way} ${text.length > SHOWN ? text.slice(0, SHOWN) : text.trimEnd()}`);
  }
}

/** The protocol's word for it. */
export const isRefusal = (answer: Answer, code: keyof typeof CODES): boolean => answer.is === 'error' && answer.code === CODES[code];
