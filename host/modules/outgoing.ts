/** What the host asks of a module for many nodes: split into lines, sent, the replies checked and put together; late ones are observations. */
import { CODES, type LateAnswer, type Peer, RpcError, type SentCall } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import type { TaskNode } from '../core/effect.ts';
import type { Failed, Failure, Observed } from '../core/event.ts';
import type { Millis, NodeId } from '../core/record.ts';
import { split } from './batch.ts';
import type { Complaints } from './complaints.ts';
import type { Reply } from './hooks.ts';
import type { Limits } from './limits.ts';
import { checkFailed, checkObserved, type NodeCheck, type Refused, type Reporter } from './observe.ts';
import { failure } from './refuse.ts';
import { isObject } from './variables.ts';

export type Ask =
  | { readonly method: 'mutation/run'; readonly mutation: string; readonly deadline: Millis; readonly nodes: readonly TaskNode[] }
  | { readonly method: 'poller/run'; readonly poller: string; readonly deadline: Millis; readonly nodes: readonly TaskNode[] };

export interface OutgoingOptions {
  readonly service: string;
  readonly limits: Limits;
  readonly peer: Peer<'host'>;
  readonly reporter: Reporter;
  readonly complaints: Complaints;
  now(): Millis;
  /** Takes the secrets out of what goes to the history and to people. */
  scrub(text: string): string;
  late(items: readonly Observed[]): void;
  refused(one: Refused): void;
}

/** Calls that were given up and whose answers still count. */
const REMEMBERED = 4096;
/** Codes that mean there is no reply, when they come from our own end (or answer our cancel). */
const LOST: readonly number[] = [CODES.Disconnected, CODES.DeadlineExceeded, CODES.Cancelled];

interface Outcome {
  readonly observed: readonly Observed[];
  readonly failed: readonly Failed[];
}

interface Part {
  readonly nodes: readonly TaskNode[];
  readonly sent: SentCall<unknown>;
}

interface GivenUp {
  readonly name: string;
  readonly nodes: readonly TaskNode[];
  readonly at: Millis;
}

