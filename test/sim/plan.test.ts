/** `kraken plan` says what then runs: the same planner and guards, held against 1,000 random changes of nodes in random situations. */
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import type { PlanGroup, PlanReport } from '../../host/core/answers.ts';
import { Questions } from '../../host/core/ask.ts';
import type { CfgChange } from '../../host/core/event.ts';
import { seededRandom } from '../../host/core/random.ts';
import { HOUR, Lab, MINUTE, nodeId } from './lab.ts';

const LABS = 40;
const NODES = 25;
/** These end by themselves while nobody does anything. */
const PASSING = new Set(['grace', 'hostYoung', 'backoff', 'limit', 'asking', 'restarted']);
const SITUATIONS = ['running', 'running', 'off', 'dead', 'hung', 'busy', 'held', 'unknown'] as const;

type Change = { readonly values: Record<string, string> } | { readonly reboot: true };

/** Brings a node into a situation; what needs time has it afterwards. */
function situate(lab: Lab, id: string, situation: (typeof SITUATIONS)[number]): void {
  const machine = lab.machines.get(id);
  assert.ok(machine);
  switch (situation) {
    case 'off':
      lab.set({ '/physState': 'POWER_OFF' }, [id]);
      return;
    case 'dead':
      machine.die();
      machine.silence();
      return;
    case 'hung':
      machine.die();
      lab.later(0, () => machine.silence());
      return;
    case 'busy':
      lab.operate({ kind: 'busy', nodes: [id], owner: 'job 17' });
      return;
    case 'held':
      lab.operate({ kind: 'hold', nodes: [id], why: 'a disk is changed' });
      return;
    default:
  }
}

function randomChange(random: () => number): Change {
  const pick = random();
  if (pick < 0.15) return { reboot: true };
  const values: Record<string, string> = {};
  if (random() < 0.6) values['/physState'] = random() < 0.6 ? 'POWER_OFF' : 'POWER_ON';
  if (random() < 0.3) values['/runState'] = random() < 0.7 ? 'SYNC' : 'INIT';
  if (random() < 0.4) values['/images/state'] = random() < 0.5 ? 'IDLE' : 'ACTIVE';
  if (random() < 0.08) values['/platform'] = 'vbox';
  return { values };
}

/** What was dispatched to a node since: the core's own steps by their name, a step tried again counted once. */
function dispatched(lab: Lab, id: string): string[] {
  const steps = lab.sent.filter((step) => step.node === id).map(({ mutation }) => mutation.split('/').slice(-2).join('/'));
  return steps.filter((step, i) => step !== steps[i - 1]);
}

/** The ways that the plan named: the main one, and one for each other answer; asking is no call of its own. */
function waysOf(group: PlanGroup): string[][] {
  const isStep = (step: string): boolean => !step.includes('/ask:');
  return [group.steps.map((step) => step.mutation), ...group.branches.map((branch) => branch.steps)].map((way) => way.filter(isStep));
}

function isPrefix(part: readonly string[], whole: readonly string[]): boolean {
  return part.every((step, i) => whole[i] === step);
}

interface Told {
  readonly id: string;
  readonly change: Change;
  readonly report: PlanReport;
}

function judge(lab: Lab, told: Told, where: string): 'ran' | 'waits' | 'unreachable' | 'atGoal' {
  const { id, change, report } = told;
  const ran = dispatched(lab, id);
  const say = (): string =>
    `${where} ${JSON.stringify(change)} plan ${JSON.stringify(report)} ran ${ran.join(' ')}: ${lab.explain(id).summary}`;
  const [group] = report.groups;
  if (report.unreachable.length > 0) {
    const ways = group ? waysOf(group) : [[]];
    assert.ok(
      ways.some((way) => isPrefix(ran, way) || isPrefix(way, ran)),
      say(),
    );
    assert.ok(ran.length === 0 || group, say());
    // The answer to a question asked before the change may be what was wanted.
    if (!group && lab.walk(id) !== 'atGoal') assert.equal(lab.walk(id), 'unreachable', say());
    return 'unreachable';
  }
  if (!group) {
    assert.equal(report.atGoal, 1, say());
    assert.deepEqual(ran, [], say());
    return 'atGoal';
  }
  const ways = waysOf(group);
  const lasting = group.waiting.find((waiting) => !PASSING.has(waiting.kind));
  if (lasting) {
    assert.ok(
      ways.some((way) => isPrefix(ran, way) && ran.length < way.length),
      say(),
    );
    assert.ok(
      lab.explain(id).reasons.some((reason) => reason.kind === lasting.kind),
      say(),
    );
    return 'waits';
  }
  const offs = ran.filter((step) => step === 'ipmi/powerOff' || step === 'ipmi/unhang').length;
  assert.ok(offs >= group.powerCycles[0] && offs <= group.powerCycles[1], `power cycles ${offs}: ${say()}`);
  if ('reboot' in change)
    assert.ok(
      ways.some((way) => isPrefix(way, ran)),
      say(),
    );
  else
    assert.ok(
      ways.some((way) => way.join() === ran.join()),
      say(),
    );
  assert.equal(lab.walk(id), 'atGoal', say());
  return 'ran';
}

