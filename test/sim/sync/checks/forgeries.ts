/** What an attacker puts on the wire changes nothing: no event reaches the core, nobody counts as heard, no neighbour has another address. */

import { Process } from '../process.ts';
import type { Endpoint } from '../station.ts';

export class Forgeries {
  readonly breaches: string[] = [];
  count = 0;

  /** Performs the attack between two looks at its victim. */
  around(what: string, victim: Endpoint | undefined, attack: () => void): void {
    if (!(victim instanceof Process)) return;
    this.count++;
    const before = stateOf(victim);
    attack();
    const after = stateOf(victim);
    if (before !== after) this.breaches.push(`${what} at ${victim.host.id} changes ${before} to ${after}`);
  }
}

function stateOf({ sync, heardEvents, world }: Process): string {
  const peers = [...(sync.uplink?.peer ? [sync.uplink.peer] : []), ...(sync.children?.peers.values() ?? [])];
  // A session that is remembered has a link when somebody names it: nobody was heard by that.
  const each = peers
    .filter(({ live, udp, stream }) => live || udp || stream !== undefined)
    .map(({ id, live, udp, stream, link }) => `${id} ${live} ${udp?.host} ${udp?.port} ${stream} ${link.heardAt}`);
  return `${heardEvents} events, revision ${world.revision}, ${sync.uplink?.state}, ${each.sort().join(', ')}`;
}
