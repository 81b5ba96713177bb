/**
 * Sixteen faults, each seeded in a lab: `kraken node explain` names the cause and what to do, in plain words.
 * The sentences are held whole, so that whoever changes one reads it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Questions } from '../../host/core/ask.ts';
import { mutation, service, variable } from '../core/layercake.ts';
import { HOUR, Lab, type LabOptions, MINUTE, nodeId, SECOND } from './lab.ts';
import type { Machine } from './machine.ts';

const KR1 = nodeId(0);

interface Fault {
  readonly name: string;
  readonly options?: LabOptions;
  /** Brings it about, in a lab whose nodes were created unless `own`. */
  readonly seed: (lab: Lab, machine: Machine) => void;
  /** Creates its nodes itself. */
  readonly own?: boolean;
  readonly summary: string;
  readonly todo: string;
  /** The kind under which `waiting` counts it, where only a person can end it. */
  readonly waiting?: string;
}

function up(lab: Lab): void {
  assert.ok(
    lab.until(() => lab.allAtGoal(), 20 * MINUTE),
    lab.logs.at(-1),
  );
}

function die(machine: Machine): void {
  machine.die();
  machine.silence();
}

const FAULTS: readonly Fault[] = [
  {
    name: 'module down',
    own: true,
    seed: (lab) => {
      lab.service('ipmi', 'failed');
      lab.create();
      lab.run(MINUTE);
    },
    summary: 'kr1 waits before asking for physState: service ipmi is not running (failed: exited with code 1); its steps wait.',
    todo: 'See why, then start it: kraken service logs ipmi → kraken service start ipmi',
    waiting: 'service',
  },
  {
    name: 'BMC dead',
    own: true,
    seed: (lab, machine) => {
      machine.bmc = 'dead';
      lab.create();
      lab.run(2 * HOUR);
    },
    summary:
      'kr1 waits before asking for physState: out of reach: BMC of 001 did not answer; tried again in 4 min, and at once when it answers.',
    todo: 'See to the BMC, its address or its network; it goes on by itself then.',
    waiting: 'unreachableBmc',
  },
  {
    name: 'BMC login refused',
    own: true,
    seed: (lab, machine) => {
      machine.bmc = 'login';
      lab.create();
      lab.run(MINUTE);
    },
    summary: 'kr1 waits before asking for physState: the login is refused: the BMC refused the password; tried again in less than 1 s.',
    todo: 'Correct the user or password that the power service has for this node; it goes on by itself then. → kraken node retry kr1',
    waiting: 'login',
  },
  {
    name: 'held',
    seed: (lab) => {
      up(lab);
      lab.operate({ kind: 'hold', nodes: [KR1], why: 'its disk is changed' });
      lab.set({ '/physState': 'POWER_OFF' });
      lab.run(MINUTE);
    },
    summary: 'kr1 waits before images/stop (images/state ACTIVE → IDLE): held by alice until it is released: its disk is changed.',
    todo: 'Release it when it may be touched again. → kraken node release kr1',
    waiting: 'held',
  },
  {
    name: 'frozen',
    seed: (lab) => {
      up(lab);
      lab.operate({ kind: 'freeze', why: 'the switch is replaced' });
      lab.set({ '/physState': 'POWER_OFF' });
      lab.run(MINUTE);
    },
    summary: 'kr1 waits before images/stop (images/state ACTIVE → IDLE): the engine is frozen by alice for 60 s: the switch is replaced.',
    todo: 'Thaw it when that is done. → kraken engine thaw',
    waiting: 'frozen',
  },
  {
    name: 'held at its goal',
    seed: (lab) => {
      up(lab);
      lab.operate({ kind: 'hold', nodes: [KR1], why: 'its disk is changed' });
    },
    summary: 'kr1 is where it should be (power: POWER_ON) for 0.7 s. But held by alice until it is released: its disk is changed.',
    todo: 'Release it when it may be touched again. → kraken node release kr1',
  },
  {
    name: 'frozen at its goal',
    seed: (lab) => {
      up(lab);
      lab.operate({ kind: 'freeze', why: 'the switch is replaced' });
    },
    summary: 'kr1 is where it should be (power: POWER_ON) for 0.7 s. But the engine is frozen by alice for 0 s: the switch is replaced.',
    todo: 'Thaw it when that is done. → kraken engine thaw',
  },
  {
    name: 'busy',
    seed: (lab) => {
      up(lab);
      lab.operate({ kind: 'busy', nodes: [KR1], owner: 'job 17' });
      lab.set({ '/physState': 'POWER_OFF' });
      lab.run(90 * MINUTE);
    },
    summary:
      'kr1 waits before images/stop (images/state ACTIVE → IDLE): busy: in use by job 17 for 90 min; a busy node is never disrupted.',
    todo: 'Wait for its owner, or, knowing that nothing runs there, release it. → kraken node release --busy kr1',
    waiting: 'busy',
  },
  {
    name: 'excluded',
    options: {
      more: [
        service('bios', {
          variables: [variable('/bios/version', ['', 'old', 'new']), variable('/bios/lock', ['', 'open', 'locked'])],
          mutations: [mutation('bios/flash', { '/bios/version': ['old', 'new'] }, { excludes: { '/bios/lock': 'locked' } })],
          discoveries: [{ id: 'bios/state', service: 'bios', name: 'state', discovers: ['/bios/version', '/bios/lock'], requires: {} }],
        }),
      ],
    },
    seed: (lab) => {
      up(lab);
      lab.send({ type: 'observed', service: 'bios', items: [{ node: KR1, values: { '/bios/version': 'old', '/bios/lock': 'locked' } }] });
      lab.set({ '/bios/version': 'new' });
      lab.run(MINUTE);
    },
    summary:
      'kr1 cannot get where it should be: bios/version: bios/flash must not run while bios/lock is locked, and nothing can change that.',
    todo: 'Change what is wanted, or start the service that can do it: kraken service list, kraken graph kr1',
    waiting: 'noWay',
  },
  {
    name: 'unreachable goal',
    own: true,
    seed: (lab) => {
      lab.create({ platform: 'vbox', physState: 'POWER_ON' });
      lab.run(MINUTE);
    },
    summary:
      'kr1 cannot get where it should be: physState: ipmi/powerOn requires that platform is ipmi, but it is vbox, and nothing can change that.',
    todo: 'Change what is wanted, or start the service that can do it: kraken service list, kraken graph kr1',
    waiting: 'noWay',
  },
  {
    name: 'undeclared value',
    own: true,
    options: { without: ['images'], more: [service('hosts', { playsHosts: true })] },
    seed: (lab) => {
      lab.create();
      lab.run(5 * MINUTE);
    },
    summary:
      'kr1 cannot get where it should be: images/state: ACTIVE is wanted, but no service that is running can lead there (is its plugin installed and started?).',
    todo: 'Change what is wanted, or start the service that can do it: kraken service list, kraken graph kr1',
    waiting: 'noWay',
  },
  {
    name: 'looping',
    own: true,
    seed: (lab, machine) => {
      machine.hangs = true;
      lab.create();
      lab.run(12 * HOUR);
    },
    summary:
      'kr1 waits before ipmi/unhang (physState PHYS_HANG → POWER_OFF): stuck: 3 repair power cycles did not help; nothing disruptive and no power-on is tried any more.',
    todo: 'Look at the machine, then let it be tried again. → kraken node retry kr1',
    waiting: 'stuck',
  },
  {
    name: 'limit reached',
    options: { nodes: 3 },
    own: true,
    seed: (lab) => {
      lab.limit({ name: 'gently', mutation: 'ipmi/powerOn', selector: '', perLabel: 'rack', atOnce: 1 });
      for (const id of [nodeId(1), nodeId(2)]) Object.assign(lab.machines.get(id) ?? {}, { deaf: true });
      lab.operate({ kind: 'freeze', why: 'order' });
      lab.create();
      lab.operate({ kind: 'hold', nodes: [KR1], why: 'last' });
      lab.operate({ kind: 'thaw' });
      lab.run(10 * SECOND);
      lab.operate({ kind: 'release', nodes: [KR1], busy: false });
      lab.run(5 * SECOND);
    },
    summary: 'kr1 waits before ipmi/powerOn (physState POWER_OFF → POWER_ON): the limit gently is full, and it is the next.',
    todo: 'It goes on by itself; kraken limits shows and changes the rules. → kraken limits',
  },
  {
    name: 'parent not in sync',
    options: { nodes: 2 },
    own: true,
    seed: (lab) => {
      lab.create();
      lab.set({ '/parentId': nodeId(1) }, [KR1]);
      lab.run(5 * SECOND);
    },
    summary:
      'kr1 waits before ipmi/powerOn (physState POWER_OFF → POWER_ON): the host of its parent does this, and its parent kr2 is not in sync (runState UNKNOWN).',
    todo: 'Bring its parent into sync; it goes on by itself then. → kraken node explain kr2',
  },
  {
    name: 'schema wrong',
    own: true,
    options: { without: ['images'], more: [service('hosts', { playsHosts: true })] },
    seed: (lab) => {
      lab.send({ type: 'service', service: 'images', state: 'rejected', why: 'images.json: /images/state: its enum is empty' });
      lab.create();
      lab.run(5 * MINUTE);
    },
    summary:
      'kr1 cannot get where it should be: images/state: ACTIVE is wanted, but no service that is running can lead there (is its plugin installed and started?); service images is rejected: images.json: /images/state: its enum is empty.',
    todo: 'Change what is wanted, or start the service that can do it: kraken service list, kraken graph kr1',
    waiting: 'noWay',
  },
  {
    name: 'mass failure',
    options: { nodes: 10, labels: () => ({ rack: 'r7' }) },
    seed: (lab) => {
      up(lab);
      for (const machine of lab.machines.values()) die(machine);
      lab.run(HOUR);
    },
    summary:
      "kr1 waits before ipmi/powerOff (physState POWER_ON → POWER_OFF): mass failure: it was lost together with others of this host's children; the fault is more likely the network's or ours.",
    todo: 'Look at the network first. It is lifted when half of them are back, or by hand. → kraken node retry --disruptive kr1',
    waiting: 'massFailure',
  },
  {
    name: 'never heard',
    own: true,
    options: { running: true },
    seed: (lab) => {
      lab.create();
      lab.run(HOUR);
    },
    summary:
      'kr1 waits before ipmi/unhang (physState PHYS_HANG → POWER_OFF): it was never heard in this cluster, nor switched on by it: what runs there is not known.',
    todo: 'Look at the machine; if it may be power-cycled, say so. → kraken node retry --disruptive kr1',
    waiting: 'neverHeard',
  },
  {
    name: 'found off',
    options: { nodes: 10 },
    seed: (lab) => {
      up(lab);
      for (const machine of lab.machines.values()) machine.powerOff();
      lab.run(HOUR);
    },
    summary:
      'kr1 waits before ipmi/powerOn (physState POWER_OFF → POWER_ON): power loss: it was found switched off together with others, and stays off until somebody says otherwise.',
    todo: 'When the power is good, switch it on. → kraken node power on kr1',
    waiting: 'foundOff',
  },
];

