/** What every route is given. */
import type { Life } from '@kraken-hpc/sdk';
import type { FastifyRequest } from 'fastify';
import type { Access } from './access/access.ts';
import type { Principal, Role } from './access/roles.ts';
import type { Tokens } from './access/tokens.ts';
import type { Config } from './config.ts';
import type { Hub } from './events/hub.ts';
import type { Sockets } from './events/sockets.ts';
import type { Operator } from './gate.ts';
import type { Replica } from './replica/replica.ts';

export interface Context {
  readonly config: Config;
  readonly host: Operator;
  readonly replica: Replica;
  readonly hub: Hub;
  /** Routes of WebSockets. */
  readonly sockets: Sockets;
  readonly access: Access;
  readonly tokens: Tokens;
  /** The host's own node. */
  readonly self: string;
  readonly log: Life<never, never, never>['log'];
  now(): number;
  /** Where it really listens, `http://127.0.0.1:3141`, from the first answer on. */
  url(): URL;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set before any route is. */
    principal: Principal;
  }
  interface FastifyContextConfig {
    /** What it needs; `none`: nobody is asked who they are. Default: viewer to read, operator to write. */
    role?: Role | 'none';
  }
}

/** For whom the host is asked: what a change is recorded as. */
export function onBehalfOf({ principal }: FastifyRequest): { readonly user: string; readonly role: Role; readonly address: string } {
  const { user, role, address } = principal;
  return { user, role, address };
}
