/** What comes sooner or later than the code that waits for it: news beside the answer, and an `initialize` that waited in the pipe. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineModule } from '@kraken-hpc/sdk';
import { createPeer, PROTOCOL } from '@kraken-hpc/sdk/wire';
import { Reportable } from '../../sdk/declaration.ts';
import { PeerHost } from '../../sdk/host.ts';
import { Session } from '../../sdk/session.ts';

const line = (message: object): string => JSON.stringify({ jsonrpc: '2.0', ...message });
const change = (node: string): object => ({ node, path: '/physState', view: 'dsc', to: 'POWER_ON' });

test('what comes with the answer to a watch, in one read, is told after the snapshot; what is of another watch is not', async () => {
  const sent: { id: number; method: string }[] = [];
  const peer = createPeer<'module'>({
    end: 'module',
    send: (text) => void sent.push(JSON.parse(text)),
    answers: {} as never,
    hears: { 'state/changed': (params) => host.changed(params), 'events/happened': (params) => host.happened(params) },
    onFault: ({ text }) => assert.fail(text),
    errorOf: () => assert.fail(),
  });
  const host = new PeerHost(peer, new Reportable({}));
  const told: unknown[] = [];
  const news = (watch: number, node: string): void =>
    peer.receive(line({ method: 'state/changed', params: { watch, revision: 2, changes: [change(node)] } }));

  news(7, 'before anybody watched');
  const watching = host.watch(
    {},
    { nodes: (nodes) => told.push(nodes.map(({ id }) => id)), changes: (changes) => told.push(changes.map(({ node }) => node)) },
  );
  peer.receive(line({ id: sent.at(-1)?.id, result: { watch: 7, revision: 1, nodes: [{ id: 'kr1' }], more: false } }));
  news(7, 'kr1');
  news(8, 'kr2');
  news(7, 'kr3');
  await watching;
  news(7, 'kr4');
  assert.deepEqual(told, [['kr1'], ['kr1'], ['kr3'], ['kr4']]);

  const heard: unknown[] = [];
  const listening = host.events(['mutation'], '', (events, dropped) => heard.push(events.length, dropped));
  peer.receive(line({ id: sent.at(-1)?.id, result: { watch: 9 } }));
  peer.receive(line({ method: 'events/happened', params: { watch: 9, events: [], dropped: 3 } }));
  await listening;
  assert.deepEqual(heard, [0, 3]);
});

/** How long after its deadline's 200 ms a step is given up, where `initialize` told a time that was `skew` ms from ours. */
async function givenUpAfter(skew: number, deadline: (told: number) => number): Promise<number> {
  const definition = defineModule({
    mutations: {
      on: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '5s', run: () => new Promise<never>(() => {}) },
    },
  });
  let answered: (text: string) => void = () => {};
  const session = new Session(definition, {
    send: (text) => answered(text),
    named: () => {},
    complain: (text) => assert.fail(text),
    exit: () => {},
  });
  const now = Date.now() + skew;
  const params = {
    protocols: [PROTOCOL],
    host: { name: 'h', version: '0' },
    node: 'h',
    service: 's',
    module: 'm',
    capabilities: [],
    config: {},
    now,
  };
  const next = (): Promise<string> =>
    new Promise((resolve) => {
      answered = resolve;
    });
  const declared = next();
  session.receive(line({ id: 1, method: 'initialize', params }));
  assert.match(await declared, /"declaration"/);
  session.receive(line({ method: 'initialized', params: {} }));
  const answer = next();
  const started = performance.now();
  const nodes = [{ id: 'kr1', revision: 1, cfg: {}, dsc: {} }];
  session.receive(line({ id: 2, method: 'mutation/run', params: { mutation: 'on', deadline: deadline(now), nodes } }));
  assert.match(await answer, /-32022|deadline|in time/i);
  return performance.now() - started;
}

test('deadlines are kept, however long initialize waited in the pipe, and by a clock that is another', async () => {
  const cases: readonly [string, number, (told: number) => number][] = [
    ['no wait', 0, () => Date.now() + 200],
    ['initialize waited five seconds', -5_000, () => Date.now() + 200],
    ["the host's clock is an hour ahead", 3_600_000, (told) => told + 200],
    ["the host's clock is an hour behind", -3_600_000, (told) => told + 200],
  ];
  await Promise.all(
    cases.map(async ([name, skew, deadline]) => {
      const took = await givenUpAfter(skew, deadline);
      assert.ok(took > 150 && took < 2_000, `${name}: given up after ${took.toFixed(0)} ms`);
    }),
  );
});
