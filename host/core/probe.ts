/** Asking a node's own host directly whether it lives, before anything is believed that would end its session. */
import { playerOf } from './guard.ts';
import type { Node } from './node.ts';
import { end } from './outcome.ts';
import { endSession, inSession } from './session.ts';
import { PHYS } from './situation.ts';
import type { Service, World } from './world.ts';

export function probe(w: World, node: Node, doubt: NonNullable<Node['probing']>): void {
  if (node.probing) return;
  node.probing = doubt;
  const timeout = doubt === 'dhcp' ? w.settings.probeDhcp : w.settings.probeOff;
  const player = playerOf(w, node);
  w.effect({ type: 'probe', node: node.id, service: player?.declaration.service ?? 'core', timeout });
}

/** Who ended a session while nobody looked is not known: every host that was in one must be heard again. */
export function expectHosts(w: World, service: Service): void {
  const isCore = service.declaration.service === 'core';
  if (!service.declaration.playsHosts && !isCore) return;
  for (const node of w.nodes.values()) {
    if (node.id === w.self || playerOf(w, node) !== service || (isCore && !node.book.key)) continue;
    if (inSession(node)) expect(w, node);
    // What the core was asked for before the module was there that speaks for this node will not come.
    if (!isCore) for (const flight of [...node.flights]) if (w.runs.get(flight.run)?.service === 'core') end(w, node, flight);
  }
}

function expect(w: World, node: Node): void {
  node.expectBy = w.now + w.settings.sessionWait;
  w.wake(node, node.expectBy);
}

/** A host that was expected and has not been heard is asked. */
export function seekHost(w: World, node: Node): void {
  const { expectBy } = node;
  if (expectBy === undefined) return;
  if (expectBy > w.now) {
    w.wake(node, expectBy);
    return;
  }
  node.expectBy = undefined;
  const player = playerOf(w, node);
  // A module that speaks for it may still be coming: with the core itself only a host that it has admitted is in session.
  if (player?.declaration.service === 'core' && !node.book.key) return;
  if (inSession(node) && player?.state === 'ready') probe(w, node, 'silence');
}

/** The probe's answer: a silent host's session has ended; one that answers beside an OFF is a conflict. */
export function probed(w: World, node: Node, answered: boolean): void {
  const doubt = node.probing;
  node.probing = undefined;
  if (answered) {
    node.heardAt = w.now;
    if (!node.live) expect(w, node);
    else if (doubt === 'off' && !node.conflict) {
      node.conflict = {
        since: w.now,
        text: "its BMC reports POWER_OFF, but its own host answers: the BMC address is probably another machine's",
      };
      w.note(node, 'conflict', node.conflict.text, 'core');
      w.log('warn', `${node.name}: ${node.conflict.text}; no power action is taken; check the node's BMC address`, node);
      w.dirty.add(node);
    }
    return;
  }
  if (inSession(node)) endSession(w, node, 'silent');
  askAgain(w, node);
}

function askAgain(w: World, node: Node): void {
  for (const poller of w.graph.pollersOf(PHYS)) if (w.serves(poller.service, node)) w.ask(poller.id, node);
}
