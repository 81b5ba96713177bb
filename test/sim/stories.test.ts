/** The stories of the design, each with the power actions that reached a BMC counted. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discovery, images, imagesState, service } from '../core/layercake.ts';
import { HOUR, Lab, type LabOptions, MINUTE, nodeId, SECOND } from './lab.ts';

const NONE = { on: 0, off: 0 };

/** Nodes that this lab has brought up itself, at goal for a while. */
function settled(options: LabOptions, goal?: Record<string, unknown>): Lab {
  const lab = new Lab(options);
  lab.create(goal);
  assert.ok(
    lab.until(() => lab.allAtGoal(), 20 * MINUTE),
    `it does not come up: ${lab.logs.at(-1)}`,
  );
  lab.run(31 * MINUTE);
  lab.forgetActions();
  lab.sent.length = 0;
  return lab;
}

function explain(lab: Lab, id: string): string {
  return JSON.stringify(lab.explain(id));
}

test('cold metal to running images, and back to off: one power-on, one power-off each', () => {
  const lab = new Lab({ nodes: 4 });
  lab.create();
  assert.ok(
    lab.until(() => lab.allAtGoal(), 3 * MINUTE),
    lab.logs.join('\n'),
  );
  for (const id of lab.ids) assert.equal(lab.seen(id, '/images/state'), 'ACTIVE');
  assert.deepEqual(lab.powerActions, { on: 4, off: 0 });
  lab.set({ '/physState': 'POWER_OFF' });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 3 * MINUTE),
    lab.logs.join('\n'),
  );
  for (const id of lab.ids) assert.equal(lab.seen(id, '/physState'), 'POWER_OFF');
  assert.deepEqual(lab.powerActions, { on: 4, off: 4 });
  const order = lab.sent.filter((step) => step.node === nodeId(0)).map((step) => step.mutation);
  assert.deepEqual(order.slice(-3), ['images/stop', 'images/core/quiesce', 'ipmi/powerOff']);
});

test('a healthy SYNC+ACTIVE node whose pxe.state is unknown is at goal: a lost note of the boot never reboots anybody', () => {
  const lab = new Lab({ nodes: 3, running: true });
  lab.create();
  for (const machine of lab.machines.values()) machine.greet();
  lab.run(2 * HOUR);
  assert.equal(lab.seen(nodeId(0), '/pxe/state'), undefined);
  assert.ok(lab.allAtGoal(), explain(lab, nodeId(0)));
  assert.deepEqual(lab.powerActions, NONE);
});

test('two image modules, one barrier each: neither is bypassed on the way to off', () => {
  const second = { ...images('layers', '/layers/state'), variables: [imagesState('/layers/state')], playsHosts: false, context: 'child' };
  const more = [{ ...second, mutations: second.mutations.map((one) => ({ ...one, context: 'child' as const })) }];
  const lab = new Lab({ nodes: 1, more });
  lab.answersFor('layers', { begin: { '/layers/state': 'IDLE' }, start: { '/layers/state': 'ACTIVE' }, stop: { '/layers/state': 'IDLE' } });
  lab.create({ physState: 'POWER_ON', runState: 'SYNC', images: { state: 'ACTIVE' }, layers: { state: 'ACTIVE' } });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 5 * MINUTE),
    explain(lab, nodeId(0)),
  );
  lab.sent.length = 0;
  lab.set({ '/physState': 'POWER_OFF' });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 5 * MINUTE),
    explain(lab, nodeId(0)),
  );
  const steps = lab.sent.map((step) => step.mutation);
  assert.ok(steps.indexOf('images/stop') < steps.indexOf('images/core/quiesce'), steps.join());
  assert.ok(steps.includes('layers/stop') && steps.indexOf('layers/stop') < steps.indexOf('images/core/quiesce'), steps.join());
});

