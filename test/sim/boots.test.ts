/**
 * The real engine and what the boot service tells it of machines that boot by themselves: packets come when they come, and the engine
 * first asks the old session, which takes a second. Nothing is switched for it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Follower } from '../../plugins/pxe/follow.ts';
import { Lab, MINUTE, nodeId, SECOND } from './lab.ts';
import type { Machine } from './machine.ts';

const ID = nodeId(0);

interface Scene {
  readonly lab: Lab;
  readonly machine: Machine;
  /** A whole DHCP exchange of firmware, in these milliseconds. */
  exchange(takes: number): void;
}

/** One node at goal, and a follower that is told of its packets as the service would be. */
function scene(): Scene {
  const lab = new Lab({});
  lab.create();
  assert.ok(lab.until(() => lab.allAtGoal(), 20 * MINUTE));
  lab.run(10 * MINUTE);
  lab.forgetActions();
  const machine = lab.machines.get(ID) ?? assert.fail();
  const follower: Follower = new Follower({
    tell: ({ node, values: { '/pxe/step': _step, ...values }, heard }) => {
      const item = { node, values: values as Record<string, string>, ...(heard && { heard }) };
      if (heard) lab.send({ type: 'observed', service: 'pxe', items: [item] });
    },
    known: (node) => ({ state: lab.seen(node, '/pxe/state'), run: lab.seen(node, '/runState') }),
  });
  const tick = (): void => {
    follower.seen(ID);
    follower.tick(lab.now);
    lab.later(250, tick);
  };
  lab.later(250, tick);
  const exchange = (takes: number): void => {
    for (const [index, step] of (['DISCOVER', 'OFFER', 'REQUEST', 'ACK'] as const).entries())
      lab.later((takes * index) / 3, () => follower.dhcp(ID, 'bios', { step, xid: 1, complete: true, now: lab.now }));
  };
  return { lab, machine, exchange };
}

for (const takes of [6, 300, 900, 1_100, 4_000])
  test(`a machine in SYNC that starts anew, with an exchange of ${takes} ms, is back with no power action`, () => {
    const { lab, machine, exchange } = scene();
    assert.equal(lab.seen(ID, '/runState'), 'SYNC');
    machine.die();
    exchange(takes);
    lab.run(takes + 4 * SECOND);
    assert.deepEqual([lab.seen(ID, '/pxe/state'), lab.seen(ID, '/runState')], ['INIT', 'INIT']);
    machine.phoneHome();
    assert.ok(lab.until(() => lab.allAtGoal(), 2 * MINUTE, 100));
    lab.run(20 * MINUTE);
    assert.deepEqual(lab.powerActions, { on: 0, off: 0 });
    assert.ok(lab.allAtGoal());
  });

test('somebody else asks with the MAC of a machine that lives: it stays as it is', () => {
  const { lab, exchange } = scene();
  for (let again = 0; again < 10; again++) {
    exchange(30);
    lab.run(30 * SECOND);
    assert.deepEqual([lab.seen(ID, '/pxe/state'), lab.seen(ID, '/runState'), lab.walk(ID)], ['INIT', 'SYNC', 'atGoal']);
  }
  assert.deepEqual(lab.powerActions, { on: 0, off: 0 });
});
