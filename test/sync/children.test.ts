/** A parent's side of its children's sessions, alone: no engine, no sockets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../host/core/event.ts';
import type { Node } from '../../host/core/node.ts';
import type { World } from '../../host/core/world.ts';
import { sessionKeys } from '../../host/sync/edge/session-keys.ts';
import { Peer } from '../../host/sync/peer.ts';
import { peekSid, Seal } from '../../host/sync/seal.ts';
import { DEFAULT_SYNC as settings } from '../../host/sync/settings.ts';
import { Sync } from '../../host/sync/sync.ts';

const FROM = { host: '127.0.0.2', port: 31415 };
const random = (): number => 0.5;

/** A parent of which only the sessions are looked at; `n` is admitted anew by each `child`. */
function scene() {
  const nodes = new Map<string, Node>();
  const world = { nodes, self: 'p', services: new Map(), tree: { hanging: () => new Set() } } as unknown as World;
  const seal = (of: object): Seal => new Seal({ ...of, generation: 1 } as ConstructorParameters<typeof Seal>[0]);
  const keys = sessionKeys(Buffer.alloc(32, 1));
  const sync = new Sync({ world, settings, generation: 1, now: 0, random, seal, peekSid, keys, boot: 'b', runs: () => false });
  const events: (Event | { type: string; number?: number; answered?: boolean })[] = [];
  const act = (now: number): void => {
    for (const action of sync.take(now)) if (action.type === 'event') events.push(action.event as Event);
  };
  const child = (term: number, now: number): Peer => {
    nodes.delete('n');
    const given = sync.admitted('n', term, { generation: 1 }, now);
    nodes.set('n', { id: 'n', book: { key: { term, boot: 'b' } } } as unknown as Node);
    const own = new Seal({ ...given, side: 'child', generation: 1, peerGeneration: 1 });
    const peer = new Peer({ id: 'p', term, sid: given.sid, boot: 'b', seal: own, peerIs: 'parent', settings, generation: 1, now, random });
    peer.udp = FROM;
    return peer;
  };
  const speak = (peer: Peer, now: number): void => {
    const actions: Parameters<Peer['flush']>[1] = [];
    peer.link.tick(now);
    peer.flush(now, actions);
    for (const action of actions) if (action.type === 'datagram') sync.datagram(FROM, action.bytes, now);
    act(now);
  };
  return { sync, events, act, child, speak };
}

test('who is asked again after an answer has all of the time to answer again', () => {
  const { sync, events, act, child, speak } = scene();
  const peer = child(1, 0);
  const probe = (now: number): void => {
    sync.probe({ type: 'probe', node: 'n', timeout: 2_000 } as Parameters<Sync['probe']>[0], now);
    act(now);
  };
  const answers = (): unknown[] => events.filter(({ type }) => type === 'probed').map((event) => 'answered' in event && event.answered);
  speak(peer, 0);
  probe(1_000);
  peer.link.offer('n', '/a', 1);
  speak(peer, 1_500);
  assert.deepEqual(answers(), [true]);
  probe(2_900);
  for (let now = 2_950; now < 4_900; now += 50) {
    sync.tick(now);
    act(now);
    assert.deepEqual(answers(), [true], `at ${now}`);
  }
  sync.tick(4_900);
  act(4_900);
  assert.deepEqual(answers(), [true, false]);
});

test('what was taken of the session before is not acknowledged to the one of now', () => {
  const { sync, events, child, speak } = scene();
  const reported = (): number[] =>
    events.filter(({ type }) => type === 'reported').map((event) => ('number' in event ? (event.number ?? 0) : 0));
  const first = child(1, 0);
  first.link.offer('n', '/a', 1);
  speak(first, 0);
  const second = child(2, 10);
  second.link.offer('n', '/a', 2);
  speak(second, 10);
  const [before, now] = reported();
  assert.ok(before !== undefined && now !== undefined, 'both reached the core');
  const acknowledges = (at: number): boolean => sync.take(at).some(({ type }) => type === 'datagram');
  sync.taken(before, true, 20);
  assert.ok(!acknowledges(20));
  sync.taken(now, true, 30);
  assert.ok(acknowledges(30));
});
