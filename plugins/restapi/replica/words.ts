/** The schemas of all that a node may hold, as `schema/get` tells them. */
import { type Doc, type Member, typeUrl, type Vocabulary } from '@kraken-hpc/sdk/state';
import type { Path, Result } from '@kraken-hpc/sdk/wire';

export class Words implements Vocabulary {
  readonly core: Doc;
  /** Every member that is no member of the core, by name. */
  readonly members: ReadonlyMap<string, Member>;
  /** The `@type` of every extension that the original has a name for, in the order of members. */
  readonly typeUrls: readonly string[];
  readonly #types: ReadonlyMap<string, Member>;
  readonly #mutable: ReadonlySet<Path>;

  constructor({ core, extensions, mutable }: Result<'schema/get'>) {
    this.core = core as Doc;
    const members = Object.entries(extensions).map(([member, { type, schema }]): Member => ({ member, type, schema: schema as Doc }));
    this.members = new Map(members.map((one) => [one.member, one]));
    this.typeUrls = members.flatMap(({ type }) => (type === undefined ? [] : [typeUrl(type)]));
    this.#types = new Map(members.flatMap((one) => (one.type === undefined ? [] : [[one.type, one]])));
    this.#mutable = new Set(mutable);
  }

  member(name: string): Member | undefined {
    return this.members.get(name);
  }

  type(name: string): Member | undefined {
    return this.#types.get(name);
  }

  /** Whether some mutation changes what stands at this path. */
  isMutable(path: Path): boolean {
    return this.#mutable.has(path);
  }
}
