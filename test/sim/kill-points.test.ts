/**
 * The host is killed after every single effect that a story has, one after the other, on a disk that keeps what was synced and no more, or
 * all that was written. Whatever was acknowledged happens; no machine is switched twice for one wish.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect } from '../../host/core/effect.ts';
import { HOUR, Lab, MINUTE, nodeId, SECOND } from './lab.ts';

const ID = nodeId(0);
/** How long a sync takes, and how long a record that nobody waits for lies unsynced. */
const SYNC = 3;
const LAG = 100;

/** The loop's rules, on a disk that takes its time: what acknowledges or disrupts waits until its turn is synced. */
class Disk {
  readonly #lab: Lab;
  /** The effect after which the host ends. */
  readonly #last: number;
  /** The host has ended. */
  killed = false;
  /** It runs again. */
  over = false;
  effects = 0;
  #durable: number;
  #held: { seq: number; perform(): void }[] = [];
  /** Commands that reached the BMC before the end; looks at it since. */
  #before = 0;
  #looks = 0;

  constructor(lab: Lab, last: number) {
    this.#lab = lab;
    this.#last = last;
    this.#durable = this.#written;
    lab.via = (effect, perform) => this.#take(effect, perform);
    lab.watcher = { ...lab.watcher, power: () => this.#command() };
  }

  get #written(): number {
    return this.#lab.turns.at(-1)?.seq ?? 0;
  }

  /** What is left of the journal. */
  end(keepsWritten: boolean): void {
    this.over = true;
    if (!keepsWritten) this.#lab.turns.length = this.#lab.turns.findLastIndex(({ seq }) => seq <= this.#durable) + 1;
    this.#durable = this.#written;
    this.#held = [];
  }

  /** An effect was performed; after the last one nothing else is, and nothing reaches the host. */
  #did(): void {
    if (this.over || this.effects++ !== this.#last) return;
    this.killed = true;
    this.#lab.up = false;
  }

  #command(): void {
    if (!this.over) this.#before++;
    else assert.ok(this.#before === 0 || this.#looks > 0, 'switched again before anybody had looked');
  }

  #take(effect: Effect, perform: () => void): void {
    if (this.killed && !this.over) return;
    if (effect.type === 'journal') {
      perform();
      this.#did();
      const { seq } = effect.turn;
      this.#lab.later(effect.durable ? SYNC : LAG, () => this.#synced(seq));
    } else if ('afterDurable' in effect && effect.afterDurable && this.#written > this.#durable)
      this.#held.push({ seq: this.#written, perform: () => this.#do(effect, perform) });
    else this.#do(effect, perform);
  }

  #do(effect: Effect, perform: () => void): void {
    if (this.over && effect.type === 'poll' && effect.service === 'ipmi') this.#looks++;
    perform();
    // A question leaves nothing behind; its answer is another effect.
    if (effect.type !== 'poll') this.#did();
  }

  #synced(seq: number): void {
    // Of a journal that the end has cut off, or by a host that has ended.
    if (seq > this.#written || (this.killed && !this.over)) return;
    this.#durable = Math.max(this.#durable, seq);
    const ready = this.#held.filter((one) => one.seq <= seq);
    this.#held = this.#held.filter((one) => one.seq > seq);
    for (const one of ready) {
      if (this.killed && !this.over) return;
      one.perform();
    }
  }
}

interface Story {
  readonly name: string;
  readonly cfg?: Record<string, unknown>;
  begin(lab: Lab): void;
  /** It has come to its end. */
  done(lab: Lab): boolean;
  /** Power actions of all of it. */
  readonly actions: { on: number; off: number };
  /** Nobody asked for it: it happens whatever was acknowledged. */
  readonly unasked?: true;
  /** Power actions where it was not asked for in time. */
  readonly otherwise?: { on: number; off: number };
}

const isOff = (lab: Lab): boolean => lab.machines.get(ID)?.on === false && lab.allAtGoal();
const hasBooted = (lab: Lab): boolean => lab.machines.get(ID)?.boots === 2 && lab.allAtGoal();

