/**
 * Events for many clients: those who want the same share one filter, and each batch is written down once for all of them. A client that
 * reads slower than things happen loses events, never memory, and is told to read everything anew when it has caught up.
 */
import { matches, type NodeSet, parseNodeSet } from '@kraken-hpc/sdk/state';
import type { EventKind, Revision } from '@kraken-hpc/sdk/wire';
import type { Context } from '../context.ts';
import type { Listener, Told } from '../events/hub.ts';
import { unreadable, wrong } from './parameters.ts';

/** Milliseconds for which events are gathered before they are sent. */
const GATHER = 50;
/** Milliseconds between looks whether slow clients have caught up, and between signs of life. */
const LOOK = 100;
const BEAT = 15_000;
/** Bytes that a client may leave unread. */
const MOST_UNREAD = 1_000_000;

const KINDS: readonly EventKind[] = ['state', 'mutation', 'discovery', 'service'];

export interface Wanted {
  readonly selector: string;
  readonly kinds: readonly EventKind[];
  /** Go on after this revision. */
  readonly from?: Revision;
}

/** Events that are sent together, in the forms in which clients read them: each is made once, when it is first asked for. */
export class Batch {
  readonly told: readonly Told[];
  readonly #forms = new Map<string, Buffer>();

  constructor(told: readonly Told[]) {
    this.told = told;
  }

  as(form: string, make: (told: readonly Told[]) => string): Buffer {
    let bytes = this.#forms.get(form);
    if (bytes === undefined) {
      bytes = Buffer.from(make(this.told));
      this.#forms.set(form, bytes);
    }
    return bytes;
  }
}

/** The far end of a stream. */
export interface Outlet {
  readonly unread: number;
  send(batch: Batch): void;
  resync(revision: Revision): void;
  /** A sign of life. */
  beat(): void;
  close(why: string): void;
}

interface Client {
  readonly outlet: Outlet;
  /** Of the token that it came with. */
  readonly token: string | undefined;
  isBehind: boolean;
}

export class Streams {
  readonly #context: Context;
  readonly #groups = new Map<string, Group>();
  readonly #clients = new Map<Outlet, Client>();
  readonly #beats: NodeJS.Timeout;
  #looking: NodeJS.Timeout | undefined;

  constructor(context: Context) {
    this.#context = context;
    this.#beats = setInterval(() => this.#beat(), BEAT).unref();
  }

  get count(): number {
    return this.#clients.size;
  }

