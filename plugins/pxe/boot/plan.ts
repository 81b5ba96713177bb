/** What a node would be given now: kernel, initramfs, command line, script; and what is missing for it, in words. */
import type { Life } from '@kraken-hpc/sdk';
import type { ClientKind } from '../dhcp/types.ts';
import { textAt } from '../nodes/document.ts';
import { bitsOf, isLoopback, subnetOf } from '../nodes/ip.ts';
import type { Leases, OwnLease } from '../nodes/leases.ts';
import type { KnownNode, Nodes } from '../nodes/nodes.ts';
import { bootIdOf, commandLine, readArguments } from './command-line.ts';
import type { BootFiles, Found, Look, Machine } from './files.ts';
import { fillTemplate, ownScript, type ScriptWords } from './script.ts';

export const FIRMWARE = ['bios', 'uefi-x64', 'uefi-arm64', 'http-x64', 'http-arm64'] as const satisfies readonly ClientKind[];
type Firmware = (typeof FIRMWARE)[number];
type Self = Life<Record<never, never>, object, object>['self'];

export interface BootSettings {
  readonly kernel: string;
  readonly initramfs: string;
  readonly loaders: Readonly<Record<Firmware, string>>;
  readonly args: string;
  /** A boot file that the script is made from. */
  readonly template?: string | undefined;
  /** Where the nodes' hosts find their parent; empty = where this host listens. */
  readonly parents: readonly string[];
  readonly httpPort: number;
  /** The address that nodes are told; undefined = the one that is in their subnet. */
  readonly server?: string | undefined;
}

export interface Plan {
  readonly lease?: OwnLease;
  readonly kernel?: Found;
  readonly initramfs?: Found;
  readonly args: string;
  /** The boot id: one for kernel, initramfs and arguments. */
  readonly boot?: string;
  readonly parents: readonly string[];
  /** What a person has to mend before it can boot. */
  readonly missing: readonly string[];
}

export const SCRIPT_NAME = 'boot.ipxe';
const LARGEST_TEMPLATE = 65_536;
/** Kinds of clients by the machines that they run on, as /arch names them. */
const ARCHES: Readonly<Record<string, 'x64' | 'arm64'>> = { amd64: 'x64', x86_64: 'x64', arm64: 'arm64', aarch64: 'arm64' };

export class Plans {
  readonly settings: BootSettings;
  readonly files: BootFiles;
  readonly #nodes: Nodes;
  readonly #leases: Leases;
  readonly #self: Self;
  /** Where DHCP and HTTP are served. */
  servers: readonly string[] = [];

  constructor(settings: BootSettings, files: BootFiles, { nodes, leases, self }: { nodes: Nodes; leases: Leases; self: Self }) {
    this.settings = settings;
    this.files = files;
    this.#nodes = nodes;
    this.#leases = leases;
    this.#self = self;
  }

