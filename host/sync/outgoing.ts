/**
 * What is offered to a neighbour, and how much of it was told: the sender's end of the replicated map (`incoming.ts` is the other).
 * Changes are coalesced by key; an update takes what is pending when it is built, and its number and bytes never change after that.
 */
import type { Json } from '../core/declaration.ts';
import type { NodeId } from '../core/record.ts';
import { encodeUpdate, UPDATE_HEAD } from './codec.ts';
import { digestWith, hashEntry } from './digest.ts';
import { encodeItem, encodeNode, flawOf } from './items.ts';

/** One key. `hash`: of what is offered, `told`: of what the last update with this key said; 0 = it is not there. */
interface Entry {
  readonly node: NodeId;
  readonly member: string;
  value: Json | undefined;
  hash: number;
  told: number;
  /** Bytes of its item in an update, without the node's id. */
  size: number;
}

/** An update as it goes out, once or often. */
export interface Built {
  readonly number: number;
  readonly snapshot: boolean;
  readonly bytes: Uint8Array;
}

export class Outgoing {
  readonly #run: number;
  readonly #most: number;
  readonly #entries = new Map<NodeId, Map<string, Entry>>();
  #changed: Set<Entry> | undefined;
  /** Keys of the snapshot that is being told and that are still to come; none and `#snapshot`: its last update is. */
  #left: Set<Entry> | undefined;
  #snapshot = true;
  #begun = false;
  #offered = false;
  #head = 0;
  #digest = 0;

  /** `most`: bytes of the largest update. */
  constructor(run: number, most: number) {
    this.#run = run;
    this.#most = most;
  }

  /** Number of the last update that was built, and the digest of all that was told up to it. */
  get head(): number {
    return this.#head;
  }

  get digest(): number {
    return this.#digest;
  }

  /** Keys that the other end has not been told of. */
  get pending(): number {
    return (this.#changed?.size ?? 0) + (this.#left?.size ?? 0);
  }

  /** A snapshot has begun, or is about to. */
  get isTellingAll(): boolean {
    return this.#snapshot;
  }

  get hasNews(): boolean {
    return (this.#changed?.size ?? 0) > 0 || (this.#snapshot && this.#offered);
  }

  /** Why the value cannot be told (the other end keeps what it was told before); undefined where it can. */
  offer(node: NodeId, member: string, value: Json | undefined): string | undefined {
    this.#offered = true;
    const flaw = value === undefined ? undefined : (flawOf(value) ?? flawOf(member) ?? flawOf(node));
    if (flaw) return `${flaw} cannot be told to another host`;
    const hash = value === undefined ? 0 : hashEntry(node, member, JSON.stringify(value));
    const known = this.#entries.get(node)?.get(member);
    if (hash === (known?.hash ?? 0)) return undefined;
    const size = encodeItem(member, value).length;
    const whole = size + encodeNode(node).length + UPDATE_HEAD;
    if (whole > this.#most) return `${whole} bytes are more than an update holds (${this.#most})`;
    const entry = known ?? this.#add(node, member);
    entry.value = value;
    entry.hash = hash;
    entry.size = size;
    this.#mark(entry);
    return undefined;
  }

  forget(node: NodeId): void {
    for (const member of [...(this.#entries.get(node)?.keys() ?? [])]) this.offer(node, member, undefined);
  }

  /** The other end has nothing, or not what it should: the next update begins a snapshot. */
  restart(): void {
    this.#snapshot = true;
    this.#begun = false;
    this.#digest = 0;
    this.#changed = undefined;
    this.#left = new Set();
    for (const members of [...this.#entries.values()])
      for (const entry of [...members.values()]) {
        entry.told = 0;
        if (entry.hash === 0) this.#drop(entry);
        else this.#left.add(entry);
      }
  }

  /** The next update, of at most so many bytes; undefined where nothing is pending that fits. */
  build(bytes: number): Built | undefined {
    if (!this.hasNews) return undefined;
    const snapshot = this.#snapshot;
    const source = (snapshot ? this.#left : this.#changed) ?? new Set();
    const items = this.#take(source, Math.min(bytes, this.#most) - UPDATE_HEAD);
    if (items.length === 0 && source.size > 0) return undefined;
    const begins = snapshot && !this.#begun;
    const more = snapshot && source.size > 0;
    this.#snapshot = more;
    this.#begun = more;
    this.#rest();
    this.#head++;
    const head = { run: this.#run, number: this.#head, snapshot, begins, more, digest: this.#digest };
    return { number: this.#head, snapshot, bytes: encodeUpdate(head, items) };
  }

  /** What is empty is not kept: most links have nothing to tell. */
  #rest(): void {
    if (this.#changed?.size === 0) this.#changed = undefined;
    if (this.#left?.size === 0) this.#left = undefined;
  }

  /** Takes what fits, nodes together as they were offered; what is too large waits for a path that is wide enough. */
  #take(source: Set<Entry>, room: number): readonly Uint8Array[] {
    const items: Uint8Array[] = [];
    let left = room;
    let node: NodeId | undefined;
    for (const entry of source) {
      const title = entry.node === node ? undefined : encodeNode(entry.node);
      const size = entry.size + (title?.length ?? 0);
      if (size > left) {
        if (left < room / 2) break;
        continue;
      }
      if (title) items.push(title);
      items.push(encodeItem(entry.member, entry.value));
      left -= size;
      node = entry.node;
      source.delete(entry);
      this.#tell(entry);
    }
    return items;
  }

  #tell(entry: Entry): void {
    this.#digest = digestWith(this.#digest, entry.told, entry.hash);
    entry.told = entry.hash;
    if (entry.hash === 0) this.#drop(entry);
  }

  /** Puts a changed key where it is pending, or nowhere: it went back to what was told. */
  #mark(entry: Entry): void {
    if (this.#left?.has(entry)) {
      if (entry.hash !== 0) return;
      this.#left.delete(entry);
    }
    if (entry.hash !== entry.told) {
      if (this.#snapshot && entry.told === 0) (this.#left ??= new Set()).add(entry);
      else (this.#changed ??= new Set()).add(entry);
      return;
    }
    this.#changed?.delete(entry);
    if (entry.hash === 0) this.#drop(entry);
  }

  #add(node: NodeId, member: string): Entry {
    const members = this.#entries.get(node) ?? new Map<string, Entry>();
    if (members.size === 0) this.#entries.set(node, members);
    const entry: Entry = { node, member, value: undefined, hash: 0, told: 0, size: 0 };
    members.set(member, entry);
    return entry;
  }

  #drop(entry: Entry): void {
    const members = this.#entries.get(entry.node);
    members?.delete(entry.member);
    if (members?.size === 0) this.#entries.delete(entry.node);
  }
}
