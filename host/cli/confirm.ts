/** Asking before what many would notice. */
import { EXIT, Failure, usage } from './failure.ts';
import type { Call } from './io.ts';

export function mustConfirm(call: Call): boolean {
  return call.flags['yes'] !== true;
}

/** Throws where the answer is not yes; where nobody can be asked, `--yes` must be given. */
export async function confirm(call: Call, statement: string, refused: string): Promise<void> {
  const { io } = call;
  if (!io.terminal.input || !io.terminal.output) throw usage(`${refused}: not done without being asked to`, 'Say so with --yes');
  io.err(`${statement}\n`);
  const answer = (await io.ask('Go ahead? [y/N] '))?.trim().toLowerCase();
  if (answer !== 'y' && answer !== 'yes') throw new Failure(EXIT.failed, 'nothing was done');
}
