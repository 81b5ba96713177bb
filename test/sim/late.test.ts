/** What comes late, early, or never: declarations, reports, replies. No step is sent twice for it, no fact is lost, nobody waits unseen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { images, imagesState, mutation } from '../core/layercake.ts';
import { HOUR, Lab, type LabOptions, MINUTE, nodeId, SECOND } from './lab.ts';
import type { Machine } from './machine.ts';

const ID = nodeId(0);

function settled(options: LabOptions = {}): { lab: Lab; machine: Machine } {
  const lab = new Lab(options);
  lab.create();
  assert.ok(
    lab.until(() => lab.allAtGoal(), 20 * MINUTE),
    JSON.stringify(lab.explain(ID)),
  );
  lab.run(MINUTE);
  lab.forgetActions();
  lab.sent.length = 0;
  const machine = lab.machines.get(ID);
  assert.ok(machine);
  return { lab, machine };
}

/** The BMC has the command to switch it off; a limit of 30 s. */
function switchOff(lab: Lab, machine: Machine): void {
  lab.limit({ name: 'short', mutation: 'ipmi/powerOff', selector: '', timeout: 30 * SECOND });
  lab.set({ '/physState': 'POWER_OFF' });
  assert.ok(
    lab.until(() => machine.actions.off === 1, MINUTE, 10),
    'the BMC has the command',
  );
}

test('a service that declares itself late after a restart of the host finds its step in flight still there: it is not sent twice', () => {
  const { lab, machine } = settled();
  machine.offAfter = 20 * SECOND;
  switchOff(lab, machine);
  lab.late.add('ipmi');
  lab.restart(2 * SECOND);
  lab.run(5 * SECOND);
  lab.come();
  assert.ok(
    lab.until(() => lab.allAtGoal() && !machine.on, 5 * MINUTE),
    JSON.stringify(lab.explain(ID)),
  );
  assert.equal(machine.actions.off, 1);
});

test('what a poller reports before its reply shows that the BMC is in reach again, at once', () => {
  const { lab, machine } = settled();
  machine.bmc = 'dead';
  lab.run(MINUTE);
  const isAway = (): boolean => lab.engine.world.nodes.get(ID)?.unreachable !== undefined;
  assert.ok(isAway());
  machine.bmc = 'good';
  lab.early = 5 * MINUTE;
  assert.ok(
    lab.until(() => !isAway(), 20 * SECOND),
    'it is still said to be out of reach',
  );
});

for (const [name, first] of [
  ['the poller saw it on first', false],
  ['its own host said first that it is on', true],
] as const) {
  test(`what a poller reports before its reply is the look that a step from before a restart waits for: ${name}`, () => {
    const lab = new Lab({ running: first });
    if (first) lab.down.add('ipmi');
    lab.create();
    if (first) {
      for (const machine of lab.machines.values()) machine.greet();
      lab.run(SECOND);
      lab.service('ipmi', 'ready');
    }
    assert.ok(lab.until(() => lab.allAtGoal(), 20 * MINUTE));
    lab.run(MINUTE);
    lab.forgetActions();
    const machine = lab.machines.get(ID);
    assert.ok(machine);
    machine.deaf = true;
    switchOff(lab, machine);
    lab.early = SECOND;
    lab.restart(2 * SECOND);
    lab.run(25 * SECOND);
    assert.equal(machine.actions.off, 1, 'not before its deadline');
    machine.deaf = false;
    assert.ok(
      lab.until(() => lab.allAtGoal() && !machine.on, 2 * MINUTE),
      JSON.stringify(lab.explain(ID)),
    );
    assert.equal(machine.actions.off, 2, 'sent again, once it was seen that it had not been done');
  });
}

test('a late reply is as old as the call that it answers: it does not undo what was seen since', () => {
  const lab = new Lab();
  const machine = lab.machines.get(ID);
  assert.ok(machine);
  lab.create();
  let run: number | undefined;
  lab.watcher = {
    sent: (call) => {
      if (call.mutation !== 'powerOn') return;
      run = call.run;
      machine.bmc = 'mute';
    },
  };
  assert.ok(lab.until(() => run !== undefined, MINUTE, 10));
  lab.run(10 * SECOND);
  lab.send({ type: 'observed', service: 'ipmi', items: [{ node: ID, values: { '/physState': 'POWER_ON' } }] });
  lab.send({ type: 'ran', run: run ?? 0, observed: [{ node: ID, values: { '/physState': 'POWER_OFF' } }], failed: [] });
  assert.equal(lab.seen(ID, '/physState'), 'POWER_ON');
});

/** Somebody else's module of images, whose disruptive `stop` was sent when it died; nobody can be asked for its path. */
function stopped(): Lab {
  const base = images('layers', '/layers/state');
  const layers = {
    ...base,
    variables: [imagesState('/layers/state')],
    mutations: base.mutations.map((one) => mutation(one.id, one.mutates, { ...one, context: 'child' })),
  };
  const lab = new Lab({ more: [layers] });
  lab.answersFor('layers', { begin: { '/layers/state': 'IDLE' }, start: { '/layers/state': 'ACTIVE' } });
  lab.create({ physState: 'POWER_ON', runState: 'SYNC', images: { state: 'ACTIVE' }, layers: { state: 'ACTIVE' } });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 5 * MINUTE),
    JSON.stringify(lab.explain(ID)),
  );
  lab.sent.length = 0;
  lab.set({ '/layers/state': 'IDLE' });
  assert.equal(stops(lab), 1);
  lab.service('layers', 'crashed');
  lab.run(SECOND);
  lab.service('layers', 'ready');
  return lab;
}

const stops = (lab: Lab): number => lab.sent.filter((step) => step.mutation === 'layers/stop').length;

const tell = (lab: Lab, value: string): void =>
  lab.send({ type: 'observed', service: 'layers', items: [{ node: ID, values: { '/layers/state': value } }] });

test('a disruptive step whose module died is sent again when the module that runs now has said what it sees, after the deadline', () => {
  const lab = stopped();
  lab.run(10 * SECOND);
  tell(lab, 'ACTIVE');
  lab.run(30 * SECOND);
  assert.equal(stops(lab), 1, 'whoever did the first may still be at it');
  lab.answersFor('layers', { stop: { '/layers/state': 'IDLE' } });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 2 * MINUTE),
    JSON.stringify(lab.explain(ID)),
  );
  assert.equal(stops(lab), 2);
});

test('a disruptive step whose module died and does not say what it sees is never sent again by itself, and a person is told', () => {
  const lab = stopped();
  lab.run(61 * SECOND + HOUR);
  assert.equal(stops(lab), 1);
  const [group] = lab.waiting();
  assert.equal(group?.kind, 'restarted', JSON.stringify(lab.explain(ID)));
  assert.equal(group?.command, 'kraken node retry --disruptive kr1');
  lab.answersFor('layers', { stop: { '/layers/state': 'IDLE' } });
  lab.operate({ kind: 'retry', nodes: [ID], disruptive: false });
  lab.run(MINUTE);
  assert.equal(stops(lab), 1, 'a plain retry repeats nothing disruptive of which nobody knows');
  lab.operate({ kind: 'retry', nodes: [ID], disruptive: true });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 2 * MINUTE),
    JSON.stringify(lab.explain(ID)),
  );
  assert.equal(stops(lab), 2);
});
