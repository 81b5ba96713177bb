/** What a node is booted with: `kraken.parent=`, `kraken.id=`, `kraken.ca=` on the kernel's command line. */
import { isIP } from 'node:net';
import type { NodeId } from '../../core/record.ts';
import type { Address } from '../actions.ts';
import { isHostId, isPin } from './certificates.ts';

export const SYNC_PORT = 31415;

export interface KernelParameters {
  /** The best first. */
  readonly parents?: readonly Address[];
  readonly id?: NodeId;
  /** The pin of the cluster's CA. */
  readonly ca?: string;
  readonly token?: string;
}

/** More are a mistake. */
const PARENTS = 16;

/**
 * `text`: of /proc/cmdline. Of a parameter that stands there twice the last counts, as the kernel has it. The token is only looked
 * at where the operator declared the boot network trusted. Throws an Error that says which parameter is wrong.
 */
export function readKernelCommandLine(text: string, { trustToken }: { readonly trustToken: boolean }): KernelParameters {
  const found = new Map<string, string>();
  for (const word of words(text)) {
    const [, name, value] = /^kraken\.(parent|id|ca|token)=(.*)$/s.exec(word) ?? [];
    if (name !== undefined && value) found.set(name, value);
  }
  const parent = found.get('parent');
  const id = found.get('id');
  const ca = found.get('ca');
  const token = trustToken ? found.get('token') : undefined;
  if (id !== undefined && !isHostId(id)) throw wrong('id', `"${id}" is no id of a node`);
  if (ca !== undefined && !isPin(ca)) throw wrong('ca', `"${ca}" is no pin: sha256: and 43 characters, as kraken init prints it`);
  return {
    ...(parent !== undefined && { parents: readParents(parent) }),
    ...(id !== undefined && { id }),
    ...(ca !== undefined && { ca }),
    ...(token !== undefined && { token }),
  };
}

/** `HOST`, `HOST:PORT`, `[v6]:PORT`, `v6`. The host may be a name. Throws an Error that says what is wrong with it. */
export function parseAddress(text: string, port = SYNC_PORT): Address {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = isIP(text) === 6 ? text : (bracketed ?? plain);
  const number = digits === undefined ? port : Number(digits);
  const isName = plain !== undefined && /^(?=.{1,253}$)(?![0-9.]+$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(plain);
  if (host === undefined || number < 1 || number > 65_535 || !(isIP(host) !== 0 || isName) || (bracketed !== undefined && isIP(host) !== 6))
    throw new Error(`"${text.slice(0, 300)}" is no address: HOST, HOST:PORT, or [IPv6]:PORT`);
  return { host, port: number };
}

function readParents(value: string): readonly Address[] {
  const parts = value.split(',').map((part) => part.trim());
  if (parts.length > PARENTS) throw wrong('parent', `${parts.length} of them, and there may be ${PARENTS}`);
  try {
    return parts.map((part) => parseAddress(part));
  } catch (error) {
    throw wrong('parent', (error as Error).message);
  }
}

function wrong(name: string, why: string): Error {
  return new Error(`kernel command line: kraken.${name}: ${why}; correct what the node is booted with`);
}

/** Blanks separate; within double quotes they do not, and the quotes go: Documentation/admin-guide/kernel-parameters. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:"[^"]*"?|[^\s"])+/g)].map(([word]) => word.replaceAll('"', ''));
}
