/** Who has which MAC and which address, as state says. What two claim is given to neither, and both are named. */
import type { Lease } from '../dhcp/types.ts';
import { at, type Tree, textAt, treeAt } from './document.ts';
import { bitsOf, isHostOf, macOf, prefixOf, subnetOf } from './ip.ts';

/** One interface's lease. */
export interface OwnLease extends Lease {
  readonly iface: string;
  /** As the operating system names it, where state says so. */
  readonly device?: string;
  readonly prefix: number;
  /** It is the interface that the node boots from. */
  readonly boots: boolean;
}

/** The interface that a node boots from, where it has several. */
const BOOTS = 'kraken';

interface Claim {
  readonly node: string;
  readonly name: string;
  readonly iface: string;
  readonly mac?: string;
  readonly ip?: string;
  readonly lease?: OwnLease;
}

interface Entry {
  readonly claims: readonly Claim[];
  /** What of its interfaces cannot be served, in words. */
  readonly faults: readonly string[];
}

export class Leases {
  readonly #seconds: number;
  readonly #nodes = new Map<string, Entry>();
  readonly #byMac = new Map<string, Set<Claim>>();
  readonly #byIp = new Map<string, Set<Claim>>();

  /** `seconds`: how long a lease is good for. */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** What a node's document says now; undefined = there is no such node any more. Touches this node's own claims alone. */
  put(node: string, cfg: Tree | undefined): void {
    for (const claim of this.#nodes.get(node)?.claims ?? []) {
      drop(this.#byMac, claim.mac, claim);
      drop(this.#byIp, claim.ip, claim);
    }
    if (cfg === undefined) {
      this.#nodes.delete(node);
      return;
    }
    const entry = readInterfaces(node, cfg, this.#seconds);
    this.#nodes.set(node, entry);
    for (const claim of entry.claims) {
      add(this.#byMac, claim.mac, claim);
      add(this.#byIp, claim.ip, claim);
    }
  }

  byMac(mac: string): OwnLease | undefined {
    return this.#sole(this.#byMac.get(mac));
  }

  byIp(ip: string): OwnLease | undefined {
    return this.#sole(this.#byIp.get(ip));
  }

  /** Of the interface that it boots from, where it is served. */
  ofNode(node: string): OwnLease | undefined {
    return this.#nodes
      .get(node)
      ?.claims.map((claim) => this.#served(claim))
      .find((lease) => lease?.boots);
  }

  /** Some node is described with it, served or not. */
  isClaimed(mac: string): boolean {
    return this.#byMac.has(mac);
  }

  /** Why nobody is served by this MAC, where nodes are described with it; undefined = none is. */
  whyNot(mac: string): string | undefined {
    const [claim] = this.#byMac.get(mac) ?? [];
    return claim && `${claim.name} is not served: ${this.faults(claim.node).join('; ')}`;
  }

  /** Why its interfaces are not served, in words. */
  faults(node: string): readonly string[] {
    const { claims, faults } = this.#nodes.get(node) ?? { claims: [], faults: [] };
    const doubles = claims.flatMap((claim) => [
      ...this.#doubled(claim, 'MAC', claim.mac, this.#byMac),
      ...this.#doubled(claim, 'address', claim.ip, this.#byIp),
    ]);
    return [...faults, ...doubles];
  }

  #sole(claims: ReadonlySet<Claim> | undefined): OwnLease | undefined {
    const [claim] = claims ?? [];
    return claims?.size === 1 && claim !== undefined ? this.#served(claim) : undefined;
  }

  /** Its lease, unless MAC or address are another's, too. */
  #served({ lease }: Claim): OwnLease | undefined {
    if (lease === undefined || this.#byMac.get(lease.mac)?.size !== 1) return undefined;
    return this.#byIp.get(lease.ip)?.size === 1 ? lease : undefined;
  }

  #doubled(claim: Claim, what: 'MAC' | 'address', value: string | undefined, table: ReadonlyMap<string, ReadonlySet<Claim>>): string[] {
    const others = [...((value !== undefined && table.get(value)) || [])].filter((other) => other !== claim);
    if (others.length === 0) return [];
    const named = others.map((other) =>
      other.node === claim.node ? `its own interface ${other.iface}` : `${other.name} (interface ${other.iface})`,
    );
    const shown = named.length > 3 ? `${named.slice(0, 3).join(', ')} and ${named.length - 3} more` : named.join(', ');
    const path = `ipv4.ifaces.${claim.iface}.${what === 'MAC' ? 'eth.mac' : 'ip.ip'}`;
    return [
      `${what} ${value} of its interface ${claim.iface} is also that of ${shown}, so none of them is served: correct ${path} of the one whose it is not`,
    ];
  }
}

function add(table: Map<string, Set<Claim>>, key: string | undefined, claim: Claim): void {
  if (key !== undefined) table.set(key, (table.get(key) ?? new Set()).add(claim));
}

function drop(table: Map<string, Set<Claim>>, key: string | undefined, claim: Claim): void {
  const claims = key === undefined ? undefined : table.get(key);
  if (key === undefined || claims === undefined) return;
  claims.delete(claim);
  if (claims.size === 0) table.delete(key);
}

function readInterfaces(node: string, cfg: Tree, seconds: number): Entry {
  const name = textAt(cfg, 'nodename') ?? node;
  const ifaces = Object.keys(treeAt(cfg, 'ipv4', 'ifaces')).sort();
  const whole = ifaces.filter(
    (iface) => textAt(cfg, 'ipv4', 'ifaces', iface, 'eth', 'mac') && textAt(cfg, 'ipv4', 'ifaces', iface, 'ip', 'ip'),
  );
  const boots = whole.includes(BOOTS) || whole.length !== 1 ? BOOTS : whole[0];
  const faults: string[] = [];
  if (!whole.includes(boots ?? BOOTS))
    faults.push(`it has no interface to boot from: set ipv4.ifaces.${BOOTS}.eth.mac, .ip.ip and .ip.subnet`);
  const claims = ifaces.map((iface) => readInterface({ node, name, cfg, seconds, iface, boots: iface === boots }, faults));
  return { claims, faults };
}

interface Read {
  readonly node: string;
  readonly name: string;
  readonly cfg: Tree;
  readonly seconds: number;
  readonly iface: string;
  readonly boots: boolean;
}

/** Adds to `faults` what is wrong. An address without a MAC is taken all the same: nobody else may be given it. */
function readInterface(read: Read, faults: string[]): Claim {
  const { node, name, cfg, iface } = read;
  const here = treeAt(cfg, 'ipv4', 'ifaces', iface);
  const given = { mac: textAt(here, 'eth', 'mac'), ip: textAt(here, 'ip', 'ip'), mask: textAt(here, 'ip', 'subnet') };
  const mac = given.mac === undefined ? undefined : macOf(given.mac);
  const bits = given.ip === undefined ? undefined : bitsOf(given.ip);
  const prefix = given.mask === undefined ? undefined : prefixOf(given.mask);
  const where = `ipv4.ifaces.${iface}`;
  const wrong = (what: string): void => void faults.push(`${where}.${what}`);
  if (given.mac !== undefined && mac === undefined) wrong(`eth.mac ${given.mac} is no MAC of one machine`);
  if (given.ip !== undefined && bits === undefined) wrong(`ip.ip ${given.ip} is no IPv4 address`);
  if (given.mask !== undefined && prefix === undefined) wrong(`ip.subnet ${given.mask} is no mask of a subnet`);
  if (mac !== undefined && bits !== undefined && given.mask === undefined)
    wrong('ip.subnet is missing: set the mask, such as 255.255.255.0');
  const isHost = bits !== undefined && prefix !== undefined && isHostOf(bits, prefix);
  if (bits !== undefined && prefix !== undefined && !isHost) wrong(`ip.ip ${given.ip} is not an address of a host in /${prefix}`);
  const claim = {
    node,
    name,
    iface,
    ...(mac !== undefined && { mac }),
    ...(bits !== undefined && given.ip !== undefined && { ip: given.ip }),
  };
  if (mac === undefined || given.ip === undefined || given.mask === undefined || prefix === undefined || bits === undefined || !isHost)
    return claim;
  return { ...claim, lease: { ...around(read, bits, prefix), mac, ip: given.ip, mask: given.mask, prefix } };
}

/** What a lease says beyond address and mask. */
function around(
  { node, name, cfg, seconds, iface, boots }: Read,
  ip: number,
  prefix: number,
): Omit<OwnLease, 'mac' | 'ip' | 'mask' | 'prefix'> {
  const eth = treeAt(cfg, 'ipv4', 'ifaces', iface, 'eth');
  const device = textAt(eth, 'iface');
  const mtu = at(eth, 'mtu');
  const domain = textAt(cfg, 'ipv4', 'hostname', 'domainname');
  const isRouter = (address: string): boolean => {
    const bits = bitsOf(address);
    return bits !== undefined && bits !== ip && subnetOf(bits, prefix) === subnetOf(ip, prefix) && isHostOf(bits, prefix);
  };
  const router = addresses(cfg, 'routes').find(isRouter);
  return {
    node,
    name,
    iface,
    boots,
    seconds,
    dns: addresses(cfg, 'dnsNameservers'),
    ...(device !== undefined && { device }),
    ...(router !== undefined && { router }),
    ...(domain !== undefined && { domain }),
    // RFC 2132, 5.1: not below 68; what is below 576 no IPv4 stack must take.
    ...(typeof mtu === 'number' && mtu >= 576 && { mtu }),
  };
}

function addresses(cfg: Tree, list: string): string[] {
  const given = at(cfg, 'ipv4', list);
  return Array.isArray(given)
    ? given.flatMap((one: unknown) => {
        const ip = textAt(one as Tree, 'ip');
        return ip !== undefined && bitsOf(ip) !== undefined ? [ip] : [];
      })
    : [];
}
