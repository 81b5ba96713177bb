/** One node as the replica holds it. What is asked for often is made once, and thrown away when the node changes. */
import { type Doc, get, nest, type Subject, setPath } from '@kraken-hpc/sdk/state';
import type { Change, Fact, Json, NodeState, Path, Revision } from '@kraken-hpc/sdk/wire';

export type View = 'cfg' | 'dsc';

/** Texts of a node that somebody serves, by what they call them. */
export type Texts = Map<string, string>;

export class ReplicaNode implements Subject {
  readonly id: string;
  cfg: Doc;
  facts: { [path: Path]: Fact };
  /** The revision at which the replica heard of its last change. */
  rev: Revision;
  /** Changes of that revision so far: the parts of a large one come one after the other. */
  #parts = 0;
  readonly #mutable: (path: Path) => boolean;
  #dsc: Doc | undefined;
  #sortKey: string | undefined;
  #texts: Texts | undefined;

  constructor({ id, cfg, facts }: NodeState, rev: Revision, mutable: (path: Path) => boolean) {
    this.id = id;
    this.cfg = cfg ?? {};
    this.facts = facts ?? {};
    this.rev = rev;
    this.#mutable = mutable;
  }

  get name(): string {
    const name = this.cfg['nodename'];
    return typeof name === 'string' ? name : '';
  }

  /** Another one whenever anything of the node is: the revision, and how much of it has come. */
  get tag(): string {
    return this.#parts === 0 ? `"${this.rev}"` : `"${this.rev}.${this.#parts}"`;
  }

  /** kr2 before kr10: the numbers in a name are padded. */
  get sortKey(): string {
    this.#sortKey ??= `${(this.name || this.id).replace(/\d+/g, (digits) => digits.padStart(16, '0'))}\u0000${this.id}`;
    return this.#sortKey;
  }

  /** The observed document, nested as cfg is. */
  get dsc(): Doc {
    if (this.#dsc === undefined) {
      const entries: [Path, Json][] = [['/id', this.id]];
      for (const path in this.facts) entries.push([path, (this.facts[path] as Fact).value]);
      this.#dsc = nest(entries);
    }
    return this.#dsc;
  }

  /** Whether its name may have changed. */
  take({ view, path, to, by, at, rev }: Change, revision: Revision): boolean {
    this.#parts = this.rev === revision ? this.#parts + 1 : 0;
    this.rev = revision;
    this.#texts = undefined;
    if (view === 'cfg') {
      this.cfg = setPath(this.cfg, path, to);
      if (path !== '/nodename') return false;
      this.#sortKey = undefined;
      return true;
    }
    if (to === undefined) delete this.facts[path];
    else this.facts[path] = { value: to, by: by ?? '', at: at ?? 0, ...(rev === undefined ? {} : { rev }) };
    this.#dsc = undefined;
    return false;
  }

  label(name: string): string | undefined {
    const value = get(this.cfg, '/labels');
    const label = value !== null && typeof value === 'object' && !Array.isArray(value) ? value[name] : undefined;
    return label === undefined ? undefined : String(label);
  }

  /** As the host matches sets: of what nothing mutates, cfg counts until it is observed. */
  value(view: View, path: Path): Json | undefined {
    if (view === 'cfg') return get(this.cfg, path);
    return this.facts[path]?.value ?? (this.#mutable(path) ? undefined : get(this.cfg, path));
  }

  /** A text of this node as it is now, made once. */
  text(kind: string, make: (node: ReplicaNode) => string): string {
    this.#texts ??= new Map();
    let text = this.#texts.get(kind);
    if (text === undefined) {
      text = make(this);
      this.#texts.set(kind, text);
    }
    return text;
  }

  /** The schemas have changed: what was made by them does not hold. */
  forgetTexts(): void {
    this.#texts = undefined;
  }
}
