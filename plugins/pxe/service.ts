/** The running service: tables of the nodes, servers that ask them, and what is told to the host of what they saw. */
import type { Host, Life } from '@kraken-hpc/sdk';
import { Terminal, Unreachable } from '@kraken-hpc/sdk';
import { BootFiles } from './boot/files.ts';
import { Plans, SCRIPT_NAME } from './boot/plan.ts';
import { NodeSource } from './boot/source.ts';
import { Standing } from './boot/standing.ts';
import type { Book, Boot, ClientKind, Lease, Sink, Stranger } from './dhcp/types.ts';
import { Follower } from './follow.ts';
import { Leases } from './nodes/leases.ts';
import { Nodes, PATHS } from './nodes/nodes.ts';
import { Reporter } from './reporter.ts';
import type { Log } from './served.ts';
import type { OpenServers, Servers } from './servers.ts';
import { type Preview, preview } from './show.ts';
import { type SeenStranger, Strangers } from './strangers.ts';
import { type CONFIG, LOADERS, PORTS, secondsOf } from './words.ts';

export type PxeLife = Life<typeof CONFIG, object, object>;
export type Config = PxeLife['config'];

type Around = Pick<PxeLife, 'config' | 'self' | 'host' | 'log'>;

const MOST_STRANGERS = 256;
/** How often the disk is looked at, in milliseconds. */
const LOOK = 60_000;
const TICK = 250;
/** Lines a minute about packets that are dropped: anybody on the network can send them. */
const MOST_DROPS = 20;
/** How often the servers are opened that could not be. */
const AGAIN = 5_000;

export class PxeService implements Book, Sink {
  readonly config: Config;
  readonly #log: Log;
  readonly #leases: Leases;
  readonly #nodes: Nodes;
  readonly #plans: Plans;
  readonly #standing: Standing;
  readonly #reporter: Reporter;
  readonly #follower: Follower;
  readonly #strangers = new Strangers(MOST_STRANGERS);
  #looking: NodeJS.Timeout | undefined;
  /** Packets that were dropped since the last look, and told of. */
  #drops = 0;
  #ticking: NodeJS.Timeout | undefined;
  #opening: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Why nothing is served. */
  #fault: string | undefined;
  #servers: Servers | undefined;
  #unwatch: (() => Promise<void>) | undefined;

  /**
   * Knows all nodes before it answers the first client. Rejects with what a person can do about it where it cannot serve; unless it
   * `waits`: interfaces come up later than this process, and ports become free.
   */
  static async open(life: Around, openServers: OpenServers, waits: boolean): Promise<PxeService> {
    const service = new PxeService(life);
    try {
      await service.#start(life.host);
      await service.#serve(openServers, waits);
    } catch (error) {
      await service.close();
      throw error;
    }
    return service;
  }

