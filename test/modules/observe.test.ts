/** What a module reports against what it declared: the good passes, the bad is refused by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { declare } from '../../host/modules/declare.ts';
import { checkFailed, checkObserved, reporter } from '../../host/modules/observe.ts';

const DECLARATION: Json = {
  mutations: { on: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, requires: { '/platform': 'x' }, timeout: '1s' } },
  pollers: { temperature: { discovers: ['/hw/temperature'], every: '1s' } },
  discoveries: { disks: { discovers: ['/disks/'] } },
};
const instance = { service: 'ipmi', module: 'ipmi', serves: '', permissions: [] as string[] };
const plain = reporter(declare(DECLARATION, instance));
const host = reporter(declare({ ...DECLARATION, playsHosts: true, permissions: ['sessions'] }, { ...instance, permissions: ['sessions'] }));
const writer = reporter(declare(DECLARATION, { ...instance, permissions: ['dsc:write'] }));
const nodes = (id: string) => (id === 'n1' || id === 'n2' ? undefined : { code: -32011, message: `there is no node ${id}` });

const seen = (values: Json, more: Json = {}): Json => ({ node: 'n1', values, ...(more as object) });
const good = seen({ '/physState': 'POWER_ON', '/hw/temperature': 40, '/disks/sda/size': 1 }, { asOf: 5 });

test('good items pass as they are, without a copy', () => {
  const got = checkObserved([good, { ...(good as object), node: 'n2' }], plain, nodes);
  assert.equal(got.good[0], good);
  assert.equal(got.good.length, 2);
  assert.deepEqual(got.refused, []);
});

const CASES: readonly [name: string, items: unknown, by: typeof plain, taken: Json[], says: string[]][] = [
  ['no list', 7, plain, [], ['ipmi: observed is not a list']],
  ['not an item', [7, good], plain, [good], ['ipmi reported something that is not {node, values}']],
  ['no such node', [{ node: 'n9', values: {} }, good], plain, [good], ['there is no node n9']],
  [
    'undeclared path: the rest of the item is taken',
    [seen({ '/physState': 'POWER_ON', '/pxe/state': 'WAIT' })],
    plain,
    [seen({ '/physState': 'POWER_ON' })],
    ['ipmi reported /pxe/state of n1, which it did not declare'],
  ],
  ['what it only requires', [seen({ '/platform': 'x' })], plain, [], ['ipmi reported /platform of n1, which it did not declare']],
  ['a whole subtree at once', [seen({ '/disks': {} })], plain, [seen({ '/disks': {} })], []],
  ['beside the subtree', [seen({ '/disksize': 1 })], plain, [], ['ipmi reported /disksize of n1, which it did not declare']],
  ['dsc:write opens every path', [seen({ '/anything': 1 })], writer, [seen({ '/anything': 1 })], []],
  [
    'runState without playing hosts',
    [seen({ '/runState': 'SYNC' })],
    plain,
    [],
    ['ipmi reported /runState of n1, which it did not declare'],
  ],
  [
    'heard without permission',
    [seen({}, { heard: 'hello' })],
    plain,
    [],
    ['ipmi reported that n1 was heard; it has no permission "sessions"'],
  ],
  [
    'heard',
    [seen({ '/runState': 'SYNC' }, { heard: 'hello', session: { boot: 'b1', live: true } })],
    host,
    [seen({ '/runState': 'SYNC' }, { heard: 'hello', session: { boot: 'b1', live: true } })],
    [],
  ],
  [
    'heard by what',
    [seen({}, { heard: 'radio' })],
    host,
    [],
    ['ipmi reported n1 as heard by "radio"; it must be one of hello, session, dhcp, claim'],
  ],
  ['a session without boot', [seen({}, { session: { live: true } })], host, [], ['ipmi reported a session of n1 that is not {boot, live}']],
  ['as of no revision', [seen({}, { asOf: -1 })], plain, [], ['ipmi reported n1 as of -1, which is not a revision']],
];
for (const [name, items, by, taken, says] of CASES) {
  test(name, () => {
    const got = checkObserved(items, by, nodes);
    assert.deepEqual(got.good, taken);
    assert.deepEqual(
      got.refused.map((one) => one.error.message),
      says,
    );
  });
}

test('failures', () => {
  const error = { code: -32005, message: 'no' };
  const got = checkFailed([{ node: 'n1', error }, { node: 'n9', error }, { node: 'n1', error: 'no' }, 7], plain, nodes);
  assert.deepEqual(got.good, [{ node: 'n1', error }]);
  assert.equal(got.refused.length, 3);
  assert.deepEqual(checkFailed(undefined, plain, nodes), { good: [], refused: [] });
});
