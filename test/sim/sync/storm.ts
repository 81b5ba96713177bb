/** A random storm over a tree of hosts, by its seed: faults, changes and attacks at once; then all is healed, and the checkers look. */
import { Attacker } from './attacker.ts';
import { Acknowledged, TAG } from './checks/acknowledged.ts';
import { astray, unconverged } from './checks/converged.ts';
import { Errors } from './checks/errors.ts';
import { Forgeries } from './checks/forgeries.ts';
import { OneWriter } from './checks/one-writer.ts';
import { Power } from './checks/power.ts';
import { noises } from './checks/quiet.ts';
import { resyncsUnderLoss } from './checks/resyncs.ts';
import { MINUTE, SECOND } from './clock.ts';
import type { Sim } from './sim.ts';
import { Tree } from './tree.ts';

export interface StormOptions {
  readonly middles?: number;
  readonly leaves?: number;
  /** How long it lasts; by the seed where it is not told. */
  readonly time?: number;
}

/** So long after all is healed everybody must have found back: pauses between tries grow to a minute. */
const FOUND = 6 * MINUTE;
/** A machine that hangs is switched only after the grace; where what was known of it is lost, after the 20 minutes that a boot may take. */
const MENDED = 90 * MINUTE;

/** One node may wait for a person for one reason after the other. */
const HELPS = 3;

export class Storm {
  readonly tree: Tree;
  readonly attacker: Attacker;
  readonly seed: number;
  /** What happened, for people. */
  readonly story: string[] = [];
  /** Nodes that waited for a person. */
  helped = 0;
  readonly #options: StormOptions;
  readonly #checks: { power: Power; errors: Errors; writer: OneWriter; acknowledged: Acknowledged; forgeries: Forgeries };
  #tag = 0;
  #hung = false;

  constructor(seed: number, options: StormOptions = {}) {
    this.seed = seed;
    this.#options = options;
    const { middles = seed % 4 === 0 ? 3 : 2, leaves = 2 + (seed % 3) } = options;
    this.tree = new Tree({ seed, middles, leaves });
    const { tree } = this;
    this.#checks = {
      power: new Power(tree),
      errors: new Errors(tree),
      writer: new OneWriter(),
      acknowledged: new Acknowledged(),
      forgeries: new Forgeries(),
    };
    const { power, errors, writer, acknowledged } = this.#checks;
    this.sim.observe(power, errors, writer, acknowledged);
    this.attacker = new Attacker(this.sim, this.#checks.forgeries);
  }

  get sim(): Sim {
    return this.tree.sim;
  }

  get attacks(): number {
    return this.#checks.forgeries.count;
  }

  /** Everything that is not as it must be. */
  run(): string[] {
    const { sim, tree } = this;
    const { random } = sim;
    Object.assign(sim.net.weather, { delay: 1 + Math.floor(random() * 20), jitter: Math.floor(random() * 30) });
    tree.up();
    for (const leaf of tree.leaves) leaf.read();
    const time = this.#options.time ?? (1 + random() * 3) * MINUTE;
    Object.assign(sim.net.weather, { loss: random() < 0.5 ? 0 : random() * 0.25, duplicates: random() * 0.1 });
    const end = sim.clock.now + time;
    while (sim.clock.now < end) {
      this.#fault();
      sim.clock.run(random() * random() * 15 * SECOND);
    }
    this.#heal();
    const bad = this.#settled();
    const { power, errors, writer, acknowledged, forgeries } = this.#checks;
    acknowledged.look(tree.root);
    return [power, errors, writer, acknowledged, forgeries].flatMap(({ breaches }) => breaches).concat(bad);
  }

  #settled(): string[] {
    const { tree, sim } = this;
    const within = this.#hung ? MENDED : FOUND;
    const isDone = (): boolean => unconverged(tree).length === 0 && astray(tree).length === 0;
    // What is not sure waits for a person, is said to, and ends by what it says.
    let isWell = sim.clock.until(isDone, within, 5 * SECOND);
    for (let i = 0; i < HELPS && !isWell && this.#help(); i++) isWell = sim.clock.until(isDone, MENDED, 5 * SECOND);
    if (!isWell) {
      const late = [...unconverged(tree), ...astray(tree)];
      return late.map((one) => `${within / MINUTE} minutes after all was healed: ${one}`);
    }
    // What was sent meanwhile is on its way yet.
    sim.clock.run(45 * SECOND);
    const asked = resyncsUnderLoss(tree, this.#tag + 1);
    const noisy = noises(tree, 30 * SECOND).map((one) => `when all is well: ${one}`);
    return asked.concat(
      noisy,
      unconverged(tree).map((one) => `a minute after it was well: ${one}`),
    );
  }

  /** The person: does for each node that waits for one what the root says. True where there was any. */
  #help(): boolean {
    const { tree, sim } = this;
    let any = false;
    for (const leaf of tree.leaves) {
      const book = tree.root.process?.world.nodes.get(leaf.id)?.book;
      if (!book?.waits && !book?.refused) continue;
      any = true;
      this.helped++;
      const isRefused =
        book.refused !== undefined || book.waits?.kind === 'refusedClaim' || book.hold?.by === 'core' || book.waits?.kind === 'held';
      this.#say(`${isRefused ? 'node admit' : 'node retry --disruptive'} ${leaf.id}: ${book.refused?.text ?? book.waits?.text}`);
      if (isRefused) sim.operate({ kind: 'admit', nodes: [leaf.id] });
      else sim.operate({ kind: 'retry', nodes: [leaf.id], disruptive: true });
      this.#checks.power.order(leaf);
      this.#checks.errors.out.add(leaf);
    }
    return any;
  }

