/** `kraken node replace`: another board in the place of a node: its MAC, its BMC, and a new key for its host. */
import { withClient } from './client.ts';
import { confirm, mustConfirm } from './confirm.ts';
import { usage } from './failure.ts';
import { type Action, flag } from './io.ts';
import { nameOf, readNodes } from './nodes.ts';
import { printData } from './output.ts';
import { parseValues } from './values.ts';

/** The member of a platform that says where its BMC is. */
const BMC = ['ipmi', 'redfish'] as const;

export const replace: Action = async (call) => {
  const [name = '', ...words] = call.args;
  const mac = flag(call, 'mac');
  const bmc = flag(call, 'bmc');
  const iface = flag(call, 'iface') ?? 'kraken';
  const why = flag(call, 'why') ?? 'its board was replaced';
  if (mac !== undefined && !/^[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}$/.test(mac))
    throw usage(`${JSON.stringify(mac)} is no MAC address`, 'Write it as aa:bb:cc:dd:ee:ff');
  await withClient(call, async (client) => {
    const nodes = await readNodes(client, { set: name, view: 'cfg' });
    const [node, second] = nodes;
    if (!node || second) throw usage(`${name} are ${nodes.length} nodes`, 'A board is replaced in one node: name that one');
    const member = BMC.find((one) => one === node.cfg?.['platform']) ?? 'ipmi';
    const values = {
      ...(mac === undefined ? {} : { [`/ipv4/ifaces/${iface}/eth/mac`]: mac.toLowerCase().replaceAll('-', ':') }),
      ...(bmc === undefined ? {} : { [`/${member}/address`]: bmc }),
      ...parseValues(words),
    };
    const changes = Object.entries(values).map(([path, value]) => `  ${path.slice(1)} becomes ${JSON.stringify(value)}\n`);
    const what = `replaces the board of ${nameOf(node)}; what its host proved itself with is good no more`;
    if (mustConfirm(call)) await confirm(call, what, () => `This ${what}. Nothing is switched.\n${changes.join('')}`);
    const set = node.id;
    if (changes.length > 0) await client.ask('node/set', { set, values, why });
    await client.ask('node/revoke', { set, why });
    const answer = await client.ask('node/admit', { set, why });
    if (await printData(call, answer, [nameOf(node)])) return;
    call.io.out(
      `${nameOf(node)} is another board now. The next host that asks in its name is let in, for an hour.\n` +
        `Boot it: kraken node reboot ${nameOf(node)}; look: kraken node explain ${nameOf(node)}\n`,
    );
  });
};
