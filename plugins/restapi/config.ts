/** What the service is told by its configuration. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { Terminal } from '@kraken-hpc/sdk';
import type { Role } from './access/roles.ts';

const FILE = { type: 'string', pattern: '^/', maxLength: 4096 } as const;

export const CONFIG = {
  listen: {
    type: 'string',
    default: '127.0.0.1:3141',
    maxLength: 300,
    description: 'ADDRESS:PORT. Beyond loopback it needs tls, and everybody a token.',
  },
  tls: {
    type: 'object',
    properties: { certificate: FILE, key: FILE },
    required: ['certificate', 'key'],
    additionalProperties: false,
    'x-optional': true,
    description: 'PEM files; read again when they are renewed and the service is restarted.',
  },
  loopback: {
    type: 'string',
    enum: ['admin', 'operator', 'viewer', 'none'],
    default: 'admin',
    description: 'The role of who comes over loopback without a token; none: a token is needed there, too.',
  },
  hosts: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 253 },
    maxItems: 64,
    default: [],
    description: 'Names, beside localhost, by which it is reached over loopback; others are refused without a token (DNS rebinding).',
  },
  origins: {
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 300 },
    maxItems: 64,
    default: [],
    description: 'Web origins whose pages may use it, as https://desk.example.org; * = all, as in the original.',
  },
  pages: {
    type: 'string',
    maxLength: 4096,
    default: '@kraken-hpc/dashboard',
    description: 'What is served at /: a package with built pages, or an absolute folder; empty: nothing.',
  },
  bodyMiB: { type: 'integer', minimum: 1, maximum: 512, default: 64, description: 'The largest request body.' },
  connections: { type: 'integer', minimum: 1, maximum: 100_000, default: 2_000, description: 'At once; more are refused.' },
  requestsPerSecond: {
    type: 'integer',
    minimum: 0,
    maximum: 1_000_000,
    default: 1_000,
    description: 'Of one user or address that does not come over loopback; 0 = as many as it can.',
  },
} as const;

export interface Config {
  readonly listen: string;
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly loopback: Role | 'none';
  readonly hosts: readonly string[];
  readonly origins: readonly string[];
  readonly pages: string;
  readonly bodyMiB: number;
  readonly connections: number;
  readonly requestsPerSecond: number;
}

export interface Place {
  readonly host: string;
  readonly port: number;
  readonly isLoopback: boolean;
}

/** Throws Terminal where the service must not listen there. */
export function placeOf({ listen, tls }: Config): Place {
  const found = /^(?:\[([0-9a-f:.%\w]+)\]|([^:\s]+)):(\d{1,5})$/i.exec(listen);
  const host = found?.[1] ?? found?.[2] ?? '';
  const port = Number(found?.[3]);
  if (!found || port > 65_535)
    throw new Terminal(`config listen = ${JSON.stringify(listen)}: it is no ADDRESS:PORT; write it as 127.0.0.1:3141 or [::1]:3141`);
  if (isIP(host) === 0 && host !== 'localhost')
    throw new Terminal(`config listen = ${JSON.stringify(listen)}: ${host} is no address; write the address that the name stands for`);
  const loopback = isLoopback(host);
  if (!loopback && !tls)
    throw new Terminal(`config listen = ${JSON.stringify(listen)}: beyond loopback tokens would go over the network in the clear; add tls`);
  return { host, port, isLoopback: loopback };
}

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^(?:::ffff:)?127(?:\.\d{1,3}){3}$/i.test(address);
}

/** The certificate with its key. Throws Terminal that names the file. */
export function readTls(tls: NonNullable<Config['tls']>): { readonly cert: Buffer; readonly key: Buffer } {
  const read = (name: 'certificate' | 'key'): Buffer => {
    try {
      return readFileSync(tls[name]);
    } catch (error) {
      throw new Terminal(`config tls.${name}: ${(error as Error).message}; give a PEM file that this service may read`);
    }
  };
  return { cert: read('certificate'), key: read('key') };
}
