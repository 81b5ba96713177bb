/** Asking before what many would notice. */
import { EXIT, Failure, usage } from './failure.ts';
import type { Call } from './io.ts';

export function mustConfirm(call: Call): boolean {
  return call.flags['yes'] !== true;
}

/**
 * Throws where the answer is not yes. `would` is what would be done, as in `deletes 4 nodes`; `shown` is printed before a person is
 * asked. Where nobody can be asked, `--yes` must be given.
 */
export async function confirm({ io }: Call, would: string, shown: () => string | Promise<string>): Promise<void> {
  if (!io.terminal.input || !io.terminal.output)
    throw usage(`nothing was done: this ${would}, and nobody can be asked here`, 'Say so with --yes');
  io.err(await shown());
  const answer = (await io.ask('Go ahead? [y/N] '))?.trim().toLowerCase();
  if (answer !== 'y' && answer !== 'yes') throw new Failure(EXIT.failed, 'nothing was done');
}
