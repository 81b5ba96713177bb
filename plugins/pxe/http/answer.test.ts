import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerTo } from './answer.ts';
import { parseRange } from './range.ts';
import { nameOf } from './request.ts';

const RANGES: readonly [header: string | undefined, size: number, expected: ReturnType<typeof parseRange> | [number, number]][] = [
  [undefined, 10, 'whole'],
  ['bytes=0-3', 10, [0, 4]],
  ['bytes=3-3', 10, [3, 4]],
  ['bytes=3-', 10, [3, 10]],
  ['bytes=9-', 10, [9, 10]],
  ['bytes=0-99', 10, [0, 10]],
  ['bytes=-3', 10, [7, 10]],
  ['bytes=-99', 10, [0, 10]],
  ['BYTES=0-0', 10, [0, 1]],
  ['bytes = 0-0', 10, [0, 1]],
  ['bytes=10-', 10, 'unsatisfiable'],
  ['bytes=99-100', 10, 'unsatisfiable'],
  ['bytes=-0', 10, 'unsatisfiable'],
  ['bytes=0-', 0, 'unsatisfiable'],
  ['bytes=-1', 0, 'unsatisfiable'],
  ['bytes=4-3', 10, 'whole'],
  ['bytes=-', 10, 'whole'],
  ['bytes=', 10, 'whole'],
  ['bytes=0-1,3-4', 10, 'whole'],
  ['bytes=a-b', 10, 'whole'],
  ['bytes=0x1-2', 10, 'whole'],
  ['bytes=1-2-3', 10, 'whole'],
  ['lines=0-1', 10, 'whole'],
  ['bytes=9999999999999999-', 10, 'whole'],
];
for (const [header, size, expected] of RANGES)
  test(`range ${header} of ${size} bytes`, () => {
    assert.deepEqual(parseRange(header, size), Array.isArray(expected) ? { from: expected[0], to: expected[1] } : expected);
  });

const CONDITIONS: readonly [method: 'GET' | 'HEAD', asked: Record<string, string>, status: number, length?: number][] = [
  ['GET', {}, 200, 10],
  ['HEAD', {}, 200, 10],
  ['HEAD', { range: 'bytes=0-1' }, 200, 10],
  ['GET', { range: 'bytes=0-1' }, 206, 2],
  ['GET', { range: 'bytes=10-' }, 416],
  ['GET', { 'if-none-match': '"e"' }, 304],
  ['HEAD', { 'if-none-match': '"e"' }, 304],
  ['GET', { 'if-none-match': 'W/"e"' }, 304],
  ['GET', { 'if-none-match': '"a", "e"' }, 304],
  ['GET', { 'if-none-match': '*' }, 304],
  ['GET', { 'if-none-match': '"a"' }, 200, 10],
  ['GET', { 'if-none-match': 'e' }, 200, 10],
  ['GET', { 'if-none-match': '"e"', range: 'bytes=0-1' }, 304],
  ['GET', { 'if-range': '"e"', range: 'bytes=0-1' }, 206, 2],
  ['GET', { 'if-range': '"a"', range: 'bytes=0-1' }, 200, 10],
  ['GET', { 'if-range': 'W/"e"', range: 'bytes=0-1' }, 200, 10],
  ['GET', { 'if-range': 'Mon, 23 Nov 2026 07:09:02 GMT', range: 'bytes=0-1' }, 200, 10],
  ['GET', { 'if-match': '"e"' }, 200, 10],
  ['GET', { 'if-match': '*' }, 200, 10],
  ['GET', { 'if-match': '"a"' }, 412, 0],
  ['GET', { 'if-match': 'W/"e"' }, 412, 0],
];
for (const [method, asked, status, length] of CONDITIONS)
  test(`${method} with ${JSON.stringify(asked)}`, () => {
    const answer = answerTo(method, asked, { type: 'text/plain', etag: '"e"', size: 10 });
    assert.deepEqual([answer.status, answer.headers['Content-Length'], answer.headers['ETag']], [status, length, '"e"']);
    assert.equal(
      answer.range === undefined ? undefined : answer.range.to - answer.range.from,
      method === 'GET' && status < 300 ? length : undefined,
    );
  });

const URLS: readonly [method: string, url: string, expected: string | number, headers?: Record<string, string>][] = [
  ['GET', '/kernel', 'kernel'],
  ['HEAD', '/amd64/kernel', 'amd64/kernel'],
  ['GET', '/boot.ipxe?mac=00:11:22:33:44:55&x=/../..', 'boot.ipxe'],
  ['GET', '/boot.ipxe#top', 'boot.ipxe'],
  ['GET', 'http://10.0.0.1:8080/kernel', 'kernel'],
  ['GET', '/a%20b', 'a b'],
  ['GET', '/gr%C3%B6%C3%9Fe', 'größe'],
  ['GET', '/a%2Fb', 'a/b'],
  ['GET', '/%252e%252e/x', '%2e%2e/x'],
  ['GET', '/kernel', 'kernel', { 'content-length': '0' }],
  ['GET', '/', 400],
  ['GET', '', 400],
  ['GET', '*', 400],
  ['GET', 'kernel', 400],
  ['GET', 'ftp://10.0.0.1/kernel', 400],
  ['GET', 'http://10.0.0.1', 400],
  ['GET', '//etc/passwd', 400],
  ['GET', '/../etc/passwd', 400],
  ['GET', '/%2e%2e/etc/passwd', 400],
  ['GET', '/a%2f..%2f..%2fetc/passwd', 400],
  ['GET', '/..%5cx', 400],
  ['GET', '/a%00', 400],
  ['GET', '/a%0d%0aX:y', 400],
  ['GET', '/%c0%ae%c0%ae/x', 400],
  ['GET', '/%', 400],
  ['GET', '/gr\u00f6', 400],
  ['GET', `/${'x'.repeat(513)}`, 400],
  ['GET', `/${'x'.repeat(3000)}`, 414],
  ['GET', '/kernel', 400, { 'content-length': '5' }],
  ['GET', '/kernel', 400, { 'transfer-encoding': 'chunked' }],
  ['POST', '/kernel', 405],
  ['PUT', '/kernel', 405],
  ['DELETE', '/kernel', 405],
  ['OPTIONS', '*', 405],
];
for (const [method, url, expected, headers = {}] of URLS)
  test(`${method} ${url.slice(0, 60)} ${JSON.stringify(headers)}`, () => {
    const named = nameOf({ method, url, headers });
    assert.deepEqual('name' in named ? named.name : named.refused, expected);
  });
