/** Whose device is whose: one that two nodes name can be only one's, and nobody knows whose, so nothing is done through it. */
import { Unreachable } from '../errors.ts';
import type { Device, PowerCfg } from './definition.ts';

interface Change {
  readonly node: string;
  readonly path: string;
  readonly to?: unknown;
}

export class Roster<D extends Device> {
  /** What is read of every node. */
  readonly #paths: readonly string[];
  /** Throws where cfg does not say enough, or is another module's. */
  readonly #deviceOf: (cfg: PowerCfg) => D;
  /** What each node's document says. */
  readonly #words = new Map<string, PowerCfg>();
  readonly #devices = new Map<string, Pick<Device, 'key' | 'within'>>();
  /** By the key of what they name, or of the whole that it is within. */
  readonly #nodes = new Map<string, Set<string>>();

  /** `before`: what was known under another config. */
  constructor(paths: readonly string[], deviceOf: (cfg: PowerCfg) => D, before?: Roster<D>) {
    this.#paths = paths;
    this.#deviceOf = deviceOf;
    for (const [node, words] of before === undefined ? [] : before.#words) this.#set(node, words);
  }

  /** What a node's document says, as far as it is given; undefined = it has none any more. */
  say(node: string, cfg: PowerCfg | undefined): void {
    const before = this.#words.get(node);
    if (cfg !== undefined && before !== undefined && this.#paths.every((path) => !(path in cfg) || cfg[path] === before[path])) return;
    const given = cfg && Object.fromEntries(this.#paths.filter((path) => path in cfg).map((path) => [path, cfg[path]]));
    this.#set(node, given && { ...before, ...given });
  }

  /** A value, a member with all below it, or the whole document ('') has become another. */
  change({ node, path, to }: Change): void {
    if (path === '' && to === undefined) return this.say(node, undefined);
    const cfg: Record<string, unknown> = {};
    for (const one of this.#paths) if (one === path || one.startsWith(`${path}/`)) cfg[one] = member(to, one.slice(path.length + 1));
    if (Object.keys(cfg).length > 0) this.say(node, cfg);
  }

  /** What the document of a node says; undefined: there is none. */
  wordsOf(node: string): PowerCfg | undefined {
    return this.#words.get(node);
  }

  forget(): void {
    this.#words.clear();
    this.#devices.clear();
    this.#nodes.clear();
  }

  /** Throws Unreachable, naming them, where other nodes name the same device. `names`: the paths that name it. */
  check(node: string, device: D, names: readonly string[]): void {
    const own = this.#devices.get(node);
    const near = own && this.#nodes.get(own.within ?? own.key);
    if (own === undefined || near === undefined || near.size < 2) return;
    const same = [...near].filter((other) => other !== node && isSame(own, this.#devices.get(other)));
    if (same.length === 0) return;
    const others = same.map((other) => String(this.#words.get(other)?.['/nodename'] ?? other));
    const shown = others.length > 3 ? `${others.slice(0, 3).join(', ')} and ${others.length - 3} more` : others.join(', ');
    throw new Unreachable(
      `${device.name} is also that of ${shown}, so nothing is done through it; correct ${names.join(' or ')} of the one whose it is not`,
    );
  }

  #set(node: string, words: PowerCfg | undefined): void {
    const before = this.#devices.get(node);
    if (before !== undefined) {
      const old = before.within ?? before.key;
      const nodes = this.#nodes.get(old);
      nodes?.delete(node);
      if (nodes?.size === 0) this.#nodes.delete(old);
      this.#devices.delete(node);
    }
    if (words === undefined) {
      this.#words.delete(node);
      return;
    }
    this.#words.set(node, words);
    const device = this.#namedBy(words);
    if (device === undefined) return;
    const { key, within } = device;
    this.#devices.set(node, within === undefined ? { key } : { key, within });
    const near = within ?? key;
    const nodes = this.#nodes.get(near) ?? new Set();
    this.#nodes.set(near, nodes.add(node));
  }

  /** A node that says too little names no device; its own task is told why. */
  #namedBy(words: PowerCfg): D | undefined {
    try {
      return this.#deviceOf(words);
    } catch {
      return undefined;
    }
  }
}

/** Of one whole: the same part, or one of them is the whole. */
const isSame = (a: Pick<Device, 'key' | 'within'>, b: Pick<Device, 'key' | 'within'> | undefined): boolean =>
  b !== undefined && (a.key === b.key || a.within === undefined || b.within === undefined);

function member(value: unknown, below: string): unknown {
  return below === ''
    ? value
    : below.split('/').reduce<unknown>((at, name) => (typeof at === 'object' && at !== null ? (at as PowerCfg)[name] : undefined), value);
}