export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #parts = new Map<number, readonly Part[]>();
  readonly #givenUp = new Map<number, GivenUp>();

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** Never rejects. `run` names it for `cancel`. */
  async ask(ask: Ask, run: number): Promise<Reply> {
    const { limits, now, service, peer } = this.#options;
    const timeoutMs = ask.deadline - now();
    const name = `${service}/${ask.method === 'mutation/run' ? ask.mutation : ask.poller}`;
    if (timeoutMs <= 0)
      return { observed: [], failed: [], lost: failure(CODES.DeadlineExceeded, `${name} was not sent: its deadline had passed`) };
    const { batches, tooLarge } = split(ask.nodes, limits);
    const failed = tooLarge.map(({ node, bytes }) => ({
      node: node.id,
      error: failure(CODES.TooLarge, `${name}: node ${node.id} has ${bytes} bytes, a line holds ${limits.line}`),
    }));
    const parts = batches.map((nodes): Part => ({ nodes, sent: send(peer, ask, nodes, timeoutMs + limits.answerGrace) }));
    if (ask.method === 'mutation/run') this.#parts.set(run, parts);
    const replies = await Promise.all(parts.map((part) => this.#reply(name, part, timeoutMs)));
    if (ask.method === 'mutation/run') this.#parts.delete(run);
    const [only] = replies;
    return only && replies.length === 1 && failed.length === 0 ? only : merge([{ observed: [], failed }, ...replies]);
  }

  /** Asks the module to give up these nodes of a run; without nodes left, the whole call. What it answers is the reply. */
  cancel(run: number, nodes: readonly NodeId[], why: string): void {
    const wanted = new Set(nodes);
    for (const { sent, nodes: all } of this.#parts.get(run) ?? []) {
      const hit = all.filter((node) => wanted.has(node.id)).map((node) => node.id);
      if (hit.length === all.length) sent.cancel(why);
      else if (hit.length > 0) sent.cancel(why, hit);
    }
  }

  async probe(node: NodeId, timeoutMs: number): Promise<boolean> {
    return this.#options.peer.request('session/probe', { node }, { timeoutMs }).then(
      (result) => result.answered,
      () => false,
    );
  }

  /** An answer that nobody waits for: of a call that was given up, an observation; else a fault. */
  late(answer: LateAnswer): void {
    const { complaints, limits, now, late } = this.#options;
    const call = typeof answer.id === 'number' ? this.#givenUp.get(answer.id) : undefined;
    if (!call) {
      if (answer.method === undefined)
        complaints.complain('answer', `answered a call (id ${answer.id}) that waits for no answer: it was answered before, or never made`);
      return;
    }
    this.#givenUp.delete(answer.id as number);
    const after = now() - call.at;
    if (answer.result === undefined || after > limits.lateAnswer) return;
    const { observed } = this.#check(answer.result, call.nodes);
    complaints.complain(
      'late',
      `answered ${call.name} ${(after / 1000).toFixed(1)} s after it was given up; what it saw counts as an observation`,
    );
    if (observed.length > 0) late(observed);
  }

  async #reply(name: string, { nodes, sent }: Part, timeoutMs: number): Promise<Reply> {
    try {
      return this.#check(await sent.answer, nodes);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.code === CODES.DeadlineExceeded) this.#remember(sent.id, { name, nodes, at: this.#options.now() });
      if (LOST.includes(error.code)) return { observed: [], failed: [], lost: failure(error.code, lostText(name, error, timeoutMs)) };
      const told = this.#clean(failureOf(error));
      return { observed: [], failed: nodes.map((node) => ({ node: node.id, error: told })) };
    }
  }

  #check(result: unknown, nodes: readonly TaskNode[]): Outcome {
    const { reporter, refused: tell } = this.#options;
    const given = isObject(result) ? result : {};
    const asked = nodesCheck(reporter.service, nodes);
    const observed = checkObserved(given.observed, reporter, asked);
    const failures = checkFailed(given.failed, reporter, asked);
    for (const one of observed.refused) tell(one);
    for (const one of failures.refused) tell(one);
    return { observed: observed.good, failed: failures.good.map(({ node, error }) => ({ node, error: this.#clean(error) })) };
  }

  #clean(error: Failure): Failure {
    const message = this.#options.scrub(error.message);
    return message === error.message ? error : { ...error, message };
  }

  #remember(id: number, call: GivenUp): void {
    this.#givenUp.set(id, call);
    if (this.#givenUp.size > REMEMBERED) this.#givenUp.delete(this.#givenUp.keys().next().value as number);
  }
}

function send(peer: Peer<'host'>, ask: Ask, nodes: readonly TaskNode[], timeoutMs: number): SentCall<unknown> {
  const { deadline } = ask;
  switch (ask.method) {
    case 'mutation/run':
      return peer.call('mutation/run', { mutation: ask.mutation, deadline, nodes }, { timeoutMs });
    case 'poller/run':
      return peer.call('poller/run', { poller: ask.poller, deadline, nodes }, { timeoutMs });
    default:
      return ask satisfies never;
  }
}

/** A reply may speak of the nodes that it was asked for and of no others. */
function nodesCheck(service: string, nodes: readonly TaskNode[]): NodeCheck {
  const [only] = nodes;
  const ids = nodes.length === 1 && only ? { has: (id: string) => id === only.id } : new Set(nodes.map((node) => node.id));
  return (id) => (ids.has(id) ? undefined : failure(CODES.UnknownNode, `${service} answered for ${id}, which it was not asked about`));
}

function lostText(name: string, error: RpcError, timeoutMs: number): string {
  if (error.code === CODES.DeadlineExceeded) return `${name} was not answered in ${timeoutMs / 1000} s`;
  return `${name}: ${error.message.replace(/^(?:mutation|poller)\/run: /, '')}`;
}

function failureOf(error: RpcError): Failure {
  const after: Json | undefined = isObject(error.data) ? error.data.retryAfter : undefined;
  return typeof after === 'number'
    ? { code: error.code, message: error.message, retryAfter: after }
    : { code: error.code, message: error.message };
}

function merge(replies: readonly Reply[]): Reply {
  const lost = replies.find((one) => one.lost)?.lost;
  const whole = { observed: replies.flatMap((one) => one.observed), failed: replies.flatMap((one) => one.failed) };
  return lost ? { ...whole, lost } : whole;
}
