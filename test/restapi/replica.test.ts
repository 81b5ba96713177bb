/** The replica is what the host has: after any changes, however slowly they are read, and every set of nodes is the same in both. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { idOf } from '../control/bench.ts';
import { Mirror } from './mirror.ts';

const SEED = Number(process.env['KRAKEN_SEED'] ?? Date.now() % 1_000_000_000);
const NODES = 30;

type Step =
  | { readonly kind: 'set'; readonly node: number; readonly path: string; readonly value: string | null }
  | { readonly kind: 'see'; readonly node: number; readonly value: string }
  | { readonly kind: 'say'; readonly node: number; readonly path: string; readonly value: string }
  | { readonly kind: 'delete'; readonly node: number }
  | { readonly kind: 'create'; readonly node: number }
  | { readonly kind: 'rename'; readonly node: number; readonly to: number }
  | { readonly kind: 'stick' }
  | { readonly kind: 'read' };

const node = fc.integer({ min: 1, max: NODES });
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('set' as const),
    node,
    path: fc.constantFrom('/arch', '/labels/rack', '/labels/row', '/runState', '/physState'),
    value: fc.constantFrom('POWER_ON', 'SYNC', null),
  }),
  fc.record({ kind: fc.constant('see' as const), node, value: fc.constantFrom('POWER_ON', 'POWER_OFF', 'PHYS_HANG', 'PHYS_UNKNOWN') }),
  fc.record({
    kind: fc.constant('say' as const),
    node,
    path: fc.constantFrom('/arch', '/pxe/state'),
    value: fc.constantFrom('WAIT', 'INIT', 'NONE'),
  }),
  fc.record({ kind: fc.constant('delete' as const), node }),
  fc.record({ kind: fc.constant('create' as const), node }),
  fc.record({ kind: fc.constant('rename' as const), node, to: fc.integer({ min: 100, max: 120 }) }),
  fc.constant({ kind: 'stick' as const }),
  fc.constant({ kind: 'read' as const }),
);

async function step(mirror: Mirror, given: Step): Promise<void> {
  const ask = async (method: string, params: object): Promise<void> => {
    await mirror.api.handle(method, params as never, { author: { user: 'ann' }, permissions: 'all' } as never).catch(() => undefined);
  };
  switch (given.kind) {
    case 'set':
      return ask('node/set', { set: idOf(given.node), values: { [given.path]: given.value } });
    case 'see':
      return mirror.host.see(given.node, given.value);
    case 'say':
      return ask('node/observe', { observed: [{ node: idOf(given.node), values: { [given.path]: given.value } }] });
    case 'delete':
      return ask('node/delete', { set: idOf(given.node) });
    case 'create':
      return ask('node/apply', { mode: 'put', nodes: [{ id: idOf(given.node), nodename: `kr${given.node}`, platform: 'test' }] });
    case 'rename':
      return ask('node/set', { set: idOf(given.node), values: { '/nodename': `kr${given.to}` } });
    case 'stick':
      mirror.isStuck = true;
      return;
    case 'read':
      mirror.isStuck = false;
      return mirror.settle();
    default:
      given satisfies never;
  }
}

const SETS = [
  '',
  'runState=SYNC',
  'cfg.runState=SYNC',
  'kr[1-9]',
  '@rack=r1',
  '!@row',
  'physState=POWER_ON',
  'cfg.physState=POWER_OFF',
  'arch=POWER_ON',
  'platform=test&!physState=PHYS_HANG',
  'kr3,kr105',
];

interface Shown {
  readonly id: string;
  readonly name: string;
  readonly cfg: object;
  readonly dsc: object;
  readonly facts: Readonly<Record<string, { readonly value: unknown; readonly by: string }>>;
}

/** All pages of it; undefined: it is refused. */
async function read(mirror: Mirror, question: object): Promise<Shown[] | undefined> {
  const nodes: Shown[] = [];
  let page: { nodes: Shown[]; next?: string } | undefined;
  do {
    const after = page?.next === undefined ? {} : { after: page.next };
    page = (await mirror.api
      .handle('state/read', { ...question, ...after }, { author: { user: 'ann' }, permissions: 'all' } as never)
      .catch(() => undefined)) as { nodes: Shown[]; next?: string } | undefined;
    if (!page) return undefined;
    nodes.push(...page.nodes);
  } while (page.next !== undefined);
  return nodes;
}

async function compare(mirror: Mirror): Promise<void> {
  const all = (await read(mirror, {})) ?? [];
  const shown = (facts: Shown['facts']) => Object.fromEntries(Object.entries(facts).map(([path, { value, by }]) => [path, [value, by]]));
  assert.equal(mirror.replica.size, all.length);
  for (const { id, name, cfg, dsc, facts } of all) {
    const found = mirror.replica.byId(id);
    assert.ok(found, id);
    assert.deepEqual([found.name, found.cfg, found.dsc, shown(found.facts)], [name, cfg, dsc, shown(facts)]);
    assert.equal(mirror.replica.find(name), found);
  }
  for (const set of SETS) {
    const asked = await read(mirror, { ...(set === '' ? {} : { set }), paths: ['/nodename'] });
    // A name that is no node is refused there; here it names nothing.
    if (asked === undefined) continue;
    const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id).sort();
    assert.deepEqual(ids(mirror.replica.select(set)), ids(asked), `set ${set}`);
  }
}

test('whatever changes, and however slowly it is read, the replica becomes what the host has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 80 }), async (all) => {
      const mirror = new Mirror(NODES);
      const opened = mirror.replica.open();
      await mirror.settle();
      await opened;
      for (const one of all) await step(mirror, one);
      mirror.isStuck = false;
      await mirror.settle();
      await compare(mirror);
    }),
    { numRuns: 60, seed: SEED },
  );
});

test('of a snapshot in pages nobody sees half, and what changes meanwhile is in it', async () => {
  const mirror = new Mirror(5_000);
  const opened = mirror.replica.open();
  await mirror.settle();
  await opened;
  assert.equal(mirror.replica.size, 5_001);
  mirror.onLine = () => assert.ok(mirror.replica.size >= 5_001, 'half of it is seen');
  // Everything comes anew; when the first page is on its way, a node is made.
  mirror.api.renew();
  await mirror.settle(1);
  await step(mirror, { kind: 'create', node: 6_000 });
  mirror.isStuck = true;
  for (let i = 1; i <= 50; i++) await step(mirror, { kind: 'set', node: i, path: '/arch', value: 'POWER_ON' });
  mirror.isStuck = false;
  await mirror.settle();
  mirror.onLine = () => undefined;
  await step(mirror, { kind: 'delete', node: 7 });
  await mirror.settle();
  await compare(mirror);
});

test('names sort as people count, and a write is waited for no longer than it takes', async () => {
  const mirror = new Mirror(12);
  const opened = mirror.replica.open();
  await mirror.settle();
  await opened;
  const names = mirror.replica.all().map(({ name }) => name);
  assert.deepEqual(names, ['head', ...Array.from({ length: 12 }, (_, i) => `kr${i + 1}`)]);
  assert.equal(mirror.replica.find('KR1'), undefined);
  assert.equal(mirror.replica.find(idOf(1).toUpperCase())?.name, 'kr1');
  await step(mirror, { kind: 'set', node: 1, path: '/arch', value: 'POWER_ON' });
  const { revision } = mirror.host.port.engine;
  const reached = mirror.replica.reached(revision, 60_000);
  await mirror.settle();
  await reached;
  assert.equal(mirror.replica.find('kr1')?.cfg['arch'], 'POWER_ON');
  await mirror.replica.reached(revision + 1, 1);
});
