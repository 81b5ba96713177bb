/** What no document may be, whatever its schemas say: too large, too deep, with nulls or names that no path can hold. */

import { childPath } from '@kraken-hpc/sdk/state';
import type { Path } from '../core/declaration.ts';
import { CODE, type Problem, refuseFor } from './problem.ts';

/** Bytes of its JSON: it must fit into one line of the protocol, with room for what stands around it. */
const LARGEST_DOCUMENT = 4_000_000;
const DEEPEST_DOCUMENT = 64;
const LONGEST_NAME = 256;
/** Below so many characters even an escape for each cannot reach the limit, and nothing need be serialised to know. */
const SURELY_SMALL = LARGEST_DOCUMENT / 6;

/** Throws a RefusalError. `nulls`: in a merge patch null means remove, in a document nothing. */
export function checkLimits(doc: unknown, where: string, nulls: 'refused' | 'allowed'): void {
  const walk = new Walk(nulls === 'allowed');
  walk.value(doc, '', 0);
  if (walk.problems.length > 0) throw refuseFor(where, walk.problems, walk.tooDeep ? CODE.tooLarge : CODE.invalidValue);
  if (walk.characters < SURELY_SMALL) return;
  const bytes = Buffer.byteLength(JSON.stringify(doc));
  if (bytes <= LARGEST_DOCUMENT) return;
  const why = `it has ${bytes} bytes; at most ${LARGEST_DOCUMENT} are taken`;
  throw refuseFor(where, [{ path: '', why, todo: 'Keep what is large in a file or on a server, and name it in the node' }], CODE.tooLarge);
}

class Walk {
  characters = 0;
  tooDeep = false;
  readonly problems: Problem[] = [];
  readonly #nulls: boolean;

  constructor(nulls: boolean) {
    this.#nulls = nulls;
  }

  value(value: unknown, path: Path, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.characters += value.length + 3;
        return;
      case 'boolean':
        this.characters += 6;
        return;
      case 'number':
        this.characters += 24;
        if (!Number.isFinite(value)) this.problems.push({ path, why: `${value} is no JSON number`, todo: 'Correct the value' });
        return;
      case 'object':
        if (value !== null) return this.#members(value, path, depth);
        if (!this.#nulls) this.problems.push({ path, why: 'it is null, which says nothing', todo: 'Leave the member out' });
        return;
      default:
        this.problems.push({ path, why: `${typeof value} is no JSON`, todo: 'Correct the value' });
    }
  }

  #members(value: object, path: Path, depth: number): void {
    if (depth >= DEEPEST_DOCUMENT) {
      this.tooDeep = true;
      this.problems.push({ path: '', why: `it is nested deeper than ${DEEPEST_DOCUMENT}`, todo: 'Make it flatter' });
    } else if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) this.value(value[index], path, depth + 1);
    } else {
      for (const name of Object.keys(value)) {
        this.characters += name.length + 4;
        if (name === '' || name.length > LONGEST_NAME || name === '__proto__')
          this.problems.push({ path, why: `"${name.slice(0, 40)}" cannot be the name of a member`, todo: 'Use another name' });
        else this.value((value as { [member: string]: unknown })[name], childPath(path, name), depth + 1);
      }
    }
  }
}
