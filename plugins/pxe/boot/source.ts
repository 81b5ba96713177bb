/** What may be fetched by whom: a node's script and its own boot files by its leased address, and nothing else by anybody. */
import { createHash } from 'node:crypto';
import { plainAddress } from '../files/listening.ts';
import type { Leases, OwnLease } from '../nodes/leases.ts';
import type { KnownNode, Nodes } from '../nodes/nodes.ts';
import type { Protocol, Served, Source } from '../served.ts';
import { FIRMWARE, machineOf, type Plan, type Plans, SCRIPT_NAME } from './plan.ts';
import { waitingScript } from './script.ts';

export type FetchStep = 'LOADER' | 'SCRIPT' | 'KERNEL' | 'INITRAMFS';

export interface Told {
  /** A node has got it whole. */
  fetched(lease: OwnLease, step: FetchStep): void;
  /** What it would be given was looked at. */
  planned(node: string, plan: Plan): void;
}

const BINARY = 'application/octet-stream';

export class NodeSource implements Source {
  readonly #plans: Plans;
  readonly #nodes: Nodes;
  readonly #leases: Leases;
  /** Further names that every node may fetch. */
  readonly #more: ReadonlySet<string>;
  readonly #told: Told;

  constructor(plans: Plans, tables: { nodes: Nodes; leases: Leases }, more: readonly string[], told: Told) {
    this.#plans = plans;
    this.#nodes = tables.nodes;
    this.#leases = tables.leases;
    this.#more = new Set(more);
    this.#told = told;
  }

  async open(asked: string, from: string, _by: Protocol): Promise<Served> {
    const address = plainAddress(from);
    const lease = this.#leases.byIp(address);
    const node = lease && this.#nodes.get(lease.node);
    if (lease === undefined || node === undefined) return refused(403, `${address} is the address of no node that is served here`);
    if (!lease.boots) return refused(403, `${address} is not the address that ${lease.name} boots from`);
    const { id, name } = partsOf(asked);
    const step = this.#stepOf(node, name);
    if (step === undefined) return refused(403, `${name} is no boot file of ${lease.name}`);
    if (step === 'SCRIPT') return this.#script(node, lease);
    const look = this.#plans.files.look();
    if (id !== undefined) {
      const { boot } = await this.#plans.of(node, look);
      if (boot !== id) return refused(404, `boot ${id} of ${lease.name} is not what it is given now: fetch ${SCRIPT_NAME} again`);
    }
    const found = await look.find(name, machineOf(node));
    if (typeof found === 'string') return refused(404, `there is no boot file ${name} for ${lease.name}`);
    const { path, size, mtimeMs, sha256 } = found;
    return { kind: 'file', type: BINARY, path, size, mtimeMs, etag: `"${sha256}"` };
  }

  done(asked: string, from: string, _by: Protocol): void {
    const lease = this.#leases.byIp(plainAddress(from));
    const node = lease && this.#nodes.get(lease.node);
    const step = node && this.#stepOf(node, partsOf(asked).name);
    if (lease?.boots && step !== undefined && step !== 'OTHER') this.#told.fetched(lease, step);
  }

  async #script(node: KnownNode, lease: OwnLease): Promise<Served> {
    const look = this.#plans.files.look();
    const plan = await this.#plans.of(node, look);
    this.#told.planned(node.id, plan);
    const text =
      plan.missing.length === 0
        ? await this.#plans.script(node, plan, look)
        : waitingScript(lease.name, `see kraken pxe show ${lease.name}`, `${this.#plans.urlFor(lease)}/${SCRIPT_NAME}`);
    const bytes = Buffer.from(text);
    return { kind: 'bytes', type: 'text/plain; charset=utf-8', bytes, etag: `"${createHash('sha256').update(bytes).digest('hex')}"` };
  }

  #stepOf(node: KnownNode, name: string): FetchStep | 'OTHER' | undefined {
    const { kernel, initramfs, loader } = this.#plans.names(node);
    if (name === SCRIPT_NAME) return 'SCRIPT';
    if (name === kernel) return 'KERNEL';
    if (name === initramfs) return 'INITRAMFS';
    if (FIRMWARE.some((kind) => loader(kind) === name)) return 'LOADER';
    return this.#more.has(name) ? 'OTHER' : undefined;
  }
}

const refused = (status: 403 | 404, why: string): Served => ({ kind: 'refused', status, why });

/** `BOOTID/NAME` or `NAME`. */
function partsOf(asked: string): { readonly id?: string; readonly name: string } {
  const [, id, name] = /^([0-9a-f]{16})\/(.+)$/.exec(asked) ?? [];
  return id === undefined || name === undefined ? { name: asked } : { id, name };
}
