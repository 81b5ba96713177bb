/** Asking a node's own host directly whether it lives, before anything is believed that would end its session. */
import type { Node } from './node.ts';
import type { Millis } from './record.ts';
import { endSession } from './session.ts';
import { PHYS } from './situation.ts';
import type { World } from './world.ts';

export function probe(w: World, node: Node, timeout: Millis): void {
  if (node.probing) return;
  node.probing = true;
  const player = [...w.services.values()].find((service) => service.declaration.playsHosts && w.serves(service.declaration.service, node));
  w.effect({ type: 'probe', node: node.id, service: player?.declaration.service ?? 'core', timeout });
}

/** The probe's answer: a silent host's session has ended; one that answers beside an OFF is a conflict. */
export function probed(w: World, node: Node, answered: boolean): void {
  node.probing = false;
  if (answered) {
    node.heardAt = w.now;
    if (node.live && !node.conflict) {
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
  if (node.live) endSession(w, node, 'silent');
  askAgain(w, node);
}

function askAgain(w: World, node: Node): void {
  for (const poller of w.graph.pollersOf(PHYS)) if (w.serves(poller.service, node)) w.ask(poller.id, node);
}
