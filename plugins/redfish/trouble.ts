/** What BMCs answer when they do not do it, in words and in the errors that the engine knows (DSP0266, "Status codes"). */
import { Busy, LoginRefused, TryLater } from '@kraken-hpc/sdk';
import { asDoc, type Doc, within } from './doc.ts';
import type { Answer } from './exchange.ts';

/** It has nothing at this URI. */
export class NotThere extends Error {
  override readonly name = 'NotThere';
}

const LATER = 5000;
const LATEST = 300_000;
const LONGEST = 300;

/** Milliseconds that a Retry-After asks for (RFC 9110, 10.2.3), between 100 ms and 5 minutes; `or` where there is none. */
export function retryAfter(header: string | undefined, or: number, now = Date.now()): number {
  if (header === undefined) return or;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) ? Math.min(LATEST, Math.max(100, ms)) : or;
}

/** What it says of an error (DSP0266, "Error responses"), or of a task, on one line. */
export function saidBy(body: Doc): string {
  const extended = within(body, 'error', '@Message.ExtendedInfo') ?? body['Messages'];
  const first = Array.isArray(extended) ? asDoc(extended[0]) : undefined;
  const said = first?.['Message'] ?? first?.['MessageId'] ?? within(body, 'error', 'message');
  return typeof said === 'string' ? `: ${said.slice(0, LONGEST).replace(/\p{Cc}+/gu, ' ')}` : '';
}

/** An answer of 400 and more as the error that it is. `what`: "to tell its power state". */
export function refused({ status, headers, body }: Answer, bmc: string, what: string): Error {
  const said = saidBy(body);
  const id = JSON.stringify(body['error'] ?? '');
  if (id.includes('SessionLimitExceeded')) return new Busy(`BMC ${bmc} has no room for another session${said}`);
  switch (status) {
    case 401:
      return new LoginRefused(`BMC ${bmc} refused our login (${what})${said}; correct the user or password of this BMC`);
    case 403:
      return new LoginRefused(`BMC ${bmc} refused ${what}: the user's privilege is not enough${said}; give it ConfigureComponents`);
    case 404:
    case 410:
      return new NotThere(`BMC ${bmc} does not have what was asked for (${what}, ${status})${said}`);
    case 409:
      return new Busy(`BMC ${bmc} cannot do so now (${what})${said}`);
    case 429:
    case 503:
      return new TryLater(retryAfter(headers['retry-after'], LATER), `BMC ${bmc} asks to come again later (${what}, ${status})${said}`);
    default:
      return new Error(`BMC ${bmc} refused ${what} (HTTP ${status})${said}`);
  }
}