test('no image module: a SYNC node can still be switched off', () => {
  const lab = settled(
    { nodes: 1, without: ['images'], more: [service('hosts', { playsHosts: true })] },
    { physState: 'POWER_ON', runState: 'SYNC' },
  );
  lab.set({ '/physState': 'POWER_OFF' });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 5 * MINUTE),
    explain(lab, nodeId(0)),
  );
  assert.deepEqual(lab.powerActions, { on: 0, off: 1 });
});

test('a BMC that blinks for a minute, an inventory plugin that reports arch, a new pinger: no node changes path', () => {
  const lab = settled({ nodes: 3 });
  for (const machine of lab.machines.values()) machine.bmc = 'dead';
  lab.run(MINUTE);
  for (const machine of lab.machines.values()) machine.bmc = 'good';
  lab.run(MINUTE);
  lab.declare(service('inventory', { discoveries: [discovery('inventory/arch', ['/arch'])] }));
  lab.send({ type: 'observed', service: 'inventory', items: lab.ids.map((node) => ({ node, values: { '/arch': 'arm64' } })) });
  lab.run(MINUTE);
  lab.declare(service('pinger', { discoveries: [discovery('pinger/alive', ['/physState'])] }));
  lab.send({ type: 'observed', service: 'pinger', items: lab.ids.map((node) => ({ node, values: { '/physState': 'POWER_ON' } })) });
  lab.run(HOUR);
  assert.equal(lab.seen(nodeId(0), '/arch'), 'arm64');
  assert.ok(lab.allAtGoal());
  assert.deepEqual(lab.powerActions, NONE);
  assert.deepEqual(lab.sent, []);
});

test('the BMC network is down for an hour: zero power actions, and the last observation stays, marked stale', () => {
  const lab = settled({ nodes: 5 });
  for (const machine of lab.machines.values()) machine.bmc = 'dead';
  lab.run(HOUR);
  assert.equal(lab.seen(nodeId(0), '/physState'), 'POWER_ON');
  assert.ok((lab.engine.world.nodes.get(nodeId(0))?.facts.get('/physState')?.stale ?? 0) > 0);
  assert.ok(lab.allAtGoal(), explain(lab, nodeId(0)));
  for (const machine of lab.machines.values()) machine.bmc = 'good';
  lab.run(HOUR);
  assert.deepEqual(lab.powerActions, NONE);
});

test('the BMC network is down, and a node dies meanwhile: nothing is done before its BMC answers and the grace has passed anew', () => {
  const lab = settled({ nodes: 30 });
  const first = nodeId(0);
  for (const machine of lab.machines.values()) machine.bmc = 'dead';
  lab.run(MINUTE);
  lab.machines.get(first)?.die();
  lab.machines.get(first)?.silence();
  lab.run(HOUR);
  assert.deepEqual(lab.powerActions, NONE);
  for (const machine of lab.machines.values()) machine.bmc = 'good';
  lab.run(4 * MINUTE);
  assert.deepEqual(lab.powerActions, NONE, 'the grace starts anew when the BMC was unreachable');
  assert.ok(
    lab.until(() => lab.allAtGoal(), 30 * MINUTE),
    explain(lab, first),
  );
  assert.deepEqual(lab.powerActions, { on: 1, off: 1 });
});

test('a node with a 500 s POST and a 480 s limit is cycled at most 3 times, then stuck, and welcome when it comes', () => {
  const lab = new Lab({ nodes: 1 });
  const id = nodeId(0);
  lab.limit({ name: 'short', mutation: 'pxe/*', selector: '', timeout: 480 * SECOND });
  const machine = lab.machines.get(id);
  assert.ok(machine);
  machine.post = 500 * SECOND;
  machine.hangs = true;
  lab.create();
  lab.run(24 * HOUR);
  assert.ok(machine.actions.off <= 3 && machine.actions.off >= 1, `${machine.actions.off} power cycles`);
  assert.equal(lab.walk(id), 'stuck', explain(lab, id));
  machine.hangs = false;
  machine.powerOff();
  machine.powerOn();
  assert.ok(
    lab.until(() => lab.allAtGoal(), 30 * MINUTE),
    `a stuck node that comes by itself reaches goal: ${explain(lab, id)}`,
  );
  assert.ok(machine.actions.off <= 3);
});

