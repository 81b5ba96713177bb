/** Events for many listeners: in order, resumed by revision, lost only where it is said. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HUB, type HubOptions, type Listener, type Told } from '../../plugins/restapi/events/hub.ts';
import { idOf } from '../control/bench.ts';
import { Mirror } from './mirror.ts';

const ann = { author: { user: 'ann' }, permissions: 'all' } as never;

class Ear implements Listener {
  readonly told: string[] = [];
  readonly revisions: number[] = [];

  events(told: readonly Told[]): void {
    for (const { event, revision } of told) {
      this.told.push(`${event.kind} ${event.path ?? ''} ${String(event.to)}`);
      this.revisions.push(revision);
    }
  }

  resync(revision: number): void {
    this.told.push('resync');
    this.revisions.push(revision);
  }
}

async function open(
  options: HubOptions = HUB,
): Promise<{ mirror: Mirror; see(...values: string[]): Promise<void>; listen(ear: Ear, from?: number): Promise<() => void> }> {
  const mirror = new Mirror(4, options);
  const opened = mirror.replica.open();
  await mirror.settle();
  await opened;
  const see = async (...values: string[]): Promise<void> => {
    for (const value of values) await mirror.api.handle('node/set', { set: idOf(1), values: { '/arch': value } }, ann);
    await mirror.settle();
  };
  const listen = async (ear: Ear, from?: number): Promise<() => void> => {
    const listening = mirror.hub.listen(ear, from);
    await mirror.settle();
    return listening;
  };
  return { mirror, see, listen };
}

test('everybody is told the same, in order, until they leave', async () => {
  const { see, listen } = await open();
  const [one, two] = [new Ear(), new Ear()];
  await listen(one);
  const leave = await listen(two);
  await see('a');
  leave();
  await see('b');
  assert.deepEqual(two.told, ['state /arch a']);
  assert.deepEqual(one.told, ['state /arch a', 'state /arch b']);
  assert.deepEqual(
    one.revisions,
    [...one.revisions].sort((a, b) => a - b),
  );
});

test('who comes back goes on where it was, within a while', async (t) => {
  const { mirror, see, listen } = await open();
  const one = new Ear();
  const leave = await listen(one);
  await see('a');
  const from = one.revisions.at(-1) ?? 0;
  leave();
  await see('b', 'a');
  const back = new Ear();
  await listen(back, from);
  assert.deepEqual(back.told, ['state /arch b', 'state /arch a']);
  t.after(() => mirror.hub.close());
});

test('what is not kept any more is a resync, and so is a revision that never was', async () => {
  const { mirror, see, listen } = await open({ ...HUB, most: 2 });
  const one = new Ear();
  await listen(one);
  await see('a');
  const from = one.revisions.at(-1) ?? 0;
  await see('b', 'a', 'b');
  for (const asked of [from, 0, mirror.replica.revision + 1_000]) {
    const back = new Ear();
    await listen(back, asked);
    assert.deepEqual(back.told, ['resync'], `from ${asked}`);
    assert.equal(back.revisions[0], mirror.replica.revision);
  }
  const near = new Ear();
  await listen(near, one.revisions.at(-2));
  assert.deepEqual(near.told, ['state /arch b']);
});

test('what the host left out for a slow reader is a resync for everybody', async () => {
  const { mirror, see, listen } = await open();
  const one = new Ear();
  await listen(one);
  mirror.isStuck = true;
  for (let i = 0; i < 6_000; i++)
    void mirror.api.handle('node/set', { set: idOf(2), values: { '/labels/note': `${i}${'x'.repeat(200)}` } }, ann).catch(() => undefined);
  const { revision } = mirror.host.port.engine;
  mirror.isStuck = false;
  await mirror.settle();
  assert.ok(one.told.length < 6_000, 'some were left out');
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(one.told.at(-1), 'resync', 'though nothing more happens');
  assert.equal(one.revisions.at(-1), revision, 'not before the replica has it all');
  assert.equal(String(mirror.replica.find('kr2')?.label('note')).slice(0, 4), '5999');
  await see('a');
  assert.equal(one.told.at(-1), 'state /arch a');
});

test('without listeners the host is asked for nothing, after a while', async () => {
  const { mirror, listen } = await open({ ...HUB, linger: 1 });
  const leave = await listen(new Ear());
  leave();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await mirror.settle();
  const one = new Ear();
  await listen(one, mirror.replica.revision - 1);
  assert.deepEqual(one.told, ['resync']);
});
