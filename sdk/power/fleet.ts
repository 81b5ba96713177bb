/** All devices of one service under one config: which one a node has, and the way to it. */
import { Terminal } from '../errors.ts';
import type { ConfigLiterals } from '../infer.ts';
import type { Conversation } from './conversation.ts';
import type { ConsoleProgram, Device, PowerCfg, PowerConfig, PowerDefinition } from './definition.ts';
import { Gate } from './gate.ts';
import { Roster } from './roster.ts';
import { type Trade, Way } from './way.ts';

const AT_ONCE_EACH = 4;

export class Fleet<C extends ConfigLiterals, D extends Device, L> {
  readonly #definition: PowerDefinition<C, D, L>;
  readonly #config: PowerConfig<C>;
  readonly #trade: Trade<D, L>;
  readonly #gate: Gate;
  readonly roster: Roster<D>;
  readonly #ways = new Map<string, { readonly way: Way<D, L>; readonly nodes: Set<string> }>();
  readonly #viaOf = new Map<string, string>();

  /** Throws where the config cannot be. */
  constructor(definition: PowerDefinition<C, D, L>, config: PowerConfig<C>, before?: Fleet<C, D, L>) {
    definition.check?.(config);
    this.#definition = definition;
    this.#config = config;
    this.#trade = tradeOf(definition, config);
    this.#gate = new Gate(config.atOnce);
    this.roster = new Roster(pathsOf(definition), (cfg) => this.#claimed(cfg), before?.roster);
  }

  /** Rejects with Terminal where cfg does not say enough, with Unreachable where another node names the same device, or as Way.talk. */
  async talk(node: string, cfg: PowerCfg, conversation: Conversation, patient: boolean): Promise<boolean> {
    const device = this.#definition.device(cfg, this.#config);
    this.roster.check(node, device, this.#definition.names);
    return this.#wayOf(node, device).talk(device, conversation, patient);
  }

  /** Throws Terminal where the node is not of this platform, or cfg does not say enough. */
  console(node: string): ConsoleProgram {
    const cfg = this.roster.wordsOf(node);
    const { console, platform } = this.#definition;
    if (cfg?.['/platform'] !== platform || console === undefined) throw new Terminal(`${node} is no node of platform ${platform}`);
    return console({ device: this.#definition.device(cfg, this.#config), config: this.#config });
  }

  /** A node's document is gone, or it is another module's now: the way that only it used is closed. */
  leave(node: string): void {
    const via = this.#viaOf.get(node);
    const known = via === undefined ? undefined : this.#ways.get(via);
    this.#viaOf.delete(node);
    known?.nodes.delete(node);
    if (via === undefined || known === undefined || known.nodes.size > 0) return;
    this.#ways.delete(via);
    void known.way.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ways.values()].map(({ way }) => way.close()));
    this.#ways.clear();
    this.#viaOf.clear();
  }

  #wayOf(node: string, device: D): Way<D, L> {
    const { key, name } = device.via ?? device;
    if (this.#viaOf.get(node) !== key) this.leave(node);
    const known = this.#ways.get(key) ?? { way: new Way<D, L>(name, this.#trade, this.#gate), nodes: new Set<string>() };
    this.#ways.set(key, known);
    this.#viaOf.set(node, key);
    known.nodes.add(node);
    return known.way;
  }

  #claimed(cfg: PowerCfg): D {
    if (cfg['/platform'] !== this.#definition.platform) throw new Error('it is of another platform');
    return this.#definition.device(cfg, this.#config);
  }
}

/** What is read of every node. */
export const pathsOf = ({ names, reads = [] }: Pick<PowerDefinition<ConfigLiterals, Device, unknown>, 'names' | 'reads'>): string[] => [
  ...new Set(['/nodename', '/platform', ...names, ...reads]),
];

function tradeOf<C extends ConfigLiterals, D extends Device, L>(definition: PowerDefinition<C, D, L>, config: PowerConfig<C>): Trade<D, L> {
  return {
    answerMs: config.answerMs,
    atOnceEach: definition.atOnceEach ?? AT_ONCE_EACH,
    // Without `connect` L is undefined.
    connect: async (device, signal) => (await definition.connect?.({ config, device, signal })) as L,
    isAlive: (link) => definition.isAlive?.(link) ?? true,
    disconnect: (link, how) => definition.disconnect?.(link, how),
    isReadTogether: definition.areOn !== undefined,
    read: async (devices, link, signal) => {
      if (definition.areOn !== undefined) return definition.areOn({ config, devices, link, signal });
      const seen = await Promise.all(
        devices.map(async (device) => [device.key, await definition.isOn({ config, device, link, signal })] as const),
      );
      return new Map(seen);
    },
    prepare: async (device, link, signal) => definition.prepare?.({ config, device, link, signal }),
    switch: (device, to, link, signal) => definition.switch({ config, device, to, link, signal }),
  };
}