  async of(node: KnownNode, look: Look = this.files.look()): Promise<Plan> {
    const lease = this.#leases.ofNode(node.id);
    const names = this.names(node);
    const { args, faults } = readArguments(this.settings.args, textAt(node.cfg, 'pxe', 'args'));
    const [kernel, initramfs] = await Promise.all([names.kernel, names.initramfs].map((name) => look.find(name, machineOf(node))));
    const parents = lease === undefined ? [] : this.#parentsOf(node, lease);
    const isHere = typeof kernel === 'object' && typeof initramfs === 'object';
    const boot = isHere ? bootIdOf(kernel.sha256, initramfs.sha256, args) : undefined;
    const plan = {
      ...(lease !== undefined && { lease }),
      ...(typeof kernel === 'object' && { kernel }),
      ...(typeof initramfs === 'object' && { initramfs }),
      ...(boot !== undefined && { boot }),
      args,
      parents,
    };
    const missing = [
      ...this.#leases.faults(node.id),
      ...[kernel, initramfs].filter((found) => typeof found === 'string'),
      ...faults,
      ...(lease !== undefined && parents.length === 0 ? [this.#noParents()] : []),
      ...(this.#self.ca === undefined ? ['this host knows no CA of the cluster: kraken init makes it'] : []),
    ];
    return { ...plan, missing: missing.length > 0 ? missing : await this.#scriptFaults(node, plan, look) };
  }

  /** The iPXE script of a node of which nothing is missing. Throws what is wrong with it. */
  async script(node: KnownNode, plan: Omit<Plan, 'missing'>, look: Look = this.files.look()): Promise<string> {
    const { lease, kernel, initramfs, boot } = plan;
    if (lease === undefined || kernel === undefined || initramfs === undefined || boot === undefined)
      throw new Error('there is no script for a node that lacks its lease or its files');
    const { parents, args } = plan;
    const base = this.urlFor(lease);
    const ca = this.#self.ca ?? '';
    const words: ScriptWords = {
      interface: lease.device ?? '',
      ip: lease.ip,
      prefix: String(lease.prefix),
      gateway: lease.router ?? '',
      mac: lease.mac,
      id: lease.node,
      parent: parents.join(','),
      ca,
      name: lease.name,
      args,
      boot,
      cmdline: commandLine({ lease, parents, ca, boot, args }),
      // Under the boot id: files that have been exchanged since are refused, and the client fetches the script anew.
      kernel: `${base}/${boot}/${kernel.name}`,
      initramfs: `${base}/${boot}/${initramfs.name}`,
      script: `${base}/${SCRIPT_NAME}`,
    };
    const { template } = this.settings;
    if (template === undefined) return ownScript(words);
    const found = await look.find(template, machineOf(node));
    if (typeof found === 'string') throw new Error(found);
    if (found.size > LARGEST_TEMPLATE) throw new Error(`${found.path} is no template: it has more than ${LARGEST_TEMPLATE} bytes`);
    return fillTemplate(await look.text(found), found.path, words);
  }

  /** The names of a node's files. */
  names({ cfg }: KnownNode): { readonly kernel: string; readonly initramfs: string; readonly loader: (kind: Firmware) => string } {
    const { kernel, initramfs, loaders } = this.settings;
    const own = textAt(cfg, 'pxe', 'loader');
    return {
      kernel: textAt(cfg, 'pxe', 'kernel') ?? kernel,
      initramfs: textAt(cfg, 'pxe', 'initramfs') ?? initramfs,
      loader: (kind) => own ?? loaders[kind],
    };
  }

  /** Where a node of this lease finds the files; no slash at the end. */
  urlFor(lease: OwnLease, server = this.serverFor(lease)): string {
    return `http://${server}:${this.settings.httpPort}`;
  }

  serverFor({ ip, prefix }: OwnLease): string {
    const subnet = subnetOf(bitsOf(ip) ?? 0, prefix);
    const near = this.servers.find((server) => subnetOf(bitsOf(server) ?? 0, prefix) === subnet);
    return this.settings.server ?? near ?? this.servers[0] ?? '';
  }

  /** Whether this client can be of this node's kind of machine. */
  fits(node: KnownNode, kind: ClientKind): boolean {
    const arch = ARCHES[textAt(node.cfg, 'arch') ?? ''];
    const is = kind.endsWith('arm64') ? 'arm64' : 'x64';
    return arch === undefined || kind === 'other' || arch === is;
  }

  async #scriptFaults(node: KnownNode, plan: Omit<Plan, 'missing'>, look: Look): Promise<readonly string[]> {
    try {
      await this.script(node, plan, look);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  }

  /** Its parent's addresses; those in its own subnet first, none that it could not reach from another machine. */
  #parentsOf(node: KnownNode, lease: OwnLease): readonly string[] {
    const { parents } = this.settings;
    if (parents.length > 0) return parents;
    const own = this.#listens(lease);
    const parent = textAt(node.cfg, 'parentId');
    const theirs = parent === undefined || parent === this.#self.node ? undefined : this.#nodes.get(parent);
    const address = theirs && this.#leases.ofNode(theirs.id)?.ip;
    return address === undefined ? own : [address, ...own];
  }

  #listens(lease: OwnLease): readonly string[] {
    const subnet = subnetOf(bitsOf(lease.ip) ?? 0, lease.prefix);
    const addresses = this.#self.listens.map((text) => text.replace(/^(?:0\.0\.0\.0|\[::\])(?=:)/, this.serverFor(lease)));
    const near = (text: string): boolean => subnetOf(bitsOf(hostOf(text)) ?? -1, lease.prefix) === subnet;
    const reachable = [...new Set(addresses)].filter((text) => isLoopback(lease.ip) || !isLoopback(hostOf(text)));
    return [...reachable.filter(near), ...reachable.filter((text) => !near(text))];
  }

  #noParents(): string {
    const listens = this.#self.listens.join(', ') || 'nowhere';
    return `this host listens ${listens === 'nowhere' ? listens : `on ${listens}`} for its children, where it cannot be reached: start it with --listen ADDRESS, or set parents of this service`;
  }
}

const hostOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');

export function machineOf({ id, cfg }: KnownNode): Machine {
  return { name: textAt(cfg, 'nodename') ?? id, arch: textAt(cfg, 'arch'), platform: textAt(cfg, 'platform') };
}
