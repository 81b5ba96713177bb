/** What is no answer: said by a power module, or seen in what its calls fail with. */

import { TryLater } from '../errors.ts';

/** Milliseconds until the engine asks again. */
const CHANGING_MS = 2000;

/**
 * Whoever was called did not answer, whatever was tried; the message says who, and for how long he was waited for. A power module throws
 * it where it waits itself; a call that outlasts `answerMs` and an error of the network are the same to `definePower`.
 */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/**
 * Neither on nor off: the device says that it is on its way. Thrown where the power is read; after a command it is looked on, and
 * nothing is sent as long as it lasts.
 */
export class Changing extends TryLater {
  constructor(message: string) {
    super(CHANGING_MS, message);
  }
}

/** An error that the system or `fetch` had with the connection, in words; undefined = something else. */
function networkError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('syscall' in error) return error.message;
  return error.cause === undefined ? undefined : networkError(error.cause);
}

/** The same error where it says that there was no answer, or undefined. */
export function silenceOf(error: unknown, who: string): NoAnswer | undefined {
  if (error instanceof NoAnswer) return error;
  const text = networkError(error);
  return text === undefined ? undefined : new NoAnswer(`${who} cannot be reached: ${text}`);
}
