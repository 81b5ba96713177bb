/** Who asks, and may they: tokens, loopback, and the web pages that a browser shows beside ours. */
import type { IncomingHttpHeaders } from 'node:http';
import { type Config, isLoopback } from '../config.ts';
import { Refused } from '../problem.ts';
import { includes, type Principal, type Role } from './roles.ts';
import type { Tokens } from './tokens.ts';

/** The name of the cookie that a browser's session is kept in. */
export const COOKIE = 'kraken_token';
const IN_COOKIES = new RegExp(`(?:^|; *)${COOKIE}=([^;]+)`);
/** As a subprotocol of a WebSocket: a browser can set no header there. */
export const SUBPROTOCOL = 'kraken.token.';

/** Wrong tokens of one address in a minute, before it has to wait. */
const MOST_WRONG = 20;
const MINUTE = 60_000;
const MOST_ADDRESSES = 10_000;

/** What is known of who asks. */
export interface Asking {
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
}

export class Access {
  readonly #config: Config;
  readonly #tokens: Tokens;
  readonly #now: () => number;
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  /** By address: how many wrong tokens, since when. */
  readonly #wrong = new Map<string, { count: number; since: number }>();

  constructor(config: Config, tokens: Tokens, now: () => number) {
    this.#config = config;
    this.#tokens = tokens;
    this.#now = now;
    this.#hosts = new Set(['localhost', ...config.hosts.map((name) => name.toLowerCase())]);
    this.#origins = new Set(config.origins);
  }

  /** Who asks. Throws Refused: 401 without a token that is good, 403 for a page that may not use us, 429 after many wrong ones. */
  principal(request: Asking): Principal {
    const address = request.ip;
    const given = tokenOf(request);
    if (given !== undefined) {
      if (given.by === 'cookie') this.#checkPage(request);
      return this.#byToken(given.token, address);
    }
    if (this.#config.loopback === 'none' || !isLoopback(address) || isForwarded(request)) throw this.#unknown(request);
    this.#checkHost(request);
    this.#checkPage(request);
    return { user: 'loopback', role: this.#config.loopback, address, by: 'loopback' };
  }

  /** Throws Refused (403) where the role is less than what is asked for. */
  need(principal: Principal, role: Role): void {
    if (includes(principal.role, role)) return;
    throw new Refused(403, {
      what: 'it is refused',
      where: principal.user,
      why: `it needs the role ${role}, and ${principal.user} has ${principal.role}`,
      todo: `Ask an administrator for a token with it (kraken token create --user ${principal.user} --role ${role})`,
    });
  }

  /** Whether pages of this origin may use us: as configured, or our own. */
  allowsOrigin(origin: string, host: string | undefined): boolean {
    if (this.#origins.has('*') || this.#origins.has(origin)) return true;
    return host !== undefined && URL.canParse(origin) && new URL(origin).host === host;
  }

  #byToken(token: string, address: string): Principal {
    const wrong = this.#wrong.get(address);
    if (wrong && wrong.count >= MOST_WRONG && this.#now() - wrong.since < MINUTE)
      throw new Refused(
        429,
        { what: 'the token is not looked at', where: address, why: `${MOST_WRONG} wrong ones came from there`, todo: 'Wait a minute' },
        { retryAfter: 60 },
      );
    const known = this.#tokens.verify(token);
    if (known) return { user: known.user, role: known.role, address, by: 'token', token: known.id };
    this.#noteWrong(address);
    throw new Refused(401, {
      what: 'the token is refused',
      where: address,
      why: 'it is not known here, has expired or was revoked',
      todo: 'Ask an administrator for another (kraken token create --user NAME --role ROLE)',
    });
  }

  #noteWrong(address: string): void {
    const now = this.#now();
    const wrong = this.#wrong.get(address);
    if (wrong && now - wrong.since < MINUTE) wrong.count++;
    else this.#wrong.set(address, { count: 1, since: now });
    if (this.#wrong.size > MOST_ADDRESSES) this.#wrong.delete(this.#wrong.keys().next().value as string);
  }

  #unknown(request: Asking): Refused {
    const forwarded = isLoopback(request.ip) && this.#config.loopback !== 'none';
    return new Refused(401, {
      what: 'it is refused',
      where: request.ip,
      why: forwarded ? 'it was passed on by a proxy, and so is from anybody' : 'it needs a token',
      todo: 'Send one as Authorization: Bearer TOKEN (kraken token create --user NAME --role ROLE makes it)',
    });
  }

  /** A name that was made to point at loopback would give every web page a way in. */
  #checkHost(request: Asking): void {
    const host = (request.headers.host ?? '')
      .replace(/:\d+$/, '')
      .replace(/^\[(.*)\]$/, '$1')
      .toLowerCase();
    if (host === '' || isLoopback(host) || this.#hosts.has(host)) return;
    throw new Refused(403, {
      what: 'it is refused',
      where: `host ${host.slice(0, 100)}`,
      why: 'over loopback it is known as localhost',
      todo: 'Use that name, or add this one to hosts in the configuration of the service',
    });
  }

  /** What a browser sends of itself, for a page that is not ours, is not what its user asked for. */
  #checkPage(request: Asking): void {
    const { origin, host } = request.headers;
    const site = request.headers['sec-fetch-site'];
    const foreign = origin === undefined ? site === 'cross-site' || site === 'same-site' : !this.allowsOrigin(origin, host);
    if (!foreign || (origin === undefined && this.#origins.has('*'))) return;
    throw new Refused(403, {
      what: 'it is refused',
      where: `origin ${(origin ?? String(site)).slice(0, 100)}`,
      why: 'pages from there may not use this service',
      todo: 'Add the origin to origins in the configuration of the service',
    });
  }
}

interface Given {
  readonly token: string;
  readonly by: 'header' | 'cookie' | 'subprotocol';
}

function tokenOf({ headers }: Asking): Given | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return { token: bearer, by: 'header' };
  if (headers.authorization !== undefined) return { token: '', by: 'header' };
  const offered = headers['sec-websocket-protocol']?.split(/ *, */).find((name) => name.startsWith(SUBPROTOCOL));
  if (offered !== undefined) return { token: offered.slice(SUBPROTOCOL.length), by: 'subprotocol' };
  const cookie = headers.cookie === undefined ? undefined : IN_COOKIES.exec(headers.cookie)?.[1];
  return cookie === undefined ? undefined : { token: cookie, by: 'cookie' };
}

function isForwarded({ headers }: Asking): boolean {
  return headers.forwarded !== undefined || headers['x-forwarded-for'] !== undefined || headers.via !== undefined;
}
