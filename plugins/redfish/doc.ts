/** JSON of a BMC: believed in nothing, looked into member by member. */
export type Doc = Readonly<Record<string, unknown>>;

/** undefined for all that is no JSON object. */
export const asDoc = (value: unknown): Doc | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Doc) : undefined;

/** A member of a member. */
export const within = (doc: Doc | undefined, ...names: readonly string[]): unknown =>
  names.reduce<unknown>((at, name) => asDoc(at)?.[name], doc);

export const textsOf = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'string') : undefined;
