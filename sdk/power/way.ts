/** One `via`: its link, kept between calls; how many calls it gets at once; left alone for a while when it does not answer or refuses us. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LoginRefused, Unreachable } from '../errors.ts';
import { type Conversation, type Line, look } from './conversation.ts';
import type { Device } from './definition.ts';
import { Gate } from './gate.ts';
import { NoAnswer, silenceOf } from './silence.ts';

/** A definition with its config put in: what can be done with devices of type D over links of type L. */
export interface Trade<D extends Device, L> {
  readonly answerMs: number;
  readonly atOnceEach: number;
  connect(device: D, signal: AbortSignal): Promise<L>;
  isAlive(link: L): boolean;
  disconnect(link: L, how: 'lost' | 'ended'): Promise<void> | void;
  /** By key. One device, or all that are asked for in one moment where they are read together. */
  read(devices: readonly D[], link: L, signal: AbortSignal): Promise<ReadonlyMap<string, boolean | Error>>;
  readonly isReadTogether: boolean;
  prepare(device: D, link: L, signal: AbortSignal): Promise<void>;
  switch(device: D, to: 'on' | 'off', link: L, signal: AbortSignal): Promise<void>;
}

/** Of `answerMs`: who has not answered by then is waited for outside of the gate, for it is no load, and nobody shall wait behind it. */
const SILENT = 0.2;
/** Times `answerMs`: a call that does not heed its signal is given up. */
const DEAF = 5;
const REST_FIRST = 2000;
/** What comes back is found within this time. */
const REST_MOST = 15_000;
/** Many BMCs lock a user out after a few wrong passwords. */
const REST_LOGIN = 60_000;

interface Asked<D> {
  readonly device: D;
  resolve(isOn: boolean): void;
  reject(error: unknown): void;
}

export class Way<D extends Device, L> {
  readonly #name: string;
  readonly #trade: Trade<D, L>;
  readonly #gate: Gate;
  readonly #own: Gate;
  #link: Promise<L> | undefined;
  /** The same, once it is there. */
  #linkNow: L | undefined;
  /** The end of the last conversation with each device. */
  readonly #turns = new Map<string, Promise<unknown>>();
  readonly #calls = new Set<AbortController>();
  #asked: Asked<D>[] = [];
  /** It is found out whether its trouble is over. */
  #isTrying = false;
  #isClosed = false;
  /** Why and until when (performance.now()) it is left alone, and how often in a row it did not answer. */
  #rest: { readonly until: number; readonly why: Error; readonly times: number } | undefined;

  /** `gate`: of all ways together. */
  constructor(name: string, trade: Trade<D, L>, gate: Gate) {
    this.#name = name;
    this.#trade = trade;
    this.#gate = gate;
    this.#own = new Gate(trade.atOnceEach);
  }

  /**
   * One conversation with a device; others with the same device wait for its end. `patient`: a sweep, which is told at once what is
   * known of a way in trouble; whether that is over is found out behind its back, for the next sweep. A command is always tried.
   * Rejects with Unreachable, LoginRefused, or what else the module threw.
   */
  talk(device: D, conversation: Conversation, patient: boolean): Promise<boolean> {
    const rest = patient ? this.#rest : undefined;
    if (rest === undefined) return this.#inTurn(device, conversation);
    if (performance.now() >= rest.until && !this.#isTrying) {
      this.#isTrying = true;
      this.#inTurn(device, look)
        .catch(() => {})
        .finally(() => {
          this.#isTrying = false;
        });
    }
    return Promise.reject(rest.why);
  }

