/** Trees of simulated hosts: a root, hosts in the middle, leaves with one other parent each. */
import { MINUTE } from './clock.ts';
import { Sim, type SimOptions } from './sim.ts';
import type { SimHost } from './sim-host.ts';

export interface TreeOptions extends SimOptions {
  readonly middles?: number;
  readonly leaves?: number;
  /** Hosts in the middle one below the other, before the leaves; default one. */
  readonly depth?: number;
  /** Into how many racks (label `rack`) the leaves are put; default one a host in the middle. */
  readonly racks?: number;
  /** More of a leaf's cfg. */
  readonly leafCfg?: (index: number) => Record<string, unknown>;
}

export class Tree {
  readonly sim: Sim;
  readonly middles: readonly SimHost[];
  readonly leaves: readonly SimHost[];

  constructor(options: TreeOptions) {
    const { middles = 3, leaves = 9, depth = 1, racks = middles, leafCfg } = options;
    this.sim = new Sim(options);
    const { sim } = this;
    sim.add('root', 'root', []);
    const docs: Record<string, unknown>[] = [];
    const doc = (id: string, parentId: string, more: object): void => {
      docs.push({ id, nodename: id, platform: 'ipmi', parentId, physState: 'POWER_ON', runState: 'SYNC', ...more });
    };
    const level: SimHost[][] = [[sim.root]];
    for (let d = 0; d < depth; d++) {
      level.push(
        Array.from({ length: middles }, (_, i) => {
          const above = level[d] as SimHost[];
          const parent = above[i % above.length] as SimHost;
          const id = `${'abcdefgh'[i % 8]}${i >= 8 ? Math.floor(i / 8) : ''}${'x'.repeat(d)}`;
          doc(id, parent.id, {});
          return sim.add(id, 'middle', [parent.id]);
        }),
      );
    }
    const last = level.at(-1) as SimHost[];
    this.middles = level.slice(1).flat();
    this.leaves = Array.from({ length: leaves }, (_, i) => {
      const [first, second] = [last[i % last.length] as SimHost, last[(i + 1) % last.length] as SimHost];
      const id = `l${i + 1}`;
      const parents = first === second ? [first.id] : [first.id, second.id];
      const more = { parents: parents.slice(1), images: { state: 'ACTIVE' }, labels: { rack: `r${i % racks}` }, ...leafCfg?.(i) };
      doc(id, first.id, more);
      return sim.add(id, 'leaf', parents);
    });
    sim.root.start();
    sim.apply({ nodes: docs.map((one) => ({ mode: 'put' as const, id: one['id'] as string, doc: one as never })) });
    sim.clock.run(10);
    sim.operate({ kind: 'admit', nodes: docs.map(({ id }) => id as string) });
  }

  get all(): readonly SimHost[] {
    return [...this.sim.hosts.values()];
  }

  get root(): SimHost {
    return this.sim.root;
  }

  leaf(index: number): SimHost {
    return this.leaves[index] as SimHost;
  }

  middle(index: number): SimHost {
    return this.middles[index] as SimHost;
  }

  /** The leaves that have this host as their first parent. */
  of(middle: SimHost): SimHost[] {
    return this.leaves.filter(({ parents }) => parents[0] === middle.id);
  }

  /** Where a leaf is attached, by what the root holds. */
  at(leaf: SimHost): string | undefined {
    const { at } = this.root.process?.world.nodes.get(leaf.id)?.book ?? {};
    return at?.live ? at.host : undefined;
  }

  /** Starts all processes, and waits until everything is where it should be. Throws where it is not in time. */
  up(within = 3 * MINUTE): this {
    for (const host of [...this.middles, ...this.leaves]) this.sim.clock.later(this.sim.random() * 2_000, () => host.start());
    if (!this.sim.clock.until(() => this.isWell(), within)) throw new Error(`the tree does not come up: ${this.ill().join('; ')}`);
    return this;
  }

  isWell(): boolean {
    return this.ill(1).length === 0;
  }

  /** What is not as it should be, in words. */
  ill(most = 10): string[] {
    const found: string[] = [];
    for (const host of [...this.middles, ...this.leaves]) {
      if (found.length >= most) break;
      const isLeaf = host.kind === 'leaf';
      const say = (what: string): void => void found.push(`${host.id}: ${what}`);
      if (!host.process) say('it does not run');
      else if (host.process.sync.uplink?.state !== 'connected')
        say(`it is ${host.process.sync.uplink?.state}: ${host.process.sync.uplink?.why}`);
      else if (this.root.seen(host.id, '/runState') !== 'SYNC') say(`the root sees ${this.root.seen(host.id, '/runState')}`);
      else if (isLeaf && this.root.seen(host.id, '/images/state') !== 'ACTIVE')
        say(`the root sees its images ${this.root.seen(host.id, '/images/state')}`);
    }
    return found;
  }
}