  /** Bytes that wait for clients to read them. */
  get unread(): number {
    let bytes = 0;
    for (const { unread } of this.#clients.keys()) bytes += unread;
    return bytes;
  }

  /** Resolves to the way to leave, when nothing can be missed any more. */
  async join(outlet: Outlet, wanted: Wanted, token: string | undefined): Promise<() => void> {
    const { hub, replica } = this.#context;
    // It is open for its user already: from here on nothing may be missed.
    const { from = replica.revision } = wanted;
    const client: Client = { outlet, token, isBehind: false };
    this.#clients.set(outlet, client);
    const key = `${[...wanted.kinds].sort().join()} ${wanted.selector}`;
    const group = this.#groups.get(key) ?? new Group(this.#context, wanted, (one, batch) => this.#give(one, batch));
    this.#groups.set(key, group);
    const leave = (): void => {
      this.#clients.delete(outlet);
      if (group.leave(client)) this.#groups.delete(key);
    };
    group.expect(client);
    try {
      await group.open();
      // What it missed comes first, and only to it; from here on all of a group get the same.
      const catchUp = {
        events: (told: readonly Told[]) => this.#give(client, new Batch(group.wanted(told))),
        resync: (revision: Revision) => outlet.resync(revision),
      };
      (await hub.listen(catchUp, from))();
      group.join(client);
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  close(): void {
    clearInterval(this.#beats);
    clearInterval(this.#looking);
    for (const outlet of this.#clients.keys()) outlet.close('the service ends');
  }

  #give(client: Client, batch: Batch | Revision): void {
    if (client.isBehind) return;
    if (client.outlet.unread > MOST_UNREAD) {
      client.isBehind = true;
      this.#looking ??= setInterval(() => this.#look(), LOOK).unref();
    } else if (typeof batch === 'number') client.outlet.resync(batch);
    else if (batch.told.length > 0) client.outlet.send(batch);
  }

  /** Who has read what was sent is told that something is missing, and goes on. */
  #look(): void {
    let behind = 0;
    for (const client of this.#clients.values()) {
      if (!client.isBehind) continue;
      if (client.outlet.unread > 0) {
        behind++;
        continue;
      }
      client.isBehind = false;
      client.outlet.resync(this.#context.replica.revision);
    }
    if (behind > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  /** A token that has ended ends its streams, too. */
  #beat(): void {
    const good = new Set(this.#context.tokens.list().map(({ id }) => id));
    for (const { outlet, token, isBehind } of this.#clients.values()) {
      if (token !== undefined && !good.has(token)) outlet.close('the token is not good any more');
      else if (!isBehind) outlet.beat();
    }
  }
}

/** Who wants the same events. */
class Group implements Listener {
  readonly #context: Context;
  readonly #kinds: ReadonlySet<EventKind>;
  readonly #set: NodeSet | undefined;
  readonly #give: (client: Client, batch: Batch | Revision) => void;
  readonly #expected = new Set<Client>();
  readonly #clients = new Set<Client>();
  /** Nodes of the set as far as events told: one that leaves it is told for the last time. */
  readonly #members = new Set<string>();
  #opening: Promise<() => void> | undefined;
  #gathered: Told[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Context, { kinds, selector }: Wanted, give: (client: Client, batch: Batch | Revision) => void) {
    this.#context = context;
    this.#kinds = new Set(kinds);
    this.#set = selector === '' ? undefined : parseNodeSet(selector);
    this.#give = give;
    if (this.#set) for (const { id } of context.replica.matching(this.#set)) this.#members.add(id);
  }

  async open(): Promise<void> {
    this.#opening ??= this.#context.hub.listen(this);
    await this.#opening;
  }

  /** It will join: until then the group stays. */
  expect(client: Client): void {
    this.#expected.add(client);
  }

  /** What was gathered until now is for the others. */
  join(client: Client): void {
    this.#flush();
    if (this.#expected.delete(client)) this.#clients.add(client);
  }

  /** True: nobody is left. */
  leave(client: Client): boolean {
    this.#clients.delete(client);
    this.#expected.delete(client);
    if (this.#clients.size > 0 || this.#expected.size > 0) return false;
    clearTimeout(this.#timer);
    void this.#opening?.then((end) => end()).catch(() => undefined);
    return true;
  }

  events(told: readonly Told[]): void {
    const wanted = this.wanted(told);
    if (wanted.length === 0) return;
    for (const one of wanted) this.#gathered.push(one);
    this.#timer ??= setTimeout(() => this.#flush(), GATHER);
  }

  resync(revision: Revision): void {
    this.#gathered = [];
    for (const client of this.#clients) this.#give(client, revision);
  }

  wanted(told: readonly Told[]): readonly Told[] {
    const left = new Set<string>();
    const wanted = told.filter(({ event: { kind, node } }) => this.#kinds.has(kind) && this.#concerns(node, left));
    for (const node of left) this.#members.delete(node);
    return wanted;
  }

  #concerns(id: string | undefined, left: Set<string>): boolean {
    if (this.#set === undefined || id === undefined) return true;
    const node = this.#context.replica.byId(id);
    if (node && matches(this.#set, node)) {
      this.#members.add(id);
      return true;
    }
    if (!this.#members.has(id)) return false;
    left.add(id);
    return true;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = new Batch(this.#gathered);
    this.#gathered = [];
    if (batch.told.length > 0) for (const client of this.#clients) this.#give(client, batch);
  }
}

/** What the URL asks for. Throws Refused that names the parameter. */
export function wantedOf(query: { readonly [name: string]: unknown }, lastId?: string): Wanted {
  const { selector = '', kinds = KINDS.join(), from = lastId, ...others } = query;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw wrong(unknown, 'nobody knows this parameter', 'Leave it out: there are selector, kinds and from');
  const names = String(kinds).split(',');
  const strange = names.find((name) => !(KINDS as readonly string[]).includes(name));
  if (strange !== undefined) throw wrong('kinds', `${strange.slice(0, 64)} is no kind of event`, `There are ${KINDS.join(', ')}`);
  if (from !== undefined && !/^\d{1,15}$/.test(String(from)))
    throw wrong('from', 'it is no revision', 'Give the id of an event, or leave it out');
  try {
    parseNodeSet(String(selector) || 'all');
  } catch (error) {
    throw unreadable(error);
  }
  return { selector: String(selector), kinds: names as EventKind[], ...(from === undefined ? {} : { from: Number(from) }) };
}