  private constructor({ config, self, host, log }: Around) {
    this.config = config;
    this.#log = log;
    this.#leases = new Leases(secondsOf(config.leaseTime));
    this.#nodes = new Nodes(this.#leases);
    const { kernel, initramfs, args, template, parents, server } = config;
    const settings = { kernel, initramfs, args, template, parents, server, loaders: { ...LOADERS, ...config.loaders } };
    const tables = { nodes: this.#nodes, leases: this.#leases, self };
    this.#plans = new Plans({ ...settings, httpPort: this.#ports.http }, new BootFiles(config.root), tables);
    this.#reporter = new Reporter((reports) => host.discover(reports), log);
    this.#follower = new Follower({
      tell: (told) => this.#reporter.tell(told),
      known: (node) => {
        const { dsc = {} } = this.#nodes.get(node) ?? {};
        return { state: dsc['/pxe/state'], run: dsc['/runState'] };
      },
    });
    this.#standing = new Standing(this.#plans, this.#nodes, {
      boot: (node, word) => this.#reporter.tell({ node, values: { '/pxe/boot': word } }),
      ready: (node) => this.#follower.ready(node, Date.now()),
    });
  }

  lease(mac: string): Lease | undefined {
    return this.#leases.byMac(mac);
  }

  boot(lease: Lease, kind: ClientKind, server: string): Boot | undefined {
    const own = this.#leases.byMac(lease.mac);
    const node = own && this.#nodes.get(own.node);
    if (own === undefined || node === undefined || !own.boots || kind === 'other') return undefined;
    if (!this.#plans.fits(node, kind)) {
      this.dropped(
        `${lease.name} (${lease.mac}) asks as ${kind}, which its arch is not: correct arch, or the MAC; it is given no boot file`,
      );
      return undefined;
    }
    const at = this.config.server ?? server;
    // iPXE takes a proxy's offer only where that names a server beside the file, though the URL needs none.
    if (kind === 'ipxe-bios' || kind === 'ipxe-x64' || kind === 'ipxe-arm64')
      return { file: `${this.#plans.urlFor(own, at)}/${SCRIPT_NAME}`, next: at };
    const file = this.#plans.names(node).loader(kind);
    return kind === 'http-x64' || kind === 'http-arm64' ? { file: `${this.#plans.urlFor(own, at)}/${file}` } : { file, next: at };
  }

  step({ node, mac }: Lease, kind: ClientKind, step: 'DISCOVER' | 'OFFER' | 'REQUEST' | 'ACK', xid: number): void {
    // Firmware that tries one interface after the other gets an address on each, and boots from one.
    if (this.#leases.byMac(mac)?.boots !== true) return;
    this.#follower.dhcp(node, kind, { step, xid, complete: this.#standing.isReady(node), now: Date.now() });
    this.#tick();
    // What is missing may have been put there since.
    if (step === 'DISCOVER' && !this.#standing.isReady(node)) this.#standing.changed(node);
  }

  stranger(stranger: Stranger): void {
    const { mac, kind, via } = stranger;
    const claimed = this.#leases.whyNot(mac);
    if (claimed !== undefined) return this.dropped(claimed);
    if (this.#strangers.note(stranger, Date.now()))
      this.#log('info', `an unknown machine asks for an address: ${mac} (${kind}, by ${via}); kraken node adopt lists them`);
  }

  dropped(why: string): void {
    if (this.#drops++ < MOST_DROPS) this.#log('warn', why);
  }

  /** Resolves when this node's boot could be served. Rejects with everything that is missing, or with Unreachable where nobody is served. */
  async prepare(id: string): Promise<void> {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} is not known to this service yet`);
    const plan = await this.#plans.of(node);
    this.#standing.note(id, plan);
    // No fault of the node: it is tried until it can be.
    if (this.#fault !== undefined) throw new Unreachable(`nothing is served: ${this.#fault}`);
    if (plan.missing.length > 0) throw new Error(`its boot cannot be served: ${plan.missing.join('; ')}`);
  }

  /** By id or name. Rejects with Terminal where there is no such node. */
  async show(text: string): Promise<Preview> {
    const node = this.#nodes.find(text);
    if (node === undefined) throw new Terminal(`there is no node ${text} among those that this service serves`);
    const word = (boot: string | undefined) => this.#standing.wordOf(node.dsc['/booted/id'], boot);
    const seen = this.#follower.of(node.id);
    return preview(node, this.#plans, { word, faults: this.#faults(), ...(seen !== undefined && { boot: seen }) });
  }

  strangers(): readonly SeenStranger[] {
    return this.#strangers.list((mac) => this.#leases.isClaimed(mac));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#looking);
    clearTimeout(this.#opening);
    await this.#servers?.close();
    clearTimeout(this.#ticking);
    // A host that has gone needs not be told.
    await this.#unwatch?.().catch(() => {});
    await this.#standing.settled();
    await this.#reporter.settled();
  }

  #faults(): readonly string[] {
    return this.#fault === undefined ? [] : [this.#fault];
  }

  get #ports(): { readonly dhcp: number; readonly tftp: number; readonly http: number } {
    return { ...PORTS, ...(this.config.ports as object) };
  }

  async #start(host: Host<object, object>): Promise<void> {
    const listener = {
      cfg: (node: string): void => {
        if (this.#nodes.get(node) === undefined) this.#follower.forget(node);
        this.#standing.changed(node);
      },
      dsc: (node: string, path: string): void => {
        if (path === '/booted/id' || path === '/pxe/boot') this.#standing.booted(node);
        else if (path === '/pxe/state' || path === '/runState') this.#follower.seen(node);
      },
    };
    this.#unwatch = await host.watch({ paths: PATHS as never, view: 'both' }, this.#nodes.watcher(listener));
    await this.#nodes.whenComplete;
    this.#looking = setInterval(() => this.#minute(), LOOK);
  }

  async #serve(openServers: OpenServers, waits: boolean): Promise<void> {
    const { mode, interfaces } = this.config;
    const options = { mode, interfaces, ports: this.#ports, book: this, sink: this, source: this.#source(), log: this.#log };
    let servers: Servers;
    try {
      servers = await openServers(options);
    } catch (error) {
      if (!waits) throw error;
      const why = error instanceof Error ? error.message : String(error);
      if (why !== this.#fault) this.#log('error', `nothing is served: ${why}; this is tried again every ${AGAIN / 1000} s`);
      this.#fault = why;
      if (!this.#isClosed) this.#opening = setTimeout(() => void this.#serve(openServers, true), AGAIN);
      return;
    }
    if (this.#isClosed) return servers.close();
    this.#fault = undefined;
    this.#servers = servers;
    this.#plans.servers = servers.addresses;
    // What scripts say depends on the addresses.
    this.#standing.look();
    this.#log('info', `serving ${mode === 'off' ? 'files' : mode} on ${servers.addresses.join(', ')}`);
  }

  #source(): NodeSource {
    return new NodeSource(this.#plans, { nodes: this.#nodes, leases: this.#leases }, this.config.files, {
      fetched: (lease, step) => {
        this.#follower.fetched(lease.node, step, this.#standing.isReady(lease.node), Date.now());
        this.#tick();
      },
      planned: (node, plan) => this.#standing.note(node, plan),
    });
  }

  #minute(): void {
    this.#standing.look();
    if (this.#drops > MOST_DROPS) this.#log('warn', `${this.#drops - MOST_DROPS} more packets were dropped in the last minute`);
    this.#drops = 0;
  }

  /** The clock runs only while something is to be said again. */
  #tick(): void {
    this.#ticking ??= setTimeout(() => {
      this.#ticking = undefined;
      if (this.#follower.tick(Date.now())) this.#tick();
    }, TICK).unref();
  }
}
