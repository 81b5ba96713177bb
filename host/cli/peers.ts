/** `kraken peers`: the hosts beside this one, what is wrong first. */
import type { Result } from '@kraken-hpc/sdk/wire';
import type { PeerStatus, SyncStatus } from '../core/peer-status.ts';
import { shellWord } from '../core/shell.ts';
import { type Client, openClient, withClient } from './client.ts';
import { oneLine, table } from './columns.ts';
import type { Action, Call } from './io.ts';
import { live } from './node-watch.ts';
import { printData } from './output.ts';
import { count, NONE, sizeText, spanText } from './words.ts';

type Answer = Result<'peer/list'>;

const EVERY = 1_000;

export const peers: Action = async (call) => {
  if (call.flags['watch'] === true) return watch(call);
  const answer = await withClient(call, (client) => client.ask('peer/list', {}));
  if (
    await printData(
      call,
      answer,
      answer.peers.map(({ name, id }) => name || id),
    )
  )
    return;
  call.io.out(peersText(answer, call));
};

/** On a terminal the screen is drawn anew; a program is given one JSON object a line. */
async function watch(call: Call): Promise<undefined> {
  const client = await openClient(call);
  const show = async (): Promise<void> => {
    const answer = await client.ask('peer/list', {});
    if (call.format !== 'human' && call.format !== 'wide') call.io.out(`${JSON.stringify(answer)}\n`);
    else call.io.out(`${call.io.terminal.output ? '\u001b[H\u001b[2J' : ''}${peersText(answer, call)}`);
  };
  let timer: NodeJS.Timeout | undefined;
  try {
    return await live(call, client, async () => {
      await show();
      timer = setInterval(() => void showOrEnd(client, show), EVERY);
    });
  } finally {
    clearInterval(timer);
  }
}

/** A host that went away is noticed by who waits for its end. */
async function showOrEnd(client: Client, show: () => Promise<void>): Promise<void> {
  try {
    await show();
  } catch {
    client.close();
  }
}

function peersText({ sync, peers: all }: Answer, call: Call): string {
  if (!sync)
    return 'This host has neither a CA nor a parent, and so no neighbours. Make a CA with kraken init, or start it with --parent.\n';
  const now = call.io.now();
  const sorted = [...all].sort(
    (a, b) => trouble(b, now) - trouble(a, now) || a.role.localeCompare(b.role) * -1 || COLLATOR.compare(a.name, b.name),
  );
  const sentences = sorted.flatMap((peer) => troubleText(peer, now).map((text) => `${call.style.bad('!')} ${text}\n`));
  const head = `${roleText(sync, all)}\n`;
  if (all.length === 0)
    return `${head}No host is here: kraken token create NODE, then kraken up --parent on the node; kraken node waiting says who is refused.\n`;
  return `${head}${sentences.join('')}${peerTable(sorted, call)}`;
}

const COLLATOR = new Intl.Collator('en', { numeric: true });

/** What this host is, in a line. */
export function roleText({ role, listen }: SyncStatus, all: readonly PeerStatus[]): string {
  const parent = all.find((peer) => peer.role === 'parent');
  const children = all.filter((peer) => peer.role === 'child').length;
  const place =
    role === 'root' ? 'root' : parent?.state === 'trying' ? 'child without a parent just now' : `child of ${parent?.name ?? 'nobody yet'}`;
  const where = listen.length === 0 ? 'listens nowhere' : `listens on ${listen.join(', ')}`;
  return `${place}, ${children === 1 ? '1 child' : `${children} children`}, ${where}`;
}

export function peerTable(all: readonly PeerStatus[], { style, io }: Call): string {
  const rows = all.map((one) => [
    one.name || one.id || NONE,
    one.role,
    one.state === 'connected' ? style.good(one.state) : one.state === 'dead' ? style.bad(one.state) : style.warn(one.state),
    spanText(io.now() - one.since),
    one.heardAt === undefined ? NONE : `${spanText(io.now() - one.heardAt)} ago`,
    one.rtt === undefined ? NONE : `${one.rtt < 10 ? one.rtt.toFixed(1) : Math.round(one.rtt)} ms`,
    String(one.behind),
    `${sizeText(one.bytesInPerSecond)}/s`,
    `${sizeText(one.bytesOutPerSecond)}/s`,
    String(one.forged),
    String(one.replayed),
    one.address ?? NONE,
  ]);
  const headings = ['HOST', 'ROLE', 'STATE', 'FOR', 'HEARD', 'TRIP', 'BEHIND', 'IN', 'OUT', 'FORGED', 'REPLAYED', 'ADDRESS'];
  return table(headings, rows, style, io.columns);
}

/** A link that is at work is behind for moments; one that stays so is worth a sentence. */
const SLOW = 10_000;

function trouble(peer: PeerStatus, now: number): number {
  if (peer.state === 'dead' || peer.state === 'trying') return 4;
  if (peer.state === 'probing') return 3;
  if (isBehind(peer, now)) return 2;
  return peer.forged + peer.replayed > 0 ? 1 : 0;
}

function isBehind({ behind, heardAt }: PeerStatus, now: number): boolean {
  return behind > 0 && heardAt !== undefined && now - heardAt > SLOW;
}

/** What is wrong with it, and what to do. */
export function troubleText(peer: PeerStatus, now: number): readonly string[] {
  const name = peer.name || peer.id;
  const why = peer.why ? `: ${oneLine(peer.why)}` : '';
  const texts: string[] = [];
  switch (peer.state) {
    case 'trying':
      texts.push(`no parent for ${spanText(now - peer.since)} (${name})${why}; this host runs on with its last cfg, and goes on trying`);
      break;
    case 'dead':
      texts.push(
        `${name} has been dead for ${spanText(now - peer.since)}${why}; it is taken in again when it comes → kraken node explain ${shellWord(name)}`,
      );
      break;
    case 'probing':
      texts.push(
        `${name} has been silent for ${peer.heardAt === undefined ? 'long' : spanText(now - peer.heardAt)}, and is being asked${why}`,
      );
      break;
    case 'connected':
      if (isBehind(peer, now))
        texts.push(`${name} is behind by ${count(peer.behind, 'change')}, and was last heard ${spanText(now - (peer.heardAt ?? now))} ago`);
      break;
    default:
      peer.state satisfies never;
  }
  const dropped = (['forged', 'replayed', 'malformed'] as const).filter((kind) => peer[kind] > 0).map((kind) => `${peer[kind]} ${kind}`);
  if (dropped.length > 0) texts.push(`${dropped.join(' and ')} messages in the name of ${name} were dropped, and nothing of them was used`);
  return texts;
}
