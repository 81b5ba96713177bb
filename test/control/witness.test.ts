/** What a person saw (`node/observe`), and changes that must not overwrite what their author has not seen (`unchangedSince`). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CODES, type Params } from '@kraken-hpc/sdk/wire';
import { type Client, idOf, withControl } from './bench.ts';

const alice = { user: 'alice', role: 'operator', address: '192.0.2.7' } as const;

async function seen(one: Client, path: string): Promise<unknown> {
  const { nodes } = await one.ask('state/read', { set: 'kr1', view: 'dsc' });
  const { value, by } = nodes[0]?.facts?.[path] ?? {};
  return value === undefined ? undefined : [value, by];
}

test('what a person saw is a fact with their name', async () => {
  await withControl({}, async ({ client }) => {
    const one = client();
    const answer = await one.ask('node/observe', {
      observed: [{ node: idOf(1), values: { '/arch': 'arm64', '/pxe/state': 'WAIT' } }],
      onBehalfOf: alice,
    });
    assert.deepEqual(answer.ignored, []);
    assert.deepEqual(await seen(one, '/arch'), ['arm64', 'alice@192.0.2.7']);
    assert.deepEqual(await seen(one, '/pxe/state'), ['WAIT', 'alice@192.0.2.7']);
    const { changes } = await one.ask('node/history', { set: 'kr1', limit: 1 });
    assert.deepEqual([changes[0]?.view, changes[0]?.by], ['dsc', 'alice@192.0.2.7']);
  });
});

test('what others say is not said by a person', async () => {
  await withControl({}, async ({ client }) => {
    const values = { '/busy': 'BUSY', '/services': {} };
    const { ignored } = await client().ask('node/observe', { observed: [{ node: idOf(1), values: values as never }] });
    assert.deepEqual(
      ignored.map(({ path }) => path),
      ['/busy', '/services'],
    );
  });
});

test('of what cannot be observed nothing is taken', async () => {
  await withControl({}, async ({ client }) => {
    const one = client();
    const check = async (values: Readonly<Record<string, unknown>>, node: string, code: number, words: RegExp): Promise<void> => {
      const observed = [
        { node: idOf(1), values: { '/arch': 'riscv' } },
        { node, values },
      ] as Params<'node/observe'>['observed'];
      await assert.rejects(one.ask('node/observe', { observed }), (error: { code: number; message: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, words);
        return true;
      });
      assert.equal(await seen(one, '/arch'), undefined);
    };
    await check({ '/physState': 'ON' }, idOf(2), CODES.InvalidValue, /physState/);
    await check({ '/nowhere/at': 1 }, idOf(2), CODES.InvalidValue, /nowhere/);
    await check({ '/arch': null }, idOf(2), CODES.InvalidValue, /null/);
    await check({ '/arch': 'x' }, '00000000-0000-4000-8000-00000000ffff', CODES.UnknownNode, /no node has this id/);
  });
});

test('what was changed meanwhile is not overwritten', async () => {
  await withControl({}, async ({ client }) => {
    const one = client();
    const { revision } = await one.ask('state/read', { set: 'kr1' });
    const mine = { set: 'kr1', values: { '/arch': 'arm64' }, unchangedSince: revision };
    await one.ask('node/set', { set: 'kr1', values: { '/labels/rack': 'r9' }, onBehalfOf: alice });
    const refused = (request: Promise<unknown>) =>
      assert.rejects(request, { code: CODES.Conflict, message: /alice@192\.0\.2\.7 changed it at revision \d+, and it was read at \d+/ });
    await refused(one.ask('node/set', mine));
    await refused(one.ask('node/delete', { set: 'kr1', unchangedSince: revision }));
    await refused(one.ask('node/apply', { nodes: [{ id: idOf(1), arch: 'arm64' }], mode: 'merge', unchangedSince: revision }));
    const now = (await one.ask('state/read', { set: 'kr1' })).revision;
    await one.ask('node/set', { ...mine, unchangedSince: now });
    const { nodes } = await one.ask('state/read', { set: 'kr1', view: 'cfg' });
    assert.equal(nodes[0]?.cfg?.['arch'], 'arm64');
  });
});
