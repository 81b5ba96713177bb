/** What the module says that it observed, in answers and by itself, held against what it declared and was told. */
import type { Json, ServiceDeclaration } from '../core/declaration.ts';
import { Schemas } from '../documents/schemas.ts';
import { type Reporter, reporter } from '../modules/observe.ts';
import { isObject } from '../modules/variables.ts';
import type { Book } from './book.ts';
import type { Dialogue } from './dialogue.ts';
import { BEGINNING, nodeIds } from './fake-world.ts';
import type { Watch } from './watch.ts';

/** So many values are held against their schemas; others of a path that was good are not. */
const CHECKED = 200;

export class Reports {
  readonly #book: Book;
  readonly #watch: Watch;
  readonly #schemas = new Schemas();
  readonly #known = new Set(nodeIds);
  #reporter: Reporter | undefined;
  #checked = 0;

  constructor(book: Book, watch: Watch) {
    this.#book = book;
    this.#watch = watch;
  }

  /** Throws where the schemas that it brings cannot be used. */
  open(declaration: ServiceDeclaration, wire: { readonly state?: Json; readonly extensions?: Json }): void {
    this.#schemas.add(declaration.service, wire);
    this.#reporter = reporter(declaration);
  }

  get variables(): ReturnType<Schemas['variables']> {
    return this.#schemas.variables();
  }

  /** As an operator is shown them. */
  get schemas(): { readonly [key: string]: Json } {
    return { core: this.#schemas.core as Json, extensions: {}, mutable: [] };
  }

  /** By itself. */
  told(observed: Json | undefined, dialogue: Dialogue): void {
    const items = Array.isArray(observed) ? observed : [];
    this.#watch.observed(items.length, dialogue);
    this.#book.pass('report.rate');
    this.check(items, this.#known, dialogue);
  }

  /** `asked`: the nodes that it may speak of. */
  check(items: readonly unknown[], asked: ReadonlySet<string>, dialogue: Dialogue): void {
    if (items.length > 0) this.#book.pass('report.nodes', 'report.declared', 'report.values', 'report.asOf', 'report.rate');
    for (const item of items) if (isObject(item) && isObject(item.values)) this.#one(item, asked, dialogue);
  }

  #one(item: { readonly [key: string]: Json }, asked: ReadonlySet<string>, dialogue: Dialogue): void {
    const { node, asOf } = item;
    const id = String(node);
    const values = item.values as Readonly<Record<string, Json>>;
    if (!asked.has(id)) dialogue.fail('report.nodes', `it reported ${id}, which it was not asked about`);
    if (asOf !== undefined && asOf !== BEGINNING)
      dialogue.fail(
        'report.asOf',
        `it reported ${id} as of revision ${JSON.stringify(asOf)}; the only one that it was told is ${BEGINNING}`,
      );
    const undeclared = Object.keys(values).find((path) => this.#reporter?.may(path) === false);
    if (undeclared !== undefined) dialogue.fail('report.declared', `it reported ${undeclared} of ${id}, which it did not declare`);
    if (this.#checked >= CHECKED) return;
    this.#checked += 1;
    try {
      this.#schemas.checkValues(Object.fromEntries(Object.entries(values).filter(([path]) => path !== undeclared)), id, true);
    } catch (error) {
      dialogue.fail('report.values', error instanceof Error ? error.message : String(error));
    }
  }
}
