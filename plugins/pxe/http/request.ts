/** Which name a request asks for, or why it is refused before anybody is asked. */
import type { IncomingMessage } from 'node:http';
import { cleanName } from '../files/name.ts';

/** A name of 512 bytes, all of them escaped, and a query. */
const LONGEST_URL = 2048;

export type Request = { readonly name: string } | { readonly refused: 400 | 405 | 414; readonly why: string };

export function nameOf({ method, url = '', headers }: Pick<IncomingMessage, 'method' | 'url' | 'headers'>): Request {
  if (method !== 'GET' && method !== 'HEAD') return { refused: 405, why: 'only GET and HEAD are served' };
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0)
    return { refused: 400, why: 'a request for a file has no body' };
  if (url.length > LONGEST_URL) return { refused: 414, why: `the URL is longer than ${LONGEST_URL} bytes` };
  const path = /^(?:http:\/\/[^/?#]*)?(\/[^?#]*)/i.exec(url)?.[1];
  if (path === undefined || !/^[\x21-\x7e]*$/.test(path)) return { refused: 400, why: 'the URL is not one of a file' };
  const text = unescaped(path);
  if (text === undefined) return { refused: 400, why: 'the URL has a % in it that is no escape of UTF-8' };
  const named = cleanName(text);
  return 'wrong' in named ? { refused: 400, why: `the name ${named.wrong}` } : named;
}

/** Once: what is escaped twice is a name with a % in it. */
function unescaped(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
