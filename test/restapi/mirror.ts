/** A replica and a hub fed by the real engine and control API, in one process, without sockets: what a line tells is taken in by hand. */

import { Api } from '../../host/control/api.ts';
import type { ApiSession } from '../../host/control/session.ts';
import { Hub, type HubOptions } from '../../plugins/restapi/events/hub.ts';
import { Replica } from '../../plugins/restapi/replica/replica.ts';
import { PeerHost } from '../../sdk/host.ts';
import { TestHost } from '../control/bench.ts';

interface Line {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: lines of any notification.
  readonly params: any;
}

export class Mirror {
  readonly host: TestHost;
  readonly api: Api;
  readonly replica: Replica;
  readonly hub: Hub;
  /** True: what is told is kept back, as by a pipe that nobody reads. */
  isStuck = false;
  /** Called after every line. */
  onLine: () => void = () => undefined;
  readonly #peer: PeerHost;
  readonly #lines: string[] = [];
  #drained: (() => void)[] = [];

  constructor(nodes: number, hub?: HubOptions) {
    this.host = new TestHost(nodes);
    this.api = new Api(this.host.port);
    const session = this.#session();
    const request = async (method: string, params: unknown): Promise<unknown> => this.api.handle(method, params as never, session);
    this.#peer = new PeerHost({ request, notify: () => undefined } as never, undefined as never);
    this.replica = new Replica(this.#peer);
    this.hub = new Hub(this.#peer, this.replica, hub);
  }

  /** The host as a module has it; told of every operator method that is asked for. */
  watched(told: (method: string) => void): Pick<PeerHost, 'watch' | 'operate' | 'events'> {
    const peer = this.#peer;
    return {
      watch: (query, watcher) => peer.watch(query, watcher),
      events: (kinds, set, listener) => peer.events(kinds, set, listener),
      operate: async (method, params) => {
        told(method);
        return peer.operate(method, params);
      },
    };
  }

  /** Everything that was told is taken in; with `rounds`, only what comes in so many turns of the event loop. */
  async settle(rounds = Number.POSITIVE_INFINITY): Promise<void> {
    for (let quiet = 0, round = 0; quiet < 3 && round < rounds; quiet++, round++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.isStuck) return;
      if (this.#lines.length > 0) quiet = 0;
      for (const line of this.#lines.splice(0)) this.#take(JSON.parse(line) as Line);
      for (const done of this.#drained.splice(0)) done();
    }
  }

  #take({ method, params }: Line): void {
    if (method === 'state/changed') this.#peer.changed(params);
    else this.#peer.happened(params);
    this.onLine();
  }

  #session(): ApiSession {
    const lines = this.#lines;
    return {
      author: { user: 'restapi' },
      permissions: ['state:read *', 'cfg:write', 'dsc:write', 'operate'],
      sendRaw: (line) => void lines.push(line),
      get pendingBytes() {
        return lines.reduce((sum, line) => sum + line.length, 0);
      },
      drained: () => new Promise((resolve) => void this.#drained.push(resolve)),
      onClose: () => undefined,
    };
  }
}
