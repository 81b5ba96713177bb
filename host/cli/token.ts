/** `kraken token create|list|revoke`. */
import type { Result } from '@kraken-hpc/sdk/wire';
import { withClient } from './client.ts';
import { table } from './columns.ts';
import { usage } from './failure.ts';
import { type Action, flag } from './io.ts';
import { printData } from './output.ts';
import { parseDuration } from './values.ts';
import { count, spanText, timeText } from './words.ts';

const HOUR = 3_600_000;

/** The only time that a token is printed. */
export const create: Action = async (call) => {
  const [set] = call.args;
  const user = flag(call, 'user');
  if (user !== undefined && set !== undefined) throw usage(`${set}: a token is a node's or a person's`, 'Leave the node out, or --user');
  if (user !== undefined) return (await import('./token-user.ts')).createForUser(call, user);
  if (set === undefined)
    throw usage('nothing says whose token it is to be', 'kraken token create NODE, or kraken token create --user NAME --role viewer');
  const given = flag(call, 'for');
  const life = given === undefined ? HOUR : parseDuration(given, '--for');
  const until = call.io.now() + life;
  const { tokens } = await withClient(call, (client) => client.ask('token/create', { set, until }));
  if (
    await printData(
      call,
      { tokens },
      tokens.map(({ token = '' }) => token),
    )
  )
    return;
  for (const one of tokens) call.io.out(`${tokens.length === 1 ? '' : `${nameOf(one)}  `}${one.token ?? ''}\n`);
  call.io.err(
    `${tokens.length === 1 ? 'Good' : 'Each is good'} once, for ${tokens.map(nameOf).slice(0, 3).join(', ')}${tokens.length > 3 ? ' …' : ''} alone, until ${timeText(until, call.io.now())}; it is not shown again.\n` +
      'On the node: put it into a file of mode 0600, then kraken up --parent HOST --id ID --ca PIN --token-file FILE.\nThe pin: kraken init here prints it again.\n',
  );
};

export const list: Action = async (call) => {
  if (call.flags['users'] === true) return (await import('./token-user.ts')).listOfUsers(call);
  const { tokens } = await withClient(call, (client) => client.ask('token/list', {}));
  if (await printData(call, { tokens }, tokens.map(nameOf))) return;
  const now = call.io.now();
  if (tokens.length === 0) call.io.out('No token waits to be used. Make one: kraken token create NODE\n');
  else
    call.io.out(
      table(
        ['NODE', 'GOOD FOR'],
        tokens.map((one) => [nameOf(one), spanText(one.until - now)]),
        call.style,
        call.io.columns,
      ),
    );
};

export const revoke: Action = async (call) => {
  const [set = ''] = call.args;
  const { revokeOfUser } = await import('./token-user.ts');
  const answer = await withClient(call, async (client) =>
    (await revokeOfUser(client, call, set)) ? undefined : client.ask('token/revoke', { set }),
  );
  if (answer === undefined || (await printData(call, answer))) return;
  const ended = answer.nodes ?? 0;
  call.io.out(ended === 0 ? 'None of them has a token that waits to be used.\n' : `${count(ended, 'token')} ended.\n`);
};

function nameOf({ name, node }: Result<'token/list'>['tokens'][number]): string {
  return name || node;
}
