/** Calls: what operators may ask of a module itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineModule, Terminal } from '@kraken-hpc/sdk';
import { testModule } from '@kraken-hpc/sdk/testing';

const told: unknown[] = [];
const module = defineModule({
  calls: {
    show: {
      description: 'What a node would be given.',
      params: { node: { type: 'string', minLength: 1 }, deep: { type: 'boolean', default: false } },
      call: ({ node, deep }) => ({ node: String(node), deep: deep === true }),
    },
    nothing: { call: () => null },
    broken: {
      call: () => {
        throw new Terminal('there is no such machine');
      },
    },
  },
  start: ({ self }) => void told.push(self),
});

interface Case {
  readonly call: string;
  readonly params?: Readonly<Record<string, string | boolean | number>>;
  readonly result?: unknown;
  readonly refused?: RegExp;
}

const CASES: readonly Case[] = [
  { call: 'show', params: { node: 'kr1' }, result: { node: 'kr1', deep: false } },
  { call: 'show', params: { node: 'kr1', deep: true }, result: { node: 'kr1', deep: true } },
  { call: 'nothing', result: null },
  { call: 'show', params: {}, refused: /\/node is missing/ },
  { call: 'show', params: { node: '' }, refused: /\/node must have at least 1/ },
  { call: 'show', params: { node: 'kr1', depth: 1 }, refused: /\/depth is not known \(known: node, deep\)/ },
  { call: 'shew', refused: /no call shew \(it has: show, nothing, broken\)/ },
  { call: 'toString', refused: /no call toString/ },
  { call: 'broken', refused: /no such machine/ },
];

for (const { call, params = {}, result, refused } of CASES)
  test(`call ${call} ${JSON.stringify(params)}`, async () => {
    const bench = await testModule(module);
    const answer = bench.call(call, params);
    if (refused) await assert.rejects(answer, refused);
    else assert.deepEqual(await answer, result);
    await bench.stop();
  });

test('what is declared is the calls less their functions, and a module is told where it runs', async () => {
  const { calls } = module.declaration;
  assert.deepEqual(Object.keys(calls ?? {}), ['show', 'nothing', 'broken']);
  assert.deepEqual(Object.keys(calls?.['show'] ?? {}), ['description', 'params']);
  told.length = 0;
  const bench = await testModule(module, { self: { node: 'n1', ca: 'sha256:x', listens: ['10.0.0.254:31415'] } });
  await bench.stop();
  assert.deepEqual(told, [{ node: 'n1', ca: 'sha256:x', listens: ['10.0.0.254:31415'] }]);
});
