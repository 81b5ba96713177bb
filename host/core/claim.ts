import type { Claim, RequestId } from './event.ts';
import { CODES } from './failures.ts';
import type { World } from './world.ts';

export function claim(w: World, request: RequestId, claim: Claim): void {
  w.refuse(request, { code: CODES.later, what: 'the claim is refused', where: claim.node, why: 'this host is being built', todo: 'Wait.' });
}
