/** A power-off of ours that a machine carries out late, whatever came between, is ours; what somebody else switches off is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR, Lab, MINUTE, nodeId, SECOND } from './lab.ts';
import type { Machine } from './machine.ts';

const ID = nodeId(0);

interface Late {
  readonly lab: Lab;
  readonly machine: Machine;
}

/** A node in sync whose power-off was sent, and is carried out `after` so long. */
function switchedOff(after: number, sent: number, options: { readonly limit?: number } = {}): Late {
  const lab = new Lab({ nodes: 12 });
  if (options.limit) lab.limit({ name: 'short', mutation: 'ipmi/powerOff', selector: '', timeout: options.limit });
  lab.create();
  assert.ok(lab.until(() => lab.allAtGoal(), 20 * MINUTE));
  lab.run(MINUTE);
  const machine = lab.machines.get(ID);
  assert.ok(machine);
  machine.offAfter = after;
  lab.forgetActions();
  lab.set({ '/physState': 'POWER_OFF' }, [ID]);
  assert.ok(
    lab.until(() => machine.actions.off === 1, MINUTE, 20),
    'the BMC has the command',
  );
  lab.run(sent);
  return { lab, machine };
}

const isFoundOff = (lab: Lab): boolean =>
  lab.turns.some(({ changes }) => changes.some(({ path, view }) => view === 'note' && path === 'foundOff'));

/** How long it stays off once it is: a found-off waits for a minute. */
function offFor({ lab, machine }: Late, within: number): number {
  assert.ok(
    lab.until(() => !machine.on, within, 100),
    'it is switched off',
  );
  const since = lab.now;
  assert.ok(
    lab.until(() => machine.on, 5 * MINUTE, 100),
    JSON.stringify(lab.explain(ID)),
  );
  return lab.now - since;
}

/** What comes between the command and what the machine makes of it. */
const BETWEEN: readonly (readonly [name: string, after: number, limit: number | undefined, between: (late: Late) => void])[] = [
  ['power on is asked for again', 40 * SECOND, undefined, ({ lab }) => lab.set({ '/physState': 'POWER_ON' }, [ID])],
  [
    'power on is asked for again, and the poller sees it on',
    40 * SECOND,
    undefined,
    ({ lab }) => {
      lab.set({ '/physState': 'POWER_ON' }, [ID]);
      lab.run(20 * SECOND);
      assert.ok(lab.allAtGoal());
    },
  ],
  [
    'the host is killed, then power on is asked for again',
    40 * SECOND,
    undefined,
    ({ lab }) => {
      lab.restart(3 * SECOND);
      lab.set({ '/physState': 'POWER_ON' }, [ID]);
    },
  ],
  [
    'power on is asked for again, then the host is killed',
    40 * SECOND,
    undefined,
    ({ lab }) => {
      lab.set({ '/physState': 'POWER_ON' }, [ID]);
      lab.run(10 * SECOND);
      lab.restart(3 * SECOND);
    },
  ],
  [
    'power on is asked for again, and the host is down at the deadline',
    5 * SECOND,
    10 * SECOND,
    ({ lab }) => {
      lab.set({ '/physState': 'POWER_ON' }, [ID]);
      lab.run(2 * SECOND);
      lab.restart(20 * SECOND);
    },
  ],
];

for (const [name, after, limit, between] of BETWEEN) {
  test(`a power-off of ours that is carried out late is ours, not found off: ${name}`, () => {
    const late = switchedOff(after, 200, limit === undefined ? {} : { limit });
    const { lab } = late;
    between(late);
    const off = offFor(late, MINUTE);
    assert.ok(!isFoundOff(lab), 'found off, though it was ours');
    assert.ok(off < 30 * SECOND, `it stayed off for ${off / SECOND} s`);
    assert.ok(lab.until(() => lab.allAtGoal(), 10 * MINUTE));
    assert.equal(late.machine.actions.off, 1, 'one power-off was asked for');
  });
}

/** Somebody switches it off at the machine; it is found off, and waits for a minute. */
function assertFoundOff({ lab, machine }: Late): void {
  machine.powerOff();
  const off = offFor({ lab, machine }, MINUTE);
  assert.ok(isFoundOff(lab), 'not found off, though it was not ours');
  assert.ok(off > 55 * SECOND, `it was off for ${off / SECOND} s only`);
}

test('a power-off of ours that was never carried out explains nothing once its limit has passed: found off', () => {
  const late = switchedOff(HOUR, 200, { limit: 30 * SECOND });
  late.lab.set({ '/physState': 'POWER_ON' }, [ID]);
  late.lab.run(40 * SECOND);
  assertFoundOff(late);
});

test('nor when its BMC was out of reach until long after', () => {
  const late = switchedOff(HOUR, 200, { limit: 30 * SECOND });
  const { lab } = late;
  lab.set({ '/physState': 'POWER_ON' }, [ID]);
  lab.run(SECOND);
  late.machine.bmc = 'dead';
  lab.run(3 * MINUTE);
  late.machine.bmc = 'good';
  assertFoundOff(late);
});

test('a power-off of ours that was carried out explains no other: found off within its limit', () => {
  const late = switchedOff(0, SECOND);
  const { lab } = late;
  lab.set({ '/physState': 'POWER_ON' }, [ID]);
  assert.ok(lab.until(() => lab.allAtGoal(), 2 * MINUTE));
  assert.ok(!isFoundOff(lab));
  assertFoundOff(late);
});
