/** definePower: what no single power plugin shows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Changing, definePower } from '@kraken-hpc/sdk/power';
import { testModule } from '@kraken-hpc/sdk/testing';

type State = 'on' | 'off' | 'changing';

/** Outlets of one strip: `STRIP` names its only one, `STRIP/OUTLET` one of several. */
function strip(reads: (sent: number) => State) {
  const sent: string[] = [];
  const module = definePower({
    platform: 'strip',
    config: { loud: { type: 'boolean', default: false } },
    names: ['/power/nodeName'],
    looks: [1, 1, 1],
    warns: ({ loud }) => (loud ? ['it is loud'] : []),
    device: (cfg) => {
      const name = String(cfg['/power/nodeName']);
      const [whole = ''] = name.split('/');
      return { key: name, name: `outlet ${name}`, ...(whole === name ? {} : { within: whole }) };
    },
    isOn: async () => {
      const state = reads(sent.length);
      if (state === 'changing') throw new Changing('it is on its way');
      return state === 'on';
    },
    switch: async ({ device, to }) => void sent.push(`${device.key} ${to}`),
  });
  return { module, sent };
}

const at = (...outlets: readonly string[]) =>
  Object.fromEntries(
    outlets.map((outlet, index) => [`n${index}`, { cfg: { '/platform': 'strip', '/nodename': `k${index}`, '/power/nodeName': outlet } }]),
  );

const OVERLAPS: readonly (readonly [outlets: readonly string[], refused: Readonly<Record<string, RegExp>>])[] = [
  [['a', 'b'], {}],
  [['a/1', 'a/2'], {}],
  [['a/1', 'b'], {}],
  [['a/1', 'a/1', 'a/2'], { n0: /also that of k1,/, n1: /also that of k0,/ }],
  [['a', 'a/1', 'b/1'], { n0: /also that of k1,/, n1: /also that of k0,/ }],
  [['a', 'a/1', 'a/2'], { n0: /also that of k1, k2,/, n1: /also that of k0,/, n2: /also that of k0,/ }],
];

for (const [outlets, refused] of OVERLAPS)
  test(`nodes at ${outlets.join(', ')}: ${Object.keys(refused).join(', ') || 'none'} refused`, async () => {
    const { module, sent } = strip((times) => (times === 0 ? 'off' : 'on'));
    const lab = await testModule(module, { nodes: at(...outlets) });
    try {
      const { failed } = await lab.poll('power');
      assert.deepEqual(Object.keys(failed).sort(), Object.keys(refused));
      for (const [node, words] of Object.entries(refused)) assert.match(failed[node]?.message ?? '', words);
      if (failed['n0'] !== undefined) await lab.run('powerOn', { nodes: Object.keys(refused) });
      assert.deepEqual(sent, []);
    } finally {
      await lab.stop();
    }
  });

/** What is read before and after the command, in this order; the last one from then on. */
const WAYS: readonly { readonly reads: readonly State[]; readonly sent: number; readonly ends: 'POWER_ON' | 'POWER_OFF' | 'TryLater' }[] = [
  { reads: ['off', 'on'], sent: 1, ends: 'POWER_ON' },
  { reads: ['off', 'changing', 'changing', 'on'], sent: 1, ends: 'POWER_ON' },
  { reads: ['off', 'changing', 'off'], sent: 1, ends: 'POWER_OFF' },
  { reads: ['off', 'changing'], sent: 1, ends: 'TryLater' },
  { reads: ['changing'], sent: 0, ends: 'TryLater' },
];

for (const { reads, sent: times, ends } of WAYS)
  test(`powerOn through ${reads.join(', ')}: ${ends}, sent ${times} times`, async () => {
    const left = [...reads];
    const { module, sent } = strip(() => (left.length > 1 ? left.shift() : left[0]) ?? 'off');
    const lab = await testModule(module, { nodes: at('a') });
    try {
      const { observed, failed } = await lab.run('powerOn');
      assert.equal(failed['n0']?.error ?? observed['n0']?.['/physState'], ends);
      assert.equal(sent.length, times);
    } finally {
      await lab.stop();
    }
  });

for (const loud of [true, false])
  test(`a config that a person should know of is ${loud ? '' : 'not '}logged`, async () => {
    const lab = await testModule(strip(() => 'on').module, { config: { loud }, nodes: at('a') });
    await lab.stop();
    assert.deepEqual(
      lab.log.filter(({ level }) => level === 'warn').map(({ message }) => message),
      loud ? ['it is loud'] : [],
    );
  });