for (const fault of FAULTS) {
  test(`explained: ${fault.name}`, () => {
    const lab = new Lab({ nodes: 1, ...fault.options });
    const machine = lab.machines.get(KR1);
    assert.ok(machine);
    if (!fault.own) lab.create();
    fault.seed(lab, machine);
    const said = lab.explain(KR1);
    assert.equal(said.summary, fault.summary);
    assert.equal(said.todo.join('\n'), fault.todo);
    assert.equal(lab.waiting().find((group) => group.nodes.includes(KR1))?.kind, fault.waiting);
  });
}

test('how far a boot has come stands beside the step that is under way', () => {
  const follower = service('follower', {
    variables: [variable('/pxe/step', ['NONE', 'SCRIPT', 'KERNEL'], { progress: true })],
    discoveries: [{ id: 'follower/steps', service: 'follower', name: 'steps', discovers: ['/pxe/step'], requires: {} }],
  });
  const lab = new Lab({ more: [follower], post: 5 * MINUTE });
  lab.create();
  assert.ok(lab.until(() => lab.explain(KR1).summary.includes('pxe/'), 10 * MINUTE));
  assert.doesNotMatch(lab.explain(KR1).summary, /Last seen/);
  lab.send({ type: 'observed', service: 'follower', items: [{ node: KR1, values: { '/pxe/step': 'KERNEL' } }] });
  lab.run(3 * SECOND);
  assert.match(lab.explain(KR1).summary, /^kr1 is on its way: pxe\/.* more\. Last seen: pxe\.step KERNEL, 3\.?\d* s ago\.$/);
});

