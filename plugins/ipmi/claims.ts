/** Whose BMC is whose: one that two nodes name can be only one's, and nobody knows whose, so nothing is done through it. */
import { Unreachable } from '@kraken-hpc/sdk';

/** What is read of every node. */
const PATHS = ['/nodename', '/platform', '/ipmi/address', '/ipmi/port'] as const;
type Path = (typeof PATHS)[number];
type Words = { readonly [P in Path]?: unknown };
type Values = Readonly<Record<string, unknown>>;

interface Change {
  readonly node: string;
  readonly path: string;
  readonly to?: unknown;
}

export class Claims {
  static readonly paths = PATHS;
  readonly #port: number;
  readonly #words = new Map<string, Words>();
  readonly #nodes = new Map<string, Set<string>>();

  /** `port`: of a BMC of which none is given. `before`: what was known under another config. */
  constructor(port: number, before?: Claims) {
    this.#port = port;
    for (const [node, words] of before === undefined ? [] : before.#words) this.#set(node, words);
  }

  /** What a node's document says, as far as it is given; undefined = it has none any more. */
  say(node: string, cfg: Values | undefined): void {
    const before = this.#words.get(node);
    if (cfg !== undefined && before !== undefined && PATHS.every((path) => !(path in cfg) || cfg[path] === before[path])) return;
    this.#set(node, cfg && { ...before, ...pick(cfg) });
  }

  /** A value, a member with all below it, or the whole document ('') has become another. */
  change({ node, path, to }: Change): void {
    if (path === '' && to === undefined) return this.say(node, undefined);
    const cfg: Record<string, unknown> = {};
    for (const one of PATHS) if (one === path || one.startsWith(`${path}/`)) cfg[one] = member(to, one.slice(path.length + 1));
    if (Object.keys(cfg).length > 0) this.say(node, cfg);
  }

  forget(): void {
    this.#words.clear();
    this.#nodes.clear();
  }

  /** Throws Unreachable, naming them, where other nodes name the same BMC. */
  check(node: string, bmc: string): void {
    const words = this.#words.get(node);
    const same = words === undefined ? undefined : this.#nodes.get(this.#place(words) ?? '');
    if (same === undefined || same.size < 2) return;
    const others = [...same].filter((other) => other !== node).map((other) => String(this.#words.get(other)?.['/nodename'] ?? other));
    const shown = others.length > 3 ? `${others.slice(0, 3).join(', ')} and ${others.length - 3} more` : others.join(', ');
    throw new Unreachable(
      `BMC ${bmc} is also that of ${shown}, so nothing is done through it; correct /ipmi/address or /ipmi/port of the one whose it is not`,
    );
  }

  #set(node: string, words: Words | undefined): void {
    const before = this.#words.get(node);
    const old = before === undefined ? undefined : this.#place(before);
    if (old !== undefined) {
      const nodes = this.#nodes.get(old);
      nodes?.delete(node);
      if (nodes?.size === 0) this.#nodes.delete(old);
    }
    if (words === undefined) {
      this.#words.delete(node);
      return;
    }
    this.#words.set(node, words);
    const place = this.#place(words);
    if (place === undefined) return;
    const nodes = this.#nodes.get(place) ?? new Set();
    this.#nodes.set(place, nodes.add(node));
  }

  #place(words: Words): string | undefined {
    const address = words['/ipmi/address'];
    if (words['/platform'] !== 'ipmi' || typeof address !== 'string') return undefined;
    return `${address.toLowerCase()} ${String(words['/ipmi/port'] ?? this.#port)}`;
  }
}

const pick = (cfg: Values): Words => Object.fromEntries(PATHS.filter((path) => path in cfg).map((path) => [path, cfg[path]]));

function member(value: unknown, below: string): unknown {
  return below === ''
    ? value
    : below.split('/').reduce<unknown>((at, name) => (typeof at === 'object' && at !== null ? (at as Values)[name] : undefined), value);
}
