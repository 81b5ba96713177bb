/** A backup is restored beside machines that went on: nothing that it remembers is carried out on its word alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOUR, Lab, MINUTE, nodeId, SECOND } from './lab.ts';
import { Tree } from './tree.ts';

const NONE = { on: 0, off: 0 };
const ID = nodeId(0);

/** Three nodes that run, as they should. */
function settled(): Lab {
  const lab = new Lab({ nodes: 3, every: 30 * SECOND });
  lab.create();
  assert.ok(
    lab.until(() => lab.allAtGoal(), 10 * MINUTE),
    lab.logs.join('\n'),
  );
  lab.run(HOUR);
  lab.forgetActions();
  return lab;
}

/** Stops the host, and starts it on what it had stored when the first `count` turns had been; as often as is said. */
function restore(lab: Lab, count: number, times = 1): void {
  const kept = lab.turns.slice(0, count);
  const last = kept.at(-1);
  assert.ok(last);
  for (let i = 0; i < times; i++) {
    lab.turns.length = 0;
    lab.turns.push(...kept, { seq: last.seq + 1, at: last.at, rev: last.rev, changes: [], engine: { restored: { file: 'b' } } });
    lab.restart(5 * SECOND);
  }
}

interface Story {
  readonly name: string;
  /** What stands when the backup is made. */
  before(lab: Lab): void;
  /** What people do afterwards. */
  since(lab: Lab): void;
  /** Power actions once a person has thawed the engine. */
  readonly thawed: { on: number; off: number };
}

const STORIES: readonly Story[] = [
  {
    name: 'an order that was open, and was carried out since',
    before: (lab) => lab.operate({ kind: 'reboot', nodes: [ID], cycle: false }),
    since: (lab) => assert.ok(lab.until(() => lab.machines.get(ID)?.actions.on === 1 && lab.allAtGoal(), 20 * MINUTE)),
    thawed: NONE,
  },
  {
    name: 'a wish to be off, and it was wanted on again since',
    before: (lab) => lab.set({ '/physState': 'POWER_OFF' }, [ID]),
    since: (lab) => {
      assert.ok(lab.until(() => lab.machines.get(ID)?.on === false, 20 * MINUTE));
      lab.set({ '/physState': 'POWER_ON' }, [ID]);
      assert.ok(lab.until(() => lab.allAtGoal(), 20 * MINUTE));
      lab.run(HOUR);
    },
    thawed: { on: 0, off: 1 },
  },
  {
    name: 'a power-off that was under way',
    before: (lab) => {
      lab.set({ '/physState': 'POWER_OFF' }, [ID]);
      assert.ok(lab.until(() => lab.sent.some(({ mutation }) => mutation === 'ipmi/powerOff'), 5 * MINUTE, 10));
    },
    since: (lab) => {
      lab.set({ '/physState': 'POWER_ON' }, [ID]);
      assert.ok(lab.until(() => lab.allAtGoal(), 20 * MINUTE));
      lab.run(HOUR);
    },
    thawed: { on: 0, off: 1 },
  },
  {
    name: 'nodes that were wanted on, and are off since for somebody who works at them',
    before: () => undefined,
    since: (lab) => {
      lab.set({ '/physState': 'POWER_OFF' }, [ID]);
      assert.ok(lab.until(() => lab.allAtGoal() && lab.machines.get(ID)?.on === false, 20 * MINUTE));
    },
    thawed: { on: 1, off: 0 },
  },
  {
    name: 'a hold that was released since',
    before: (lab) => lab.operate({ kind: 'hold', nodes: [ID], why: 'x' }),
    since: (lab) => lab.operate({ kind: 'release', nodes: [ID], busy: false }),
    thawed: NONE,
  },
];

for (const { name, before, since, thawed } of STORIES) {
  for (const times of [1, 2]) {
    test(`restored ${times === 1 ? 'once' : 'twice'}: ${name}: nothing is sent before a person has looked`, () => {
      const lab = settled();
      before(lab);
      const count = lab.turns.length;
      since(lab);
      lab.forgetActions();
      lab.sent.length = 0;
      restore(lab, count, times);
      lab.run(2 * HOUR);
      assert.deepEqual(lab.powerActions, NONE);
      assert.deepEqual(lab.sent, []);
      assert.match(lab.engine.world.frozen?.why ?? '', /backup/);
      assert.equal(lab.engine.world.nodes.get(ID)?.book.order, undefined);
      // A restart is no word of a person.
      lab.restart(5 * SECOND);
      lab.run(HOUR);
      assert.deepEqual(lab.sent, []);
      lab.operate({ kind: 'thaw' });
      lab.run(HOUR);
      assert.deepEqual(lab.powerActions, thawed);
      lab.restart(5 * SECOND);
      assert.equal(lab.engine.world.frozen, undefined, 'said once');
    });
  }
}

test('no revision from before the restore is given again: what was asked for since cannot be taken for what is asked now', () => {
  const lab = settled();
  const count = lab.turns.length;
  lab.set({ '/labels/a': 'b' }, [ID]);
  const reached = lab.engine.world.revision;
  restore(lab, count);
  lab.set({ '/labels/a': 'c' }, [ID]);
  assert.ok(lab.engine.world.revision > reached);
});

test('what lets somebody in is not brought back: tokens, windows, and keys that were revoked since', () => {
  const tree = new Tree();
  const root = tree.host('root');
  root.apply([{ id: 'l1', nodename: 'l1', parentId: 'root', platform: 'ipmi', physState: 'POWER_ON', runState: 'SYNC' }]);
  root.operate({ kind: 'admit', nodes: ['l1'] });
  root.operate({ kind: 'token', nodes: ['l1'], hash: 'h', until: tree.now + 1000 * HOUR });
  root.operate({ kind: 'reboot', nodes: ['l1'], cycle: false });
  tree.run(SECOND);
  assert.ok(root.book('l1').window && root.book('l1').token && root.book('l1').admitted);
  const last = root.turns.at(-1);
  assert.ok(last);
  root.turns.push({
    seq: last.seq + 1,
    at: last.at,
    rev: last.rev,
    changes: [],
    engine: { restored: { file: 'b', revoked: { l1: ['thief'] } } },
  });
  tree.kill(root);
  tree.restart(root);
  const { window, token, admitted, order, revoked } = root.book('l1');
  assert.deepEqual(
    { window, token, admitted, order, revoked },
    { window: undefined, token: undefined, admitted: undefined, order: undefined, revoked: ['thief'] },
  );
});
