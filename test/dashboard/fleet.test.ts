/** The parts of the dashboard that need no browser: nodes in arrays, groups, squares on a canvas, colours, differences. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Event, Listed, Whole } from '../../plugins/dashboard/src/api/answers.ts';
import { Fleet } from '../../plugins/dashboard/src/fleet/fleet.ts';
import { groupsOf } from '../../plugins/dashboard/src/fleet/groups.ts';
import { lookOf } from '../../plugins/dashboard/src/fleet/palette.ts';
import { cornerOf, layOut, layOutToFit, moved, nodeAt, SHAPES } from '../../plugins/dashboard/src/grid/layout.ts';
import { compare } from '../../plugins/dashboard/src/node/compare.ts';

const PATHS = ['/physState', '/runState', '/images/state'];

function fleetOf(count: number, racks = 4): Fleet {
  const fleet = new Fleet(PATHS);
  const nodes = Array.from({ length: count }, (_, i) => ({
    id: `id${i + 1}`,
    name: `kr${i + 1}`,
    cfg: {
      '/physState': 'POWER_ON',
      '/runState': 'SYNC',
      '/parentId': i % 2 === 0 ? 'id1' : 'elsewhere',
      '/labels/rack': `r${(i % racks) + 1}`,
    },
    dsc: { '/physState': 'POWER_OFF' },
    rev: 1,
  }));
  fleet.load(nodes as unknown as readonly Listed[]);
  return fleet;
}

const event = (node: string, path: string, to: unknown, view = 'dsc'): Event =>
  ({ kind: 'state', node, path, view, to, revision: 2 }) as unknown as Event;

test('events change what is seen, say which squares look otherwise, and keep the counts', () => {
  const fleet = fleetOf(10);
  const power = fleet.column('/physState');
  assert.equal(fleet.take([event('id3', '/physState', 'POWER_ON'), event('id4', '/physState', 'POWER_OFF')]), false);
  assert.deepEqual([...fleet.dirty], [2], 'what was so before looks as before');
  assert.deepEqual([power.value('seen', 2), power.value('seen', 3)], ['POWER_ON', 'POWER_OFF']);
  assert.deepEqual(
    power.counts.slice(0, 3).reduce((sum, n) => sum + n),
    10,
  );
  assert.equal(power.counts[power.values.indexOf('POWER_ON')], 1);
  fleet.take([event('id3', '/physState', undefined)]);
  assert.equal(power.value('seen', 2), '');
  fleet.take([event('id5', '/images', { state: 'ERROR', images: {} })]);
  assert.equal(fleet.column('/images/state').value('seen', 4), 'ERROR', 'a whole member at once');
});

test('counts are those of a recount, whatever comes', () => {
  const values = fc.constantFrom('POWER_ON', 'POWER_OFF', 'PHYS_HANG', undefined);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), values), { maxLength: 200 }), (changes) => {
      const fleet = fleetOf(20);
      fleet.take(changes.map(([node, to]) => event(`id${node}`, '/physState', to)));
      const column = fleet.column('/physState');
      const recount = column.values.map((_, code) => [...column.seen].filter((seen) => seen === code).length);
      assert.deepEqual(column.counts, recount);
    }),
  );
});

test('a node that comes or goes, and a new name or group, make another shape', () => {
  const fleet = fleetOf(4);
  assert.equal(fleet.take([event('id9', '', { nodename: 'kr9' }, 'cfg')]), true, 'everything is read anew');
  const before = fleet.shape;
  fleet.take([event('id2', '/labels/rack', 'r9', 'cfg'), event('id3', '/nodename', 'front', 'cfg')]);
  assert.ok(fleet.shape > before);
  assert.deepEqual([fleet.groupOf(1, 'label:rack'), fleet.names[2]], ['r9', 'front']);
  fleet.take([event('id2', '/labels/rack', undefined, 'cfg')]);
  assert.equal(fleet.groupOf(1, 'label:rack'), '');
});

test('of a node that is off and should be, nothing else is expected', () => {
  const fleet = fleetOf(2);
  assert.equal(fleet.isElsewhere(0), true);
  fleet.take([event('id1', '/physState', 'POWER_OFF', 'cfg')]);
  assert.equal(fleet.isElsewhere(0), false, 'runState SYNC is wanted, and not due');
  fleet.take([event('id2', '/physState', 'POWER_ON'), event('id2', '/runState', 'SYNC'), event('id2', '/images/state', 'ACTIVE', 'cfg')]);
  assert.equal(fleet.isElsewhere(1), true, 'a field that no square shows counts, too');
});

test('groups are sorted as people count, those in none are last', () => {
  const fleet = fleetOf(24, 12);
  fleet.take([event('id5', '/labels/rack', undefined, 'cfg')]);
  const groups = groupsOf(fleet, 'label:rack', undefined);
  assert.deepEqual(
    groups.map(({ name }) => name),
    [...Array.from({ length: 12 }, (_, i) => `r${i + 1}`), 'others'],
  );
  assert.deepEqual(groupsOf(fleet, 'label:rack', new Set([0, 12])), [{ name: 'r1', cells: [0, 12] }]);
  assert.deepEqual(
    groupsOf(fleet, 'parent', undefined).map(({ name, cells }) => [name, cells.length]),
    [
      ['elsewhere', 12],
      ['kr1', 12],
    ],
  );
});

const GROUPS = fc
  .array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 30 })
  .map((sizes) => sizes.map((size, at) => ({ name: `r${at}`, cells: Array.from({ length: size }, (_, i) => at * 100 + i) })));

test('every square has a place of its own within the width, and the pointer finds it there', () => {
  fc.assert(
    fc.property(GROUPS, fc.integer({ min: 80, max: 2_500 }), fc.constantFrom(...Object.values(SHAPES)), (groups, width, shape) => {
      const layout = layOut(groups, 3_000, width, shape);
      const taken = new Set<string>();
      for (const { cells } of groups)
        for (const node of cells) {
          const corner = cornerOf(layout, node);
          assert.ok(corner && corner.x >= 0 && corner.x + shape.size <= width && corner.y + shape.size <= layout.height);
          assert.ok(!taken.has(`${corner.x} ${corner.y}`), 'two on one place');
          taken.add(`${corner.x} ${corner.y}`);
          assert.equal(nodeAt(layout, { x: corner.x + shape.size / 2, y: corner.y + shape.size / 2 }), node);
        }
    }),
  );
});

test('by keys every square is reached, and none leads out', () => {
  fc.assert(
    fc.property(GROUPS, fc.integer({ min: 80, max: 2_500 }), (groups, width) => {
      const layout = layOut(groups, 3_000, width, SHAPES.medium);
      const reached = new Set<number | undefined>([moved(layout, undefined, 'first')]);
      for (const from of reached)
        for (const move of ['left', 'right', 'up', 'down', 'first', 'last', 'pageUp', 'pageDown'] as const)
          reached.add(moved(layout, from, move));
      assert.deepEqual([...reached].sort(), [...layout.order].sort());
    }),
    { numRuns: 30 },
  );
});

test('squares are as large as all of them fit', () => {
  for (const count of [3, 40, 300, 1_200]) {
    const fleet = fleetOf(count);
    const groups = groupsOf(fleet, 'label:rack', undefined);
    const { shape, height } = layOutToFit(groups, count, 1_400, 600);
    assert.ok(height <= 600, `${count} nodes are ${height} high`);
    const larger = { ...shape, size: shape.size + 2, gap: shape.gap + 1 };
    if (shape.size < SHAPES.huge.size) assert.ok(layOut(groups, count, 1_400, larger).height > 600, `${count}: somewhat larger would fit`);
  }
  assert.equal(
    layOutToFit(groupsOf(fleetOf(300), 'none', undefined), 300, 100, 10).shape.size,
    SHAPES.tiny.size,
    'the smallest, where none do',
  );
});

test('what is wrong is known by its name; own colours count, and do not make it right', () => {
  assert.deepEqual(
    ['PHYS_HANG', 'ERROR', 'FATAL', 'POWER_ON', 'SYNC', '', 'PHYS_UNKNOWN', 'something new'].map(
      (value) => lookOf(value, 'dark', {}).isBad,
    ),
    [true, true, true, false, false, false, false, false],
  );
  assert.deepEqual(lookOf('ERROR', 'light', { ERROR: '#123456' }), { colour: '#123456', isBad: true });
  assert.equal(lookOf('mine', 'light', {}).colour, lookOf('mine', 'dark', {}).colour, 'the same value has the same colour');
});

test('cfg beside dsc: core first, what differs as the engine says, with who saw it and when', () => {
  const whole = {
    id: 'id1',
    cfg: { nodename: 'kr1', physState: 'POWER_ON', pxe: { method: 'iPXE' }, labels: { 'a/b': 'x' } },
    facts: { '/physState': { value: 'POWER_OFF', by: 'ipmi', at: 5, stale: 9 }, '/pxe/state': { value: 'WAIT', by: 'pxe', at: 7 } },
  };
  assert.deepEqual(compare(whole as unknown as Whole, new Set(['/physState'])), [
    { path: '/labels/a~1b', part: '', wanted: 'x', seen: '', differs: false },
    { path: '/physState', part: '', wanted: 'POWER_ON', seen: 'POWER_OFF', differs: true, by: 'ipmi', at: 5, stale: 9 },
    { path: '/pxe/method', part: 'pxe', wanted: 'iPXE', seen: '', differs: false },
    { path: '/pxe/state', part: 'pxe', wanted: '', seen: 'WAIT', differs: false, by: 'pxe', at: 7 },
  ]);
});