test('panic=1 with a 400 s POST: the node is back with no power action', () => {
  const lab = settled({ nodes: 12, post: 400 * SECOND });
  const machine = lab.machines.get(nodeId(0));
  assert.ok(machine);
  machine.die();
  machine.silence();
  machine.start();
  lab.run(5 * SECOND);
  assert.ok(
    lab.until(() => machine.hostUp && lab.allAtGoal(), 30 * MINUTE),
    explain(lab, nodeId(0)),
  );
  assert.equal(lab.seen(nodeId(0), '/images/state'), 'ACTIVE');
  assert.deepEqual(lab.powerActions, NONE);
});

test('a first apply on a new data directory beside 200 running nodes: zero power actions', () => {
  const lab = new Lab({ nodes: 200, running: true });
  lab.create();
  lab.run(6 * HOUR);
  assert.deepEqual(lab.powerActions, NONE);
  const waiting = lab.waiting();
  assert.ok(
    waiting.some((group) => group.kind === 'neverHeard'),
    JSON.stringify(waiting),
  );
  for (const machine of lab.machines.values()) machine.greet();
  assert.ok(
    lab.until(() => lab.allAtGoal(), 10 * MINUTE),
    explain(lab, nodeId(0)),
  );
  assert.deepEqual(lab.powerActions, NONE);
});

test('a data directory is lost beside 200 running nodes, and cfg applied again: zero power actions', () => {
  const lab = settled({ nodes: 200 });
  lab.restart(MINUTE, true);
  lab.create();
  for (const machine of lab.machines.values()) machine.greet();
  lab.run(3 * HOUR);
  assert.ok(lab.allAtGoal(), explain(lab, nodeId(0)));
  assert.deepEqual(lab.powerActions, NONE);
});

test('a rack switch is off for 8 minutes: zero power actions', () => {
  const lab = settled({ nodes: 40, labels: (i) => ({ rack: `r${Math.floor(i / 10)}` }) });
  const rack = lab.ids.slice(0, 10).map((id) => lab.machines.get(id));
  for (const machine of rack) if (machine) machine.linked = false;
  for (const machine of rack) machine?.silence();
  lab.run(8 * MINUTE);
  assert.equal(lab.seen(nodeId(0), '/runState'), 'ERROR');
  for (const machine of rack) {
    if (machine) machine.linked = true;
    machine?.greet();
  }
  lab.run(HOUR);
  assert.ok(lab.allAtGoal(), explain(lab, nodeId(0)));
  assert.deepEqual(lab.powerActions, NONE);
});

test('a rack switch is off for good: the nodes of that rack wait for a person, a node elsewhere is still repaired', () => {
  const lab = settled({ nodes: 120, labels: (i) => ({ rack: `r${Math.floor(i / 10)}` }) });
  const silent = lab.ids.slice(0, 10);
  for (const id of silent) {
    const machine = lab.machines.get(id);
    if (machine) machine.linked = false;
    machine?.silence();
  }
  lab.run(20 * MINUTE);
  const alone = lab.machines.get(nodeId(55));
  alone?.die();
  alone?.silence();
  lab.run(2 * HOUR);
  for (const id of silent) assert.deepEqual(lab.machines.get(id)?.actions, NONE);
  assert.equal(lab.walk(nodeId(55)), 'atGoal', explain(lab, nodeId(55)));
  assert.deepEqual(lab.powerActions, { on: 1, off: 1 });
  assert.match(explain(lab, nodeId(3)), /mass failure/);
});

test('the whole network below this host fails for an hour: zero power actions', () => {
  const lab = settled({ nodes: 200 });
  lab.network = false;
  for (const machine of lab.machines.values()) machine.silence();
  lab.run(HOUR);
  assert.deepEqual(lab.powerActions, NONE);
  lab.network = true;
  for (const machine of lab.machines.values()) machine.greet();
  lab.run(HOUR);
  assert.ok(lab.allAtGoal(), explain(lab, nodeId(0)));
  assert.deepEqual(lab.powerActions, NONE);
});

