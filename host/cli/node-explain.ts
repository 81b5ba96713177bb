/** `kraken node explain`. */
import type { Explanation, Gap, Reason, StepText, WalkState } from '../core/answers.ts';
import type { PeerStatus } from '../core/peer-status.ts';
import { withClient } from './client.ts';
import { noMatch } from './failure.ts';
import type { Action, Call } from './io.ts';
import { printData } from './output.ts';
import { peerTable, troubleText } from './peers.ts';
import { pathText, spanText, timeText, valueText } from './words.ts';

export const explain: Action = async (call) => {
  const [set = ''] = call.args;
  const { nodes } = await withClient(call, (client) => client.ask('node/explain', { set }));
  if (nodes.length === 0) throw noMatch(set);
  if (
    await printData(
      call,
      { nodes },
      nodes.map(({ name, node }) => name || node),
    )
  )
    return;
  call.io.out((nodes as readonly Explanation[]).map((one) => explanationText(one, call)).join('\n'));
};

const WALKS: Readonly<Record<WalkState, string>> = {
  atGoal: 'at goal',
  running: 'running a step',
  waiting: 'waiting',
  backingOff: 'backing off',
  stuck: 'stuck',
  held: 'held',
  unreachable: 'cannot get there',
};

function explanationText(one: Explanation, call: Call): string {
  const { style, io } = call;
  const now = io.now();
  const walk =
    one.walk === 'atGoal'
      ? style.good(WALKS.atGoal)
      : one.walk === 'stuck' || one.walk === 'unreachable'
        ? style.bad(WALKS[one.walk])
        : style.warn(WALKS[one.walk]);
  const until = one.until === undefined ? '' : `, until ${timeText(one.until, now)}`;
  const parts = [`${style.bold(one.name || one.node)}  ${walk} for ${spanText(now - one.since)}${until}\n  ${one.summary}\n`];
  if (one.order) {
    const { kind, by, since, why } = one.order;
    parts.push(section('Order', [`${kind}, by ${by} ${spanText(now - since)} ago${why ? `: ${why}` : ''}`], call));
  }
  parts.push(
    section(
      'Wanted and not so',
      one.gaps.map((gap) => gapText(gap, now)),
      call,
    ),
  );
  parts.push(
    section(
      'Plan',
      one.plan.map((step, index) => stepText(step, index, call)),
      call,
    ),
  );
  parts.push(section('Why not', [...one.reasons.map((reason) => reasonText(reason, now)), ...one.blockers], call));
  parts.push(
    section(
      'Failures',
      one.failures.map(({ at, mutation, text }) => `${timeText(at, now)}  ${mutation}: ${text}`),
      call,
    ),
  );
  if (one.peer) parts.push(section('Its host', peerLines(one.peer, call), call));
  parts.push(section('What you can do', one.todo, call));
  return parts.join('');
}

/** As `kraken peers` shows it, in words first. */
function peerLines(peer: PeerStatus, call: Call): string[] {
  return [...troubleText(peer, call.io.now()), peerTable([peer], call).trimEnd()];
}

function section(title: string, lines: readonly string[], { style }: Call): string {
  if (lines.length === 0) return '';
  return `  ${style.dim(`${title}:`)}\n${lines.map((line) => `    ${line.replaceAll('\n', '\n    ')}\n`).join('')}`;
}

function gapText(gap: Gap, now: number): string {
  const by = (who: string | undefined, at: number | undefined): string => {
    const parts = [who === undefined ? '' : `by ${who}`, at === undefined ? '' : `${spanText(now - at)} ago`].filter((part) => part !== '');
    return parts.length === 0 ? '' : ` (${parts.join(' ')})`;
  };
  const stale = gap.staleSince === undefined ? '' : `, stale for ${spanText(now - gap.staleSince)}`;
  const moot = gap.moot === undefined ? '' : `; left out: ${gap.moot}`;
  const wanted = `wanted ${valueText(gap.wanted)}${by(gap.wantedBy, gap.wantedAt)}`;
  return `${pathText(gap.path)}: ${wanted}, seen ${valueText(gap.seen)}${by(gap.seenBy, gap.seenAt)}${stale}${moot}`;
}

function stepText(step: StepText, index: number, { style, io }: Call): string {
  const now = io.now();
  const mark = step.state === 'running' ? style.good('▸') : step.state === 'waiting' ? style.warn('·') : ' ';
  const facts: string[] = [];
  if (step.state === 'running') facts.push(`running${step.since === undefined ? '' : ` for ${spanText(now - step.since)}`}`);
  else if (step.state !== 'later') facts.push(step.state);
  if (step.deadline !== undefined) facts.push(`until ${timeText(step.deadline, now)}`);
  if (step.disruptive) facts.push(style.warn('disruptive'));
  return `${mark} ${index + 1}  ${step.text}${facts.length === 0 ? '' : `  (${facts.join(', ')})`}`;
}

function reasonText({ text, since, until, todo, command }: Reason, now: number): string {
  const end = until === undefined ? '' : `, until ${timeText(until, now)}`;
  return `${text} (for ${spanText(now - since)}${end})\n  ${todo}${command === undefined ? '' : ` → ${command}`}`;
}
