/**
 * A node's own host asks to be taken in. Whoever has a key of this boot, or a certificate for it, is welcome at any time; a first
 * claim needs a token, or a boot that this host caused or saw. What is not sure is refused, and causes no power action.
 */

import { get, isObject } from '@kraken-hpc/sdk/state';
import { admit } from './admit.ts';
import type { Claim, RequestId } from './event.ts';
import { CODES } from './failures.ts';
import { heldBack } from './guard.ts';
import type { Node } from './node.ts';
import { endSession, hear, inSession } from './session.ts';
import { shellWord } from './shell.ts';
import { inSubtree } from './tell.ts';
import { parentsOf } from './tree.ts';
import { settleWindow, windowLeft } from './window.ts';
import type { World } from './world.ts';

/** `person`: somebody must look; the node counts as waiting for that. */
export type Verdict =
  | { readonly kind: 'welcome' }
  | {
      readonly kind: 'wait' | 'no' | 'reboot';
      readonly why: string;
      readonly todo: string;
      readonly person?: 'window' | 'second' | 'revoked';
    };

export function claim(w: World, request: RequestId, claim: Claim): void {
  const node = w.nodes.get(claim.node);
  if (!node || claim.node === w.self || w.tree.above.includes(claim.node)) return refuseStranger(w, request, claim);
  if (isFrom(node, claim.address)) hear(w, node, 'core', { node: node.id, values: {}, heard: 'claim' });
  settleWindow(w, node);
  const verdict = judge(w, node, claim);
  if (verdict.kind === 'welcome') w.answer(request, { term: admit(w, node, claim) });
  else refuse(w, request, node, claim, verdict);
}

/** Nobody whom this host could take in: one that it does not know, itself, a host above it. */
function refuseStranger(w: World, request: RequestId, { node, address }: Claim): void {
  w.dropped.claims++;
  const isLoop = node === w.self || w.tree.above.includes(node);
  const why = isLoop ? 'it is this host itself, or one above it: its parents form a loop' : 'no node has this id here';
  const todo = isLoop ? 'Correct the parents of both hosts.' : 'Create the node, or correct its id or its parent.';
  w.refuse(request, { code: CODES.notPermitted, what: 'the claim is refused', where: `node ${node} at ${address}`, why, todo });
  if (w.now < w.tree.quietUntil) return;
  w.tree.quietUntil = w.now + QUIET;
  w.log('warn', `a claim of node ${node} at ${address} is refused: ${why}`);
}

/** One line a minute about one and the same. */
const QUIET = 60_000;

function refuse(w: World, request: RequestId, node: Node, claim: Claim, verdict: Exclude<Verdict, { kind: 'welcome' }>): void {
  w.dropped.claims++;
  const { kind, why, todo, person } = verdict;
  const code = kind === 'wait' ? CODES.later : CODES.notPermitted;
  w.refuse(request, { code, what: 'the claim is refused', where: `${node.name || node.id} at ${claim.address}`, why, todo });
  if (person && node.book.refused?.why !== person) {
    w.book(node, 'refused', { since: w.now, why: person, text: why });
    w.dirty.add(node);
  }
  const said = node.claimSaid;
  if (said?.why === why && w.now - said.at < QUIET) return;
  node.claimSaid = { at: w.now, why };
  w.log(person ? 'error' : 'warn', `${node.name || node.id}: a claim of ${claim.address} is refused: ${why}; ${todo}`, node);
}

function judge(w: World, node: Node, claim: Claim): Verdict {
  const { key, revoked } = node.book;
  if (revoked?.includes(claim.key))
    return { kind: 'no', why: 'its key was revoked', todo: 'It makes a new key; then a person lets it in.', person: 'revoked' };
  if (key?.fp === claim.key && (key.boot === claim.boot || key.kind === 'token')) return { kind: 'welcome' };
  switch (claim.proof.kind) {
    case 'certificate':
      return judgeCertificate(w, node, claim, claim.proof);
    case 'token':
      return judgeToken(w, node, claim.proof.hash);
    case 'boot':
      return judgeBoot(w, node, claim, claim.proof.privileged);
    default:
      return claim.proof satisfies never;
  }
}

type Certificate = Extract<Claim['proof'], { kind: 'certificate' }>;

/**
 * Signed by a host that may vouch for this node: this one, one of its parents, one above it, the one that it was attached to when it was
 * moved here; a middle host for its own subtree alone.
 */
function judgeCertificate(w: World, node: Node, claim: Claim, { issuer, boot, term }: Certificate): Verdict {
  const { key, at } = node.book;
  const todo = 'It asks as if it had none.';
  const host = w.nodes.get(issuer);
  const mayVouch =
    issuer === w.self ||
    w.tree.above.includes(issuer) ||
    parentsOf(node).includes(issuer) ||
    (at?.host === issuer && at.key === claim.key) ||
    (host !== undefined && inSubtree(w, node, issuer));
  if (!mayVouch) return { kind: 'no', why: `host ${host?.name ?? issuer} signed its certificate, and may not vouch for this node`, todo };
  if (boot !== claim.boot) return { kind: 'no', why: 'its certificate is from another boot', todo };
  const [known, fp] = (at?.term ?? 0) > (key?.term ?? 0) ? [at?.term ?? 0, at?.key] : [key?.term ?? 0, key?.fp];
  if (term < known && fp !== claim.key)
    return { kind: 'no', why: `another key was admitted since (admission ${known}, the certificate's is ${term})`, todo };
  return { kind: 'welcome' };
}

