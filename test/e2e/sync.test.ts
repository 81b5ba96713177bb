/**
 * A tree of real hosts on this machine's loopback: root, two middle hosts, a leaf that names both. They enrol by tokens, as an
 * unprivileged user may. Namespaces, loss and layer 2 are in test/real/sync.real.test.ts.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Client } from '../../host/cli/client.ts';
import { Lab, type Started, until } from './lab.ts';

const ID = { m1: uuid(1), m2: uuid(2), leaf: uuid(3) } as const;
type Name = 'root' | keyof typeof ID;
/** Each host has a loopback address of its own, so that all can use one port. */
const ADDRESS: Readonly<Record<Name, string>> = { root: '127.31.4.1', m1: '127.31.4.2', m2: '127.31.4.3', leaf: '127.31.4.4' };
const PORT = 20_000 + (process.pid % 20_000);
const PARENTS: Readonly<Record<Exclude<Name, 'root'>, readonly Name[]>> = { m1: ['root'], m2: ['root'], leaf: ['m1', 'm2'] };

function uuid(n: number): string {
  return `00000000-0000-4000-8000-00000000000${n}`;
}

class Tree {
  readonly lab: Lab;
  pin = '';
  readonly #hosts = new Map<Name, Started>();
  readonly #clients = new Map<Name, Client>();

  constructor(lab: Lab) {
    this.lab = lab;
  }

  #env(name: Name): Record<string, string> {
    const { folder, config } = this.lab;
    return { KRAKEN_DATA_DIR: join(folder, `data-${name}`), KRAKEN_SOCKET: join(folder, `${name}.sock`), KRAKEN_CONFIG: config };
  }

  kraken(name: Name, ...args: string[]) {
    return this.lab.krakenWith(this.#env(name), args);
  }

  async up(name: Name): Promise<void> {
    const { folder } = this.lab;
    const parents = name === 'root' ? [] : PARENTS[name].map((parent) => `${ADDRESS[parent]}:${PORT}`);
    const asChild =
      name === 'root'
        ? []
        : [
            '--parent',
            parents.join(','),
            '--id',
            ID[name],
            '--ca',
            this.pin,
            '--run-dir',
            join(folder, `run-${name}`),
            '--token-file',
            this.token(name),
          ];
    const host = this.kraken(name, 'up', '--listen', `${ADDRESS[name]}:${PORT}`, ...asChild);
    await until(
      'the host is up',
      () => host.out().includes('kraken is up'),
      20_000,
      10,
      () => host.err(),
    );
    this.#hosts.set(name, host);
    this.#clients.set(name, await this.lab.clientAt(this.#env(name)['KRAKEN_SOCKET'] as string));
  }

  kill(name: Name): void {
    this.#hosts.get(name)?.child.kill('SIGKILL');
  }

  token(name: Name): string {
    return join(this.lab.folder, `${name}.token`);
  }

  client(name: Name): Client {
    return this.#clients.get(name) ?? assert.fail(`${name} is not up`);
  }

  async value(at: Name, of: Exclude<Name, 'root'>, view: 'cfg' | 'dsc', path: string): Promise<unknown> {
    const { nodes } = await this.client(at).ask('state/read', { set: ID[of], view, paths: [path] });
    return (nodes[0]?.[view] as Record<string, unknown> | undefined)?.[path];
  }

  inSync(limit: number, ...names: (keyof typeof ID)[]): Promise<void> {
    const seen = () => Promise.all(names.map((name) => this.value('root', name, 'dsc', '/runState')));
    return until(`${names.join(', ')} in SYNC`, async () => (await seen()).every((one) => one === 'SYNC'), limit, 20, seen);
  }
}

