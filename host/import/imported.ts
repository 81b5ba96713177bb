/** What a file of another tool becomes: documents that `node apply` takes, what of it has no place in them, and what is wrong with it. */
import type { Doc } from '@kraken-hpc/sdk/state';
import { setPath } from '@kraken-hpc/sdk/state';
import type { Json } from '@kraken-hpc/sdk/wire';

/** A sentence about a line, less its full stop. */
export interface Finding {
  readonly line: number;
  readonly text: string;
}

export interface Imported {
  /** In the order of the file. */
  readonly nodes: readonly Doc[];
  /** What is not taken over. */
  readonly left: readonly Finding[];
  /** Where this is not empty nothing is to be applied. */
  readonly wrong: readonly Finding[];
}

/** As schemas/node.json has them. */
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/;
const LABEL = /^[A-Za-z][A-Za-z0-9._-]{0,62}$/;
const LONGEST_LABEL = 255;
const MOST_LABELS = 64;

/** The nodes of a file while it is read. */
export class Gathering implements Imported {
  readonly #nodes = new Map<string, Doc>();
  readonly #left = new Map<string, Finding>();
  readonly wrong: Finding[] = [];

  get nodes(): readonly Doc[] {
    return [...this.#nodes.values()];
  }

  get left(): readonly Finding[] {
    return [...this.#left.values()].sort((a, b) => a.line - b.line);
  }

  /** Said once, however many nodes it is about. */
  leave(line: number, text: string): void {
    this.#left.set(`${line} ${text}`, { line, text });
  }

  refuse(line: number, text: string): void {
    this.wrong.push({ line, text });
  }

  /** The node of this name, made where it is not there. False: it cannot be called so. */
  add(name: string, line: number): boolean {
    if (this.#nodes.has(name)) return true;
    if (!NAME.test(name)) {
      this.refuse(line, `${JSON.stringify(name)} cannot be the name of a node: letters, digits and . _ - between them, at most 253`);
      return false;
    }
    this.#nodes.set(name, { nodename: name });
    return true;
  }

  set(name: string, path: string, value: Json): void {
    this.#nodes.set(name, setPath(this.#nodes.get(name) ?? { nodename: name }, path, value));
  }

  /** What cannot be a label is left, and said. */
  label(name: string, label: string, value: string, line: number): void {
    const labels = Object.keys((this.#nodes.get(name)?.['labels'] ?? {}) as Doc);
    if (!LABEL.test(label)) this.leave(line, `${label} cannot be a label: a letter, then letters, digits and . _ -, at most 63`);
    else if (value.length > LONGEST_LABEL)
      this.leave(line, `the value of ${label} is longer than the ${LONGEST_LABEL} characters of a label`);
    else if (labels.length >= MOST_LABELS && !labels.includes(label))
      this.leave(line, `${name} has ${MOST_LABELS} labels already, the most there may be: ${label} is left out`);
    else this.set(name, `/labels/${label}`, value);
  }
}