test('an emergency-off of the room: nothing comes back by itself; a person switches it on', () => {
  const lab = settled({ nodes: 40 });
  for (const machine of lab.machines.values()) machine.powerOff();
  lab.run(12 * HOUR);
  assert.deepEqual(lab.powerActions, NONE);
  assert.ok(
    lab.waiting().some((group) => group.kind === 'foundOff' && group.nodes.length === 40),
    JSON.stringify(lab.waiting()),
  );
  lab.operate({ kind: 'power', nodes: lab.ids, to: 'on' });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 20 * MINUTE),
    explain(lab, nodeId(0)),
  );
  assert.deepEqual(lab.powerActions, { on: 40, off: 0 });
});

test('an emergency-off with the BMCs dark for ten minutes: nothing comes back by itself either', () => {
  const lab = settled({ nodes: 40 });
  for (const machine of lab.machines.values()) {
    machine.powerOff();
    machine.bmc = 'dead';
    machine.silence();
  }
  lab.run(10 * MINUTE);
  for (const machine of lab.machines.values()) machine.bmc = 'good';
  lab.run(12 * HOUR);
  assert.deepEqual(lab.powerActions, NONE, explain(lab, nodeId(0)));
});

test('a room that is restored by policy comes back by the limits: 10 a second, 20 per rack at once', () => {
  const settings = { afterPowerLoss: 'restore' as const };
  const lab = settled({ nodes: 60, settings, labels: (i) => ({ rack: `r${i % 2}` }) });
  for (const machine of lab.machines.values()) machine.powerOff();
  assert.ok(
    lab.until(() => lab.powerActions.on === 60, HOUR),
    explain(lab, nodeId(0)),
  );
  const starts = lab.sent.filter((step) => step.mutation === 'ipmi/powerOn').map((step) => step.at);
  for (const at of starts) assert.ok(starts.filter((other) => other >= at && other < at + SECOND).length <= 11, 'more than 10 in a second');
});

test('one node found off alone is switched on after a minute', () => {
  const lab = settled({ nodes: 40 });
  lab.machines.get(nodeId(7))?.powerOff();
  lab.run(50 * SECOND);
  assert.deepEqual(lab.powerActions, NONE);
  assert.ok(lab.until(() => lab.allAtGoal(), 10 * MINUTE));
  assert.deepEqual(lab.powerActions, { on: 1, off: 0 });
});

test("a BMC address that is another machine's: the conflict is shown, and no further power action is taken", () => {
  const lab = settled({ nodes: 8 });
  const [a, b] = [lab.machines.get(nodeId(0)), lab.machines.get(nodeId(1))];
  assert.ok(a && b);
  b.readsPowerOf = 'off';
  lab.run(HOUR);
  assert.match(explain(lab, nodeId(1)), /BMC address/);
  assert.deepEqual(lab.powerActions, NONE);
  assert.equal(lab.seen(nodeId(1), '/images/state'), 'ACTIVE');
});

test('a hung node is repaired once the grace has passed, not before', () => {
  const lab = settled({ nodes: 12 });
  const machine = lab.machines.get(nodeId(0));
  assert.ok(machine);
  machine.die();
  machine.silence();
  lab.run(5 * MINUTE);
  assert.deepEqual(lab.powerActions, NONE);
  assert.ok(
    lab.until(() => lab.allAtGoal() && machine.hostUp, 30 * MINUTE),
    explain(lab, nodeId(0)),
  );
  assert.deepEqual(lab.powerActions, { on: 1, off: 1 });
});

test('the head is killed beside 200 running nodes and starts anew: all confirmed, nothing sent', () => {
  const lab = settled({ nodes: 200 });
  lab.restart(30 * SECOND);
  lab.run(MINUTE);
  assert.ok(lab.allAtGoal());
  lab.run(2 * HOUR);
  assert.deepEqual(lab.powerActions, NONE);
  assert.deepEqual(lab.sent, []);
});

