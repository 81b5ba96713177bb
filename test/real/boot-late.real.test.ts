/** The boot service comes before its network does, and the head is killed while machines boot: both go on by themselves. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BRIDGE } from '../../host/vm/network.ts';
import { BoxLab } from './box-lab.ts';

/** Seconds: a boot on a busy machine; the service tries every 5. */
const LIMIT = 120;
const TRIED = 20;

let lab: BoxLab;

before(async () => {
  lab = await BoxLab.open({ machines: 3, kind: 'uml', firmware: 'bios' });
});
after(() => lab?.end());

/** Nodes are described one by one: `number` is, and the ones before it. */
const describe = (number: number): Promise<number> => lab.apply(lab.box.nodes().slice(0, number));
const syncOf = (number: number): Promise<number> =>
  lab.until(`SYNC of kr${number}`, LIMIT, async () => (await lab.inSync()).includes(`kr${number}`));

test('started while its interface is not there, is down, has no carrier: says so each time, and serves as soon as it can', async () => {
  const { network } = lab.box;
  await lab.kraken('service', 'stop', 'pxe');
  network.ip([`link set ${BRIDGE} down`, `link set ${BRIDGE} name away0`]);
  const from = (await lab.kraken('service', 'logs', 'pxe')).length;
  await lab.kraken('service', 'start', 'pxe');
  const says = (what: string): Promise<number> =>
    lab.until(what, TRIED, async () => (await lab.kraken('service', 'logs', 'pxe')).slice(from).includes(what));
  await says(`nothing is served: DHCP cannot serve ${BRIDGE}: this machine has no such interface`);
  network.ip([`link set away0 name ${BRIDGE}`]);
  await says(`DHCP cannot serve ${BRIDGE}: it is down`);
  network.ip(['link set wire0 down', `link set ${BRIDGE} up`]);
  await says(`DHCP cannot serve ${BRIDGE}: it has no carrier`);
  network.ip(['link set wire0 up']);
  const ms = await says('serving dhcp on 10.99.0.1');
  console.log(`  serves ${(ms / 1000).toFixed(1)} s after the carrier came`);
  await describe(1);
  await syncOf(1);
  assert.deepEqual(lab.switched(1), ['set power 1']);
});

/** By a line of the machine's console, the moment at which the head is killed. */
const MOMENTS: readonly (readonly [number: number, what: string, line: RegExp])[] = [
  [2, 'when it has got its address', /firmware: \S+ DHCP: \d/],
  [3, 'when its kernel has started', /layer0: \S+ kernel/],
];

for (const [number, what, line] of MOMENTS)
  test(`the head is killed while a machine boots, ${what}: it comes into sync, and its power is not touched again`, async () => {
    await describe(number);
    const isThere = (): boolean =>
      lab.box
        .serial(number)
        .lines()
        .some(({ text }) => line.test(text));
    await lab.until(String(line), LIMIT, isThere);
    await lab.kill();
    assert.ok(
      !lab.box
        .serial(number)
        .lines()
        .some(({ text }) => /connected to/.test(text)),
      'it was killed too late',
    );
    await lab.up();
    await syncOf(number);
    assert.deepEqual(lab.switched(number), ['set power 1']);
    assert.equal(lab.box.machine(number).boots, 1, 'it went through its firmware more than once');
  });
