/** The machine behind a BMC (schema ComputerSystem): found, read, told from where to boot, switched. */
import { Busy, Terminal } from '@kraken-hpc/sdk';
import type { Client } from './client.ts';
import { asDoc, type Doc, textsOf, within } from './doc.ts';
import type { Answer } from './exchange.ts';
import { followTask, monitorOf } from './monitor.ts';

type Power = 'on' | 'off' | 'changing';
type BootOverride = 'none' | 'pxe' | 'bios' | 'uefi' | 'uefiHttp';

const MOST_PAGES = 64;
/** What does it, the mildest first. */
const TYPES = { on: ['On', 'ForceOn'], off: ['ForceOff'] } as const;
const BOOTS = {
  pxe: { target: 'Pxe', mode: undefined },
  bios: { target: 'Pxe', mode: 'Legacy' },
  uefi: { target: 'Pxe', mode: 'UEFI' },
  uefiHttp: { target: 'UefiHttp', mode: 'UEFI' },
} as const;

/** The URI of the system with this Id, or of the only one. Throws Terminal where cfg must say which. */
export async function findSystem(client: Client, wanted: string | undefined, signal: AbortSignal): Promise<string> {
  if (wanted?.startsWith('/')) return client.exchanges.local(wanted);
  const systems = within(await client.root(signal), 'Systems', '@odata.id');
  if (typeof systems !== 'string') throw new Error(`BMC ${client.name} names no systems in its service root`);
  const found: string[] = [];
  let next: string | undefined = client.exchanges.local(systems);
  const seen = new Set<string>();
  while (next !== undefined) {
    if (seen.has(next) || seen.size === MOST_PAGES) throw new Error(`BMC ${client.name} lists its systems without end`);
    seen.add(next);
    const { body }: Answer = await client.get(next, 'to list its systems', signal);
    for (const member of Array.isArray(body['Members']) ? body['Members'] : []) {
      const uri = asDoc(member)?.['@odata.id'];
      if (typeof uri !== 'string') continue;
      if (wanted !== undefined && idOf(uri) === wanted) return client.exchanges.local(uri);
      found.push(uri);
    }
    const more = body['Members@odata.nextLink'] ?? body['@odata.nextLink'];
    next = typeof more === 'string' ? client.exchanges.local(more, next) : undefined;
  }
  const [only] = found;
  if (wanted === undefined && found.length === 1 && only !== undefined) return client.exchanges.local(only);
  if (found.length === 0) throw new Busy(`BMC ${client.name} lists no system`);
  const shown = `${found.slice(0, 5).map(idOf).join(', ')}${found.length > 5 ? ` and ${found.length - 5} more` : ''}`;
  throw new Terminal(
    wanted === undefined
      ? `BMC ${client.name} has ${found.length} systems (${shown}): set /redfish/system to the one that is this node's`
      : `BMC ${client.name} has no system ${wanted}, only ${shown}: correct /redfish/system`,
  );
}

const idOf = (uri: string): string => uri.replace(/\/+$/, '').split('/').at(-1) ?? '';

export const readSystem = (client: Client, uri: string, signal: AbortSignal): Promise<Answer> =>
  client.get(uri, 'to tell its power state', signal);

/** PowerState; a machine that is paused has its power on. Throws Busy where the BMC does not know (yet). */
export function powerOf({ body }: Answer, bmc: string): Power {
  const state = body['PowerState'];
  switch (state) {
    case 'On':
    case 'Paused':
      return 'on';
    case 'Off':
      return 'off';
    case 'PoweringOn':
    case 'PoweringOff':
      return 'changing';
    default:
      throw new Busy(`BMC ${bmc} does not know its machine's power state (${JSON.stringify(state ?? null).slice(0, 60)})`);
  }
}

/** ComputerSystem.Reset: where its task can be watched, if it is one. Throws where the BMC allows no type that does it. */
export async function reset(client: Client, uri: string, system: Doc, to: 'on' | 'off', signal: AbortSignal): Promise<string | undefined> {
  const action = asDoc(within(system, 'Actions', '#ComputerSystem.Reset'));
  const target = action?.['target'] ?? `${uri.replace(/\/+$/, '')}/Actions/ComputerSystem.Reset`;
  const allowed = await allowedTypes(client, action, signal);
  const type = allowed === undefined ? TYPES[to][0] : TYPES[to].find((one) => allowed.includes(one));
  // Not Terminal: some BMCs allow what fits the present state, and another one later.
  if (type === undefined)
    throw new Error(
      `BMC ${client.name} allows no ${TYPES[to].join(' or ')} for this system, only ${allowed?.join(', ').slice(0, 300) || 'nothing'}: it cannot be switched ${to} by Redfish`,
    );
  const what = `to switch ${to}`;
  const answer = await client.ask({ method: 'POST', uri: client.exchanges.local(String(target)), body: { ResetType: type } }, what, signal);
  return answer.status === 202 ? monitorOf(client, answer) : undefined;
}

async function allowedTypes(client: Client, action: Doc | undefined, signal: AbortSignal): Promise<readonly string[] | undefined> {
  const said = textsOf(action?.['ResetType@Redfish.AllowableValues']);
  const info = action?.['@Redfish.ActionInfo'];
  if (said !== undefined || typeof info !== 'string') return said;
  const { body } = await client.get(client.exchanges.local(info), 'to say how it can be switched', signal);
  const parameters = Array.isArray(body['Parameters']) ? body['Parameters'].map(asDoc) : [];
  return textsOf(parameters.find((one) => one?.['Name'] === 'ResetType')?.['AllowableValues']);
}

/** The next boot, and only that, is from the network. `first`: the system as it was just read. */
export async function bootFromNetwork(
  client: Client,
  uri: string,
  first: Answer,
  override: Exclude<BootOverride, 'none'>,
  signal: AbortSignal,
): Promise<void> {
  const what = 'to boot from the network';
  const { target, mode } = BOOTS[override];
  const boot = asDoc(first.body['Boot']);
  const allowed = textsOf(boot?.['BootSourceOverrideTarget@Redfish.AllowableValues']);
  if (allowed !== undefined && !allowed.includes(target))
    throw new Error(
      `BMC ${client.name} cannot boot its system from ${target}, only from ${allowed.join(', ').slice(0, 300)}: set another bootOverride`,
    );
  const isModal = mode !== undefined && boot?.['BootSourceOverrideMode'] !== undefined;
  const body = {
    Boot: {
      BootSourceOverrideEnabled: 'Once',
      BootSourceOverrideTarget: target,
      ...(isModal ? { BootSourceOverrideMode: mode } : {}),
    },
  };
  const patch = (tag: string | undefined, allows: readonly number[]): Promise<Answer> =>
    client.ask({ method: 'PATCH', uri, body, headers: tag === undefined ? {} : { 'if-match': tag } }, what, signal, allows);
  const before = tagOf(first);
  let answer = await patch(before, [412, 428]);
  if (answer.status === 412 || answer.status === 428) {
    const now = tagOf(await readSystem(client, uri, signal));
    // Some give a weak tag and compare it as a strong one.
    answer = await patch(now === before ? now?.replace(/^W\//, '') : now, []);
  }
  if (answer.status === 202) await followTask(client, answer, what, signal);
}

function tagOf({ headers, body }: Answer): string | undefined {
  const tag = headers.etag ?? body['@odata.etag'];
  return typeof tag === 'string' ? tag : undefined;
}
