/** What is asked of the host: questions that only the engine can answer, bounded and shared, and changes in the name of who asks. */
import { CODES, type MethodName, type Params, type Result, RpcError } from '@kraken-hpc/sdk/wire';
import type { FastifyRequest } from 'fastify';
import { type Context, onBehalfOf } from '../context.ts';
import { Gate } from '../gate.ts';
import { Refused, refusedOf } from '../problem.ts';
import type { Changed } from '../replica/replica.ts';

/** Questions under way at once; more wait, and beyond that somebody has to come again. */
const MOST_ASKED = 16;
const MOST_WAITING = 256;
/** Milliseconds until what was written is read by this service; longer it does not keep anybody waiting. */
const PATIENCE = 2_000;

type Question = 'engine/status' | 'engine/limits' | 'graph/get' | 'peer/list' | 'service/list' | 'service/logs';
type NodeQuestion = 'node/explain' | 'node/history' | 'node/holds' | 'node/plan' | 'node/waiting';
type Change = Exclude<Extract<MethodName, `node/${string}` | `engine/${string}` | `service/${string}`>, 'service/logged'>;

/** From where the host says that something is wrong, and why, to the field of our request; undefined: it is in none. */
export type Place = (where: string, why: string) => string | undefined;

/** Changes that are read in nodes; all others are read nowhere but at the host. */
const SEEN: ReadonlySet<string> = new Set(['node/apply', 'node/set', 'node/delete', 'node/power']);

export class Asking {
  readonly #context: Context;
  readonly #underWay = new Map<string, Promise<unknown>>();
  readonly #gate = new Gate(MOST_ASKED, MOST_WAITING, 'the engine');
  /** Changes that came in together go to the host in one write, and to disk with one sync. */
  #gathering: Promise<void> | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Who asks the same at the same time gets the same answer. Rejects with Refused (503) where too much is asked. */
  async ask<M extends Question | NodeQuestion>(method: M, params: Params<M>, place: Place = nowhere): Promise<Result<M>> {
    const key = `${method} ${JSON.stringify(params)}`;
    let answer = this.#underWay.get(key) as Promise<Result<M>> | undefined;
    if (answer === undefined) {
      answer = this.#gate.run(() => this.#context.host.operate(method, params)).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, answer);
    }
    try {
      return await answer;
    } catch (error) {
      throw located(error, place);
    }
  }

  /** In the name of who asks. Resolves when it is durable, and what this service reads has it. */
  async change<M extends Change>(request: FastifyRequest, method: M, params: Params<M>, place: Place = nowhere): Promise<Result<M>> {
    const { host, replica } = this.#context;
    try {
      this.#gathering ??= new Promise((resolve) => setImmediate(resolve)).then(() => {
        this.#gathering = undefined;
      });
      await this.#gathering;
      const answer = (await host.operate(method, { ...params, onBehalfOf: onBehalfOf(request) } as Params<M>)) as Result<M>;
      if (SEEN.has(method)) await replica.caughtUp(answer as Changed, PATIENCE);
      return answer;
    } catch (error) {
      throw located(error, place);
    }
  }
}

const nowhere: Place = () => undefined;

/** The set of a method of the host is our selector. */
export const bySelector: Place = (where) => (where.startsWith('/') && !where.startsWith('/set') ? where : 'selector');

/** What the host refused, with the field of our own request that it is about. */
function located(error: unknown, place: Place): unknown {
  const refused = error instanceof RpcError ? refusedOf(error) : undefined;
  if (!refused || refused.field !== undefined) return error;
  const { code } = refused;
  const words = { ...refused.words, where: refused.words.where.trim() };
  if (code === CODES.Conflict && words.why.includes('it was read at'))
    return new Refused(412, { ...words, todo: 'Read it again, and decide anew' }, { code, field: 'if-match' });
  const field = refused.status === 400 || refused.status === 404 || refused.status === 409 ? place(words.where, words.why) : undefined;
  const retry = refused.status === 503 ? { retryAfter: 1 } : {};
  return new Refused(refused.status, words, {
    ...(code === undefined ? {} : { code }),
    ...(field === undefined ? {} : { field }),
    ...retry,
  });
}
