/** The service starts beside a host, says where it listens, and refuses what must not be. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRest } from './lab.ts';

test('it listens, and says no as a problem document', async (t) => {
  const { ask, url } = await startRest(t);
  assert.match(url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.deepEqual((await ask('GET', '/api/v1/ready')).body, { ready: true });
  const { status, headers, body } = await ask('GET', '/api/v1/nothing');
  assert.equal(status, 404);
  assert.equal(headers.get('content-type'), 'application/problem+json; charset=utf-8');
  assert.equal(body.where, 'GET /api/v1/nothing');
  for (const word of ['title', 'detail', 'why', 'todo']) assert.ok(body[word], word);
});
