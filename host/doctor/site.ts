/** What the doctor looks at: an installation, as it is given to it, so that a test can give it a broken one. */
import { readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineStatus } from '../core/answers.ts';
import type { PeerStatus } from '../core/peer-status.ts';
import type { HostConfig } from '../documents/config.ts';
import type { Paths } from '../paths.ts';

export interface Site {
  /** Of this command. */
  readonly version: string;
  readonly node: string;
  /** Of package.json: the Node.js that is needed. */
  readonly engines: string;
  readonly uid: number | undefined;
  readonly now: number;
  readonly paths: Paths;
  /** Somebody named the configuration; else that of the running host is looked at. */
  readonly isConfigNamed: boolean;
  readonly host: Answers | Silence;
  /** Where /proc, /etc, /sys and /run are; `/` but in tests. */
  readonly root: string;
  /** The path of a program that is run by its name; undefined: there is none. */
  program(name: string): string | undefined;
  /** What a program printed and its exit code; undefined: it cannot be run. */
  run(program: string, args: readonly string[]): Promise<{ readonly exit: number; readonly out: string } | undefined>;
}

export interface Answers {
  readonly status: EngineStatus;
  readonly peers: readonly PeerStatus[];
  /** What could get at the data of the host and of other services, and was granted nothing that lets it: service, and how. */
  readonly open: readonly { readonly service: string; readonly how: string }[];
}

/** Why no host answers, and what to do. */
export interface Silence {
  readonly why: string;
  readonly todo: string;
}

export const isAnswering = (host: Site['host']): host is Answers => 'status' in host;

/** The configuration as far as it can be read; undefined: it is not there, or cannot be read. */
export type Config = HostConfig | undefined;

/** Of a file of the system; undefined: it is not there, or not for this user. */
export function textOf({ root }: Site, path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

/** `EACCES` where this user may not look. */
export function statOf(path: string): Stats | 'missing' | 'EACCES' {
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' ? 'EACCES' : 'missing';
  }
}

export const octal = (mode: number): string => `0${(mode & 0o777).toString(8)}`;
