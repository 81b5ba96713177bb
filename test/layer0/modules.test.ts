/** Which kernel modules are taken, in which order, and the tables that modprobe reads on the node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { moduleName, moduleTables, type Picking, parseBuiltin, parseModulesDep, pickModules } from '../../host/layer0/modules.ts';
import { fakeModule } from './fake.ts';

const KERNEL: Readonly<Record<string, Buffer>> = {
  'kernel/net/net_failover.ko': fakeModule('failover'),
  'kernel/net/virtio_net.ko': fakeModule('virtio_ring,virtio,net_failover', 'alias=virtio:d00000001v*'),
  'kernel/virtio/virtio.ko': fakeModule(''),
  'kernel/virtio/virtio_ring.ko': fakeModule(''),
  'kernel/net/failover.ko': fakeModule(''),
  'kernel/net/r8169.ko': fakeModule('', 'softdep=pre: realtek post: other', 'alias=pci:v10EC*', 'alias=pci:v0001*'),
  'kernel/phy/realtek.ko': fakeModule(''),
  'kernel/loop/a.ko': fakeModule('b'),
  'kernel/loop/b.ko': fakeModule('a'),
  'kernel/lost.ko': fakeModule('nowhere'),
  'kernel/snd-hda.ko': fakeModule(''),
};
const files = Object.keys(KERNEL).map((path) => ({ name: moduleName(path), path }));

function pick(given: Partial<Picking>): readonly string[] {
  return picked(given).map(({ name }) => name);
}
function picked(given: Partial<Picking>): ReturnType<typeof pickModules> {
  return pickModules({ files, builtin: new Set(), welcome: [], wanted: [], read: ({ path }) => KERNEL[path] as Buffer, ...given });
}

const ORDERS: readonly (readonly [what: string, given: Partial<Picking>, expect: readonly string[]])[] = [
  ['what a module needs comes before it', { wanted: ['virtio_net'] }, ['virtio_ring', 'virtio', 'failover', 'net_failover', 'virtio_net']],
  [
    'what is needed twice is there once',
    { wanted: ['net_failover', 'virtio_net'] },
    ['failover', 'net_failover', 'virtio_ring', 'virtio', 'virtio_net'],
  ],
  ['a hint counts where there is such a module', { wanted: ['r8169'] }, ['realtek', 'r8169']],
  ['what is welcome may be missing', { welcome: ['e1000e', 'virtio'] }, ['virtio']],
  [
    'what is built in is left out',
    { wanted: ['virtio_net'], builtin: new Set(['virtio', 'failover']) },
    ['virtio_ring', 'net_failover', 'virtio_net'],
  ],
  ['- and _ are the same', { wanted: ['snd-hda', 'snd_hda'] }, ['snd_hda']],
  [
    'modules.dep counts before the module itself',
    {
      wanted: ['virtio_net'],
      needs: parseModulesDep('kernel/net/virtio_net.ko: kernel/virtio/virtio.ko kernel/virtio/virtio_ring.ko\nkernel/virtio/virtio.ko:\n'),
    },
    ['virtio_ring', 'virtio', 'virtio_net'],
  ],
];
for (const [what, given, expect] of ORDERS) test(what, () => assert.deepEqual(pick(given), expect));

const REFUSED: readonly (readonly [given: Partial<Picking>, words: RegExp])[] = [
  [{ wanted: ['e1000e'] }, /there is no module e1000e$/],
  [{ wanted: ['lost'] }, /there is no module nowhere, which lost needs/],
  [{ wanted: ['a'] }, /the modules a, b need each other/],
  [{ wanted: ['virtio'], read: () => Buffer.from('text') }, /kernel\/virtio\/virtio\.ko: it is no ELF file/],
];
for (const [given, words] of REFUSED) test(`refused: ${words.source}`, () => void assert.throws(() => pick(given), words));

test('names, modules.dep and modules.builtin are read as depmod writes them', () => {
  assert.deepEqual(['a/net-failover.ko.xz', 'snd.ko', 'x.ko.zst'].map(moduleName), ['net_failover', 'snd', 'x']);
  assert.deepEqual(
    [...parseModulesDep('kernel/a.ko: kernel/b-c.ko.xz kernel/d.ko\nkernel/d.ko:\n')],
    [
      ['a', ['d', 'b_c']],
      ['d', []],
    ],
  );
  assert.deepEqual([...parseBuiltin('kernel/fs/ext4.ko\nkernel/net/ipv6.ko\n\n')], ['ext4', 'ipv6']);
});

test('the tables name all that is needed, nearest first, and every alias', () => {
  assert.deepEqual(moduleTables(picked({ wanted: ['virtio_net', 'r8169'] })), {
    dep: [
      'failover.ko:\nnet_failover.ko: failover.ko\nr8169.ko:\nrealtek.ko:\nvirtio.ko:\n',
      'virtio_net.ko: net_failover.ko failover.ko virtio.ko virtio_ring.ko\nvirtio_ring.ko:\n',
    ].join(''),
    alias: 'alias pci:v0001* r8169\nalias pci:v10EC* r8169\nalias virtio:d00000001v* virtio_net\n',
  });
});
