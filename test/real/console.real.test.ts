/** `kraken node console` by real Serial over LAN: host and command as they are installed, ipmitool, a BMC of ipmi_sim, and a serial line that answers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { inTerminal } from '../cli/terminal.ts';
import { install } from './install.ts';
import { CIPHER_SUITE, type IpmiSim, PASSWORD, startIpmiSim, USER } from './ipmi-sim.ts';
import { KRAKEN, KrakenHost } from './kraken-host.ts';

/** The machine: it says in capitals what is typed. */
const machine = createServer((line) => {
  line.on('error', () => undefined);
  line.on('data', (bytes) => line.write(bytes.toString('latin1').toUpperCase()));
});
let bmcs: IpmiSim;
let host: KrakenHost;

before(async () => {
  install({ ipmi_sim: 'openipmi', ipmitool: 'ipmitool', python3: 'python3' });
  KrakenHost.build();
  machine.listen(0, '127.0.0.1');
  await once(machine, 'listening');
  bmcs = await startIpmiSim(1, { serial: (machine.address() as AddressInfo).port });
  host = new KrakenHost();
  const password = { file: host.file('bmc.password', PASSWORD) };
  await host.up({ services: { ipmi: { module: 'ipmi', config: { user: USER, password, cipherSuite: CIPHER_SUITE } } } });
  const node = { nodename: 'kr1', platform: 'ipmi', ipmi: { address: '127.0.0.1', port: bmcs.ownPort(0) } };
  await host.kraken('node', 'apply', host.file('nodes.json', JSON.stringify([node])));
});
after(async () => {
  await host?.end();
  await bmcs?.stop();
  machine.close();
});

test('what is typed comes out of the machine, and ~. leaves it', async () => {
  const env = { KRAKEN_DATA_DIR: host.file('data'), KRAKEN_CONFIG: host.file('kraken.json'), KRAKEN_SOCKET: '' };
  const typing = [
    ['Use ~? for help', 'hello console'],
    ['CONSOLE', '\r~.'],
  ] as const;
  const shown = await inTerminal(typing, [process.execPath, KRAKEN, 'node', 'console', 'kr1'], env);
  assert.match(shown, /Console of kr1, by ipmitool; leave it with ~\./);
  assert.match(shown, /HELLO CONSOLE/);
  assert.match(shown, /exit 0\n$/);
  assert.doesNotMatch(await host.kraken('node', 'console', 'kr1', '-o', 'json'), new RegExp(`"${PASSWORD}"`));
});