test('the head is killed in the middle of a power-off and starts anew: no machine is switched twice', () => {
  for (let after = 0; after < 40; after++) {
    const lab = settled({ nodes: 3, seed: after + 1 });
    lab.set({ '/physState': 'POWER_OFF' });
    lab.run(after * 20);
    lab.restart(2 * SECOND);
    assert.ok(
      lab.until(() => lab.allAtGoal(), 20 * MINUTE),
      `after ${after * 20} ms: ${explain(lab, nodeId(0))}`,
    );
    for (const machine of lab.machines.values())
      assert.ok(machine.actions.off <= 1, `after ${after * 20} ms: ${machine.actions.off} power-offs`);
    assert.equal(lab.powerActions.on, 0);
  }
});

test('a reboot ordered by a person is one cycle, and needs neither grace nor a new cfg', () => {
  const lab = settled({ nodes: 3 });
  const boots = lab.ids.map((id) => lab.machines.get(id)?.boot);
  lab.operate({ kind: 'reboot', nodes: lab.ids, cycle: false });
  assert.ok(
    lab.until(() => lab.allAtGoal() && lab.ids.every((id, i) => lab.machines.get(id)?.boot !== boots[i]), 10 * MINUTE),
    explain(lab, nodeId(0)),
  );
  assert.deepEqual(lab.powerActions, { on: 3, off: 3 });
  lab.run(2 * HOUR);
  assert.deepEqual(lab.powerActions, { on: 3, off: 3 });
});

test('the head is killed in the middle of an ordered reboot of 40 nodes: all come back, each switched off once', () => {
  for (let after = 0; after < 12; after++) {
    const lab = settled({ nodes: 40, seed: after + 1 });
    lab.operate({ kind: 'reboot', nodes: lab.ids, cycle: false });
    lab.run(after * 40);
    lab.restart(2 * SECOND);
    assert.ok(
      lab.until(() => lab.allAtGoal(), 20 * MINUTE),
      `after ${after * 40} ms: ${explain(lab, nodeId(0))}`,
    );
    assert.deepEqual(lab.powerActions, { on: 40, off: 40 }, `after ${after * 40} ms`);
  }
});

test('a busy node is never disrupted, by request, order or repair; released, it goes on', () => {
  const lab = settled({ nodes: 2 });
  const id = nodeId(0);
  lab.operate({ kind: 'busy', nodes: [id], owner: 'job 17' });
  lab.set({ '/physState': 'POWER_OFF' }, [id]);
  lab.run(2 * HOUR);
  lab.operate({ kind: 'reboot', nodes: [id], cycle: true });
  lab.run(2 * HOUR);
  const machine = lab.machines.get(id);
  machine?.die();
  machine?.silence();
  lab.run(6 * HOUR);
  assert.deepEqual(lab.powerActions, NONE, explain(lab, id));
  assert.match(explain(lab, id), /job 17/);
  lab.operate({ kind: 'release', nodes: [id], busy: true });
  assert.ok(
    lab.until(() => lab.allAtGoal(), 60 * MINUTE),
    explain(lab, id),
  );
  assert.equal(lab.powerActions.off, 1);
});

test('one dead BMC holds up nobody else', () => {
  const lab = new Lab({ nodes: 50 });
  for (const id of lab.ids.slice(0, 4)) {
    const machine = lab.machines.get(id);
    if (machine) machine.bmc = 'dead';
  }
  lab.create();
  assert.ok(
    lab.until(() => lab.allAtGoal(lab.ids.slice(4)), 2 * MINUTE),
    explain(lab, nodeId(10)),
  );
  for (const id of lab.ids.slice(0, 4)) assert.match(explain(lab, id), /did not answer/);
  for (const machine of lab.machines.values()) machine.bmc = 'good';
  assert.ok(
    lab.until(() => lab.allAtGoal(), 10 * MINUTE),
    explain(lab, nodeId(0)),
  );
  assert.deepEqual(lab.powerActions, { on: 50, off: 0 });
});
