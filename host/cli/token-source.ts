/** Where a host has the token from that it shows to its parent: never from an argument, and never to be seen in a message. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { readToken } from '../sync/edge/token.ts';
import { usage } from './failure.ts';
import type { PlaceSources, Said } from './place.ts';

/** A token with room for how people write. */
const LARGEST = 1_024;
const AS_PRINTED = 'Put in what kraken token create printed, and nothing else';

/**
 * --token-file, then KRAKEN_TOKEN, then the file that KRAKEN_TOKEN_FILE or the configuration names, then the kernel's; read each time
 * that it is shown. Undefined: there is none. Throws a Failure that says what is wrong, and nothing of what stands there.
 */
export function tokenOf(
  { flags, token }: PlaceSources,
  file: Said<string | readonly string[]> | undefined,
  kernel: string | undefined,
): (() => string | undefined) | undefined {
  if (token && flags['tokenFile'] === undefined) return fixed(token, 'KRAKEN_TOKEN');
  if (typeof file?.value === 'string') return fromFile(file.value, file.by);
  return kernel === undefined ? undefined : fixed(kernel, 'kernel command line: kraken.token');
}

function fixed(text: string, by: string): () => string {
  const token = readToken(text);
  if (token === undefined) throw usage(`${by} is no token: 32 letters and digits, in groups or not`, AS_PRINTED);
  return () => token;
}

/** One that is gone was used, as a rule, and removed: the host shows what it was given for it. */
function fromFile(path: string, by: string): (() => string | undefined) | undefined {
  const found = read(path);
  if ('why' in found) {
    if (found.why === 'ENOENT') return () => tokenIn(path);
    throw usage(`${by}: ${path} ${found.why}`, found.todo);
  }
  if (readToken(found.text) === undefined) throw usage(`${by}: what stands in ${path} is no token`, AS_PRINTED);
  return () => tokenIn(path);
}

function tokenIn(path: string): string | undefined {
  const found = read(path);
  return 'why' in found ? undefined : readToken(found.text);
}

function read(path: string): { readonly text: string } | { readonly why: string; readonly todo: string } {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    const found = fstatSync(fd);
    const { mode, size } = found;
    if (!found.isFile()) return { why: 'is no file', todo: AS_PRINTED };
    if ((mode & 0o077) !== 0)
      return {
        why: `can be read by others (mode 0${(mode & 0o777).toString(8)})`,
        todo: 'Make another token, and its file with chmod 600',
      };
    if (size > LARGEST) return { why: `is too long for a token (${size} bytes)`, todo: AS_PRINTED };
    return { text: readFileSync(fd, 'latin1') };
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    return { why: code === 'ENOENT' ? code : `cannot be read (${code})`, todo: 'Name a file that this user can read' };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
