/** `kraken token … --user`: tokens of people and programs for the REST service, which makes and keeps them. */
import type { Json } from '@kraken-hpc/sdk/wire';
import { type Client, withClient } from './client.ts';
import { table } from './columns.ts';
import { asFailure, EXIT, usage } from './failure.ts';
import { type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { parseDuration } from './values.ts';
import { spanText, timeText } from './words.ts';

const SERVICE = 'restapi';
const ROLES = ['viewer', 'operator', 'admin'];
const DAY = 86_400_000;
/** As the service makes them. */
const ID = /^[0-9a-f]{12}$/;

/** What the service says of a token; `token` itself only when it is made. */
interface UserToken {
  readonly id: string;
  readonly user: string;
  readonly role: string;
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly token?: string;
}

/** The only time that it is printed. */
export async function createForUser(call: Call, user: string): Promise<void> {
  const role = flag(call, 'role');
  if (role === undefined) throw usage(`nothing says what ${user} may do`, `Say --role ${ROLES.join(', --role ')}`);
  if (!ROLES.includes(role)) throw usage(`there is no role ${role}`, `They are ${ROLES.join(', ')}`);
  const days = daysOf(flag(call, 'for'));
  const made = (await withClient(call, (client) =>
    ask(client, call, 'createToken', { user, role, ...(days === undefined ? {} : { days }) }),
  )) as unknown as UserToken;
  if (await printData(call, made, [made.token ?? ''])) return;
  call.io.out(`${made.token ?? ''}\n`);
  call.io.err(
    `${made.user} is ${made.role} with it until ${timeText(made.until, call.io.now())}; it is not shown again.\n` +
      `Send it as Authorization: Bearer TOKEN. End it: kraken token revoke ${made.id}\n`,
  );
}

/** The service counts in days. */
function daysOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const days = parseDuration(text, '--for') / DAY;
  if (Number.isInteger(days)) return days;
  throw usage(`--for ${text}: tokens of people are good for whole days`, 'Write 1d or 30d');
}

export async function listOfUsers(call: Call): Promise<void> {
  const tokens = await withClient(call, (client) => tokensOf(client, call));
  if (
    await printData(
      call,
      { tokens },
      tokens.map(({ id }) => id),
    )
  )
    return;
  const now = call.io.now();
  if (tokens.length === 0) {
    call.io.out('Nobody has a token. Make one: kraken token create --user NAME --role viewer\n');
    return;
  }
  const rows = [...tokens]
    .sort((a, b) => (a.user < b.user ? -1 : 1))
    .map(({ id, user, role, until }) => [user, role, spanText(until - now), id]);
  call.io.out(table(['USER', 'ROLE', 'GOOD FOR', 'ID'], rows, call.style, call.io.columns));
}

/** False: this is the id of no such token; it may be a node. */
export async function revokeOfUser(client: Client, call: Call, word: string): Promise<boolean> {
  if (!ID.test(word)) return false;
  const known = await tokensOf(client, call).catch((error: unknown) => {
    // Where there is no such service nobody has such a token.
    if (asFailure(error).exit === EXIT.notFound && flag(call, 'service') === undefined) return [];
    throw error;
  });
  const token = known.find(({ id }) => id === word);
  if (!token) return false;
  await ask(client, call, 'revokeToken', { id: word });
  if (!(await printData(call, token, [word]))) call.io.out(`The token ${word} of ${token.user} (${token.role}) is not good any more.\n`);
  return true;
}

async function tokensOf(client: Client, call: Call): Promise<readonly UserToken[]> {
  return ((await ask(client, call, 'listTokens', {})) as unknown as { readonly tokens: readonly UserToken[] }).tokens;
}

async function ask(client: Client, call: Call, name: string, params: { readonly [key: string]: Json }): Promise<Json> {
  const service = flag(call, 'service') ?? SERVICE;
  return (await client.ask('service/call', { service, call: name, params })).result;
}
