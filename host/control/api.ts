/** Every method that people and trusted modules may call: one table, whoever asks. */
import { CODES, paramsMisfit } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import * as engine from './engine.ts';
import { Events } from './events.ts';
import { Feeds } from './feeds.ts';
import * as nodes from './nodes.ts';
import * as peers from './peers.ts';
import * as plugins from './plugins.ts';
import type { HostPort } from './port.ts';
import * as services from './services.ts';
import { type ApiSession, need, type Params, refusal } from './session.ts';
import * as state from './state.ts';
import { Transactions } from './transactions.ts';

type Handler = (params: Params, session: ApiSession) => Json | Promise<Json>;

export class Api {
  readonly #port: HostPort;
  readonly #feeds: Feeds;
  readonly #events: Events;
  readonly #handlers: ReadonlyMap<string, Handler>;
  #unfollow: () => void;

  constructor(port: HostPort) {
    this.#port = port;
    this.#feeds = new Feeds(() => port.engine);
    this.#events = new Events(() => port.engine);
    this.#handlers = new Map([...stateMethods(port, this.#feeds, this.#events), ...operatorMethods(port), ...pluginMethods(port)]);
    this.#unfollow = this.#follow();
  }

  /** Answers one request. Rejects with a RefusalError for everything that is the caller's. */
  async handle(method: string, params: Json, session: ApiSession): Promise<Json> {
    const handler = this.#handlers.get(method);
    if (!handler) throw refusal(CODES.MethodNotFound, `${method} is refused`, '', 'there is no such method', 'schemas/PROTOCOL.md has all');
    const misfit = paramsMisfit(method, params);
    if (misfit)
      throw refusal(
        CODES.InvalidParams,
        `${method} is refused`,
        misfit.field || 'params',
        misfit.message,
        'Correct it; schemas/PROTOCOL.md has all fields',
      );
    if (!method.startsWith('state/') && !method.startsWith('events/')) need(session, 'operate', method);
    return handler(params as Params, session);
  }

  /** Another engine stands behind the port now: its turns are followed, and every watch is told anew. */
  renew(): void {
    this.#unfollow();
    this.#unfollow = this.#follow();
    this.#feeds.resyncAll();
  }

  #follow(): () => void {
    return this.#port.onTurn((turn) => {
      this.#feeds.turn(turn);
      this.#events.turn(turn);
    });
  }
}

function stateMethods(port: HostPort, feeds: Feeds, events: Events): [string, Handler][] {
  const transactions = new Transactions();
  return [
    ['state/read', (params, session) => state.read(port, params, session)],
    ['state/watch', (params, session) => state.watch(port, feeds, params, session)],
    ['state/unwatch', (params, session) => state.unwatch(feeds, events, params, session)],
    ['state/propose', (params, session) => state.propose(port, transactions, params, session)],
    ['events/watch', (params, session) => state.watchEvents(events, params, session)],
    ['node/apply', (params, session) => nodes.apply(port, transactions, params, session)],
  ];
}

function pluginMethods(port: HostPort): [string, Handler][] {
  const all = (): HostPort['plugins'] => port.plugins;
  return [
    ['plugin/list', () => plugins.list(all)],
    ['plugin/info', (params) => plugins.info(all, params)],
    ['plugin/stage', (params, session) => plugins.stage(all, params, session)],
    ['plugin/commit', (params, session) => plugins.commit(all, params, session)],
    ['plugin/remove', (params, session) => plugins.remove(all, params, session)],
    ['plugin/enable', (params, session) => plugins.enable(all, true, params, session)],
    ['plugin/disable', (params, session) => plugins.enable(all, false, params, session)],
    ['service/create', (params, session) => plugins.create(all, params, session)],
    ['service/set', (params, session) => plugins.set(all, params, session)],
    ['service/remove', (params, session) => plugins.forget(all, params, session)],
  ];
}

function operatorMethods(port: HostPort): [string, Handler][] {
  const command = (word: string): [string, Handler] => [`node/${word}`, (params, session) => nodes.command(port, word, params, session)];
  return [
    ['node/set', (params, session) => nodes.set(port, params, session)],
    ['node/observe', (params, session) => nodes.observe(port, params, session)],
    ['node/delete', (params, session) => nodes.remove(port, params, session)],
    ['node/explain', (params) => nodes.explain(port, params)],
    ['node/plan', (params) => nodes.plan(port, params)],
    ['node/history', (params) => nodes.history(port, params)],
    ['node/waiting', (params) => nodes.waiting(port, params)],
    ['node/holds', (params) => nodes.holds(port, params)],
    ...['hold', 'release', 'busy', 'retry', 'power', 'reboot', 'cancel'].map(command),
    ['node/admit', (params, session) => peers.admission(port, 'admit', params, session)],
    ['node/revoke', (params, session) => peers.admission(port, 'revoke', params, session)],
    ['engine/freeze', (params, session) => engine.operate(port, params, session, { kind: 'freeze', why: String(params['why']) })],
    ['engine/thaw', (params, session) => engine.operate(port, params, session, { kind: 'thaw' })],
    ['engine/status', () => engine.status(port)],
    ['engine/limits', (params, session) => engine.limits(port, params, session)],
    ['engine/stop', (params, session) => engine.stop(port, params, session)],
    ['engine/backup', (params) => engine.backup(port, params)],
    ['engine/restore', (params) => engine.restore(port, params)],
    ['token/create', (params, session) => peers.createTokens(port, params, session)],
    ['token/list', () => peers.listTokens(port)],
    ['token/revoke', (params, session) => peers.revokeTokens(port, params, session)],
    ['peer/list', () => peers.list(port)],
    ['graph/get', (params) => engine.graph(port, params)],
    ['schema/get', () => ({ ...port.schemas(), mutable: [...port.engine.mutable()] })],
    ['service/list', () => services.list(port)],
    ['service/start', (params, session) => services.act(port, 'start', params, session)],
    ['service/stop', (params, session) => services.act(port, 'stop', params, session)],
    ['service/restart', (params, session) => services.act(port, 'restart', params, session)],
    ['service/call', (params) => services.call(port, params)],
    ['service/logs', (params, session) => services.logs(port, params, session)],
  ];
}
