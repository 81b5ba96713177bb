import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lab, MINUTE } from './lab.ts';

test('cold metal to running images and back to off', () => {
  const lab = new Lab({ nodes: 4 });
  lab.create();
  assert.ok(lab.until(() => lab.allAtGoal(), 3 * MINUTE), lab.logs.join('\n'));
  for (const id of lab.ids) assert.equal(lab.seen(id, '/images/state'), 'ACTIVE');
  assert.deepEqual(lab.powerActions, { on: 4, off: 0 });
  lab.set({ '/physState': 'POWER_OFF' });
  assert.ok(lab.until(() => lab.allAtGoal(), 3 * MINUTE), lab.logs.join('\n'));
  for (const id of lab.ids) assert.equal(lab.seen(id, '/physState'), 'POWER_OFF');
  assert.deepEqual(lab.powerActions, { on: 4, off: 4 });
});
