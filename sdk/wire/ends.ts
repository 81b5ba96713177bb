/** Who may send what to whom: the table of methods, seen from each end of a pipe. Types only. */
import type { METHODS, Methods } from './methods.ts';

type Table = typeof METHODS;
/** A method of the protocol. */
export type MethodName = keyof Table;
/** The params of a method. */
export type Params<M extends MethodName> = Methods[M]['params'];
/** The result of a method; undefined for a notification. */
export type Result<M extends MethodName> = Methods[M]['result'];

/** host ↔ module on a child's stdio; control ↔ client on the control socket. */
export type End = 'host' | 'module' | 'control' | 'client';

interface Opposite {
  readonly host: 'module';
  readonly module: 'host';
  readonly control: 'client';
  readonly client: 'control';
}
/** The end that this one speaks with. */
export type Other<E extends End> = Opposite[E];

interface Directions {
  readonly host: 'toHost' | 'both' | 'operator';
  readonly module: 'toModule' | 'both';
  readonly control: 'toHost' | 'both' | 'operator';
  readonly client: 'toModule' | 'both';
}
type OnSocket<E extends End> = E extends 'control' | 'client' ? true : boolean;

type To<E extends End, Kind extends 'request' | 'notification'> = {
  [M in MethodName]: Table[M]['direction'] extends Directions[E]
    ? Table[M]['kind'] extends Kind
      ? Table[M]['control'] extends OnSocket<E>
        ? M
        : never
      : never
    : never;
}[MethodName];

/** What this end answers. */
export type RequestsTo<E extends End> = To<E, 'request'>;
/** What this end is told. `$/cancel` is the peer's own business. */
export type NotificationsTo<E extends End> = Exclude<To<E, 'notification'>, '$/cancel'>;