const STORIES: readonly Story[] = [
  {
    name: 'off, past the barriers',
    begin: (lab) => lab.set({ '/physState': 'POWER_OFF' }),
    done: isOff,
    actions: { on: 0, off: 1 },
  },
  {
    name: 'off, of a node that is in no sync, by a BMC that takes its time',
    cfg: { physState: 'POWER_ON' },
    begin: (lab) => {
      const machine = lab.machines.get(ID);
      if (machine) machine.offAfter = 20 * SECOND;
      lab.set({ '/physState': 'POWER_OFF' });
    },
    done: isOff,
    actions: { on: 0, off: 1 },
  },
  {
    name: 'reboot',
    begin: (lab) => lab.operate({ kind: 'reboot', nodes: [ID], cycle: false }),
    done: (lab) => hasBooted(lab) && !lab.engine.world.nodes.get(ID)?.book.order,
    actions: { on: 1, off: 1 },
  },
  {
    name: 'the repair of a node that died',
    begin: (lab) => {
      lab.machines.get(ID)?.die();
      lab.machines.get(ID)?.silence();
    },
    done: hasBooted,
    actions: { on: 1, off: 1 },
    unasked: true,
  },
  {
    name: 'out of a hang: its BMC took the power-off and did nothing',
    begin: (lab) => {
      const machine = lab.machines.get(ID);
      if (machine) machine.deaf = true;
      machine?.die();
      machine?.silence();
      lab.set({ '/physState': 'POWER_OFF' });
      lab.later(2 * MINUTE, () => {
        if (machine) machine.deaf = false;
      });
    },
    done: isOff,
    // The second is of the way out of the hang.
    actions: { on: 0, off: 2 },
    otherwise: { on: 1, off: 1 },
  },
];

/** Runs the story with a kill after effect `last`; how many effects it had, where nobody was killed. */
function play(story: Story, last: number, keepsWritten: boolean): number | undefined {
  const lab = new Lab({ every: MINUTE });
  lab.create(story.cfg);
  assert.ok(lab.until(() => lab.allAtGoal(), 5 * MINUTE));
  lab.run(31 * MINUTE);
  lab.forgetActions();
  lab.answers.length = 0;
  const disk = new Disk(lab, last);
  story.begin(lab);
  const done = lab.until(() => disk.killed || story.done(lab), HOUR);
  if (!disk.killed) {
    assert.ok(done, lab.logs.join('\n'));
    lab.run(HOUR);
    assert.deepEqual(lab.powerActions, story.actions);
    return disk.effects;
  }
  disk.end(keepsWritten);
  const acknowledged = lab.answers.length > 0 || story.unasked;
  lab.restart(2 * SECOND);
  const came = lab.until(() => story.done(lab), HOUR);
  lab.run(20 * MINUTE);
  if (acknowledged) assert.ok(came, `what was acknowledged did not happen\n${JSON.stringify(lab.explain(ID))}`);
  // Fewer, where it ended between an intent and its command.
  const { on, off } = came ? story.actions : (story.otherwise ?? { on: 0, off: 0 });
  assert.ok(lab.powerActions.on <= on && lab.powerActions.off <= off, JSON.stringify(lab.powerActions));
  return undefined;
}

for (const story of STORIES) {
  for (const keepsWritten of [true, false]) {
    test(`killed after every effect, ${keepsWritten ? 'all that was written' : 'only what was synced'} is kept: ${story.name}`, () => {
      const count = play(story, Number.POSITIVE_INFINITY, keepsWritten) ?? 0;
      assert.ok(count > 5, `${count} effects`);
      for (let last = 0; last < count; last++) {
        try {
          play(story, last, keepsWritten);
        } catch (error) {
          throw new Error(`killed after effect ${last} of ${count}: ${(error as Error).message}`, { cause: error });
        }
      }
    });
  }
}
