/** Every misbehaving fixture beside a module that behaves: the host stays up, says which and why, and the other does not notice. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Observed } from '../../host/core/event.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import type { Limits } from '../../host/modules/limits.ts';
import { Supervisor } from '../../host/modules/supervisor.ts';
import { type Bad, bad, commandOf, quick, quickLadder } from '../fixtures/bad/index.ts';

const said = new Map<string, string[]>();
const observed = new Map<string, string[]>();
const put = (map: Map<string, string[]>, service: string, text: string): unknown =>
  (map.get(service) ?? map.set(service, []).get(service))?.push(text);
const noted = (service: string, items: readonly Observed[]): void => {
  for (const { node, values, asOf } of items)
    for (const [path, value] of Object.entries(values)) put(observed, service, `${node} ${path} ${value} ${asOf}`);
};

function supervise(limits: Partial<Limits> = {}): Supervisor {
  return new Supervisor({
    now: Date.now,
    random: () => 0,
    limits: { ...quick, ...limits },
    ladder: quickLadder,
    host: { name: 'test', version: '0', node: 'self' },
    async declared({ service }, { mutations }) {
      for (const { id, mutates, requires } of mutations) {
        const path = Object.keys(mutates).find((one) => one in requires);
        if (path !== undefined)
          throw new RefusalError({
            code: -32014,
            where: `service ${service}`,
            what: 'its declaration is refused',
            why: `${id} both mutates and requires ${path}`,
            todo: 'Correct the module',
          });
      }
    },
    state() {},
    observed: async (service, items) => {
      noted(service, items);
      return { revision: 1 };
    },
    handle: async () => ({}),
    late: noted,
    log: ({ service, message }) => put(said, service, message),
  });
}

const all = supervise();
const node = { id: 'n1', cfg: {}, dsc: {}, revision: 1 };
const good = { answered: 0, worst: 0, wrong: [] as string[], stop: false };
let goodDone: Promise<void> = Promise.resolve();

/** Asks the good module all the while, and counts its answers. */
async function ask(): Promise<void> {
  for (let run = 1_000_000; !good.stop; run++) {
    const from = performance.now();
    const reply = await all.run({ service: 'good', mutation: 'on', deadline: Date.now() + 5000, nodes: [node] }, run);
    good.worst = Math.max(good.worst, performance.now() - from);
    if (reply.lost || reply.failed.length > 0 || reply.observed[0]?.values['/physState'] !== 'POWER_ON')
      good.wrong.push(JSON.stringify(reply));
    good.answered += 1;
    await sleep(20);
  }
}

const specOf = (name: string) => ({ service: name, module: 'bad', command: commandOf(name), config: {}, serves: '', permissions: [] });

before(async () => {
  all.start(specOf('good'));
  await all.ready('good');
  goodDone = ask();
});

after(async () => {
  good.stop = true;
  await goodDone;
  await all.stopAll();
});

async function until(what: string, holds: () => boolean, tell: () => unknown): Promise<void> {
  for (const end = Date.now() + 12_000; !holds(); await sleep(10))
    if (Date.now() > end) assert.fail(`${what}: ${JSON.stringify(tell(), null, 1)}`);
}

/** As it stands in the expectation: its own name as NAME, numbers as #. */
const plain = (text: string, name: string): string =>
  text
    .replace(`service ${name} `, '')
    .replaceAll(name, 'NAME')
    .replace(/\d+(\.\d+)?/g, '#');

function missing(name: string, says: readonly string[]): string | undefined {
  const lines = (said.get(name) ?? []).map((line) => plain(line, name));
  let from = 0;
  for (const sentence of says) {
    const at = lines.indexOf(sentence, from);
    if (at === -1) return sentence;
    from = at + 1;
  }
  return undefined;
}

async function check({ name, drive, phase, says, reply, observes = [], limits }: Bad): Promise<void> {
  const supervisor = limits ? supervise(limits) : all;
  const answered = good.answered;
  const state = (): string | undefined => supervisor.list().find((one) => one.service === name)?.state;
  try {
    supervisor.start(specOf(name));
    if (drive !== 'nothing') await supervisor.ready(name);
    if (drive === 'stop') await supervisor.stop(name, 'an operator stopped it');
    if (drive === 'run') {
      const got = await supervisor.run({ service: name, mutation: 'on', deadline: Date.now() + 500, nodes: [node] }, 1);
      if (reply && 'lost' in reply) assert.equal(got.lost?.code, reply.lost, JSON.stringify(got));
      else assert.deepEqual(got, { observed: [{ node: 'n1', values: reply?.values }], failed: [] });
    }
    await until(
      `${name} is to say`,
      () => missing(name, says) === undefined,
      () => ({ missing: missing(name, says), said: said.get(name) }),
    );
    await until(
      `${name} is to be ${phase}`,
      () => state() === phase,
      () => ({ state: state(), said: said.get(name) }),
    );
    await until(
      `${name} is to observe`,
      () => observes.every((one) => observed.get(name)?.includes(one)),
      () => observed.get(name),
    );
    if (says.length === 0)
      assert.deepEqual(
        (said.get(name) ?? []).filter((line) => !line.includes(' is ready: ')),
        [],
      );
    await until(
      'the good module is to be answered',
      () => good.answered > answered,
      () => good,
    );
    assert.deepEqual(good.wrong, []);
  } finally {
    if (supervisor === all) await all.remove(name);
    else await supervisor.stopAll();
  }
}

test('twenty ways to misbehave, and more', { concurrency: 4 }, async (t) => {
  assert.ok(bad.length >= 20);
  await Promise.all(bad.map((one) => t.test(`${one.name}: ${one.does}`, () => check(one))));
});

test('the module beside them was answered all the while, and nothing was ever said of it', () => {
  assert.deepEqual(good.wrong, []);
  assert.ok(good.worst < 2000, `an answer took ${good.worst} ms`);
  assert.ok(good.answered > 50, `${good.answered} answers`);
  assert.equal(said.get('good')?.length, 1, said.get('good')?.join('\n'));
  assert.equal(all.list().find((one) => one.service === 'good')?.state, 'ready');
});
