/** What the sync layer of a host keeps is bounded by its nodes and neighbours, however long things go on: every map, set and list in it. */
import assert from 'node:assert/strict';
import { Session } from 'node:inspector';
import { test } from 'node:test';
import { Attacker } from './attacker.ts';
import { TAG } from './checks/acknowledged.ts';
import { Forgeries } from './checks/forgeries.ts';
import { MINUTE, SECOND } from './clock.ts';
import { Tree } from './tree.ts';

/** Members that are told of one node, at most; and what is there for a moment. */
const MEMBERS = 30;
const SLACK = 20;

interface Property {
  readonly name: string;
  readonly value?: { readonly objectId?: string; readonly className?: string; readonly subtype?: string; readonly description?: string };
}

/** Sizes of collections by where they are; private fields are shown by the inspector only. The world is the core's. */
function collections(target: object): Map<string, number> {
  const session = new Session();
  session.connect();
  const sizes = new Map<string, number>();
  const seen = new Set<string>();
  const describe = (objectId: string): readonly Property[] => {
    let found: readonly Property[] = [];
    session.post('Runtime.getProperties', { objectId, ownProperties: true }, (_error, answer) => {
      const { result, privateProperties = [] } = answer as { result: Property[]; privateProperties?: Property[] };
      found = [...result, ...privateProperties];
    });
    return found;
  };
  const walk = (objectId: string, path: string): void => {
    if (seen.has(path) || path.split('.').length > 7) return;
    seen.add(path);
    for (const { name, value } of describe(objectId)) {
      if (!value?.objectId || /^(__proto__|world|#world|host|options|#options)$/.test(name)) continue;
      const size = /^(?:Map|Set|Array)\((\d+)\)$/.exec(value.description ?? '')?.[1];
      if (size !== undefined) sizes.set(`${path}.${name}`, (sizes.get(`${path}.${name}`) ?? 0) + Number(size));
      else if (value.className !== 'Function') walk(value.objectId, `${path}.${name}`);
    }
  };
  (globalThis as { inspected?: object }).inspected = target;
  session.post('Runtime.evaluate', { expression: 'globalThis.inspected' }, (_error, answer) => {
    walk((answer as { result: { objectId: string } }).result.objectId, 'sync');
  });
  delete (globalThis as { inspected?: object }).inspected;
  session.disconnect();
  return sizes;
}

test('the sync layer keeps no more after hours of changes, moves, restarts and forgeries than after some minutes', () => {
  const tree = new Tree({ seed: 3, middles: 2, leaves: 6 }).up();
  const { sim } = tree;
  const attacker = new Attacker(sim, new Forgeries());
  let tag = 0;
  const churn = (rounds: number): void => {
    for (let i = 0; i < rounds; i++) {
      const leaf = tree.leaf(i % 6);
      sim.set([leaf.id], { [TAG]: ++tag, '/parentId': leaf.parents[tag % 2], '/parents': [leaf.parents[(tag + 1) % 2]] });
      leaf.read();
      if (i % 3 === 0) leaf.restart(SECOND);
      for (let n = 0; n < 20; n++) attacker.attack();
      attacker.claim(`stranger${tag}`, tree.middle(tag % 2));
      sim.clock.run(90 * SECOND);
    }
    sim.clock.run(5 * MINUTE);
  };
  churn(8);
  const before = new Map(tree.all.map((host) => [host, collections(host.process?.sync ?? {})]));
  churn(80);
  for (const host of tree.all) {
    const after = collections(host.process?.sync ?? {});
    assert.ok(after.size >= 3, `${after.size} collections were found at ${host.id}`);
    for (const [path, size] of after) {
      const most = MEMBERS * sim.hosts.size;
      assert.ok(size <= most, `${host.id}: ${path} has ${size} entries, more than ${most}`);
      const known = before.get(host)?.get(path);
      if (known !== undefined) assert.ok(size <= 2 * known + SLACK, `${host.id}: ${path} has grown from ${known} to ${size} entries`);
    }
  }
});
