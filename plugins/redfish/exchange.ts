/** One HTTP exchange with a BMC: bounded in time, bytes and redirects, and never with another origin than the BMC's own. */
import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { LoginRefused } from '@kraken-hpc/sdk';
import { NoAnswer } from '@kraken-hpc/sdk/power';
import { asDoc, type Doc } from './doc.ts';
import { JudgingAgent, type Trust } from './trust.ts';

export interface Asked {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly uri: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** {} where there was none. */
  readonly body: Doc;
}

/** A connection kept from before, which the BMC closed as we asked. */
class Dropped extends NoAnswer {}

const LARGEST = 1 << 20;
const MOST_REDIRECTS = 3;
const CLOSED = new Set(['ECONNRESET', 'EPIPE']);

export class Exchanges {
  readonly origin: URL;
  readonly name: string;
  readonly #agent: HttpAgent;

  constructor(origin: URL, trust: Trust) {
    this.origin = origin;
    this.name = origin.host;
    this.#agent = origin.protocol === 'https:' ? new JudgingAgent(trust, this.name) : new HttpAgent({ keepAlive: true, maxSockets: 2 });
  }

  /** Rejects with NoAnswer, LoginRefused (an untrusted certificate), the signal's reason, or what is wrong with the answer. */
  async ask(asked: Asked, signal: AbortSignal): Promise<Answer> {
    let next = asked;
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#once(next, signal);
      const to = answer.headers.location;
      const isKept = answer.status === 307 || answer.status === 308;
      if (!(isKept || ((answer.status === 301 || answer.status === 302) && next.method === 'GET')) || to === undefined) return answer;
      if (redirects === MOST_REDIRECTS) throw new Error(`BMC ${this.name} redirected ${asked.uri} more than ${MOST_REDIRECTS} times`);
      next = { ...next, uri: this.local(to, next.uri) };
    }
  }

  /** What a BMC names, as a path of its own. Throws where it points elsewhere: our login is for this origin alone. */
  local(uri: string, from = '/'): string {
    let url: URL | undefined;
    try {
      url = new URL(uri, new URL(from, this.origin));
    } catch {}
    if (url === undefined || url.origin !== this.origin.origin)
      throw new Error(`BMC ${this.name} points to ${uri.slice(0, 200)}, which is not on it: not followed`);
    return url.pathname + url.search;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #once(asked: Asked, signal: AbortSignal): Promise<Answer> {
    try {
      return await this.#send(asked, signal);
    } catch (error) {
      // A kept connection that the BMC closed as we asked: nothing was read of it, and to read again does no harm.
      if (!(error instanceof Dropped) || asked.method !== 'GET') throw error;
    }
    return this.#send(asked, signal);
  }

  #send({ method, uri, body, headers = {} }: Asked, signal: AbortSignal): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
      const about = bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(bytes.length) };
      const send = this.origin.protocol === 'https:' ? httpsRequest : httpRequest;
      const req = send(new URL(uri, this.origin), {
        agent: this.#agent,
        method,
        headers: { accept: 'application/json', 'odata-version': '4.0', ...about, ...headers },
      });
      const end = (error: Error | undefined, answer?: Answer): void => {
        signal.removeEventListener('abort', aborted);
        if (answer !== undefined) resolve(answer);
        else {
          reject(error);
          req.destroy();
        }
      };
      const aborted = (): void => end(signal.reason instanceof Error ? signal.reason : new Error('cancelled'));
      req.on('error', (error: NodeJS.ErrnoException) => {
        if (error instanceof LoginRefused) return end(error);
        const wasKept = req.reusedSocket && CLOSED.has(error.code ?? '');
        const text = `BMC ${this.name} cannot be reached: ${error.message}`;
        end(wasKept ? new Dropped(text) : new NoAnswer(text));
      });
      req.on('response', (res) => {
        const chunks: Buffer[] = [];
        let size = 0;
        res.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST) end(new Error(`BMC ${this.name} answered ${method} ${uri} with more than ${LARGEST} bytes: not read`));
          else chunks.push(chunk);
        });
        res.on('error', (error) => end(new NoAnswer(`BMC ${this.name} broke off its answer to ${method} ${uri}: ${error.message}`)));
        res.on('end', () => {
          const status = res.statusCode ?? 0;
          const doc = read(Buffer.concat(chunks).toString('utf8'));
          if (doc === undefined && status < 300 && method === 'GET')
            end(new Error(`BMC ${this.name} answered ${method} ${uri} with no JSON object`));
          else end(undefined, { status, headers: res.headers, body: doc ?? {} });
        });
      });
      if (signal.aborted) return aborted();
      signal.addEventListener('abort', aborted);
      req.end(bytes);
    });
  }
}

function read(text: string): Doc | undefined {
  if (text.trim() === '') return {};
  try {
    return asDoc(JSON.parse(text));
  } catch {
    return undefined;
  }
}
