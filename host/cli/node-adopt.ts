/** `kraken node adopt`: machines that ask for an address and are no node; makes one of them a node. */
import { type Doc, setPath } from '@kraken-hpc/sdk/state';
import { type Client, withClient } from './client.ts';
import { oneLine, table } from './columns.ts';
import { usage } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { parseValues } from './values.ts';
import { count, spanText } from './words.ts';

interface Stranger {
  readonly mac: string;
  readonly kind: string;
  readonly vendor: string;
  readonly via: string;
  readonly uuid?: string;
  readonly first: number;
  readonly last: number;
  readonly asked: number;
}

export const adopt: Action = async (call) => {
  const [given, ...words] = call.args;
  if (given === undefined) return list(call);
  const mac = macOf(given);
  const name = flag(call, 'name');
  const address = flag(call, 'ip');
  if (name === undefined || address === undefined)
    throw usage(`${mac} needs a name and an address to be a node`, `kraken node adopt ${mac} --name NAME --ip ADDRESS/PREFIX`);
  const { ip, subnet } = addressOf(address);
  const iface = flag(call, 'iface') ?? 'kraken';
  await withClient(call, async (client) => {
    const stranger = (await strangers(client, call)).find((one) => one.mac === mac);
    const arch = flag(call, 'arch') ?? archOf(stranger?.kind);
    const platform = flag(call, 'platform');
    let document: Doc = { nodename: name, ...(arch !== undefined && { arch }), ...(platform !== undefined && { platform }) };
    document = { ...document, ipv4: { ifaces: { [iface]: { eth: { mac }, ip: { ip, subnet } } } } };
    for (const [path, value] of Object.entries(parseValues(words))) document = setPath(document, path, value);
    const why = flag(call, 'why') ?? `adopted the machine with MAC ${mac}`;
    const answer = await client.ask('node/apply', { mode: 'create', nodes: [document], why });
    if (await printData(call, answer, [name])) return;
    call.io.out(
      `${name} is a node now: ${mac} is given ${ip}.\n${stranger ? '' : `No machine with this MAC has asked for an address so far.\n`}`,
    );
    call.io.out(nextText(name, document));
  });
};

async function list(call: Call): Promise<undefined> {
  const [flagged] = ['name', 'ip'].filter((one) => flag(call, one) !== undefined);
  if (flagged !== undefined) throw usage(`--${flagged}, and of which machine is not said`, 'kraken node adopt lists them by MAC');
  const found = await withClient(call, (client) => strangers(client, call));
  const macs = found.map(({ mac }) => mac);
  if (await printData(call, { strangers: found }, macs)) return;
  if (found.length === 0) {
    call.io.out('No unknown machine has asked for an address.\n');
    return;
  }
  const now = call.io.now();
  const rows = found.map(({ mac, kind, via, first, last, asked, vendor, uuid }) => [
    mac,
    kind,
    oneLine(via),
    `${spanText(now - last)} ago`,
    `${count(asked, 'time')} in ${spanText(last - first)}`,
    oneLine([vendor, uuid].filter(Boolean).join(' ')),
  ]);
  call.io.out(table(['MAC', 'KIND', 'VIA', 'LAST', 'ASKED', 'SAYS'], rows, call.style, call.io.columns));
  call.io.out(`Make one a node: kraken node adopt ${macs[0]} --name NAME --ip ADDRESS/PREFIX\n`);
}

async function strangers(client: Client, call: Call): Promise<readonly Stranger[]> {
  const service = flag(call, 'service') ?? 'pxe';
  const { result } = await client.ask('service/call', { service, call: 'strangers', params: {} });
  return (result as unknown as { readonly strangers: readonly Stranger[] }).strangers;
}

/** What is still to be said before it is brought up. */
function nextText(name: string, document: Doc): string {
  const power = document['platform'] === undefined ? `platform=ipmi ipmi.address=BMC ` : '';
  const arch = document['arch'] === undefined ? 'arch=amd64 ' : '';
  const goal = document['physState'] === undefined ? 'physState=POWER_ON runState=SYNC' : '';
  const values = `${arch}${power}${goal}`.trim();
  return `${values === '' ? '' : `Next: kraken node set ${name} ${values}\n`}What it would be given: kraken pxe show ${name}\n`;
}

function macOf(text: string): string {
  if (/^[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}$/.test(text)) return text.toLowerCase().replaceAll('-', ':');
  throw usage(`${JSON.stringify(text)} is no MAC address`, 'Write it as aa:bb:cc:dd:ee:ff; kraken node adopt lists them');
}

/** 10.0.0.7/24; a site that says no prefix means 24. */
function addressOf(text: string): { readonly ip: string; readonly subnet: string } {
  const [, ip, digits] = /^(\d{1,3}(?:\.\d{1,3}){3})(?:\/(\d{1,2}))?$/.exec(text) ?? [];
  const prefix = digits === undefined ? 24 : Number(digits);
  if (ip === undefined || ip.split('.').some((octet) => Number(octet) > 255) || prefix < 1 || prefix > 30)
    throw usage(`--ip ${text} is no address with a prefix from 1 to 30`, 'Write it as 10.0.0.7/24');
  const mask = 2 ** 32 - 2 ** (32 - prefix);
  return { ip, subnet: [24, 16, 8, 0].map((shift) => Math.floor(mask / 2 ** shift) % 256).join('.') };
}

/** A machine says what kind it is when it boots. */
function archOf(kind: string | undefined): string | undefined {
  if (kind === undefined || kind === 'other') return undefined;
  return kind.endsWith('arm64') ? 'arm64' : 'amd64';
}
