/** `kraken node admit|revoke`: which of the nodes' own hosts are let in. */
import { shellWord } from '../core/shell.ts';
import { usage } from './failure.ts';
import { type Action, flag } from './io.ts';
import { order } from './node-order.ts';

export const admit: Action = (call) => {
  const why = flag(call, 'why');
  return order(
    call,
    (client, set) => client.ask('node/admit', { set, ...(why === undefined ? {} : { why }) }),
    'opened',
    'For each, the next host that asks is let in: see that it is the right one.',
  );
};

export const revoke: Action = (call) => {
  const why = flag(call, 'why');
  if (why === undefined) throw usage('a key that is revoked needs a reason', 'Give it with --why: who comes next will ask');
  const again = `Let in again by: kraken node admit ${shellWord(call.args[0] ?? '')}`;
  return order(call, (client, set) => client.ask('node/revoke', { set, why }), 'locked out', again);
};
