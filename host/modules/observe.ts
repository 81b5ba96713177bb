/** What a module reports, held against what it declared: the good is taken, the rest refused by name. The engine then checks values and nodes. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json, Path, ServiceDeclaration } from '../core/declaration.ts';
import type { Failed, Failure, Observed } from '../core/event.ts';
import { failure } from './refuse.ts';
import { isObject } from './variables.ts';

/** What one service may report. */
export interface Reporter {
  readonly service: string;
  may(path: Path): boolean;
  /** Permission `sessions`: it may say that a node was heard, and its session. */
  readonly sessions: boolean;
}

export interface Refused {
  readonly node: string;
  readonly path?: Path;
  readonly error: Failure;
}

/** Why a node id in a report is refused; undefined = it is good. */
export type NodeCheck = (node: string) => Failure | undefined;

const HEARD: readonly unknown[] = ['hello', 'session', 'dhcp', 'claim'];
/** What the node's own host says of itself, told by a module that plays it. */
const PLAYED: readonly Path[] = ['/physState', '/runState', '/busy', '/services/'];

export function reporter(declaration: ServiceDeclaration): Reporter {
  const leaves = new Set<Path>();
  const subtrees: Path[] = [];
  const add = (path: Path): unknown => (path.endsWith('/') ? subtrees.push(path) : leaves.add(path));
  for (const mutation of declaration.mutations) Object.keys(mutation.mutates).forEach(add);
  for (const one of [...declaration.pollers, ...declaration.discoveries]) one.discovers.forEach(add);
  if (declaration.playsHosts) PLAYED.forEach(add);
  const all = declaration.permissions.includes('dsc:write');
  return {
    service: declaration.service,
    sessions: declaration.permissions.includes('sessions'),
    may: (path) => leaves.has(path) || all || subtrees.some((prefix) => path.startsWith(prefix) || `${path}/` === prefix),
  };
}

/** Good items pass untouched (no copy); of an item with a bad path the other values are taken. */
export function checkObserved(
  items: unknown,
  by: Reporter,
  node: NodeCheck,
): { readonly good: readonly Observed[]; readonly refused: readonly Refused[] } {
  if (!Array.isArray(items))
    return { good: [], refused: [{ node: '', error: failure(CODES.InvalidParams, `${by.service}: observed is not a list`) }] };
  const refused: Refused[] = [];
  const good: Observed[] = [];
  for (const item of items) {
    const taken = checkOne(item, by, node, refused);
    if (taken) good.push(taken);
  }
  return { good, refused };
}

function checkOne(item: unknown, by: Reporter, node: NodeCheck, refused: Refused[]): Observed | undefined {
  if (!isObject(item) || typeof item.node !== 'string' || !isObject(item.values)) {
    refused.push({ node: '', error: failure(CODES.InvalidParams, `${by.service} reported something that is not {node, values}`) });
    return undefined;
  }
  const id = item.node;
  const wrong = node(id);
  if (wrong) {
    refused.push({ node: id, error: wrong });
    return undefined;
  }
  const shape = shapeOf(item, by);
  if (shape) {
    refused.push({ node: id, error: shape });
    return undefined;
  }
  const seen = item as unknown as Observed;
  const bad = Object.keys(seen.values).filter((path) => !by.may(path));
  if (bad.length === 0) return seen;
  for (const path of bad)
    refused.push({ node: id, path, error: failure(CODES.Undeclared, `${by.service} reported ${path} of ${id}, which it did not declare`) });
  const values = Object.fromEntries(Object.entries(seen.values).filter(([path]) => by.may(path)));
  return Object.keys(values).length > 0 || seen.heard !== undefined || seen.session !== undefined ? { ...seen, values } : undefined;
}

function shapeOf(item: { readonly [key: string]: Json }, by: Reporter): Failure | undefined {
  const { node, asOf, heard, session } = item;
  if (asOf !== undefined && !(Number.isSafeInteger(asOf) && (asOf as number) >= 0))
    return failure(CODES.InvalidParams, `${by.service} reported ${node} as of ${JSON.stringify(asOf)}, which is not a revision`);
  if (heard === undefined && session === undefined) return undefined;
  if (!by.sessions) return failure(CODES.NotPermitted, `${by.service} reported that ${node} was heard; it has no permission "sessions"`);
  if (heard !== undefined && !HEARD.includes(heard))
    return failure(
      CODES.InvalidParams,
      `${by.service} reported ${node} as heard by ${JSON.stringify(heard)}; it must be one of ${HEARD.join(', ')}`,
    );
  const good =
    session === undefined ||
    (isObject(session) && typeof session.boot === 'string' && session.boot !== '' && typeof session.live === 'boolean');
  return good ? undefined : failure(CODES.InvalidParams, `${by.service} reported a session of ${node} that is not {boot, live}`);
}

/** The failures of a reply: of nodes that were asked for, with a code and a sentence. */
export function checkFailed(
  items: unknown,
  by: Reporter,
  node: NodeCheck,
): { readonly good: readonly Failed[]; readonly refused: readonly Refused[] } {
  if (!Array.isArray(items))
    return {
      good: [],
      refused: items === undefined ? [] : [{ node: '', error: failure(CODES.InvalidParams, `${by.service}: failed is not a list`) }],
    };
  const good: Failed[] = [];
  const refused: Refused[] = [];
  for (const item of items) {
    const id = isObject(item) && typeof item.node === 'string' ? item.node : '';
    const error = isObject(item) && isObject(item.error) ? item.error : undefined;
    const wrong =
      id === '' || !error || typeof error.code !== 'number' || typeof error.message !== 'string'
        ? failure(CODES.InvalidParams, `${by.service} reported a failure that is not {node, error: {code, message}}`)
        : node(id);
    if (wrong) refused.push({ node: id, error: wrong });
    else good.push(item as unknown as Failed);
  }
  return { good, refused };
}
