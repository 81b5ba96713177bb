/** What a command may use of the world: given to it, so that a test can give it another. */
import type { Paths } from '../paths.ts';
import type { Style } from './style.ts';

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Everything on stdin, as text. */
  readInput(): Promise<string>;
  /** Asks on the terminal; undefined = the input ended. */
  ask(question: string): Promise<string | undefined>;
  /** Ctrl-C and SIGTERM; returns the way to stop listening. */
  onInterrupt(listener: () => void): () => void;
  /**
   * Gives the terminal to a program until it ends, and resolves to its exit code; undefined: there is no such program. `env` is added to
   * its environment.
   */
  attach(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<number | undefined>;
  readonly terminal: { readonly input: boolean; readonly output: boolean };
  /** Of the terminal; undefined = no terminal, nothing is cut. */
  readonly columns: number | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What KRAKEN_TOKEN was: a secret, taken out of the environment, so that no process of ours is given it. */
  readonly token: string | undefined;
  now(): number;
}

export type Format = 'human' | 'wide' | 'json' | 'yaml' | 'name';

/** Flags as they were typed: text, or true for those that take no value. */
export type Flags = Readonly<Record<string, string | true | undefined>>;

/** One run of one command. */
export interface Call {
  readonly io: Io;
  readonly style: Style;
  readonly paths: Paths;
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly format: Format;
  /** Who asks, for the history. */
  readonly user: string;
  readonly uid: number | undefined;
  /** Of this command. */
  readonly version: string;
}

/** What a file of commands offers: does its work and resolves, or throws a Failure. A number is an exit code. */
export type Action = (call: Call) => Promise<number | undefined> | Promise<void>;

/** The text of a flag; undefined = not given. */
export function flag(call: Call, name: string): string | undefined {
  const value = call.flags[name];
  return typeof value === 'string' ? value : undefined;
}
