/** One BMC: its session, kept between questions; one conversation at a time; left alone for a while when it does not answer or refuses us. */
import { LoginRefused, Unreachable } from '@kraken-hpc/sdk';
import type { Gate } from './gate.ts';
import { type Login, Session } from './session.ts';
import { resolveEndpoint, type Transport } from './transport.ts';
import { NoAnswer } from './trouble.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly login: Login;
}

export interface Surroundings {
  readonly transport: Transport;
  readonly gate: Gate;
  readonly tries: readonly number[];
}

/** BMCs end a session after 60 s of silence (6.12.15); one that may have ended is not tried. */
const SESSION_IDLE = 45_000;
const REST_FIRST = 2000;
/** A BMC that comes back is found within this time. */
const REST_MOST = 15_000;
/** Many BMCs lock a user out after a few wrong passwords. */
const REST_LOGIN = 60_000;

export class Bmc {
  readonly name: string;
  readonly #target: Target;
  /** It is found out whether its trouble is over. */
  #isTrying = false;
  readonly #around: Surroundings;
  #session: Session | undefined;
  /** The end of the last conversation. */
  #last: Promise<unknown> = Promise.resolve();
  /** Why and until when (performance.now()) it is left alone, and how often in a row it did not answer. */
  #rest: { readonly until: number; readonly why: Error; readonly times: number } | undefined;

  constructor(target: Target, around: Surroundings) {
    this.#target = target;
    this.#around = around;
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    this.name = target.port === 623 ? target.host : `${host}:${target.port}`;
  }

  /**
   * A conversation. `patient`: a sweep, which is told at once what is known of a BMC in trouble; whether that is over is found out behind
   * its back, for the next sweep. A command is always tried. Rejects with Unreachable, LoginRefused, Busy, or what else the BMC said.
   */
  ask<T>(talk: (session: Session, name: string) => Promise<T>, patient: boolean): Promise<T> {
    const rest = patient ? this.#rest : undefined;
    if (rest === undefined) return this.#inTurn(talk);
    if (performance.now() >= rest.until && !this.#isTrying) {
      this.#isTrying = true;
      this.#inTurn(talk)
        .catch(() => {})
        .finally(() => {
          this.#isTrying = false;
        });
    }
    return Promise.reject(rest.why);
  }

  async close(): Promise<void> {
    await this.#session?.close().catch(() => {});
    this.#session = undefined;
  }

  #inTurn<T>(talk: (session: Session, name: string) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#ask(talk));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #ask<T>(talk: (session: Session, name: string) => Promise<T>): Promise<T> {
    const pass = await this.#around.gate.enter();
    try {
      const answer = await this.#talk(talk, pass.leave);
      this.#rest = undefined;
      return answer;
    } catch (error) {
      throw this.#troubled(error);
    } finally {
      pass.leave();
    }
  }

  /**
   * Where an answer stays out in a session, that session is over: the BMC was restarted, or only the answer was lost. The whole
   * conversation begins anew in another one, once, and finds what has come of the first.
   */
  async #talk<T>(talk: (session: Session, name: string) => Promise<T>, onSilence: () => void): Promise<T> {
    const first = await this.#inSession(onSilence);
    try {
      return await talk(first, this.name);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    }
    first.forget();
    this.#session = undefined;
    return talk(await this.#inSession(onSilence), this.name);
  }

  async #inSession(onSilence: () => void): Promise<Session> {
    const kept = this.#session;
    if (kept !== undefined && performance.now() - kept.lastAnswer < SESSION_IDLE) {
      kept.onSilence = onSilence;
      return kept;
    }
    kept?.forget();
    this.#session = undefined;
    const { transport, tries } = this.#around;
    const endpoint = await resolveEndpoint(this.#target.host, this.#target.port);
    this.#session = await Session.open({ transport, endpoint, name: this.name, tries }, this.#target.login, onSilence);
    return this.#session;
  }

  #troubled(error: unknown): unknown {
    const now = performance.now();
    if (error instanceof LoginRefused) {
      this.#rest = { until: now + REST_LOGIN, why: error, times: 0 };
      return error;
    }
    const isLookup = error instanceof Error && 'syscall' in error;
    if (!(error instanceof NoAnswer) && !isLookup) return error;
    const times = (this.#rest?.times ?? 0) + 1;
    const why = new Unreachable(isLookup ? `BMC ${this.name} cannot be reached: ${error.message}` : error.message);
    this.#rest = { until: now + Math.min(REST_MOST, REST_FIRST * 2 ** (times - 1)), why, times };
    return why;
  }
}