  #heal(): void {
    const { tree, sim } = this;
    this.#say('healed');
    sim.net.heal();
    for (const host of tree.all) {
      host.wall = 0;
      if (host.isUp && !host.process) host.start();
    }
  }

  #say(what: string): void {
    this.story.push(`${(this.sim.clock.now / SECOND).toFixed(1)} s: ${what}`);
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.sim.random() * from.length)] as T;
  }

  #fault(): void {
    const { random } = this.sim;
    const roll = random();
    let sum = 0;
    for (const [weight, fault] of this.#faults) {
      sum += weight;
      if (roll < sum) return fault();
    }
    for (let i = 0; i < 6; i++) this.attacker.attack();
  }

  /** Shares of one; the rest are attacks. */
  readonly #faults: readonly (readonly [weight: number, fault: () => void])[] = [
    [0.14, () => this.#change()],
    [0.14, () => this.#pick(this.tree.leaves).read()],
    [0.12, () => this.#partition()],
    [0.1, () => this.#isolate()],
    [0.1, () => this.#kill()],
    [0.03, () => this.#killInChange()],
    [0.05, () => this.#reboot()],
    [0.05, () => this.#move()],
    [0.04, () => this.#weather()],
    [0.03, () => this.#clock()],
    [0.02, () => this.#lose()],
    [0.03, () => this.#stolen()],
    [0.005, () => this.#hang()],
  ];

  #change(): void {
    const leaves = this.tree.leaves.filter(() => this.sim.random() < 0.5).map(({ id }) => id);
    if (leaves.length === 0) return;
    const tag = ++this.#tag;
    this.#say(`tag ${tag} for ${leaves.join(' ')}`);
    const size = this.sim.random() < 0.1 ? 60_000 : this.sim.random() < 0.3 ? 3_000 : 10;
    const motd = this.sim.random() < 0.3 ? null : 'x'.repeat(Math.floor(this.sim.random() * size));
    this.sim.set(leaves, { [TAG]: tag, '/motd': motd });
  }

  #partition(): void {
    const { sim, tree } = this;
    const child = this.#pick(tree.all.filter(({ parents }) => parents.length > 0));
    const parent = this.#pick(child.parents);
    const what = this.#pick(['all', 'all', 'udp', 'tcp'] as const);
    const time = sim.random() * 2 * MINUTE;
    this.#say(`${child.id} is cut off from ${parent} (${what}) for ${(time / SECOND).toFixed(1)} s`);
    sim.cut(child.id, parent, what);
    sim.clock.later(time, () => sim.cut(child.id, parent, 'none'));
  }

  #isolate(): void {
    const { sim, tree } = this;
    const host = this.#pick(tree.all);
    const time = sim.random() * 1.5 * MINUTE;
    this.#say(`${host.id} is isolated for ${(time / SECOND).toFixed(1)} s`);
    sim.net.isolate(host.address);
    sim.clock.later(time, () => sim.net.isolate(host.address, false));
  }

  #kill(): void {
    const host = this.#pick(this.tree.all);
    if (!host.process) return;
    const after = this.sim.random() < 0.6 ? 500 + this.sim.random() * 5 * SECOND : this.sim.random() * 2 * MINUTE;
    this.#say(`${host.id} is killed for ${(after / SECOND).toFixed(1)} s`);
    host.restart(after);
  }

  /** Before anything of the change is on disk, and so before anybody may hear of it. */
  #killInChange(): void {
    const { root } = this.tree;
    if (!root.process) return;
    this.#change();
    this.sim.clock.run(1);
    this.#say('the root is killed in the middle of a change');
    root.restart(2 * SECOND);
  }

  #reboot(): void {
    const host = this.#pick(this.tree.all.filter(({ kind }) => kind !== 'root'));
    if (!host.isOn || host.hangs) return;
    this.#say(`${host.id} reboots by itself`);
    host.reboot();
  }

  #move(): void {
    const { sim, tree } = this;
    const leaf = this.#pick(tree.leaves);
    const to = this.#pick(leaf.parents);
    this.#say(`${leaf.id} is moved to ${to}`);
    const others = sim.random() < 0.4 ? [] : leaf.parents.filter((id) => id !== to);
    sim.set([leaf.id], { '/parentId': to, '/parents': others });
  }

  #weather(): void {
    const { weather } = this.sim.net;
    weather.loss = this.sim.random() < 0.3 ? 0 : this.sim.random() * 0.25;
    weather.jitter = this.sim.random() * 60;
    this.#say(`loss ${weather.loss.toFixed(2)}`);
  }

  #clock(): void {
    const host = this.#pick(this.tree.all);
    host.wall = (this.sim.random() - 0.5) * 2 * 366 * 24 * 60 * MINUTE;
    this.#say(`the wall clock of ${host.id} jumps`);
  }

  /** The journal of a host in the middle is gone; the root's story is told in stories.test.ts. */
  #lose(): void {
    const host = this.#pick(this.tree.middles);
    if (!host.process) return;
    this.#say(`${host.id} loses its journal`);
    host.loseData();
    this.sim.clock.later(SECOND, () => host.start());
  }

  #stolen(): void {
    const leaf = this.#pick(this.tree.leaves);
    const parent = this.sim.host(this.#pick(leaf.parents));
    // From a port that any user can use: a thief on the node's own address with a privileged one would be a second claim, and held.
    this.attacker.claim(leaf.id, parent, { privileged: false });
  }

  #hang(): void {
    const leaf = this.#pick(this.tree.leaves);
    if (this.#hung || !leaf.process) return;
    this.#hung = true;
    this.#say(`${leaf.id} hangs`);
    leaf.hang();
  }
}
