/** Types read from the literals of a module's definition: its own paths and config keys, with their values. Types only. */
import type { Json, Scalar } from './wire/index.ts';

/** `500ms`, `120s`, `5m`, `1.5h`, `1d`. */
export type Duration = `${number}ms` | `${number}s` | `${number}m` | `${number}h` | `${number}d`;

/**
 * Power, as a device reports it. PHYS_UNKNOWN = nobody has looked; PHYS_HANG = a command was accepted and nothing came of it; PHYS_ERROR
 * = the device says that it is broken.
 */
export type PhysState = 'PHYS_UNKNOWN' | 'POWER_OFF' | 'POWER_ON' | 'POWER_CYCLE' | 'PHYS_HANG' | 'PHYS_ERROR';
/**
 * The node's own host, as its parent hears it. UNKNOWN = nobody has looked; INIT = none there; SYNC = it is there and up to date; ERROR
 * = it says that it cannot go on.
 */
export type RunState = 'UNKNOWN' | 'INIT' | 'SYNC' | 'ERROR';

/** The paths that every module knows: the core's, and those of the extensions that come with Kraken. */
export interface KnownValues {
  readonly '/id': string;
  readonly '/nodename': string;
  readonly '/parentId': string;
  readonly '/arch': string;
  readonly '/platform': string;
  readonly '/physState': PhysState;
  readonly '/runState': RunState;
  readonly '/busy': Json;
  readonly '/pxe/state': 'NONE' | 'WAIT' | 'INIT';
  readonly '/pxe/method': 'PXE' | 'iPXE';
  readonly '/pxe/step': 'NONE' | 'DISCOVER' | 'OFFER' | 'REQUEST' | 'ACK' | 'LOADER' | 'SCRIPT' | 'KERNEL' | 'INITRAMFS';
  readonly '/pxe/boot': 'UNKNOWN' | 'CURRENT' | 'OLD';
  readonly '/booted/id': string;
  readonly '/images/state': string;
  readonly [path: `/labels/${string}`]: string;
  readonly [path: `/services/${string}/state`]: 'UNKNOWN' | 'INIT' | 'STOP' | 'RUN' | 'ERROR';
  readonly [path: `/ipv4/${string}`]: Json;
  readonly [path: `/images/${string}`]: Json;
  readonly [path: `/power/${string}`]: Json;
  readonly [path: `/vm/${string}`]: Json;
  readonly [path: `/ipmi/${string}`]: Json;
  readonly [path: `/redfish/${string}`]: Json;
  readonly [path: `/sim/${string}`]: Json;
}

