/** Where a value is, as the original writes it: `/PhysState`, `type.googleapis.com/PXE.Client/State`. */
import { type Doc, followed, isObject, OURS, parsePath, TYPE_PREFIX, type Vocabulary } from '@kraken-hpc/sdk/state';
import type { Json, Path } from '@kraken-hpc/sdk/wire';

/** Fields are capitalised as in Go; keys of maps are what they are. */
export function urlOf(path: Path, words: Vocabulary): string {
  const [member = '', ...rest] = parsePath(path);
  const known = words.member(member);
  if (known?.type !== undefined) return [`${TYPE_PREFIX}${known.type}`, ...named(rest, known.schema, known.schema)].join('/');
  if (known) return [`${TYPE_PREFIX}${OURS}`, capital(member), ...named(rest, known.schema, known.schema)].join('/');
  return `/${named([member, ...rest], words.core, words.core).join('/')}`;
}

function named(members: readonly string[], given: Json | Doc | undefined, root: Doc): string[] {
  const [first, ...rest] = members;
  if (first === undefined) return [];
  const schema = followed(given, root);
  const properties = schema?.['properties'];
  const isField = isObject(properties) && Object.hasOwn(properties, first);
  const below = isField ? properties[first] : schema?.['additionalProperties'];
  return [isField ? capital(first) : first, ...named(rest, below, root)];
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
