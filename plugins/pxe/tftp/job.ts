/** One client's request from its asking to its end: what it may have, the reading of it, and the transfer that says what goes out when. */
import { bytesReader, type FileTable, PAGE, type Reader } from '../files/file-table.ts';
import { unreadable } from '../files/unreadable.ts';
import type { Served, Source } from '../served.ts';
import { dataHeader, ERROR, type ErrorCode, errorPacket, optionsPacket } from './packet.ts';
import { agree, type TermLimits } from './terms.ts';
import { type Sendable, Transfer } from './transfer.ts';

export interface Asked {
  readonly name: string;
  readonly address: string;
  readonly options: ReadonlyMap<string, string>;
}

/** What a job needs of the world. */
export interface Surroundings {
  readonly source: Source;
  readonly files: FileTable;
  readonly limits: TermLimits;
  /** Milliseconds from anywhere. */
  now(): number;
  send(parts: readonly Uint8Array[]): void;
  /** For a person; whose fault it may be, and what makes two of them the same. */
  complain(whose: string, about: string, message: string): void;
  ended(job: Job): void;
}

const REFUSED: Readonly<Record<403 | 404 | 503, ErrorCode>> = { 403: ERROR.access, 404: ERROR.notFound, 503: ERROR.other };

export class Job {
  readonly asked: Asked;
  readonly #around: Surroundings;
  readonly #since: number;
  #transfer: Transfer | undefined;
  #reader: Reader | undefined;
  #isPumping = false;
  #isEnded = false;

  constructor(asked: Asked, around: Surroundings) {
    this.asked = asked;
    this.#around = around;
    this.#since = around.now();
  }

  /** Whether the client has answered yet: until then, that it asks again means only that it has heard nothing. */
  get isProven(): boolean {
    return this.#transfer?.isProven ?? false;
  }

  /** Whether the Source is still looking. */
  get isPending(): boolean {
    return this.#transfer === undefined;
  }

  /** Never rejects. */
  async start(): Promise<void> {
    const { name, address } = this.asked;
    try {
      const served = await this.#around.source.open(name, address, 'tftp');
      if (this.#isEnded) return;
      if (served.kind === 'refused') {
        this.#around.complain(address, name, `TFTP: ${name} was refused to ${address}: ${served.why}`);
        this.#fail(REFUSED[served.status], served.why);
        return;
      }
      await this.#begin(served);
    } catch (error) {
      this.#trouble(error);
    }
  }

  acknowledge(block: number): void {
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    const now = this.#around.now();
    transfer.acknowledge(block, now);
    if (transfer.state === 'done') {
      this.end();
      this.#around.source.done(this.asked.name, this.asked.address, 'tftp', transfer.size, now - this.#since);
    } else void this.#pump();
  }

  tick(now: number): void {
    const transfer = this.#transfer;
    if (transfer === undefined) return;
    transfer.tick(now);
    if (transfer.state !== 'lost') {
      void this.#pump();
      return;
    }
    const { name, address } = this.asked;
    const what = transfer.isSent ? 'did not acknowledge the end of' : 'fell silent within';
    this.#around.complain(address, 'silent', `TFTP: ${address} ${what} ${name}; given up after ${Math.round(now - this.#since)} ms`);
    this.#fail(ERROR.other, 'no acknowledgement came');
  }

  /** Nothing more is sent. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#reader?.release();
    this.#around.ended(this);
  }

  async #begin(served: Exclude<Served, { kind: 'refused' }>): Promise<void> {
    const reader = served.kind === 'bytes' ? bytesReader(served.bytes) : await this.#around.files.open(served);
    if (this.#isEnded) {
      reader.release();
      return;
    }
    this.#reader = reader;
    this.#transfer = new Transfer(reader.size, agree(this.asked.options, reader.size, this.#around.limits));
    await this.#pump();
  }

  /** Sends what the transfer wants sent; one at a time, because a page may have to be read first. */
  async #pump(): Promise<void> {
    const { now } = this.#around;
    if (this.#isPumping || this.#transfer === undefined) return;
    this.#isPumping = true;
    try {
      for (let next = this.#transfer.take(now()); next !== undefined && !this.#isEnded; next = this.#transfer.take(now())) {
        const parts = this.#parts(this.#transfer, next);
        const ready = parts instanceof Promise ? await parts : parts;
        if (!this.#isEnded) this.#around.send(ready);
      }
    } catch (error) {
      this.#trouble(error);
    } finally {
      this.#isPumping = false;
    }
  }

  #parts(transfer: Transfer, next: Sendable): Uint8Array[] | Promise<Uint8Array[]> {
    if (next.kind === 'options') return [optionsPacket(transfer.terms.accepted)];
    const { block, offset, length } = next;
    const header = dataHeader(block);
    if (length === 0 || this.#reader === undefined) return [header];
    const first = Math.floor(offset / PAGE);
    const last = Math.floor((offset + length - 1) / PAGE);
    const cut = (page: Buffer, index: number): Buffer => page.subarray(Math.max(0, offset - index * PAGE), offset + length - index * PAGE);
    const head = this.#reader.page(first);
    const tail = first === last ? undefined : this.#reader.page(last);
    if (head instanceof Promise || tail instanceof Promise)
      return Promise.all([head, tail]).then(([a, b]) => [header, cut(a, first), ...(b === undefined ? [] : [cut(b, last)])]);
    return tail === undefined ? [header, cut(head, first)] : [header, cut(head, first), cut(tail, last)];
  }

  #trouble(error: unknown): void {
    if (this.#isEnded) return;
    const { name, address } = this.asked;
    const { client, person } = unreadable(error, name);
    this.#around.complain('server', name, `TFTP: a transfer to ${address} was broken off: ${person}`);
    this.#fail(ERROR.other, client);
  }

  #fail(code: ErrorCode, why: string): void {
    this.#around.send([errorPacket(code, why)]);
    this.end();
  }
}
