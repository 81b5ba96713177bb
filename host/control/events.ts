/** Watches of events: changes, steps, discoveries and services' lives as they happen, in sentences. */

import { matches, type NodeSet } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { noteSentence } from '../core/notes.ts';
import type { Queries } from '../core/queries.ts';
import type { Change, Millis, NodeId, Revision, Turn } from '../core/record.ts';
import { packLines } from './lines.ts';
import { type ApiSession, refusal } from './session.ts';

export type EventKind = 'state' | 'mutation' | 'discovery' | 'service';

interface Watch {
  readonly id: number;
  readonly session: ApiSession;
  readonly kinds: ReadonlySet<EventKind>;
  readonly set: NodeSet | undefined;
  dropped: number;
  /** The revision of the last that was left out. */
  upTo: Revision;
}

interface Happened {
  readonly kind: EventKind;
  readonly node: NodeId;
  /** Serialised once for all watches. */
  readonly text: string;
}

/** A watcher that has not read this much misses events; it is told how many. */
const SLOW_BYTES = 1_000_000;
const MOST_WATCHES = 64;
/** Beside the ids of state watches. */
const FIRST_ID = 1_000_000;

/** Notes about steps. */
const STEPS: ReadonlySet<string> = new Set(['sent', 'failed', 'interrupted', 'orphan', 'repair', 'stuck', 'unreachable', 'reached']);

export class Events {
  readonly #engine: () => Queries;
  readonly #watches = new Map<ApiSession, Map<number, Watch>>();
  #next = FIRST_ID;

  constructor(engine: () => Queries) {
    this.#engine = engine;
  }

  /** Throws a RefusalError (TooMany). */
  watch(session: ApiSession, kinds: readonly EventKind[], set: NodeSet | undefined): number {
    const own = this.#watches.get(session) ?? new Map<number, Watch>();
    if (own.size >= MOST_WATCHES)
      throw refusal(
        CODES.TooMany,
        'the watch is refused',
        session.author.user,
        `${MOST_WATCHES} watches are open`,
        'End some with state/unwatch',
      );
    const watch: Watch = { id: this.#next++, session, kinds: new Set(kinds), set, dropped: 0, upTo: 0 };
    own.set(watch.id, watch);
    if (!this.#watches.has(session)) {
      this.#watches.set(session, own);
      session.onClose(() => this.#watches.delete(session));
    }
    return watch.id;
  }

  /** False: the session has no such watch. */
  unwatch(session: ApiSession, watch: number): boolean {
    return this.#watches.get(session)?.delete(watch) ?? false;
  }

  turn(turn: Turn): void {
    if (this.#watches.size === 0 || turn.changes.length === 0) return;
    const all = turn.changes.flatMap((change) => this.#happened(change, turn.at));
    for (const own of this.#watches.values()) for (const watch of own.values()) this.#send(watch, all, turn.rev);
  }

  #send(watch: Watch, all: readonly Happened[], revision: Revision): void {
    const engine = this.#engine();
    const wanted = ({ kind, node }: Happened): boolean =>
      watch.kinds.has(kind) && (watch.set === undefined || matches(watch.set, engine.subject(node)));
    const events = all.filter(wanted).map(({ text }) => text);
    if (events.length === 0) return;
    if (watch.session.pendingBytes > SLOW_BYTES) {
      if (watch.dropped === 0) void this.#tellDropped(watch);
      watch.dropped += events.length;
      watch.upTo = revision;
      return;
    }
    this.#sendDropped(watch);
    for (const line of packLines('events/happened', { watch: watch.id }, 'events', events)) watch.session.sendRaw(line);
  }

  /** However long nothing happens after it: who missed something is told when it has read on. */
  async #tellDropped(watch: Watch): Promise<void> {
    await watch.session.drained();
    if (this.#watches.get(watch.session)?.get(watch.id) === watch) this.#sendDropped(watch);
  }

  #sendDropped(watch: Watch): void {
    const { id, dropped, upTo, session } = watch;
    if (dropped === 0) return;
    watch.dropped = 0;
    session.sendRaw(`${JSON.stringify({ jsonrpc: '2.0', method: 'events/happened', params: { watch: id, dropped, upTo, events: [] } })}\n`);
  }

  #happened(change: Change, at: Millis): Happened[] {
    const { node, view, path, from, to, by, rev } = change;
    const service = path.startsWith('/services/') ? path.split('/')[2] : view === 'dsc' && by !== 'core' ? by : serviceOf(change);
    const whole = path === '';
    const event = {
      at,
      text: this.#sentence(change),
      revision: rev,
      node,
      path,
      view,
      by,
      ...(service === undefined ? {} : { service }),
      ...(from === undefined || whole ? {} : { from }),
      // Of a node that was made only that it is there: whole documents are for those who watch state.
      ...(to === undefined ? {} : { to: whole ? true : to }),
    };
    return kindsOf(change).map((kind) => ({ kind, node, text: JSON.stringify({ kind, ...event }) }));
  }

  #sentence({ node, view, path, from, to, by, why }: Change): string {
    const nameOf = (id: string): string => this.#engine().node(id)?.name || id;
    const name = nameOf(node);
    const because = why ? ` (${why})` : '';
    if (view === 'note') {
      const text = noteSentence(path, to, nameOf) ?? `${path}${to === undefined || to === true ? '' : ` ${wordOf(to)}`}`;
      return `${name}: ${text}${because}`;
    }
    if (path === '') return `${name}: ${to === undefined ? 'deleted' : 'created'} by ${by}${because}`;
    const verb = view === 'cfg' ? 'wanted' : 'seen';
    return `${name}: ${path.slice(1)} ${wordOf(from)} → ${wordOf(to)}, ${verb} by ${by}${because}`;
  }
}

/** A value that a service saw is a change of state and a discovery. */
function kindsOf({ view, path, by }: Change): EventKind[] {
  if (view === 'note') return [STEPS.has(path) ? 'mutation' : 'state'];
  if (path.startsWith('/services/')) return ['state', 'service'];
  return view === 'dsc' && by !== 'core' ? ['state', 'discovery'] : ['state'];
}

/** The service of the mutation that a note is about. */
function serviceOf({ view, to }: Change): string | undefined {
  return view === 'note' && typeof to === 'string' && /^[\w.-]+\/[\w.-]+$/.test(to) ? to.slice(0, to.indexOf('/')) : undefined;
}

function wordOf(value: Json | undefined): string {
  if (value === undefined) return 'unset';
  return typeof value === 'string' ? value : JSON.stringify(value).slice(0, 200);
}
