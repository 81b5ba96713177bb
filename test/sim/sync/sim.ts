/** A simulated cluster: hosts, machines and the network between them on one virtual clock. The same seed is the same run. */

import type { Refusal } from '../../../host/core/effect.ts';
import type { CfgChange, Claim, Command } from '../../../host/core/event.ts';
import { seededRandom } from '../../../host/core/random.ts';
import type { Turn } from '../../../host/core/record.ts';
import type { Settings } from '../../../host/core/settings.ts';
import type { SyncEvent } from '../../../host/sync/actions.ts';
import { DEFAULT_SYNC, type SyncSettings } from '../../../host/sync/settings.ts';
import { Clock } from './clock.ts';
import { Network } from './network.ts';
import { type Kind, SimHost } from './sim-host.ts';

/** Looks on. */
export interface Watcher {
  turn?(host: SimHost, turn: Turn): void;
  durable?(host: SimHost): void;
  /** An update of a neighbour, before the core takes it. */
  heard?(host: SimHost, event: Extract<SyncEvent, { type: 'told' | 'reported' }>): void;
  admitted?(host: SimHost, claim: Claim, term: number): void;
  refused?(host: SimHost, claim: Claim, refusal: Refusal): void;
  /** A BMC is told so by that host. */
  power?(host: SimHost, to: 'on' | 'off', by: SimHost): void;
  started?(host: SimHost): void;
  killed?(host: SimHost): void;
  lost?(host: SimHost): void;
  /** An operator's change was acknowledged. */
  acknowledged?(change: CfgChange): void;
}

export interface SimOptions {
  readonly seed: number;
  readonly sync?: Partial<SyncSettings>;
  readonly engine?: Partial<Settings>;
}

export class Sim {
  readonly clock = new Clock();
  readonly random: () => number;
  readonly net: Network;
  readonly hosts = new Map<string, SimHost>();
  readonly settings: { readonly sync: SyncSettings; readonly engine: Partial<Settings> };
  readonly #watchers: Watcher[] = [];

  constructor({ seed, sync, engine }: SimOptions) {
    this.random = seededRandom(seed);
    this.net = new Network(this.clock, this.random);
    this.settings = { sync: { ...DEFAULT_SYNC, ...sync }, engine: engine ?? {} };
  }

  add(id: string, kind: Kind, parents: readonly string[]): SimHost {
    const number = this.hosts.size;
    const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    const host = new SimHost(this, id, kind, address, parents, number + 1);
    this.hosts.set(id, host);
    this.net.station(address);
    return host;
  }

  host(id: string): SimHost {
    const host = this.hosts.get(id);
    if (!host) throw new Error(`there is no simulated host ${id}`);
    return host;
  }

  observe(...watchers: readonly Watcher[]): void {
    this.#watchers.push(...watchers);
  }

  watch(call: (watcher: Watcher) => void): void {
    for (const watcher of this.#watchers) call(watcher);
  }

  cut(a: string, b: string, what: 'none' | 'all' | 'udp' | 'tcp' = 'all'): void {
    this.net.cut(this.host(a).address, this.host(b).address, what);
  }

  isOpen(a: SimHost, b: SimHost): boolean {
    return this.net.isOpen(a.address, b.address);
  }

  // --- what people do at the root ---------------------------------------------------------------------------------------------------

  get root(): SimHost {
    return this.host('root');
  }

  apply(change: CfgChange, at: SimHost = this.root, then: (refusal?: Refusal) => void = () => {}): void {
    const taken = (): void => {
      this.watch((watcher) => watcher.acknowledged?.(change));
      then();
    };
    at.process?.ask((request) => ({ type: 'apply', request, author: { user: 'alice' }, change }), { taken, refused: then });
  }

  set(nodes: readonly string[], values: Record<string, unknown>): void {
    this.apply({ set: { nodes, values: values as never } });
  }

  operate(command: Command): void {
    this.root.process?.ask((request) => ({ type: 'operate', request, author: { user: 'alice', why: 'a test' }, command }));
  }
}
