/** `kraken node watch` and `kraken events`: live until Ctrl-C. */
import type { Change, Event, EventKind, NodeState, Params } from '@kraken-hpc/sdk/wire';
import { closest } from '../core/closest.ts';
import { type Client, openClient } from './client.ts';
import { oneLine } from './columns.ts';
import { EXIT, Failure, usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { viewOf } from './node-list.ts';
import { nameOf } from './nodes.ts';
import { count, noteText, pathText, timeText, valueText } from './words.ts';

const KINDS: readonly EventKind[] = ['state', 'mutation', 'discovery', 'service'];

export const watch: Action = async (call) => {
  const view = viewOf(call);
  const [set] = call.args;
  const members: Members = { names: new Map(), here: new Set() };
  const hear = (params: Params<'state/changed'>): void => {
    const isSnapshot = params.changes.length === 0 && params.more !== undefined;
    if (params.resync) call.io.err('The host told more than was read here: everything is told anew.\n');
    for (const node of params.nodes ?? []) meet(call, members, node, isSnapshot);
    for (const change of params.changes) {
      tell(call, change, () => changeText(call, change, members.names));
      if (change.path === '' && change.to === undefined) members.here.delete(change.node);
    }
  };
  const heard = inTurn(hear);
  const client = await openClient(call, { 'state/changed': heard.hear });
  return live(call, client, async () => {
    const answer = await client.ask('state/watch', { ...(set === undefined ? {} : { set }), view });
    for (const node of answer.nodes) meet(call, members, node, true);
    const more = answer.more ? 'more than ' : '';
    call.io.err(
      call.style.dim(`Watching ${more}${count(answer.nodes.length, 'node')} from revision ${answer.revision} on; Ctrl-C ends it.\n`),
    );
    heard.begin();
  });
};

/** What follows the answer may be read together with it: it waits until the answer has been told. */
export function inTurn<T>(tellIt: (params: T) => void): { hear(params: T): void; begin(): void } {
  let waiting: T[] | undefined = [];
  return {
    hear: (params) => (waiting ? void waiting.push(params) : tellIt(params)),
    begin: () => {
      const first = waiting ?? [];
      waiting = undefined;
      for (const params of first) tellIt(params);
    },
  };
}

interface Members {
  /** Of all that were ever told. */
  readonly names: Map<string, string>;
  /** Those that are in the watched set now. */
  readonly here: Set<string>;
}

/** A node of the snapshot is only remembered; one that came later is told, and so is one whose changes were left out because we were slow. */
function meet(call: Call, { names, here }: Members, node: NodeState, isSnapshot: boolean): void {
  const text = here.has(node.id) ? 'has changed; what, was left out: more was told than was read here' : 'is in the watched set now';
  here.add(node.id);
  names.set(node.id, nameOf(node));
  const now = call.io.now();
  if (!isSnapshot) tell(call, node, () => `${timeText(now, now)}  ${call.style.bold(nameOf(node))}  ${text}`);
}

function changeText({ io, style }: Call, change: Change, names: ReadonlyMap<string, string>): string {
  const { node, path, view, from, to, by, why, at } = change;
  const head = `${timeText(at ?? io.now(), io.now())}  ${style.bold(names.get(node) ?? node)}`;
  const because = why ? style.dim(`  ${oneLine(why)}`) : '';
  if (view === 'note') return `${head}  ${noteText(path, to, io.now(), names)}${because}`;
  if (path === '') return `${head}  ${to === undefined ? 'gone' : 'created'}${by ? ` (${by})` : ''}${because}`;
  const verb = view === 'cfg' ? 'wanted' : 'seen';
  return `${head}  ${pathText(path)} ${valueText(from)} → ${style.bold(valueText(to))}  (${verb}${by ? ` by ${by}` : ''})${because}`;
}

/** One JSON object a line for programs, one sentence a line for people. */
function tell(call: Call, data: unknown, text: () => string): void {
  call.io.out(call.format === 'human' || call.format === 'wide' ? `${text()}\n` : `${JSON.stringify(data)}\n`);
}

export const events: Action = async (call) => {
  const kinds = kindsOf(flag(call, 'kinds') ?? 'mutation,service');
  const set = flag(call, 'nodes');
  const hear = ({ events: happened, dropped }: Params<'events/happened'>): void => {
    if (dropped) call.io.err(`${count(dropped, 'event')} left out: they came faster than they were read here.\n`);
    for (const event of happened) tell(call, event, () => eventText(call, event));
  };
  const heard = inTurn(hear);
  const client = await openClient(call, { 'events/happened': heard.hear });
  return live(call, client, async () => {
    await client.ask('events/watch', { kinds, ...(set === undefined ? {} : { set }) });
    call.io.err(call.style.dim(`Watching ${kinds.join(', ')}; Ctrl-C ends it.\n`));
    heard.begin();
  });
};

function eventText({ io, style }: Call, { at, kind, text }: Event): string {
  return `${timeText(at, io.now())}  ${style.dim(kind.padEnd(9))}  ${oneLine(text)}`;
}

function kindsOf(text: string): EventKind[] {
  if (text === 'all') return [...KINDS];
  return text.split(',').map((word) => {
    const kind = KINDS.find((known) => known === word.trim());
    if (kind) return kind;
    const near = closest(word, KINDS);
    throw usage(`there is no kind of events ${word}`, `${near ? `Did you mean ${near}? ` : ''}They are ${KINDS.join(', ')} and all`);
  });
}

/** Until Ctrl-C, which is no error; the host's end is one. */
export async function live(call: Call, client: Client, begin: () => Promise<void>): Promise<undefined> {
  let interrupted: () => void = () => undefined;
  const stop = new Promise<undefined>((resolve) => {
    interrupted = () => resolve(undefined);
  });
  const unlisten = call.io.onInterrupt(interrupted);
  try {
    await begin();
    const why = await Promise.race([stop, client.ended]);
    if (why !== undefined)
      throw new Failure(EXIT.unreachable, `the host on ${call.paths.socket} went away: ${why}`, 'Watch again when it runs');
  } finally {
    unlisten();
    client.close();
  }
}
