/** What happened, in the words of the original's WebSocket. Pure. */
import { type Doc, followed, isObject, leaves, parsePath, sameJson } from '@kraken-hpc/sdk/state';
import type { Event, Json, Path } from '@kraken-hpc/sdk/wire';
import type { Words } from '../replica/words.ts';
import { urlOf } from './url.ts';

/** As the original numbers its kinds of events. */
export const TYPES = { STATE_CHANGE: 1, STATE_MUTATION: 2, DISCOVERY: 5 } as const;
export type TypeName = keyof typeof TYPES;

export interface Payload {
  readonly type: (typeof TYPES)[TypeName];
  readonly url: string;
  readonly data: string;
  readonly nodeid?: string;
  readonly value?: string;
}

/** In the order in which the original tells them: of what changed together, a node's power before its run state. */
export function payloadsOf(events: readonly Event[], words: Words): readonly Payload[] {
  const told = events.flatMap((event): { readonly event: Event; readonly payload: Payload }[] => {
    return valueByValue(event).flatMap((one) => {
      const payload = payloadOf(one, words);
      return payload ? [{ event: one, payload }] : [];
    });
  });
  for (let at = 1; at < told.length; at++) {
    const [before, after] = [told[at - 1], told[at]];
    const together = before?.event.node === after?.event.node && before?.event.kind === after?.event.kind;
    if (!before || !after || !together || before.event.path !== '/runState' || after.event.path !== '/physState') continue;
    told[at - 1] = after;
    told[at] = before;
  }
  return told.map(({ payload }) => payload);
}

/** A whole member that came, went or changed is told field by field: the original knows no other. */
function valueByValue(event: Event): readonly Event[] {
  const { kind, path = '', from, to, view } = event;
  if (path === '' || view === 'note' || (kind !== 'state' && kind !== 'discovery') || !(isObject(from) || isObject(to))) return [event];
  const [before, after] = [new Map(isObject(from) ? leaves(from) : []), new Map(isObject(to) ? leaves(to) : [])];
  const { from: _from, to: _to, ...about } = event;
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((below) => {
    const value = after.get(below);
    if (sameJson(before.get(below), value)) return [];
    return [{ ...about, path: path + below, ...(value === undefined ? {} : { to: value }) }];
  });
}

function payloadOf(event: Event, words: Words): Payload | undefined {
  const { kind, node, path } = event;
  if (node === undefined || path === undefined) return undefined;
  switch (kind) {
    case 'state':
      return changeOf(event, node, path, words);
    case 'mutation':
      return mutationOf(event, node, path);
    case 'discovery':
      return discoveryOf(event, node, path, words);
    case 'service':
      return undefined;
    default:
      return kind satisfies never;
  }
}

function changeOf({ view, to }: Event, node: string, path: Path, words: Words): Payload | undefined {
  const { STATE_CHANGE: type } = TYPES;
  if (view === 'note') return undefined;
  if (path === '') return { type, url: '', data: `(${to === undefined ? 'DELETE' : 'CREATE'}) ${node}: = `, nodeid: node };
  const url = urlOf(path, words);
  const value = textOf(to ?? zeroOf(path, words));
  return { type, url, data: `(${view === 'cfg' ? 'CFG_UPDATE' : 'UPDATE'}) ${node}:${url} = ${value}`, nodeid: node, value };
}

/** Only that a step begins, or is given up: what it led to is a change. */
function mutationOf({ to }: Event, node: string, path: Path): Payload | undefined {
  const verb = path === 'sent' ? 'MUTATE' : path === 'interrupted' ? 'INTERRUPT' : undefined;
  if (verb === undefined || typeof to !== 'string') return undefined;
  const slash = to.indexOf('/');
  const [service, mutation] = slash < 0 ? ['', to] : [to.slice(0, slash), to.slice(slash + 1)];
  return { type: TYPES.STATE_MUTATION, url: '', data: `(${verb}) ${node} : ${service} -> ${mutation}`, nodeid: node, value: mutation };
}

function discoveryOf({ service = '', to }: Event, node: string, path: Path, words: Words): Payload {
  const url = urlOf(path, words);
  const value = textOf(to ?? zeroOf(path, words));
  return { type: TYPES.DISCOVERY, url, data: `(${service}) ${node}:${url} == ${value}`, nodeid: node, value };
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What proto3 takes a field for that nobody has set. */
function zeroOf(path: Path, words: Words): Json {
  const [member = '', ...rest] = parsePath(path);
  const own = words.member(member);
  const root = own?.schema ?? words.core;
  let schema: Doc | undefined = root;
  for (const name of own ? rest : [member, ...rest]) {
    const properties: Json | undefined = schema?.['properties'];
    schema = followed(isObject(properties) ? properties[name] : schema?.['additionalProperties'], root);
  }
  const names = schema?.['enum'];
  if (Array.isArray(names)) return names[0] ?? '';
  const type = schema?.['type'];
  return type === 'integer' || type === 'number' ? 0 : type === 'boolean' ? false : '';
}