test('a tree of hosts: enrolled by tokens, told down and reported up, healed when one is killed', { timeout: 120_000 }, async (t) => {
  const lab = new Lab(t, { services: {} });
  const tree = new Tree(lab);
  const made = await tree.kraken('root', 'init', '--config', join(lab.folder, 'other.yaml')).ended;
  tree.pin = /sha256:[\w-]+/.exec(made.out)?.[0] ?? assert.fail(made.err);
  await tree.up('root');
  const { nodes: own } = await tree.client('root').ask('state/read', { view: 'cfg' });
  const doc = (name: keyof typeof ID, parentId: string, more: object = {}) => ({
    id: ID[name],
    nodename: name,
    parentId,
    physState: 'POWER_ON',
    runState: 'SYNC',
    ...more,
  });
  const root = own[0]?.id ?? assert.fail('the root has no node');
  await tree.client('root').ask('node/apply', {
    mode: 'create',
    nodes: [doc('m1', root), doc('m2', root), doc('leaf', ID.m1, { parents: [ID.m2], labels: { rack: 'r1' } })],
  });
  for (const name of ['m1', 'm2', 'leaf'] as const) {
    const { out, err, exit } = await tree.kraken('root', 'token', 'create', name).ended;
    assert.equal(exit, 0, err);
    writeFileSync(tree.token(name), out, { mode: 0o600 });
  }

  await t.test('all are in SYNC, two levels down', async () => {
    await tree.up('m1');
    await tree.up('m2');
    await tree.up('leaf');
    await tree.inSync(20_000, 'm1', 'm2', 'leaf');
  });

  await t.test('what is set at the root is in force at the leaf', async () => {
    await tree.client('root').ask('node/set', { set: 'leaf', values: { '/labels/rack': 'r2' } });
    await until('the leaf has it', async () => (await tree.value('leaf', 'leaf', 'cfg', '/labels/rack')) === 'r2', 10_000, 5);
  });

  await t.test('cfg is set at the root alone, and who asks elsewhere is told so', async () => {
    const { exit, err } = await tree.kraken('leaf', 'node', 'set', 'leaf', 'labels/rack="r3"').ended;
    assert.notEqual(exit, 0);
    assert.match(err, /parent|root/);
  });

  await t.test('peers names the neighbours', async () => {
    const { peers } = await tree.client('m1').ask('peer/list', {});
    assert.deepEqual(
      peers.map(({ name, role, state }) => ({ name, role, state })).sort((a, b) => a.role.localeCompare(b.role)),
      [
        { name: 'leaf', role: 'child', state: 'connected' },
        { name: 'vm', role: 'parent', state: 'connected' },
      ].map((peer) => (peer.role === 'parent' ? { ...peer, name: own[0]?.name ?? '' } : peer)),
    );
  });

  await t.test('a killed parent: the leaf goes to the other, and is never ERROR', async () => {
    tree.kill('m1');
    await until('the leaf is with m2', async () =>
      (await tree.client('m2').ask('peer/list', {})).peers.some(({ name, state }) => name === 'leaf' && state === 'connected'),
    );
    await tree.inSync(10_000, 'leaf');
    await tree.client('root').ask('node/set', { set: 'leaf', values: { '/labels/rack': 'r4' } });
    await until('the leaf has it', async () => (await tree.value('leaf', 'leaf', 'cfg', '/labels/rack')) === 'r4', 10_000, 5);
    const { changes } = await tree.client('root').ask('node/history', { set: 'leaf', limit: 200 });
    assert.equal(
      changes.some(({ to }) => to === 'ERROR'),
      false,
    );
  });

  await t.test('the root is killed and comes back: nobody is ERROR, and what was acknowledged is told', async () => {
    await tree.client('root').ask('node/set', { set: 'leaf', values: { '/labels/rack': 'r5' } });
    tree.kill('root');
    await tree.up('root');
    await until('the leaf has it', async () => (await tree.value('leaf', 'leaf', 'cfg', '/labels/rack')) === 'r5', 30_000, 20);
    await until(
      'm2 is heard again',
      async () => (await tree.client('root').ask('peer/list', {})).peers.some(({ name, state }) => name === 'm2' && state === 'connected'),
      30_000,
    );
    await tree.inSync(30_000, 'm2', 'leaf');
  });
});
