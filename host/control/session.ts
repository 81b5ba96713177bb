/** Who asks: a person's connection or a module's session, what it may do, and how it says no. */

import { isObject } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json, Path } from '../core/declaration.ts';
import type { Author } from '../core/event.ts';
import { RefusalError } from '../core/refusal.ts';

/** The params of a request, their shape checked against the protocol. */
export type Params = { readonly [member: string]: Json };

/** One connection, for as long as it lasts. Its watches, parts and followed logs end with it. */
export interface ApiSession {
  /** Who it is, where a request does not say for whom it acts. */
  readonly author: Author;
  /** `all`: the control socket, which only those can open who may do everything. */
  readonly permissions: 'all' | readonly string[];
  /** What it may read without `state:read *`. */
  readonly paths?: readonly Path[];
  /** Sends a line that was serialised once, newline included. */
  sendRaw(line: string): void;
  /** Bytes that the other end has not read yet. */
  readonly pendingBytes: number;
  drained(): Promise<void>;
  onClose(listener: () => void): void;
}

/** `code` is one of `schemas/errors.json`; the rest as in core/effect.ts Refusal. */
export function refusal(code: number, what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code, what, where, why, todo });
}

/** Throws a RefusalError (NotPermitted) where the session has not been granted that. */
export function need(session: ApiSession, permission: string, method: string): void {
  if (session.permissions === 'all' || session.permissions.includes(permission)) return;
  const why = `${session.author.user} has no permission "${permission}"`;
  throw refusal(CODES.NotPermitted, `${method} is refused`, session.author.user, why, 'Grant it in the manifest of the plugin');
}

/**
 * Who a change is recorded as. On the socket the client says it itself (the kraken command: SUDO_USER, else USER): who can open it may
 * do everything anyway. A module is named beside the person it speaks for.
 */
export function authorOf(params: Params, session: ApiSession): Author {
  const { onBehalfOf, why } = params;
  const claimed = isObject(onBehalfOf) && typeof onBehalfOf['user'] === 'string' ? onBehalfOf : undefined;
  const address = claimed && typeof claimed['address'] === 'string' ? `@${claimed['address']}` : '';
  const person = claimed && `${String(claimed['user'])}${address}`;
  const own = session.author.user;
  const user = person === undefined ? own : session.permissions === 'all' ? person : `${person} (${own})`;
  return typeof why === 'string' && why !== '' ? { user, why } : { user };
}

/** The paths that the session is shown: those asked for, as far as it may read them; absent = everything. */
export function readable(session: ApiSession, asked: readonly Path[] | undefined): readonly Path[] | undefined {
  if (session.permissions === 'all' || session.permissions.includes('state:read *')) return asked;
  const own = session.paths ?? [];
  const beyond = asked?.find((path) => !own.some((one) => one === path || (one.endsWith('/') && `${path}/`.startsWith(one))));
  if (beyond !== undefined) {
    const why = `${session.author.user} did not declare that it reads it, and has no permission "state:read *"`;
    throw refusal(CODES.NotPermitted, 'reading is refused', beyond, why, 'Name it in the reads of the declaration');
  }
  return asked ?? own;
}
