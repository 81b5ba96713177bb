/** The search for a parent: round after round through all of them, each asked at its door, with growing pauses between rounds. */
import type { Millis, NodeId } from '../core/record.ts';
import type { Address, Admission, EnrolOutcome } from './actions.ts';
import { sameAddress, text } from './addresses.ts';
import type { Parts } from './shared.ts';

/** What outlives this process, but not the boot: the admission, and by which of the parents. */
export interface SavedUplink {
  readonly address: Address;
  readonly admission: Admission;
}

/** The same refusal is not said again before. */
const COMPLAIN = 10 * 60_000;

export class Search {
  /** Why nobody took this host, in the last words that were heard. */
  why: string | undefined;
  /** When the next round begins. */
  retryAt: Millis = Number.POSITIVE_INFINITY;
  readonly parents: readonly Address[];
  readonly #parts: Parts;
  /** Ids by address, learnt at the door. */
  readonly #ids = new Map<string, NodeId>();
  /** They were there, and did not take this host: until when they are not sought out again. */
  readonly #unhelpful = new Map<string, Millis>();
  #attempt = 0;
  /** Questions at doors that are not answered yet. */
  readonly #asked = new Map<number, Address>();
  /** Who is asked in this round, the next first. */
  #round: Address[] = [];
  #pause: Millis;
  /** The highest admission that was had. */
  #term = 0;
  /** What was last said of each parent that did not take this host. */
  readonly #said = new Map<string, { readonly message: string; readonly at: Millis }>();

  constructor(parts: Parts, parents: readonly Address[]) {
    this.#parts = parts;
    this.parents = parents;
    this.#pause = parts.settings.retryFirst;
  }

  knows({ address, admission }: SavedUplink): void {
    this.#ids.set(text(address), admission.parent);
    this.#term = Math.max(this.#term, admission.term);
  }

  /**
   * The parents that cfg names come first, in its order; where nobody met so far is the first of them, those that were not met come
   * before the others: one of them may be. Then as they were given.
   */
  order(now: Millis): readonly Address[] {
    const { world } = this.#parts;
    const cfg = world.nodes.get(world.self)?.cfg;
    const wanted = [cfg?.['parentId'], ...(Array.isArray(cfg?.['parents']) ? cfg['parents'] : [])];
    const isMet = [...this.#ids.values()].some((id) => id === wanted[0]);
    const rank = (address: Address): number => {
      const id = this.#ids.get(text(address));
      if (id === undefined) return isMet || wanted[0] === undefined || (this.#unhelpful.get(text(address)) ?? 0) > now ? wanted.length : 0;
      const at = wanted.indexOf(id);
      return at < 0 ? wanted.length : at;
    };
    return [...this.parents].sort((a, b) => rank(a) - rank(b));
  }

  /** A round through all of them: the others first, in their order, then the one that was lost. True where somebody is asked. */
  begin(lost: Address | undefined, now: Millis): boolean {
    this.#unhelpful.clear();
    const order = this.order(now);
    this.#round = [...order.filter((one) => !sameAddress(one, lost)), ...order.filter((one) => sameAddress(one, lost))];
    this.retryAt = Number.POSITIVE_INFINITY;
    return this.#next(now);
  }

  /** This one only, and not again: to move there, or for what is given at the door alone. */
  ask(address: Address): void {
    this.#round = [address];
    this.#knock(address);
  }

  /** Somebody is found: nobody else is looked for, and the next search begins with short pauses. */
  end(): void {
    this.#attempt++;
    this.#round = [];
    this.retryAt = Number.POSITIVE_INFINITY;
    this.#pause = this.#parts.settings.retryFirst;
  }

  /** The answer from a door: an admission, or nothing yet. `goesOn`: the round goes on with others where this one did not help. */
  answered(attempt: number, outcome: EnrolOutcome, goesOn: boolean, now: Millis): SavedUplink | undefined {
    const address = this.#asked.get(attempt);
    this.#asked.delete(attempt);
    if (!address) return undefined;
    if (outcome.kind === 'admitted') {
      // Even where it is not waited for any more: the session before it has ended there.
      return outcome.admission.term > this.#term ? { address, admission: outcome.admission } : undefined;
    }
    if (attempt !== this.#attempt) return undefined;
    const isThere = outcome.kind !== 'refusedConnection' && outcome.kind !== 'noAnswer';
    if (isThere) this.#unhelpful.set(text(address), now + this.#parts.settings.retryMost);
    if (outcome.kind === 'reboot') this.#parts.act({ type: 'reboot', why: outcome.why });
    this.fails(address, outcome.kind === 'untrusted' || outcome.kind === 'no' ? 'error' : 'warn', outcome.why, now);
    this.#round.shift();
    if (goesOn) this.#next(now);
    return undefined;
  }

  /** Goes on with the next one; after the last there is a pause. */
  skip(now: Millis): void {
    this.#round.shift();
    this.#next(now);
  }

  /** Said once for each reason, and again from time to time. */
  fails(address: Address, level: 'warn' | 'error', why: string, now: Millis): void {
    this.why = `${text(address)}: ${why}`;
    const message = `the parent ${text(address)} does not take this host: ${why}`;
    const said = this.#said.get(text(address));
    if (said?.message === message && now - said.at < COMPLAIN) return;
    this.#said.set(text(address), { message, at: now });
    this.#parts.act({ type: 'log', level, message });
  }

  #next(now: Millis): boolean {
    const to = this.#round[0];
    if (to) this.#knock(to);
    else {
      this.retryAt = now + Math.round(this.#pause * (0.8 + 0.4 * this.#parts.random()));
      this.#pause = Math.min(this.#parts.settings.retryMost, this.#pause * 2);
    }
    return to !== undefined;
  }

  #knock(to: Address): void {
    const { world } = this.#parts;
    const term = Math.max(this.#term, world.nodes.get(world.self)?.book.key?.term ?? 0);
    this.#asked.set(++this.#attempt, to);
    this.#parts.act({ type: 'enrol', request: { attempt: this.#attempt, to, node: world.self, term, runs: this.#parts.runs() } });
  }
}
