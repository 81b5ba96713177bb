/** What a request for something that may be had is answered: by its conditions (RFC 9110, 13) and its range (14). */
import type { IncomingHttpHeaders } from 'node:http';
import { parseRange, type Range } from './range.ts';

export interface Representation {
  readonly type: string;
  readonly etag: string;
  readonly size: number;
}

export interface Answer {
  readonly status: 200 | 206 | 304 | 412 | 416;
  readonly headers: Readonly<Record<string, string | number>>;
  /** The bytes that go with it; none for HEAD, and for what is no success. */
  readonly range?: Range;
}

export function answerTo(method: 'GET' | 'HEAD', asked: IncomingHttpHeaders, { type, etag, size }: Representation): Answer {
  // What one node gets is for it alone; it may keep it, and ask whether it is still the same.
  const kept = { ETag: etag, 'Cache-Control': 'private, no-cache' };
  const ifMatch = asked['if-match'];
  if (ifMatch !== undefined && !isAmong(ifMatch, etag, 'strong')) return { status: 412, headers: { ...kept, 'Content-Length': 0 } };
  const ifNoneMatch = asked['if-none-match'];
  if (ifNoneMatch !== undefined && isAmong(ifNoneMatch, etag, 'weak')) return { status: 304, headers: kept };
  const whole = { ...kept, 'Content-Type': type, 'Accept-Ranges': 'bytes' };
  if (method === 'HEAD') return { status: 200, headers: { ...whole, 'Content-Length': size } };
  const ifRange = asked['if-range'];
  const range = ifRange === undefined || isAmong(String(ifRange), etag, 'strong') ? parseRange(asked.range, size) : 'whole';
  if (range === 'whole') return { status: 200, headers: { ...whole, 'Content-Length': size }, range: { from: 0, to: size } };
  if (range === 'unsatisfiable') return { status: 416, headers: { ...kept, 'Content-Range': `bytes */${size}` } };
  const { from, to } = range;
  const part = { 'Content-Length': to - from, 'Content-Range': `bytes ${from}-${to - 1}/${size}` };
  return { status: 206, headers: { ...whole, ...part }, range };
}

/** RFC 9110, 8.8.3.2; a date is never among them, because none was given out. */
function isAmong(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  const tags: string[] = list.match(/(?:W\/)?"[^"]*"/g) ?? [];
  const opaque = (tag: string): string => tag.replace(/^W\//, '');
  if (comparison === 'strong') return !etag.startsWith('W/') && tags.includes(etag);
  return tags.some((tag) => opaque(tag) === opaque(etag));
}
