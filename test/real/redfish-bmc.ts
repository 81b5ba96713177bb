/**
 * A program: one emulated Redfish BMC at an address of a cluster in a box, port 443. Out go lines of JSON: first `{sha256}` of its certificate, then
 * `{command, isOn}` for each command; in come lines `on` and `off`: what its machine has come to by itself.
 */
import { createInterface } from 'node:readline';
import { startEmulator } from '../../plugins/redfish/test/emulator.ts';

const [address = '', user = ''] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const password = (await lines.next()).value ?? '';
const bmcs = await startEmulator(1, { user, password, at: { addresses: [address], port: 443 } });
const machine = bmcs.machine(0);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
machine.told = (command, isOn) => say({ command, isOn });
say({ sha256: bmcs.certificate.sha256 });
for (let line = await lines.next(); !line.done; line = await lines.next()) machine.setPower(line.value === 'on');
await bmcs.close();
