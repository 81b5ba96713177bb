/** What the control tests run against: the real engine and schemas behind a HostPort without a store, and clients on a real socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toOriginal } from '@kraken-hpc/sdk/state';
import { createPeer, LineDecoder, type Peer, type RequestsTo, type Result, type Params as WireParams } from '@kraken-hpc/sdk/wire';
import { Api } from '../../host/control/api.ts';
import type { HostPort } from '../../host/control/port.ts';
import { type ControlLimits, type ControlServer, startControl } from '../../host/control/server.ts';
import type { ServiceStatus } from '../../host/core/answers.ts';
import { Questions } from '../../host/core/ask.ts';
import type { Json } from '../../host/core/declaration.ts';
import { Engine } from '../../host/core/engine.ts';
import type { Event } from '../../host/core/event.ts';
import type { PeerStatus } from '../../host/core/peer-status.ts';
import type { Change, Turn } from '../../host/core/record.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { idOfName, parseNode, parsePatch } from '../../host/documents/parse.ts';
import { Schemas } from '../../host/documents/schemas.ts';
import { makeToken } from '../../host/sync/edge/token.ts';

export const NOW = 1_800_000_000_000;
export const idOf = (index: number): string => `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
const SELF = idOf(0);

export class TestHost {
  readonly schemas = new Schemas();
  readonly engine: Engine;
  readonly port: HostPort;
  readonly history: (Change & { at: number })[] = [];
  readonly services: ServiceStatus[] = ['ipmi', 'sim'].map((service) => ({
    service,
    module: service,
    state: 'ready',
    since: NOW,
    serves: '',
    mutations: 2,
  }));
  readonly done: string[] = [];
  readonly followers = new Set<(line: string) => void>();
  readonly events: Event[] = [];
  /** It speaks with the nodes' own hosts. */
  readonly hosts: boolean;
  peers: readonly PeerStatus[] = [];
  now = NOW;
  #request = 1;
  readonly #listeners = new Set<(turn: Turn) => void>();

  constructor(nodes = 4, hosts = false) {
    this.hosts = hosts;
    this.engine = new Engine({ variables: this.schemas.variables(), self: SELF, seed: 1, now: NOW, hosts });
    this.port = this.#makePort();
    void this.ask((request) => ({
      type: 'apply',
      request,
      author: { user: 'core' },
      change: {
        nodes: Array.from({ length: nodes + 1 }, (_, i) => ({
          mode: 'create' as const,
          id: idOf(i),
          doc: i === 0 ? { nodename: 'head' } : { nodename: `kr${i}`, platform: 'test', labels: { rack: `r${1 + (i % 2)}` } },
        })),
      },
    }));
    const bmc = { id: 'bmc/power', service: 'bmc', name: 'power', discovers: ['/physState'], requires: {} };
    void this.ask((request) => ({
      type: 'declare',
      request,
      declaration: {
        ...{ service: 'bmc', module: 'bmc', serves: '', variables: [], mutations: [], pollers: [], quiet: {}, reads: [], permissions: [] },
        discoveries: [bmc],
        playsHosts: false,
      },
    }));
  }

  see(index: number, physState: string): void {
    void this.ask((request) => ({
      type: 'observed',
      request,
      service: 'bmc',
      items: [{ node: idOf(index), values: { '/physState': physState } }],
    }));
  }

  ask(make: (request: number) => Event): Promise<Json> {
    const event = make(this.#request++);
    this.events.push(event);
    let answer: Promise<Json> = Promise.resolve(null);
    for (const effect of this.engine.turn([event], this.now)) {
      if (effect.type === 'journal') this.#journal(effect.turn);
      else if (effect.type === 'answer') answer = Promise.resolve(effect.result);
      else if (effect.type === 'refuse') answer = Promise.reject(new RefusalError(effect.refusal));
    }
    answer.catch(() => undefined);
    return answer;
  }

  #journal(turn: Turn): void {
    for (const change of turn.changes) this.history.unshift({ ...change, at: turn.at });
    for (const listener of this.#listeners) listener(turn);
  }

  #makePort(): HostPort {
    const { schemas, history, services, done, followers } = this;
    const stored = (id: string): { readonly [member: string]: Json } | undefined => this.engine.world.nodes.get(id)?.cfg;
    const act = (word: string) => async (service: string) => void done.push(`${word} ${service}`);
    return {
      engine: new Questions(this.engine.world),
      now: () => this.now,
      ask: (make) => this.ask(make),
      onTurn: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      history: async (node, { limit, before, since }) => {
        const left = history.filter(
          (change) =>
            (node === undefined || change.node === node) && (before === undefined || change.rev < before) && change.at >= (since ?? 0),
        );
        const next = left.length > limit ? left[limit - 1]?.rev : undefined;
        return { changes: left.slice(0, limit), ...(next === undefined ? {} : { next }) };
      },
      plugins: pluginsOf(done),
      services: {
        list: () => services,
        start: act('start'),
        stop: act('stop'),
        restart: act('restart'),
        call: async (service, call, params) => ({ service, call, params }),
        logs: (_service, lines, follow) => {
          if (follow) followers.add(follow);
          return { lines: ['one', 'two', 'three'].slice(-lines), stop: () => void (follow && followers.delete(follow)) };
        },
      },
      peers: () => this.peers,
      sync: () => (!this.hosts ? undefined : { role: 'root', ca: 'sha256:x', listen: ['127.0.0.1:31415'], dropped: { forged: 1 } }),
      makeToken,
      parseNode: (doc, where) => parseNode(schemas, doc, where, stored),
      parsePatch: (doc, where) => parsePatch(schemas, doc, where),
      checkDocument: (doc, where, id) => schemas.check(doc, where, id === undefined ? undefined : stored(id)),
      checkValues: (values, where, observed) => schemas.checkValues(values, where, observed),
      idOfName,
      schemas: () => schemas.described(),
      toOriginal: (doc) => toOriginal(doc, schemas),
      backup: async (file) => {
        done.push(`backup ${file}`);
        return { nodes: 1, bytes: 2, revision: 3 };
      },
      restore: async (file) => {
        done.push(`restore ${file}`);
        return { nodes: 1, revision: 3 };
      },
      stop: (why) => void done.push(`stop ${why}`),
    };
  }
}

