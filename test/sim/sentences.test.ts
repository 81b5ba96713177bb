/** Sentences of the design that no story holds, each as one small test against the real engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mutation, service, variable } from '../core/layercake.ts';
import { HOUR, Lab, type LabOptions, MINUTE, nodeId, SECOND } from './lab.ts';
import type { Machine } from './machine.ts';

const KR1 = nodeId(0);
const NONE = { on: 0, off: 0 };

function settled(options: LabOptions = {}): { lab: Lab; machine: Machine } {
  const lab = new Lab({ nodes: 1, ...options });
  lab.create();
  assert.ok(
    lab.until(() => lab.allAtGoal(), 20 * MINUTE),
    lab.logs.at(-1),
  );
  lab.run(31 * MINUTE);
  lab.forgetActions();
  lab.sent.length = 0;
  const machine = lab.machines.get(KR1);
  assert.ok(machine);
  return { lab, machine };
}

function kinds(lab: Lab): string[] {
  return lab.explain(KR1).reasons.map((reason) => reason.kind);
}

function busyBy(lab: Lab, by: string, value: unknown): void {
  lab.send({ type: 'observed', service: by, items: [{ node: KR1, values: { '/busy': value as never } }] });
}

const jobs = service('jobs', {
  variables: [variable('/busy')],
  discoveries: [{ id: 'jobs/busy', service: 'jobs', name: 'busy', discovers: ['/busy'], requires: {} }],
});

test('an observation older than the last change of its path is dropped and counted', () => {
  const { lab } = settled();
  const { world } = lab.engine;
  const before = world.dropped.stale;
  const old = (world.nodes.get(KR1)?.facts.get('/pxe/state')?.rev ?? 1) - 1;
  lab.send({ type: 'observed', service: 'pxe', items: [{ node: KR1, values: { '/pxe/state': 'WAIT' }, asOf: old }] });
  assert.equal(lab.seen(KR1, '/pxe/state'), 'INIT');
  assert.equal(world.dropped.stale, before + 1);
});

test('a service that reports what it did not declare is refused and told so', () => {
  const { lab } = settled({ more: [jobs] });
  lab.send({ type: 'observed', request: 99, service: 'jobs', items: [{ node: KR1, values: { '/physState': 'POWER_OFF' } }] });
  assert.equal(lab.seen(KR1, '/physState'), 'POWER_ON');
  assert.match(JSON.stringify(lab.answers.at(-1)), /not declared by jobs/);
});

test('deleting a node never acts on the machine', () => {
  const { lab, machine } = settled();
  lab.send({ type: 'apply', request: 0, author: { user: 'alice' }, change: { remove: [KR1] } });
  lab.run(2 * HOUR);
  assert.equal(lab.engine.world.nodes.has(KR1), false);
  assert.deepEqual(machine.actions, NONE);
  assert.ok(machine.hostUp);
});

for (const value of ['POWER_CYCLE', 'PHYS_HANG', 'PHYS_ERROR'])
  test(`a value that is never wanted is refused: physState ${value}`, () => {
    const { lab } = settled();
    const revision = lab.engine.world.revision;
    lab.set({ '/physState': value });
    assert.match(lab.refusals.at(-1)?.what ?? '', new RegExp(`${value} cannot be wanted`));
    assert.equal(lab.engine.world.revision, revision);
  });

test("a lease that a person took is not ended by a host's FREE, nor by another service's", () => {
  const { lab, machine } = settled({ more: [jobs] });
  lab.operate({ kind: 'busy', nodes: [KR1], owner: 'alice' });
  machine.greet();
  busyBy(lab, 'jobs', 'FREE');
  lab.set({ '/physState': 'POWER_OFF' });
  lab.run(2 * HOUR);
  assert.ok(kinds(lab).includes('busy'));
  assert.deepEqual(machine.actions, NONE);
});

test("a service's lease ends after a day at most, and runs on while that service is not running", () => {
  const { lab, machine } = settled({ more: [jobs], every: MINUTE });
  busyBy(lab, 'jobs', { owner: 'jobs', since: lab.now, until: lab.now + 1000 * HOUR });
  lab.set({ '/physState': 'POWER_OFF' });
  lab.run(23 * HOUR);
  assert.deepEqual(machine.actions, NONE);
  lab.service('jobs', 'failed');
  lab.run(3 * HOUR);
  assert.deepEqual(machine.actions, NONE, 'its owner is down');
  lab.service('jobs', 'ready');
  assert.ok(lab.until(() => machine.actions.off === 1, 10 * MINUTE));
});

test("a person's lease with an end ends then, and its owner may end its own", () => {
  const { lab, machine } = settled({ more: [jobs] });
  lab.operate({ kind: 'busy', nodes: [KR1], owner: 'jobs', until: lab.now + HOUR });
  busyBy(lab, 'jobs', 'FREE');
  assert.equal(lab.seen(KR1, '/busy'), 'FREE');
  lab.operate({ kind: 'busy', nodes: [KR1], owner: 'alice', until: lab.now + HOUR });
  lab.set({ '/physState': 'POWER_OFF' });
  lab.run(59 * MINUTE);
  assert.deepEqual(machine.actions, NONE);
  assert.ok(lab.until(() => machine.actions.off === 1, 5 * MINUTE));
});

test('release --busy leaves a hold alone, and release leaves a lease alone', () => {
  const { lab } = settled();
  const book = lab.engine.world.nodes.get(KR1)?.book;
  lab.operate({ kind: 'hold', nodes: [KR1], why: 'disk' });
  lab.operate({ kind: 'busy', nodes: [KR1], owner: 'alice' });
  lab.operate({ kind: 'release', nodes: [KR1], busy: true });
  assert.ok(book?.hold);
  lab.operate({ kind: 'busy', nodes: [KR1], owner: 'alice' });
  lab.operate({ kind: 'release', nodes: [KR1], busy: false });
  assert.equal(book?.hold, undefined);
  assert.notEqual(lab.seen(KR1, '/busy'), 'FREE');
});

test('freeze and holds survive a restart; a hold ends at its time', () => {
  const { lab, machine } = settled();
  lab.operate({ kind: 'freeze', why: 'works' });
  lab.operate({ kind: 'hold', nodes: [KR1], why: 'disk', until: lab.now + HOUR });
  lab.set({ '/physState': 'POWER_OFF' });
  lab.restart();
  lab.run(10 * MINUTE);
  assert.ok(kinds(lab).includes('frozen'));
  lab.operate({ kind: 'thaw' });
  lab.run(10 * MINUTE);
  assert.ok(kinds(lab).includes('held'));
  assert.deepEqual(machine.actions, NONE);
  assert.ok(lab.until(() => machine.actions.off === 1, HOUR));
});

test('whoever freezes what is frozen says anew by whom and why it is; since when stays', () => {
  const { lab } = settled();
  lab.operate({ kind: 'freeze', why: 'works' });
  const since = lab.now;
  lab.run(MINUTE);
  lab.operate({ kind: 'freeze', why: 'the power is tested' }, 'bob');
  const frozen = { by: 'bob', why: 'the power is tested', since };
  assert.deepEqual(lab.engine.world.frozen, frozen);
  lab.restart();
  assert.deepEqual(lab.engine.world.frozen, frozen);
});

test('explain tells who ordered the way through POWER_OFF, and afterwards who set what is wanted', () => {
  const { lab, machine } = settled();
  machine.offAfter = 10 * SECOND;
  const ordered = lab.now;
  lab.operate({ kind: 'reboot', nodes: [KR1], cycle: false }, 'bob');
  lab.run(5 * SECOND);
  const power = (): unknown[] => lab.explain(KR1).gaps.flatMap((gap) => (gap.path === '/physState' ? [gap.wanted, gap.wantedBy] : []));
  assert.deepEqual(power(), ['POWER_OFF', 'bob']);
  assert.equal(lab.explain(KR1).gaps.find((gap) => gap.path === '/physState')?.wantedAt, ordered);
  assert.ok(lab.until(() => lab.seen(KR1, '/physState') === 'POWER_OFF', MINUTE, 10));
  assert.deepEqual(power(), ['POWER_ON', 'alice']);
});

test('limits are first come first served, apart for each value of a label', () => {
  const lab = new Lab({ nodes: 8, labels: (i) => ({ rack: `r${i % 2}` }) });
  lab.limit({ name: 'one', mutation: 'ipmi/powerOn', selector: '', perLabel: 'rack', atOnce: 1 });
  lab.operate({ kind: 'freeze', why: 'all come at once' });
  lab.create();
  lab.run(10 * SECOND);
  lab.operate({ kind: 'thaw' });
  lab.run(MINUTE);
  const starts = lab.sent.filter((step) => step.mutation === 'ipmi/powerOn');
  for (const parity of [0, 1]) {
    const own = starts.filter((step) => lab.ids.indexOf(step.node) % 2 === parity);
    assert.deepEqual(
      own.map((step) => step.node),
      lab.ids.filter((_, i) => i % 2 === parity),
    );
    assert.equal(new Set(own.map((step) => step.at)).size, own.length, 'never two at once');
  }
});

test('a module that is not running makes its steps wait, and nothing fails', () => {
  const { lab, machine } = settled();
  lab.service('ipmi', 'failed');
  lab.set({ '/physState': 'POWER_OFF' });
  lab.run(5 * HOUR);
  assert.ok(kinds(lab).includes('service'));
  assert.equal(lab.engine.world.nodes.get(KR1)?.book.failures ?? 0, 0);
  lab.service('ipmi', 'ready');
  assert.ok(lab.until(() => machine.actions.off === 1 && lab.allAtGoal(), 10 * MINUTE));
});

test('a module that crashes in the middle of a power-off: observed before it is sent again, never switched twice', () => {
  for (let after = 0; after < 400; after += 20) {
    const { lab, machine } = settled({ seed: after + 1 });
    lab.set({ '/physState': 'POWER_OFF', '/runState': 'UNKNOWN' });
    lab.run(after);
    lab.service('ipmi', 'crashed');
    lab.run(SECOND);
    lab.service('ipmi', 'ready');
    assert.ok(
      lab.until(() => lab.allAtGoal(), 20 * MINUTE),
      lab.explain(KR1).summary,
    );
    assert.equal(machine.actions.off, 1, `after ${after} ms`);
  }
});

test('an order ends when it is cancelled, and changes no cfg', () => {
  const { lab, machine } = settled();
  machine.bmc = 'dead';
  lab.operate({ kind: 'reboot', nodes: [KR1], cycle: true });
  lab.run(MINUTE);
  lab.operate({ kind: 'cancel', nodes: [KR1] });
  machine.bmc = 'good';
  lab.run(HOUR);
  assert.deepEqual(machine.actions, NONE);
  assert.ok(lab.allAtGoal(), lab.explain(KR1).summary);
});

test('what was asked for on the way to a power state that is not wanted any more is not asked for', () => {
  const { lab, machine } = settled();
  lab.operate({ kind: 'busy', nodes: [KR1], owner: 'alice' });
  lab.set({ '/physState': 'POWER_OFF' });
  machine.die();
  machine.silence();
  lab.run(MINUTE);
  lab.set({ '/physState': 'POWER_ON' });
  lab.operate({ kind: 'release', nodes: [KR1], busy: true });
  lab.run(3 * MINUTE);
  assert.deepEqual(machine.actions, NONE, 'a repair, and its grace has not passed');
});

test('images FATAL is terminal until a retry', () => {
  const { lab, machine } = settled();
  machine.imageFault = 'FATAL';
  machine.images = 'FATAL';
  machine.greet();
  lab.run(2 * HOUR);
  assert.equal(lab.seen(KR1, '/images/state'), 'FATAL');
  assert.notEqual(lab.walk(KR1), 'atGoal');
  machine.imageFault = undefined;
  machine.images = 'IDLE';
  lab.operate({ kind: 'retry', nodes: [KR1], disruptive: false });
  assert.equal(lab.seen(KR1, '/images/state'), undefined);
  assert.ok(
    lab.until(() => lab.allAtGoal(), 10 * MINUTE),
    lab.explain(KR1).summary,
  );
});

test('TryLater is no failure, a terminal error is never tried again', () => {
  const flash = service('bios', {
    variables: [variable('/bios/version', ['', 'old', 'new'])],
    mutations: [mutation('bios/flash', { '/bios/version': ['old', 'new'] })],
  });
  const { lab } = settled({ more: [flash] });
  lab.send({ type: 'observed', service: 'bios', items: [{ node: KR1, values: { '/bios/version': 'old' } }] });
  const errors = [
    { code: -32004, message: 'warming up', retryAfter: 90_000 },
    { code: -32006, message: 'wrong board' },
  ];
  const at: number[] = [];
  lab.watcher = {
    sent: (run) => {
      if (run.service !== 'bios') return;
      at.push(lab.now);
      lab.later(1, () =>
        lab.send({ type: 'ran', run: run.run, observed: [], failed: [{ node: KR1, error: errors[at.length - 1] ?? errors[1]! }] }),
      );
    },
  };
  lab.set({ '/bios/version': 'new' });
  lab.run(5 * HOUR);
  assert.equal(at.length, 2);
  assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 90 * SECOND);
  assert.ok(kinds(lab).includes('terminal'));
});

test('backoff doubles to five minutes, and what a BMC did not accept is tried for ever', () => {
  const { lab, machine } = settled();
  machine.bmc = 'busy';
  lab.set({ '/physState': 'POWER_OFF' });
  lab.run(6 * HOUR);
  const at = lab.sent.filter((step) => step.mutation === 'ipmi/powerOff').map((step) => step.at);
  const pauses = at.slice(1).map((time, i) => time - (at[i] ?? 0));
  assert.ok(at.length > 60, `${at.length} attempts`);
  assert.ok(Math.max(...pauses) <= 6 * MINUTE + SECOND);
  assert.ok((pauses[0] ?? 0) < 2 * SECOND);
  assert.equal(lab.engine.world.nodes.get(KR1)?.book.stuck, undefined);
  machine.bmc = 'good';
  assert.ok(
    lab.until(() => machine.actions.off === 1, MINUTE),
    'at once when the poller reaches the BMC again',
  );
});

test('a host that died while the head was down is missed within two minutes, and repaired after its grace', () => {
  const { lab, machine } = settled({ nodes: 12 });
  machine.die();
  lab.restart(30 * SECOND);
  lab.run(2 * MINUTE);
  assert.equal(lab.seen(KR1, '/runState'), 'ERROR');
  assert.deepEqual(lab.powerActions, NONE);
  assert.ok(
    lab.until(() => machine.hostUp && lab.allAtGoal(), HOUR),
    lab.explain(KR1).summary,
  );
  assert.deepEqual(lab.powerActions, { on: 1, off: 1 });
});

test('no state lasts over an hour without a deadline or a person: 30 random labs left alone', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const lab = new Lab({ nodes: 12, seed, every: 30 * SECOND });
    for (const machine of lab.machines.values()) {
      machine.bmc = (['good', 'good', 'dead', 'login', 'busy'] as const)[Math.floor(lab.random() * 5)] ?? 'good';
      machine.hangs = lab.random() < 0.2;
      machine.deaf = lab.random() < 0.1;
      if (lab.random() < 0.1) machine.imageFault = 'ERROR';
    }
    lab.create();
    lab.run(6 * HOUR);
    const explained = new Set(lab.waiting().flatMap((group) => group.nodes));
    for (const id of lab.ids) {
      const told = lab.explain(id);
      const ends = told.reasons.some((reason) => reason.until !== undefined && reason.until > lab.now && lab.now - reason.since < HOUR);
      const fine = lab.walk(id) === 'atGoal' || explained.has(id) || (told.walk === 'running' && told.until !== undefined) || ends;
      assert.ok(fine, `seed=${seed} node ${Number(id.slice(-4))}: ${told.walk}: ${told.summary}`);
    }
  }
});
