/** Asks a BMC as a user who is logged in: by a session that is kept and given back, or by basic authentication. */
import { LoginRefused } from '@kraken-hpc/sdk';
import { type Doc, within } from './doc.ts';
import type { Answer, Asked, Exchanges } from './exchange.ts';
import { NotThere, refused } from './trouble.ts';

export interface Login {
  readonly kind: 'session' | 'basic';
  readonly user: string;
  readonly password: string;
}

interface Session {
  readonly token: string;
  readonly uri: string | undefined;
}

const ROOT = '/redfish/v1/';
const SESSIONS = '/redfish/v1/SessionService/Sessions';
/** A goodbye may be lost: the BMC ends the session by itself, later. */
const GOODBYE_MS = 2000;

export class Client {
  readonly exchanges: Exchanges;
  readonly #login: Login;
  #session: Session | undefined;
  #root: Doc | undefined;
  /** The URI of a system, by what cfg calls it; '' = the only one. */
  readonly systems = new Map<string, string>();

  constructor(exchanges: Exchanges, login: Login) {
    this.exchanges = exchanges;
    this.#login = login;
  }

  get name(): string {
    return this.exchanges.name;
  }

  /** The service root, which is read by all, and once. */
  async root(signal: AbortSignal): Promise<Doc> {
    if (this.#root !== undefined) return this.#root;
    const answer = await this.exchanges.ask({ method: 'GET', uri: ROOT }, signal);
    if (answer.status === 404) throw new Error(`BMC ${this.name} has no Redfish service at ${ROOT}; check /redfish/address`);
    if (answer.status >= 300) throw refused(answer, this.name, 'to show its service root');
    this.#root = answer.body;
    return answer.body;
  }

  /** Logs in, where that is by a session. */
  async open(signal: AbortSignal): Promise<void> {
    await this.#credentials(signal);
  }

  /** Any answer below 400, or one that `allows` names. `what` is for the error's words. */
  async ask(asked: Asked, what: string, signal: AbortSignal, allows: readonly number[] = []): Promise<Answer> {
    let answer = await this.#asked(asked, signal);
    if (answer.status === 401 && this.#session !== undefined) {
      // It has ended: by its timeout, by a restart of the BMC, or by somebody's hand.
      this.#session = undefined;
      answer = await this.#asked(asked, signal);
    }
    if (answer.status < 400 || allows.includes(answer.status)) return answer;
    throw refused(answer, this.name, what);
  }

  async get(uri: string, what: string, signal: AbortSignal): Promise<Answer> {
    const answer = await this.ask({ method: 'GET', uri }, what, signal);
    if (answer.status >= 300) throw new Error(`BMC ${this.name} answered GET ${uri} with HTTP ${answer.status}`);
    return answer;
  }

  /** Gives the session back, and the connections. Never rejects. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    if (session?.uri !== undefined)
      await this.exchanges
        .ask({ method: 'DELETE', uri: session.uri, headers: { 'x-auth-token': session.token } }, AbortSignal.timeout(GOODBYE_MS))
        .catch(() => {});
    this.exchanges.close();
  }

  async #asked(asked: Asked, signal: AbortSignal): Promise<Answer> {
    return this.exchanges.ask({ ...asked, headers: { ...asked.headers, ...(await this.#credentials(signal)) } }, signal);
  }

  async #credentials(signal: AbortSignal): Promise<Record<string, string>> {
    const { kind, user, password } = this.#login;
    switch (kind) {
      case 'basic':
        return { authorization: `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}` };
      case 'session':
        this.#session ??= await this.#logIn(signal);
        return { 'x-auth-token': this.#session.token };
      default:
        throw new Error(`no such login: ${kind satisfies never}`);
    }
  }

  async #logIn(signal: AbortSignal): Promise<Session> {
    const { user, password } = this.#login;
    const named = within(await this.root(signal), 'Links', 'Sessions', '@odata.id');
    const uri = this.exchanges.local(typeof named === 'string' ? named : SESSIONS);
    const answer = await this.exchanges.ask({ method: 'POST', uri, body: { UserName: user, Password: password } }, signal);
    const { status, headers } = answer;
    if (status === 401 || status === 403)
      throw new LoginRefused(`BMC ${this.name} refused the login of ${user}; correct the user or password of this BMC`);
    if (status === 405 || status === 501) throw new Error(`BMC ${this.name} knows no sessions (HTTP ${status}): set auth to basic`);
    if (status >= 300) {
      const error = refused(answer, this.name, 'to open a session');
      throw error instanceof NotThere ? new Error(`BMC ${this.name} knows no sessions (HTTP ${status}): set auth to basic`) : error;
    }
    const token = headers['x-auth-token'];
    if (typeof token !== 'string') throw new Error(`BMC ${this.name} opened a session without a token: set auth to basic`);
    const at = headers.location ?? answer.body['@odata.id'];
    return { token, uri: typeof at === 'string' ? this.exchanges.local(at) : undefined };
  }
}
