/** What was found of each requirement while the module was driven, and the verdicts that follow from it. */
import { REQUIREMENTS, type RequirementId } from './requirements.ts';

export interface Verdict {
  readonly id: string;
  readonly sentence: string;
  readonly verdict: 'pass' | 'fail' | 'not applicable';
  readonly why?: string;
  /** What was said, → to the module and ← by it; of a failure. */
  readonly transcript?: readonly string[];
}

interface Failure {
  readonly why: string;
  readonly transcript: readonly string[];
}

export class Book {
  readonly #passed = new Set<RequirementId>();
  readonly #failed = new Map<RequirementId, Failure>();
  readonly #skipped = new Map<RequirementId, string>();

  pass(...ids: readonly RequirementId[]): void {
    for (const id of ids) this.#passed.add(id);
  }

  /** The first failure of a requirement is kept: what comes after it often follows from it. */
  fail(id: RequirementId, why: string, transcript: readonly string[]): void {
    if (!this.#failed.has(id)) this.#failed.set(id, { why, transcript });
  }

  /** Why it is not applicable, unless something else is found of it. */
  skip(why: string, ...ids: readonly RequirementId[]): void {
    for (const id of ids) if (!this.#skipped.has(id)) this.#skipped.set(id, why);
  }

  has(id: RequirementId): boolean {
    return this.#failed.has(id);
  }

  verdicts(scrub: (text: string) => string): Verdict[] {
    return (Object.keys(REQUIREMENTS) as RequirementId[]).map((id) => this.#verdict(id, scrub));
  }

  #verdict(id: RequirementId, scrub: (text: string) => string): Verdict {
    const { sentence, after = [] } = REQUIREMENTS[id];
    const cause = after.find((one) => this.#failed.has(one));
    const failure = this.#failed.get(id);
    if (failure && cause === undefined)
      return { id, sentence, verdict: 'fail', why: scrub(failure.why), transcript: failure.transcript.map(scrub) };
    if (!failure && this.#passed.has(id)) return { id, sentence, verdict: 'pass' };
    const why = cause === undefined ? (this.#skipped.get(id) ?? 'it did not come so far') : `${cause} failed`;
    return { id, sentence, verdict: 'not applicable', why: scrub(why) };
  }
}
