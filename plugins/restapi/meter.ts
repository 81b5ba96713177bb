/** Requests as they are answered, of every dialect, for Prometheus. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Histogram, Registry } from 'prom-client';

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Requests by route, method and status. A route has few of them: what a counter needs to be found is kept with it. */
export class Meter {
  readonly registry = new Registry();
  readonly #requests = new Counter({
    name: 'kraken_rest_requests_total',
    help: 'Requests that were answered',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: 'kraken_rest_request_seconds',
    help: 'Until a request was answered',
    labelNames: ['method', 'route'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  readonly #known = new Map<string, { readonly seconds: Histogram.Internal<string>; readonly byStatus: Map<number, Counter.Internal> }>();

  note(request: FastifyRequest, reply: FastifyReply): void {
    const method = request.is404 ? '' : request.method;
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none');
    const key = `${method} ${route}`;
    let known = this.#known.get(key);
    if (known === undefined) {
      known = { seconds: this.#seconds.labels(method, route), byStatus: new Map() };
      this.#known.set(key, known);
    }
    let counter = known.byStatus.get(reply.statusCode);
    if (counter === undefined) {
      counter = this.#requests.labels(method, route, String(reply.statusCode));
      known.byStatus.set(reply.statusCode, counter);
    }
    counter.inc();
    known.seconds.observe(reply.elapsedTime / 1_000);
  }
}
