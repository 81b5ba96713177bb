/**
 * Real machines do not end with the process that speaks to them, so what the virtual ones are is on disk before anybody is told:
 * a line for each change, read again at start, the last line of a node counting. Not synced: it need not survive the computer.
 */
import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SavedNode } from './seen.ts';

const FILE = 'machines.jsonl';
/** Lines beyond those that count, until the file is written anew. */
const SLACK = 50_000;

export class Ledger {
  readonly #file: string;
  readonly #current: () => Iterable<SavedNode>;
  #fd: number;
  #lines = 0;

  /** `current`: all machines as they are, for when the file is written anew. */
  constructor(folder: string, current: () => Iterable<SavedNode>) {
    this.#file = join(folder, FILE);
    this.#current = current;
    // Written anew at the start too: the process before may have ended in the middle of a line.
    this.#fd = this.#rewrite();
  }

  append(changed: readonly SavedNode[], nodes: number): void {
    if (changed.length === 0) return;
    this.#lines += changed.length;
    if (this.#lines <= SLACK + 2 * nodes) return void writeSync(this.#fd, text(changed));
    closeSync(this.#fd);
    this.#fd = this.#rewrite();
  }

  close(): void {
    closeSync(this.#fd);
  }

  #rewrite(): number {
    const beside = `${this.#file}.new`;
    writeFileSync(beside, text(this.#current()), { mode: 0o600 });
    renameSync(beside, this.#file);
    this.#lines = 0;
    return openSync(this.#file, 'a', 0o600);
  }
}

function text(nodes: Iterable<SavedNode>): string {
  let lines = '';
  for (const node of nodes) lines += `${JSON.stringify(node)}\n`;
  return lines;
}

/** The machines that are on record. A line that was cut off by the end of the process before is none. */
export function readLedger(folder: string): SavedNode[] {
  const last = new Map<string, SavedNode>();
  for (const line of contents(join(folder, FILE)).split('\n')) {
    const node = parse(line);
    if (node !== undefined) last.set(node[0], node);
  }
  return [...last.values()];
}

function contents(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function parse(line: string): SavedNode | undefined {
  try {
    const node: unknown = JSON.parse(line);
    return Array.isArray(node) && node.length === 11 && typeof node[0] === 'string' ? (node as unknown as SavedNode) : undefined;
  } catch {
    return undefined;
  }
}
