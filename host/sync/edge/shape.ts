/** Reads members of JSON that a stranger sent: the right type and size, or a sentence that names the member. */

export class ShapeError extends Error {}

export type Members = Readonly<Record<string, unknown>>;

export function object(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError(`${what} is no object`);
  return value as Members;
}

/** At least one character, and at most `most`. */
export function text(of: Members, name: string, most: number, fits: (text: string) => boolean = () => true): string {
  const value = own(of, name);
  if (typeof value !== 'string' || value.length === 0 || value.length > most || !fits(value))
    throw new ShapeError(`"${name}" is no text of the right form with at most ${most} characters`);
  return value;
}

export function integer(of: Members, name: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = own(of, name);
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
    throw new ShapeError(`"${name}" is no integer from ${least} to ${most}`);
  return value;
}

export function boolean(of: Members, name: string): boolean {
  const value = own(of, name);
  if (typeof value !== 'boolean') throw new ShapeError(`"${name}" is neither true nor false`);
  return value;
}

export function literal<const T extends string | number>(of: Members, name: string, allowed: readonly T[]): T {
  const value = own(of, name);
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new ShapeError(`"${name}" is none of ${allowed.join(', ')}`);
  return found;
}

/** base64url of so many bytes, and no others. */
export function bytes(of: Members, name: string, least: number, most: number): Buffer {
  const encoded = text(of, name, Math.ceil((most * 4) / 3), (value) => /^[A-Za-z0-9_-]+$/.test(value));
  const decoded = Buffer.from(encoded, 'base64url');
  if (decoded.length < least || decoded.length > most || decoded.toString('base64url') !== encoded)
    throw new ShapeError(`"${name}" is not base64url of ${least === most ? least : `${least} to ${most}`} bytes`);
  return decoded;
}

/** Each one checked by `read`, which is given it as the member "name[i]". */
export function list<T>(of: Members, name: string, most: number, read: (of: Members, name: string) => T): T[] {
  const value = own(of, name);
  if (!Array.isArray(value) || value.length > most) throw new ShapeError(`"${name}" is no list of at most ${most}`);
  return value.map((one, index) => read({ [`${name}[${index}]`]: one }, `${name}[${index}]`));
}

function own(of: Members, name: string): unknown {
  return Object.hasOwn(of, name) ? of[name] : undefined;
}
