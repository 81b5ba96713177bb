/** What BMCs answer when they do not do it, in words and in the errors that the engine knows. */
import { Busy, LoginRefused } from '@kraken-hpc/sdk';

/** RMCP+ and RAKP status codes (table 13-15). */
const STATUS: Readonly<Record<number, readonly [kind: 'busy' | 'login' | 'cipher' | 'error', text: string]>> = {
  1: ['busy', 'it has no room for another session'],
  2: ['busy', 'it does not know the session that we were opening'],
  3: ['error', 'invalid payload type'],
  4: ['cipher', 'it does not offer the authentication algorithm'],
  5: ['cipher', 'it does not offer the integrity algorithm'],
  6: ['cipher', 'no matching authentication payload'],
  7: ['cipher', 'no matching integrity payload'],
  8: ['busy', 'it has given up the session that we were opening'],
  9: ['login', 'it does not grant this role'],
  10: ['login', 'it does not grant this role to this user'],
  11: ['busy', 'it has no room for another session of this role'],
  12: ['login', "the user's name has a length that it does not accept"],
  13: ['login', 'it does not know this user'],
  14: ['login', 'unauthorized GUID'],
  15: ['login', 'the password is wrong'],
  16: ['cipher', 'it does not offer the confidentiality algorithm'],
  17: ['cipher', 'it has no such cipher suite'],
  18: ['error', 'it found a parameter illegal'],
};

export function refusedStatus(status: number, bmc: string, user: string, suite: number): Error {
  const [kind, text] = STATUS[status] ?? ['error', `status ${hex(status)}`];
  switch (kind) {
    case 'busy':
      return new Busy(`${bmc}: ${text}`);
    case 'login':
      return new LoginRefused(`${bmc} refused the login of ${user}: ${text}; correct the user or password of this BMC`);
    case 'cipher':
      return new LoginRefused(`${bmc} does not accept cipher suite ${suite}: ${text}; set another cipherSuite`);
    case 'error':
      return new Error(`${bmc} did not open a session: ${text}`);
    default:
      throw new Error(`no such kind: ${kind satisfies never}`);
  }
}

export const wrongPassword = (bmc: string, user: string): LoginRefused =>
  new LoginRefused(`${bmc} refused the login of ${user}: the password is not the one that it has; correct the password of this BMC`);

/** Completion codes (table 5-2). */
export function refusedCommand(completion: number, bmc: string, what: string): Error {
  switch (completion) {
    case 0xc0:
      return new Busy(`${bmc} is busy (${what})`);
    case 0xc3:
      return new Busy(`${bmc} ran out of time (${what})`);
    case 0xc4:
      return new Busy(`${bmc} is out of space (${what})`);
    case 0xd1:
    case 0xd2:
      return new Busy(`${bmc} is starting or updating itself (${what})`);
    case 0xd4:
      return new LoginRefused(`${bmc} refused ${what}: the user's privilege is not enough; it needs operator`);
    default:
      return new Error(`${bmc} refused ${what}: ${COMPLETION[completion] ?? `completion code ${hex(completion)}`}`);
  }
}

const COMPLETION: Readonly<Record<number, string>> = {
  193: 'it does not know the command (C1h)',
  199: 'the request has a length that it does not accept (C7h)',
  201: 'a parameter is out of range (C9h)',
  204: 'it found a field invalid (CCh)',
  213: 'it cannot do so in its present state (D5h)',
  255: 'it does not say why (FFh)',
};

const hex = (code: number): string => `${code.toString(16).toUpperCase().padStart(2, '0')}h`;
