/** The running service: a replica, a server before it, and what ends both. */
import { join } from 'node:path';
import type { Life } from '@kraken-hpc/sdk';
import { Terminal } from '@kraken-hpc/sdk';
import type { FastifyInstance } from 'fastify';
import { Access } from './access/access.ts';
import { Tokens } from './access/tokens.ts';
import { type Config, placeOf } from './config.ts';
import type { Context } from './context.ts';
import { Hub } from './events/hub.ts';
import { Sockets } from './events/sockets.ts';
import { Operator } from './gate.ts';
import { Replica } from './replica/replica.ts';
import { buildServer } from './server.ts';

type Given = Pick<Life<never, never, never>, 'host' | 'log' | 'self'>;

export class Service {
  readonly config: Config;
  readonly tokens: Tokens;
  readonly url: URL;
  readonly #app: FastifyInstance;
  readonly #context: Context;

  private constructor(context: Context, app: FastifyInstance) {
    this.config = context.config;
    this.tokens = context.tokens;
    this.url = context.url();
    this.#app = app;
    this.#context = context;
  }

  /** `folder`: what it keeps stands there. Rejects with Terminal where the configuration cannot work. */
  static async open(config: Config, { host, log, self }: Given, folder: string): Promise<Service> {
    const place = placeOf(config);
    const now = (): number => Date.now();
    const tokens = await Tokens.open(join(folder, 'tokens.json'), now);
    const replica = new Replica(host);
    const hub = new Hub(host, replica);
    let url: URL | undefined;
    const access = new Access(config, tokens, now);
    const context: Context = {
      config,
      host: new Operator(host),
      self: self.node,
      replica,
      hub,
      sockets: new Sockets(access),
      access,
      tokens,
      log,
      now,
      url: () => url ?? new URL(`http://${place.host}:${place.port}`),
    };
    const [app] = await Promise.all([buildServer(context), replica.open()]);
    context.sockets.attach(app.server);
    try {
      await app.listen({ host: place.host, port: place.port });
    } catch (error) {
      throw new Terminal(`it cannot listen on ${config.listen}: ${(error as Error).message}; end what listens there, or change listen`);
    }
    const address = app.server.address();
    const port = typeof address === 'object' && address ? address.port : place.port;
    const name = place.host.includes(':') ? `[${place.host}]` : place.host;
    url = new URL(`${config.tls ? 'https' : 'http'}://${name}:${port}`);
    log('info', `listens on ${url.origin}`);
    return new Service(context, app);
  }

  async close(): Promise<void> {
    this.#context.sockets.close();
    await this.#app.close();
    await this.#context.hub.close();
  }
}