  /** Gives up what is under way, and ends the link. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const link = this.#link;
    this.#link = undefined;
    for (const call of this.#calls) call.abort(stopping());
    await link?.then((one) => this.#trade.disconnect(one, 'ended')).catch(() => {});
  }

  #inTurn(device: D, conversation: Conversation): Promise<boolean> {
    const before = this.#turns.get(device.key) ?? Promise.resolve();
    const turn = before.then(() => this.#talk(device, conversation));
    const end = turn
      .catch(() => {})
      .then(() => {
        if (this.#turns.get(device.key) === end) this.#turns.delete(device.key);
      });
    this.#turns.set(device.key, end);
    return turn;
  }

  async #talk(device: D, conversation: Conversation): Promise<boolean> {
    try {
      const answer = await this.#twice(device, conversation);
      this.#rest = undefined;
      return answer;
    } catch (error) {
      throw this.#troubled(error);
    }
  }

  /**
   * Where an answer stays out, the link is over: its other end was restarted, or only the answer was lost. The whole conversation begins
   * anew over another one, once, and finds what has come of the first.
   */
  async #twice(device: D, conversation: Conversation): Promise<boolean> {
    const link = await this.#linked(device);
    try {
      return await conversation(this.#line(device, link));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
    await this.#lose(link);
    return conversation(this.#line(device, await this.#linked(device)));
  }

  /** The link that is there, or a new one: one for all who ask meanwhile. */
  async #linked(device: D): Promise<L> {
    const kept = this.#link;
    if (kept !== undefined) {
      const link = await kept;
      if (this.#trade.isAlive(link)) return link;
      await this.#lose(link);
      return this.#linked(device);
    }
    const opening = this.#call((signal) => this.#trade.connect(device, signal));
    this.#link = opening;
    try {
      const link = await opening;
      this.#linkNow = link;
      return link;
    } catch (error) {
      if (this.#link === opening) this.#link = undefined;
      throw error;
    }
  }

  /** Forgets a link, unless another conversation has done so already. */
  async #lose(link: L): Promise<void> {
    if (this.#link === undefined || this.#linkNow !== link) return;
    this.#link = undefined;
    this.#linkNow = undefined;
    await this.#trade.disconnect(link, 'lost');
  }

  #line(device: D, link: L): Line {
    return {
      isOn: () => this.#look(device, link),
      prepare: () => this.#call((signal) => this.#trade.prepare(device, link, signal)),
      switch: (to) => this.#call((signal) => this.#trade.switch(device, to, link, signal)),
    };
  }

  /** Looks that are wanted while another one waits for its turn become one call; one that has begun is too old for whoever comes later. */
  #look(device: D, link: L): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const asked = { device, resolve, reject };
      if (!this.#trade.isReadTogether) void this.#read(link, () => [asked]);
      else if (this.#asked.push(asked) === 1) void nextTurn().then(() => this.#read(link, () => this.#asked.splice(0)));
    });
  }

  async #read(link: L, take: () => readonly Asked<D>[]): Promise<void> {
    let taken: readonly Asked<D>[] = [];
    try {
      const seen = await this.#call((signal) => {
        taken = take();
        return this.#trade.read([...new Map(taken.map(({ device }) => [device.key, device])).values()], link, signal);
      });
      for (const { device, resolve, reject } of taken) {
        const isOn = seen.get(device.key);
        if (typeof isOn === 'boolean') resolve(isOn);
        else reject(isOn ?? new Error(`${device.name}: its power state was not told`));
      }
    } catch (error) {
      if (taken.length === 0) taken = take();
      for (const { reject } of taken) reject(error);
    }
  }

  /** A call that keeps to its time: rejects with NoAnswer where nobody answers, else with what the module threw. */
  async #call<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { answerMs } = this.#trade;
    const own = await this.#own.enter();
    const pass = await this.#gate.enter();
    const call = new AbortController();
    this.#calls.add(call);
    const timers = [setTimeout(pass.leave, answerMs * SILENT), setTimeout(() => call.abort(late(this.#name, answerMs)), answerMs)];
    const deaf = new Promise<never>((_, reject) => {
      timers.push(setTimeout(() => reject(late(this.#name, answerMs * DEAF)), answerMs * DEAF));
    });
    try {
      if (this.#isClosed) throw stopping();
      return await Promise.race([run(call.signal), deaf]);
    } catch (error) {
      throw silenceOf(call.signal.aborted && isAbort(error, call.signal) ? call.signal.reason : error, this.#name) ?? error;
    } finally {
      for (const timer of timers) clearTimeout(timer);
      this.#calls.delete(call);
      pass.leave();
      own.leave();
    }
  }

  /** Remembers what is wrong with the way, and puts it into words that the engine knows. Several who meet one trouble count as one. */
  #troubled(error: unknown): unknown {
    const now = performance.now();
    if (error instanceof LoginRefused) {
      this.#rest = { until: now + REST_LOGIN, why: error, times: 0 };
      return error;
    }
    if (!(error instanceof NoAnswer)) return error;
    const before = this.#rest;
    const times = before === undefined ? 1 : before.times + (now < before.until ? 0 : 1);
    const why = new Unreachable(error.message);
    this.#rest = { until: now + Math.min(REST_MOST, REST_FIRST * 2 ** Math.max(0, times - 1)), why, times };
    return why;
  }
}

const late = (who: string, ms: number): NoAnswer => new NoAnswer(`${who} did not answer within ${ms / 1000} s`);
const stopping = (): Error => new Error('the module is stopping');

/** What `fetch`, a child process and their like throw when their signal is aborted. */
const isAbort = (error: unknown, signal: AbortSignal): boolean =>
  error === signal.reason || (error instanceof Error && (/^(Abort|Timeout)Error$/.test(error.name) || error.cause === signal.reason));