function judgeToken(w: World, node: Node, hash: string): Verdict {
  const { token } = node.book;
  const todo = `Make a new one: kraken token create ${shellWord(node.name || node.id)}`;
  if (!token || token.hash !== hash) return { kind: 'no', why: 'its token is not the one that was made for it, or was used already', todo };
  if (token.until <= w.now) return { kind: 'no', why: 'its token has expired', todo };
  return held(w, node) ?? { kind: 'welcome' };
}

/** Frozen or held: nobody new is let in. */
function held(w: World, node: Node): Verdict | undefined {
  const back = heldBack(w, node);
  if (!back) return undefined;
  const why = back.kind === 'frozen' ? 'the engine is frozen' : `the node is held: ${node.book.hold?.why ?? ''}`;
  return { kind: 'wait', why, todo: 'wait until it is not any more.' };
}

function judgeBoot(w: World, node: Node, claim: Claim, privileged: boolean): Verdict {
  const { window } = node.book;
  if (!privileged)
    return { kind: 'no', why: 'it came from a port that any user can use', todo: 'Only the root user of the node may speak for it.' };
  if (!isFrom(node, claim.address))
    return { kind: 'no', why: `${claim.address} is none of the addresses that its cfg has (ipv4.ifaces)`, todo: 'Correct the address.' };
  const waits = held(w, node);
  if (waits) return waits;
  if (!window || windowLeft(w, node) === undefined) return judgeOutside(w, node, claim);
  if (window.claimed === undefined || window.claimed === claim.key) return { kind: 'welcome' };
  return distrust(w, node, claim, window.claimed);
}

/** Two claim to be one node in one boot: one of them is not, and it cannot be told which. */
function distrust(w: World, node: Node, claim: Claim, first: string): Verdict {
  const why = 'two keys were shown for it in one boot: one of them may be a thief, and neither is trusted';
  revoke(w, node, [first, claim.key]);
  w.book(node, 'hold', { by: 'core', why, since: w.now });
  w.note(node, 'held', true, 'core', why);
  settleWindow(w, node);
  return { kind: 'wait', why, todo: `look at the node, then: ${admitCommand(node)}`, person: 'second' };
}

/** No boot that this host caused or saw: nobody who is there may be thrown out, and nobody who is not known let in. */
function judgeOutside(w: World, node: Node, claim: Claim): Verdict {
  const { key, dhcp, cycles, rebooted } = node.book;
  const why = 'this host neither caused nor saw its boot, or that was too long ago';
  const todo = `see that it is the node, then: ${admitCommand(node)}`;
  const isNew = key?.boot !== claim.boot;
  if (isNew && !claim.runs && dhcp && (rebooted === claim.boot || (cycles ?? 0) < w.settings.stuckCycles)) {
    if (rebooted !== claim.boot) {
      w.book(node, 'rebooted', claim.boot);
      w.book(node, 'cycles', (cycles ?? 0) + 1);
      w.note(node, 'repair', 'it was told to reboot itself', 'core', why);
    }
    return { kind: 'reboot', why, todo: 'reboot: its next boot is seen from its beginning.' };
  }
  // Beside a session that lives, it is some stranger's: a line in the log.
  if (node.live) return { kind: 'wait', why, todo };
  return { kind: 'wait', why: claim.runs ? `${why}; it runs something, and is left alone` : why, todo, person: 'window' };
}

function admitCommand(node: Node): string {
  return `kraken node admit ${shellWord(node.name || node.id)}`;
}

/** The last few keys that are not good any more. */
const MOST_REVOKED = 8;

/** These keys are not good any more; a session with one of them ends. */
export function revoke(w: World, node: Node, keys: readonly string[]): void {
  const { key } = node.book;
  const all = [...(node.book.revoked ?? []).filter((one) => !keys.includes(one)), ...keys].slice(-MOST_REVOKED);
  if (all.join() !== node.book.revoked?.join()) w.book(node, 'revoked', all);
  if (!key || !keys.includes(key.fp)) return;
  w.book(node, 'key', undefined);
  if (node.id !== w.self && inSession(node)) endSession(w, node, 'revoked');
}

/** From one of the node's addresses, where cfg has any. */
function isFrom(node: Node, address: string): boolean {
  const ifaces = get(node.cfg, '/ipv4/ifaces');
  if (!isObject(ifaces)) return true;
  const addresses = Object.values(ifaces)
    .map((iface) => get(isObject(iface) ? iface : undefined, '/ip/ip'))
    .filter((ip) => typeof ip === 'string' && ip !== '');
  return addresses.length === 0 || addresses.includes(address);
}
