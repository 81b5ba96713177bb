/** What is asked when a plugin is installed, and who asks. */
import type { Json } from './declaration.ts';

/** An entry as in the configuration's `services`. */
export type ServiceEntry = { readonly module: string } & { readonly [member: string]: Json };

/** Members of an entry that replace those that it has. */
export type ServiceChange = { readonly [member: string]: Json };

export interface StageOptions {
  /** NAME or NAME@VERSION of a registry, or the absolute path of a folder or a tarball on the host. */
  readonly source: string;
  /** There must be a version of it already. */
  readonly upgrade?: boolean;
  /** The name of the service that is made with it. */
  readonly service?: string;
  /** The nodes of that. */
  readonly serves?: string;
  readonly config?: { readonly [key: string]: Json };
  /** Scripts of packages may run. */
  readonly allowScripts?: boolean;
}

/** Who asks, and whether they still do. */
export interface Asker {
  readonly user: string;
  readonly signal: AbortSignal;
  progress(text: string): void;
}