export interface Heard {
  readonly method: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  readonly params: any;
}

/** A client of the socket: requests, and everything that it was told. */
export class Client {
  readonly heard: Heard[] = [];
  readonly socket: Socket;
  readonly #peer: Peer<'client'>;
  #woken: () => void = () => undefined;

  constructor(path: string) {
    this.socket = connect(path);
    const hears = (method: string) => (params: unknown) => {
      this.heard.push({ method, params });
      this.#woken();
    };
    this.#peer = createPeer<'client'>({
      end: 'client',
      send: (line) => void this.socket.write(line),
      answers: {},
      hears: {
        'state/changed': hears('state/changed'),
        'events/happened': hears('events/happened'),
        'service/logged': hears('service/logged'),
        'plugin/progress': hears('plugin/progress'),
      },
      onFault: ({ text }) => {
        throw new Error(`the host broke the protocol: ${text}`);
      },
    });
    const decoder = new LineDecoder();
    this.socket.on('data', (chunk) => {
      for (const line of decoder.push(chunk)) this.#peer.receive(line as string);
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => this.#peer.close('closed'));
  }

  ask<M extends RequestsTo<'control'>>(method: M, params: WireParams<M>): Promise<Result<M>> {
    return this.#peer.request(method, params, { timeoutMs: 10_000 });
  }

  /** Waits until what was told fulfils this. */
  async until(isEnough: (heard: readonly Heard[]) => boolean): Promise<readonly Heard[]> {
    const late = Date.now() + 10_000;
    while (!isEnough(this.heard)) {
      if (Date.now() > late) throw new Error(`waited in vain; heard ${this.heard.length} notifications`);
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
        setTimeout(resolve, 200).unref();
      });
    }
    return this.heard;
  }
}

export interface Desk {
  readonly host: TestHost;
  readonly path: string;
  readonly folder: string;
  readonly logged: string[];
  client(): Client;
}

/** Gives a running control socket to the test, and takes everything down after it. */
export async function withControl(
  given: { readonly nodes?: number; readonly hosts?: boolean; readonly limits?: Partial<ControlLimits> },
  run: (desk: Desk) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-control-'));
  const host = new TestHost(given.nodes, given.hosts);
  const clients: Client[] = [];
  const logged: string[] = [];
  const path = join(folder, 'run', 'kraken.sock');
  let server: ControlServer | undefined;
  try {
    server = await startControl({
      socket: path,
      api: new Api(host.port),
      log: (_level, message) => void logged.push(message),
      ...(given.limits ? { limits: given.limits } : {}),
    });
    const client = (): Client => {
      const made = new Client(path);
      clients.push(made);
      return made;
    };
    await run({ host, path, folder, logged, client });
  } finally {
    for (const { socket } of clients) socket.destroy();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Plugins that are only spoken of. */
function pluginsOf(done: string[]): HostPort['plugins'] {
  const did = (word: string) => async (name: string) => void done.push(`${word} ${name}`);
  const status = { plugin: 'pdu', package: 'pdu', version: '1.0.0', kind: 'module' as const, isBuiltIn: false };
  const whole = { ...status, enabled: true, permissions: [], services: [] };
  const checks = { passed: 0, notApplicable: 0, failed: [] };
  const lists = { permissions: [], adds: [], removes: [], ways: [], conflicts: [] };
  return {
    list: () => ({ plugins: [whole] }),
    info: async () => ({ status: whole, dir: '/pdu', confinement: [], declares: [] }),
    stage: async ({ source }, { progress }) => {
      progress(`fetching ${source}`);
      const { isBuiltIn: _, ...report } = { ...status, ...lists, checks };
      return { stage: 's1', report };
    },
    abandon: () => undefined,
    commit: async (stage, { user }) => {
      done.push(`commit ${stage} by ${user}`);
      return { plugin: 'pdu', version: '1.0.0', services: [] };
    },
    remove: did('remove'),
    enable: async (name, enabled) => void done.push(`${enabled ? 'enable' : 'disable'} ${name}`),
    create: async (name, { module }) => void done.push(`create ${name} of ${module}`),
    set: did('set'),
    delete: did('delete'),
  };
}