/** The part of JSON Schema that has a type here; other keywords are kept and checked by the host. */
export interface SchemaLiteral {
  readonly type?: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';
  readonly enum?: readonly Scalar[];
  readonly default?: unknown;
  readonly items?: SchemaLiteral;
  readonly properties?: Readonly<Record<string, SchemaLiteral>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SchemaLiteral;
  readonly description?: string;
  readonly title?: string;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** The JSON Schema of one key of a config, with what Kraken says of it beyond that. */
export interface ConfigSchema extends SchemaLiteral {
  /** Redacted everywhere; given to the module in `initialize` only. */
  readonly 'x-secret'?: boolean;
  /** May be left out though it has no default. */
  readonly 'x-optional'?: boolean;
}

/**
 * The JSON Schema of one path of state, with what the engine reads of it. The first value of an enum is its unknown value unless
 * `default` says otherwise.
 */
export interface StateSchema extends SchemaLiteral {
  /** A step on the way, never an end: never a goal. */
  readonly 'x-means'?: boolean;
  /** Values that nobody may ask for. */
  readonly 'x-never-wanted'?: readonly Scalar[];
  /** Values that no mutation leads out of: the node is stuck there. */
  readonly 'x-terminal'?: readonly Scalar[];
  /** Tells people how far a step has come that is under way; explain shows the newest. */
  readonly 'x-progress'?: boolean;
  /** What a person is told of a node where this is seen of it, by value: `{ OLD: 'runs another boot than it would be given now' }`. */
  readonly 'x-says'?: Readonly<Record<string, string>>;
  readonly items?: StateSchema;
  readonly properties?: Readonly<Record<string, StateSchema>>;
  readonly additionalProperties?: boolean | StateSchema;
}

/** The JSON Schema of a member of the node that a module brings. */
export interface ExtensionSchema extends StateSchema {
  /** Its name outside of Kraken: `PXE.Client`. */
  readonly 'x-type'?: string;
  readonly $id?: string;
}

export type ConfigLiterals = Readonly<Record<string, ConfigSchema>>;
export type StateLiterals = Readonly<Record<`/${string}`, StateSchema>>;
export type ExtensionLiterals = Readonly<Record<string, ExtensionSchema>>;

/** The TypeScript type of what a schema accepts. */
export type ValueOf<T> = T extends { readonly enum: readonly (infer V)[] }
  ? V
  : T extends { readonly type: 'string' }
    ? string
    : T extends { readonly type: 'number' | 'integer' }
      ? number
      : T extends { readonly type: 'boolean' }
        ? boolean
        : T extends { readonly type: 'array' }
          ? T extends { readonly items: infer I }
            ? readonly ValueOf<I>[]
            : readonly Json[]
          : T extends { readonly properties: infer P }
            ? ObjectOf<P, T extends { readonly required: readonly (infer R)[] } ? R : never>
            : T extends { readonly additionalProperties: infer A extends object }
              ? Readonly<Record<string, ValueOf<A>>>
              : Json;

type ObjectOf<P, R> = { readonly [K in keyof P as K extends R ? K : never]: ValueOf<P[K]> } & {
  readonly [K in keyof P as K extends R ? never : K]?: ValueOf<P[K]>;
};

type Optional<T> = T extends { readonly default: unknown } ? false : T extends { readonly 'x-optional': true } ? true : false;

/** The config as the module sees it: checked, defaults filled in. */
export type ConfigOf<C> = { readonly [K in keyof C as Optional<C[K]> extends true ? never : K]: ValueOf<C[K]> } & {
  readonly [K in keyof C as Optional<C[K]> extends true ? K : never]?: ValueOf<C[K]>;
};

/** `{pxe: {properties: {state: …}}}` → `{'/pxe/state': …}`; a member of any name becomes `${string}`. */
type Leaves<T, P extends string> = T extends { readonly properties: infer Q }
  ? { [K in keyof Q & string]: Leaves<Q[K], `${P}/${K}`> }[keyof Q & string] | Rest<T, P>
  : T extends { readonly additionalProperties: object }
    ? Rest<T, P>
    : [P, ValueOf<T>];
type Rest<T, P extends string> = T extends { readonly additionalProperties: infer A extends object } ? Leaves<A, `${P}/${string}`> : never;

type ExtensionLeaves<X> = { [K in keyof X & string]: Leaves<X[K], `/${K}`> }[keyof X & string];

type Owned<S, X> = { readonly [P in keyof S & string]: ValueOf<S[P]> } & { readonly [L in ExtensionLeaves<X> as L[0]]: L[1] };

/** Values by path: what the module brings (`state`, `extensions`) before what Kraken knows. */
export type PathValues<S, X> = Owned<S, X> & {
  readonly [P in keyof KnownValues as P extends keyof Owned<S, X> ? never : P]: KnownValues[P];
};

/** A path that the module may name; with a trailing slash, the subtree below an extension of its own. */
export type PathOf<S, X> = (keyof PathValues<S, X> & string) | `/${keyof X & string}/`;

/** Some of the values. */
export type Some<S, X> = { readonly [P in keyof PathValues<S, X>]?: PathValues<S, X>[P] };
/** True for `/labels/${string}`: a pattern of paths, not one. */
type IsPattern<P extends string> = string extends P ? true : Record<never, never> extends Record<P, 1> ? true : false;
/**
 * What a module returns for a node: a path that was not seen may be undefined. Patterns of paths that are not its own are left out:
 * with them the type would have an index signature, and TypeScript would let every misspelled path pass.
 */
export type Seen<S, X> = {
  readonly [P in keyof PathValues<S, X> as P extends keyof Owned<S, X> ? P : IsPattern<P & string> extends true ? never : P]?:
    | PathValues<S, X>[P]
    | undefined;
};
export type Steps<S, X> = { readonly [P in keyof PathValues<S, X>]?: readonly [from: PathValues<S, X>[P], to: PathValues<S, X>[P]] };
