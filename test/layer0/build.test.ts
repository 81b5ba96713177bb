/** Layer 0 of a small machine that never was: the same bytes from the same things, and words for everything that is missing. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { RefusalError } from '../../host/core/refusal.ts';
import { buildLayer0, type Layer0Options } from '../../host/layer0/build.ts';
import { readCpio } from '../../host/layer0/cpio.ts';
import { inspectLayer0 } from '../../host/layer0/inspect.ts';
import { fakeBusybox, fakeElf, fakeKernel, fakeModule, plant } from './fake.ts';

const dir = mkdtempSync(join(tmpdir(), 'kraken-layer0-'));
after(() => rmSync(dir, { recursive: true, force: true }));
const at = (path: string): string => join(dir, path);

plant(dir, {
  'bin/node': fakeElf({ needed: ['libb.so'], runpath: '$ORIGIN/../own', text: 'a node.js/v20.19.0\0' }),
  'own/libb.so': fakeElf({ needed: ['liba.so'], runpath: '$ORIGIN' }),
  'own/liba.so': fakeElf({}),
  busybox: fakeBusybox(),
  kernel: fakeKernel('6.9.1-fake'),
  'lib/modules/6.9.1-fake/kernel/virtio_net.ko': fakeModule('virtio', 'alias=virtio:d1v*'),
  'lib/modules/6.9.1-fake/kernel/virtio.ko': fakeModule(''),
  'lib/modules/6.9.1-fake/kernel/loop.ko': fakeModule(''),
  'lib/modules/6.9.1-other/kernel/loop.ko': fakeModule(''),
  'bad/dynamic': fakeBusybox(undefined, { interpreter: '/lib/ld.so' }),
  'bad/x86': fakeBusybox(undefined, { machine: 62 }),
  'bad/small': fakeBusybox(['[', '[[', 'sh', 'cat']),
  'bad/lacks': fakeElf({ needed: ['libnowhere.so.1'], text: 'node.js/v20.19.0' }),
  'bad/old': fakeElf({ text: 'node.js/v18.20.8\n' }),
  'bad/other': fakeElf({ text: 'node.js/' }),
  'bad/text': 'text\n'.repeat(100),
});
const PARTS = { node: at('bin/node'), busybox: at('busybox'), kernel: at('kernel'), modules: at('lib/modules/6.9.1-fake') };
let outs = 0;
const build = (more: Partial<Layer0Options> = {}) =>
  buildLayer0({ ...PARTS, compress: 'gzip', level: 1, out: at(`out${outs++}`), ...more });
const bytesOf = (out: string): Buffer => readFileSync(join(out, 'initramfs'));

test('two builds from other folders, umasks and times give the same bytes', async () => {
  const first = await build({ addModules: ['loop'] });
  const before = { cwd: process.cwd(), umask: process.umask(0o077) };
  process.chdir(dir);
  utimesSync(at('busybox'), 1, 1);
  chmodSync(at('busybox'), 0o711);
  try {
    const second = await build({ addModules: ['loop'] });
    assert.deepEqual(bytesOf(second.out), bytesOf(first.out));
    assert.deepEqual([second.id, second.sha256], [first.id, first.sha256]);
    assert.equal(first.node, '20.19.0', 'of a program for another machine, too');
    assert.equal(statSync(join(second.out, 'initramfs')).mode & 0o777, 0o644);
  } finally {
    process.umask(before.umask);
    process.chdir(before.cwd);
  }
});

test('the id is of the contents, not of the compression', async () => {
  const plain = await build();
  assert.equal((await build({ compress: 'none', level: 0 })).id, plain.id);
  assert.notEqual((await build({ addModules: ['loop'] })).id, plain.id);
  plant(dir, { 'other-kernel': Buffer.concat([fakeKernel('6.9.1-fake'), Buffer.from('x')]) });
  assert.notEqual((await build({ kernel: at('other-kernel') })).id, plain.id);
});

test('what is in it', async () => {
  const { out, id, modules, written } = await build({ addModules: ['loop'], plugins: ['simulator'] });
  const { entries } = readCpio(gunzipSync(bytesOf(out)));
  const text = (path: string): string | undefined => entries.find((entry) => entry.path === path)?.bytes.toString();
  assert.deepEqual(written.slice(0, 2), ['initramfs', 'kernel']);
  assert.deepEqual(modules, ['loop', 'virtio', 'virtio_net']);
  assert.equal(text('etc/kraken/modules'), 'loop\n');
  assert.equal(text('lib/modules/6.9.1-fake/modules.dep'), 'loop.ko:\nvirtio.ko:\nvirtio_net.ko: virtio.ko\n');
  assert.equal(
    text('etc/kraken/kraken.yaml'),
    'sync: { selfReboot: true }\nservices: {"simulator":{"module":"simulator"}}\nsettings: {}\n',
  );
  assert.equal(text('bin/sh'), 'busybox');
  assert.match(text('init') ?? '', /^#!\/bin\/sh\n/);
  assert.equal((JSON.parse(text('etc/kraken/layer0.json') ?? '{}') as { id?: string }).id, id);
  for (const path of [
    'usr/bin/node',
    'kraken/kraken.js',
    'kraken/node_modules/pino/pino.js',
    'kraken/plugins/simulator/dist/main.js',
    'dev/console',
  ])
    assert.ok(text(path) !== undefined, path);
  const libraries = entries.filter(({ path }) => path.endsWith('.so')).map(({ path }) => path.split('/').at(-1));
  assert.deepEqual(libraries, ['liba.so', 'libb.so']);
  const inEachFolder = entries.every(
    ({ path }) => !path.includes('/') || entries.some((one) => one.kind === 'folder' && one.path === path.slice(0, path.lastIndexOf('/'))),
  );
  assert.ok(inEachFolder, 'a kernel makes no folders by itself');
  assert.deepEqual(
    entries.filter(({ path }) => /\.(?:md|ts|map)$|\/tests?\//.test(path)).map(({ path }) => path),
    [],
  );
});

test('it can be looked into, whatever it is compressed with', async () => {
  const built = await build();
  for (const compress of ['gzip', 'none'] as const) {
    const { out, id } = await build({ compress, level: compress === 'none' ? 0 : 1 });
    const found = await inspectLayer0(join(out, 'initramfs'));
    assert.deepEqual([found.compression, found.facts?.id, found.unpacked], [compress, id, built.bytes.unpacked]);
    assert.deepEqual(
      found.parts.find(({ name }) => name === 'kernel modules'),
      { name: 'kernel modules', files: 4, bytes: found.parts.find(({ name }) => name === 'kernel modules')?.bytes },
    );
    assert.equal(found.biggest.length, 12);
  }
});

const REFUSED: readonly (readonly [what: string, more: Partial<Layer0Options>, words: RegExp])[] = [
  ['no such Node.js', { node: at('no') }, /no: Node\.js cannot be read: ENOENT.*Name another with --node$/s],
  ['a Node.js that is none', { node: at('bad/text') }, /it is no ELF file/],
  ['a program that is no Node.js', { node: at('bad/other') }, /this is no Node\.js: it does not tell its version/],
  ['a Node.js that is too old', { node: at('bad/old') }, /this Node\.js is too old: it is v18\.20\.8/],
  [
    'a library that is nowhere',
    { node: at('bad/lacks') },
    /the shared library libnowhere\.so\.1 is missing: for arm64 it is none of .*\/lib\/aarch64-linux-gnu\/libnowhere\.so\.1.*Debian package/s,
  ],
  ['no such busybox', { busybox: at('no') }, /busybox cannot be read.*busybox-static/s],
  ['a busybox with libraries', { busybox: at('bad/dynamic') }, /it is not linked statically.*busybox-static/s],
  ['a busybox of another machine', { busybox: at('bad/x86') }, /it is for x86-64, and Node\.js is for arm64/],
  ['a busybox that cannot do it', { busybox: at('bad/small') }, /it lacks mount, mkdir, ip/],
  ['no such kernel', { kernel: at('no') }, /there is no such kernel.*linux-image-/s],
  ['modules of another kernel', { modules: at('lib/modules/6.9.1-other') }, /the kernel is 6\.9\.1-fake, the modules are of 6\.9\.1-other/],
  ['no such package', { modules: at('no.deb') }, /no\.deb: there is no such package/],
  ['no such kernel module', { addModules: ['overlay'] }, /there is no module overlay/],
  ['a module without a kernel', { kernel: 'none', addModules: ['loop'] }, /--kernel none takes no modules/],
  ['no such plugin', { plugins: ['nothing'] }, /nothing: there is no such plugin: it is none of .*plugins\/nothing/],
  ['a plugin out of the tree', { plugins: ['../host'] }, /no name of a plugin/],
  ['a folder that cannot be', { out: at('busybox/out') }, /it cannot be written: ENOTDIR/],
];
for (const [what, more, words] of REFUSED)
  test(`refused: ${what}`, async () => {
    const out = more.out ?? at(`refused${outs++}`);
    await assert.rejects(build({ out, ...more }), (error: unknown) => error instanceof RefusalError && words.test(error.message));
    assert.ok(!existsSync(join(out, 'initramfs')));
  });

const NOT_OURS: readonly (readonly [what: string, bytes: Buffer | string, words: RegExp])[] = [
  ['text', 'text', /it begins neither as cpio/],
  ['nothing', '', /it is empty/],
  ['a cut archive', Buffer.from('070701'), /the archive is broken at byte 0/],
  ['broken gzip', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]), /it cannot be unpacked/],
];
for (const [what, bytes, words] of NOT_OURS)
  test(`not looked into: ${what}`, async () => {
    plant(dir, { [`not/${what}`]: bytes });
    await assert.rejects(inspectLayer0(at(`not/${what}`)), (error: unknown) => error instanceof RefusalError && words.test(error.message));
  });
