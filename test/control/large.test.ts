/** What is larger than a line of the protocol is told in several, or cut and said so: no connection breaks of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { idOf, type TestHost, withControl } from './bench.ts';

const MIB = 1024 * 1024;
const KR1 = idOf(1);

/** Two values that fit into a line each, and not together. */
const BIG = { a: 'x'.repeat(3 * MIB), b: 'é'.repeat(MIB) };

/** As a module or a host above may have set it: not by the schemas that bound what people set. */
function set(host: TestHost, values: Record<string, Json>): Promise<Json> {
  return host.ask((request) => ({ type: 'apply', request, author: { user: 'ada' }, change: { set: { nodes: [KR1], values } } }));
}

type Told = { readonly path: string; readonly view: string; readonly to?: Json };

test('a node larger than a line is told in parts: in the first snapshot, when it comes into the set, and to one that reads on', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    const early = client();
    await early.ask('state/watch', { set: '@size=big', view: 'both' });
    for (const [label, value] of Object.entries(BIG)) await set(host, { [`/labels/${label}`]: value });
    await set(host, { '/labels/size': 'big' });
    const late = client();
    const first = await late.ask('state/watch', { set: '@size=big', view: 'both' });
    assert.deepEqual([first.nodes, first.more], [[], true]);
    for (const watcher of [early, late]) {
      const heard = await watcher.until((all) => {
        const told = all.flatMap(({ params }) => params.changes as Told[]);
        return Object.keys(BIG).every((label) => told.some(({ path }) => path === `/labels/${label}`));
      });
      const told = heard.flatMap(({ params }) => params.changes as Told[]);
      for (const [label, value] of Object.entries(BIG)) assert.equal(told.find(({ path }) => path === `/labels/${label}`)?.to, value);
      const skeleton = heard.flatMap(({ params }) => (params.nodes ?? []) as { id: string; cfg: Json }[])[0];
      assert.deepEqual([skeleton?.id, skeleton?.cfg], [KR1, {}], 'the node comes before its values');
    }
    await late.until((all) => all.some(({ params }) => params.more === false));
    assert.equal(host.engine.world.nodes.has(KR1), true);
    await assert.rejects(one.ask('state/read', { set: 'kr[1-2]' }), /kr1: .*larger than a line|kr1.*cannot be read whole/);
    assert.equal((await one.ask('state/read', { set: 'kr1', paths: ['/labels/size'] })).nodes.length, 1);
  });
});

test('a history larger than a line goes on page by page; a change that fits into none is cut and says so', async () => {
  await withControl({}, async ({ client, host }) => {
    const one = client();
    const sizes = [1.5, 1.5, 3, 3].map((mib) => mib * MIB);
    for (const [at, size] of sizes.entries()) await set(host, { '/labels/a': String(at).repeat(size) });
    const found: { to?: Json; cut?: { from?: number; to?: number }; rev?: number }[] = [];
    let pages = 0;
    for (let before: number | undefined; ; pages++) {
      const page = await one.ask('node/history', { set: 'kr1', limit: 1_000, ...(before === undefined ? {} : { before }) });
      found.push(...page.changes.filter(({ path }) => path === '/labels/a' || path === '/labels'));
      if (page.next === undefined) break;
      before = page.next;
    }
    assert.ok(pages >= 2, `${pages + 1} pages`);
    assert.equal(new Set(found.map(({ rev }) => rev)).size, sizes.length, 'each change once');
    assert.equal(found.length, sizes.length);
    const [newest] = found;
    assert.equal(newest?.cut?.from, 3 * MIB + 2);
    assert.ok(JSON.stringify(newest).length < 4 * MIB);
  });
});
