/** One answer after the other: what a flag says, else what a person types, else what is usual. */
import { EXIT, Failure, usage } from './failure.ts';
import { type Call, flag } from './io.ts';

const MOST_TRIES = 3;

export interface Question {
  readonly flag: string;
  /** For a person; undefined = it is never asked. */
  readonly text?: string;
  readonly usual: string;
  /** Why an answer cannot be taken, or undefined. */
  fault?(answer: string): string | undefined;
}

export class Questions {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /** Somebody is there who can be asked, and did not say --yes. */
  get areAsked(): boolean {
    const { terminal } = this.#call.io;
    return terminal.input && terminal.output && this.#call.flags['yes'] !== true;
  }

  /** Throws a Failure for a flag that cannot be taken, and where the input ends. */
  async answer({ flag: name, text, usual, fault }: Question): Promise<string> {
    const given = flag(this.#call, name);
    if (given === undefined && text !== undefined && this.areAsked) return this.#typed(text, usual, fault);
    const why = fault?.(given ?? usual);
    if (why !== undefined) throw usage(`--${name} ${given ?? usual}: ${why}`, `Give another: --${name} …`);
    return given ?? usual;
  }

  async #typed(text: string, usual: string, fault: Question['fault']): Promise<string> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const typed = await this.#call.io.ask(usual === '' ? `${text} ` : `${text} [${usual}] `);
      if (typed === undefined) throw new Failure(EXIT.failed, 'nothing was made');
      const answer = typed.trim() === '' ? usual : typed.trim();
      const why = fault?.(answer);
      if (why === undefined) return answer;
      this.#call.io.err(`  ${answer}: ${why}\n`);
    }
    throw usage(`nothing was made: ${MOST_TRIES} answers could not be taken`, 'kraken plugin new --help says what can be said');
  }
}
