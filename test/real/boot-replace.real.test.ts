/** A board is exchanged: the node goes on with another network card, another BMC and another key, and the old board is a stranger. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bmcAddress, macOf } from '../../host/vm/network.ts';
import { BoxLab } from './box-lab.ts';

test('a node whose board is exchanged boots from the new one; the old one is given nothing, and nothing is done to it', async () => {
  const lab = await BoxLab.open({ machines: 2, kind: 'uml', firmware: 'bios' });
  try {
    const [kr1 = {}] = lab.box.nodes();
    await lab.apply([kr1]);
    await lab.until('SYNC', 300, async () => (await lab.inSync()).includes('kr1'));
    // The board is taken out: without power, and nobody answers where its BMC was.
    lab.box.cutPower(1);
    lab.box.network.cutBmc(1);
    const from = Date.now();
    const said = await lab.kraken(
      'node',
      'replace',
      'kr1',
      '--mac',
      macOf(2),
      `ipmi.address=${bmcAddress(2)}`,
      '--why',
      'board exchanged',
      '--yes',
    );
    console.log(said.replace(/^/gm, '  '));
    const boots = (): boolean =>
      lab.box
        .serial(2)
        .lines()
        .some(({ text }) => /kraken is up/.test(text));
    await lab.until('SYNC of the new board', 300, async () => boots() && (await lab.inSync()).includes('kr1'));
    console.log(`  in sync ${((Date.now() - from) / 1000).toFixed(1)} s after the command`);
    assert.deepEqual([lab.switched(1), lab.switched(2)], [['set power 1'], ['set power 1']]);

    // Somebody finds the old board, and switches it on by hand.
    lab.box.network.mendBmc(1);
    const lines = lab.box.serial(1).lines().length;
    lab.box.machine(1).power(true);
    await lab.until('the stranger is listed', 300, async () => {
      const { result } = await lab.control('service/call', { service: 'pxe', call: 'strangers', params: {} });
      return (result as unknown as { strangers: readonly { mac: string }[] }).strangers.some(({ mac }) => mac === macOf(1));
    });
    assert.ok(
      !lab.box
        .serial(1)
        .lines()
        .slice(lines)
        .some(({ text }) => /kraken is up|layer0:/.test(text)),
      'the old board was given something',
    );
    assert.deepEqual(await lab.inSync(), ['kr1']);
    assert.deepEqual([lab.switched(1), lab.switched(2)], [['set power 1'], ['set power 1']]);
  } finally {
    await lab.end();
  }
});