test('1,000 random changes: the steps that then run are those that the plan named, who waits waits for the reason named', () => {
  const counts = { ran: 0, waits: 0, unreachable: 0, atGoal: 0 };
  for (let seed = 1; seed <= LABS; seed++) {
    const random = seededRandom(seed);
    const lab = new Lab({ nodes: NODES, seed, every: 15_000, settings: { brakeLeast: 1_000, brakeDomainLeast: 1_000 } });
    lab.create();
    assert.ok(lab.until(() => lab.allAtGoal(), 10 * MINUTE));
    lab.run(31 * MINUTE);
    const situations = lab.ids.map((id) => [id, SITUATIONS[Math.floor(random() * SITUATIONS.length)] ?? 'running'] as const);
    for (const [id, situation] of situations) situate(lab, id, situation);
    lab.run(2 * MINUTE);
    for (const [id, situation] of situations) if (situation === 'unknown') makeUnknown(lab, id);
    lab.sent.length = 0;
    const told = lab.ids.map((id): Told => {
      const change = randomChange(random);
      const questions = new Questions(lab.engine.world);
      const plan = 'reboot' in change ? questions.planOrder([id], lab.now) : questions.plan(setOf(id, change.values), lab.now);
      if ('reboot' in change) lab.operate({ kind: 'reboot', nodes: [id], cycle: false });
      else lab.set(change.values, [id]);
      return { id, change, report: plan };
    });
    lab.run(2 * HOUR);
    for (const [i, one] of told.entries()) counts[judge(lab, one, `seed=${seed} node ${i + 1} ${situations[i]?.[1]}`)]++;
  }
  assert.equal(counts.ran + counts.waits + counts.unreachable + counts.atGoal, LABS * NODES);
  for (const [kind, count] of Object.entries(counts)) assert.ok(count >= 20, `only ${count} of kind ${kind}: ${JSON.stringify(counts)}`);
});

/** Described anew a moment ago: its BMC has not answered yet. */
function makeUnknown(lab: Lab, id: string): void {
  const doc = lab.engine.world.nodes.get(id)?.cfg;
  assert.ok(doc);
  lab.machines.get(id)?.powerOff();
  const author = { user: 'alice' };
  lab.send({ type: 'apply', request: 0, author, change: { remove: [id] } });
  lab.send({ type: 'apply', request: 0, author, change: { nodes: [{ mode: 'create', id, doc }] } });
}

function setOf(id: string, values: Record<string, string>): CfgChange {
  return { set: { nodes: [id], values } };
}

test('a plan for 10,000 nodes costs no more a node than one for 1,000', (t) => {
  const lab = new Lab({ nodes: 10_000 });
  lab.create();
  lab.run(5_000);
  const planned = (nodes: readonly string[]): number => {
    const questions = new Questions(lab.engine.world);
    const began = performance.now();
    const report = questions.plan({ set: { nodes, values: { '/physState': 'POWER_OFF' } } }, lab.now);
    const took = performance.now() - began;
    assert.equal(report.changed, nodes.length);
    assert.ok(report.groups.some((group) => group.nodes.includes(nodeId(0))) || report.atGoal > 0);
    return took / nodes.length;
  };
  const few = Math.min(...[1, 2, 3].map(() => planned(lab.ids.slice(0, 1_000))));
  const many = Math.min(...[1, 2].map(() => planned(lab.ids)));
  t.diagnostic(`planned in ${(few * 1000).toFixed(0)} µs a node of 1,000, ${(many * 1000).toFixed(0)} of 10,000`);
  assert.ok(many < few * 4, `${many} ms a node`);
});