test('what is seen of a node may be told by plan and explain, though nothing is done about it', () => {
  const says = { OLD: 'runs another boot than it would be given now; kraken node reboot brings it there' };
  const watcher = service('watcher', {
    variables: [variable('/pxe/boot', ['UNKNOWN', 'CURRENT', 'OLD'], { says })],
    discoveries: [{ id: 'watcher/boots', service: 'watcher', name: 'boots', discovers: ['/pxe/boot'], requires: {} }],
  });
  const lab = new Lab({ nodes: 3, more: [watcher] });
  lab.create();
  up(lab);
  const see = (index: number, value: string): void =>
    lab.send({ type: 'observed', service: 'watcher', items: [{ node: nodeId(index), values: { '/pxe/boot': value } }] });
  const plan = () => new Questions(lab.engine.world).plan({ set: { nodes: [0, 1, 2].map(nodeId), values: {} } }, lab.now);
  see(0, 'CURRENT');
  assert.equal(plan().remarks, undefined);
  see(1, 'OLD');
  see(2, 'OLD');
  lab.run(SECOND);
  assert.deepEqual(plan().remarks, [{ text: says.OLD, nodes: [nodeId(1), nodeId(2)] }]);
  assert.match(lab.explain(nodeId(1)).summary, /^kr2 is where it should be .* It runs another boot than .* brings it there\.$/);
  assert.doesNotMatch(lab.explain(KR1).summary, /another boot/);
});
