/** Folders as they are copied, packages with what they need, and the hash of all of it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { copyPackage, hashTree, syncTree } from '../../host/plugins/tree.ts';
import { executable, folder, namesIn, put, refused } from './lab.ts';

const ON = new AbortController().signal;

/** A package whose main says what it is and what it finds of what it needs. */
function pack(dir: string, name: string, version: string, needs: readonly string[] = [], more: object = {}): string {
  const dependencies = Object.fromEntries(needs.map((one) => [one, '*']));
  const main = `exports.is = '${name}@${version}'; exports.sees = () => [${needs.map((one) => `require('${one}').is`)}];`;
  return put(dir, { 'package.json': { name, version, dependencies, ...more }, 'index.js': main });
}

/** What a package of the copy finds, from where it lies. */
const seenFrom = (dir: string): readonly string[] => {
  const require = createRequire(join(dir, 'x.js'));
  return (require('./index.js') as { sees(): readonly string[] }).sees();
};

const foundFrom = (dir: string, name: string): string => dirname(createRequire(join(dir, 'x.js')).resolve(`${name}/package.json`));

test('a folder is copied as it is published: without its history and packages, links within it as what they lead to', async (t) => {
  const dir = folder(t);
  const from = put(join(dir, 'from'), {
    ...{ 'package.json': { name: 'x' }, 'lib/a.js': 'a', 'lib/..b.js': 'b', '.hidden': 'h' },
    ...{ '.git/config': 'g', 'lib/.svn/x': 's', 'node_modules/other/index.js': 'o', 'deep/node_modules/y': 'y' },
  });
  executable(join(from, 'lib/a.js'));
  symlinkSync('lib/a.js', join(from, 'to-a'));
  symlinkSync(join(from, 'lib/..b.js'), join(from, 'lib/absolute'));
  symlinkSync('lib/..b.js', join(from, 'to-b'));
  symlinkSync(from, join(dir, 'link-to-it'));
  await copyPackage(join(dir, 'link-to-it'), join(dir, 'node_modules'), 'x', ON);
  const to = join(dir, 'node_modules/x');
  assert.deepEqual(
    namesIn(to),
    ['.hidden', 'deep', 'lib', 'lib/..b.js', 'lib/a.js', 'lib/absolute', 'package.json', 'to-a', 'to-b'].sort(),
  );
  assert.deepEqual([readFileSync(join(to, 'to-a'), 'utf8'), readFileSync(join(to, 'lib/absolute'), 'utf8')], ['a', 'b']);
  rmSync(join(from, 'lib/a.js'));
  assert.equal(readFileSync(join(to, 'to-a'), 'utf8'), 'a', 'it is no link');
  await syncTree(to);
});

const NOT_MEANT: readonly [what: string, make: (from: string) => void, ...words: RegExp[]][] = [
  [
    'a link out of it',
    (from) => symlinkSync('../secret', join(from, 'out')),
    /out: it cannot.* link to \.\.\/secret, outside/,
    /Take it out/,
  ],
  ['an absolute link out of it', (from) => symlinkSync('/etc/passwd', join(from, 'out')), /link to \/etc\/passwd, outside/],
  ['a link by way of a folder that leads out', (from) => symlinkSync('lib/../../secret', join(from, 'out')), /outside of the folder/],
  ['a link to nothing', (from) => symlinkSync('gone', join(from, 'out')), /link to gone, where nothing is/],
  ['a link to a folder', (from) => symlinkSync('lib', join(from, 'out')), /out: .*it is a link to a folder/, /Put the folder itself/],
  ['a link to itself', (from) => symlinkSync('.', join(from, 'out')), /it is a link to a folder/],
  ['a fifo', (from) => execFileSync('mkfifo', [join(from, 'pipe')]), /pipe: .*neither a file nor a folder/],
  ['a package.json that is none', (from) => writeFileSync(join(from, 'package.json'), '{'), /package\.json: .*JSON/],
  [
    'a need that is a path',
    (from) => put(from, { 'package.json': { name: 'x', dependencies: { '../../../secret': '*' } } }),
    /\.\.\/\.\.\/\.\.\/secret, of its dependencies, is no name/,
  ],
];

for (const [what, make, ...words] of NOT_MEANT) {
  test(`refused, and named: ${what}`, async (t) => {
    const dir = folder(t);
    const from = put(join(dir, 'from'), { 'package.json': { name: 'x' }, 'lib/a.js': 'a', '../secret': 's' });
    make(from);
    await assert.rejects(copyPackage(from, join(dir, 'node_modules'), 'x', ON), refused(...words));
  });
}

test('no folder is copied into itself', async (t) => {
  const from = pack(join(folder(t), 'from'), 'x', '1.0.0');
  await assert.rejects(copyPackage(from, join(from, 'data/stage/node_modules'), 'x', ON), refused(/copied into itself/));
});

test('what it needs is found as Node finds it: beside, above, through the links of a workspace; peers come along', async (t) => {
  const dir = folder(t);
  const from = pack(join(dir, 'space/packages/plugin'), '@site/plugin', '1.0.0', ['beside', '@site/sister', 'above'], {
    optionalDependencies: { 'not-there': '*', maybe: '*' },
    devDependencies: { never: '*' },
  });
  pack(join(from, 'node_modules/beside'), 'beside', '1.0.0', [], { peerDependencies: { peer: '*', 'no-peer': '*' } });
  pack(join(dir, 'space/node_modules/peer'), 'peer', '1.0.0');
  pack(join(dir, 'space/node_modules/maybe'), 'maybe', '1.0.0');
  pack(join(dir, 'space/node_modules/never'), 'never', '1.0.0');
  pack(join(dir, 'node_modules/above'), 'above', '1.0.0', ['below-above']);
  pack(join(dir, 'node_modules/below-above'), 'below-above', '1.0.0');
  pack(join(dir, 'space/packages/sister'), '@site/sister', '2.0.0', ['above']);
  mkdirSync(join(dir, 'space/node_modules/@site'), { recursive: true });
  symlinkSync('../../packages/sister', join(dir, 'space/node_modules/@site/sister'));
  const modules = join(dir, 'to/node_modules');
  await copyPackage(from, modules, '@site/plugin', ON);
  const packages = namesIn(modules).filter((name) => name.endsWith('package.json'));
  assert.deepEqual(
    packages.map((name) => name.replace('/package.json', '')),
    ['@site/plugin', '@site/sister', 'above', 'below-above', 'beside', 'maybe', 'peer'],
  );
  assert.deepEqual(seenFrom(join(modules, '@site/plugin')), ['beside@1.0.0', '@site/sister@2.0.0', 'above@1.0.0']);
  assert.deepEqual(seenFrom(join(modules, '@site/sister')), ['above@1.0.0']);
});

test('a package that is missing is refused with what to do', async (t) => {
  const dir = folder(t);
  const from = pack(join(dir, 'from'), 'x', '1.0.0', ['kraken-not-installed-anywhere']);
  await assert.rejects(copyPackage(from, join(dir, 'to'), 'x', ON), refused(/kraken-not-installed-anywhere/, /Run npm install in .*from/));
});

test('of two versions each importer gets its own, wherever they meet', async (t) => {
  const dir = folder(t);
  const from = pack(join(dir, 'space/plugin'), 'plugin', '1.0.0', ['first', 'second', 'shared']);
  const above = join(dir, 'space/node_modules');
  pack(join(above, 'first'), 'first', '1.0.0', ['second', 'shared']);
  pack(join(above, 'first/node_modules/second'), 'second', '1.0.0', ['shared']);
  pack(join(above, 'second'), 'second', '2.0.0', ['shared']);
  pack(join(above, 'shared'), 'shared', '1.0.0');
  pack(join(from, 'node_modules/shared'), 'shared', '2.0.0');
  const modules = join(dir, 'to/node_modules');
  await copyPackage(from, modules, 'plugin', ON);
  const plugin = join(modules, 'plugin');
  assert.deepEqual(seenFrom(plugin), ['first@1.0.0', 'second@2.0.0', 'shared@2.0.0']);
  assert.deepEqual(seenFrom(join(modules, 'first')), ['second@1.0.0', 'shared@1.0.0']);
  assert.deepEqual(seenFrom(foundFrom(plugin, 'second')), ['shared@1.0.0']);
  assert.deepEqual(seenFrom(foundFrom(join(modules, 'first'), 'second')), ['shared@1.0.0']);
});

test('a cycle ends: of first versions, and of second ones that lie below another', async (t) => {
  const dir = folder(t);
  const from = pack(join(dir, 'from'), 'plugin', '1.0.0', ['ping', 'pong', 'old']);
  const beside = join(from, 'node_modules');
  pack(join(beside, 'ping'), 'ping', '2.0.0', ['pong']);
  pack(join(beside, 'pong'), 'pong', '2.0.0', ['ping']);
  pack(join(beside, 'old'), 'old', '1.0.0', ['ping']);
  pack(join(beside, 'old/node_modules/ping'), 'ping', '1.0.0', ['pong']);
  pack(join(beside, 'old/node_modules/pong'), 'pong', '1.0.0', ['ping']);
  const modules = join(dir, 'to/node_modules');
  await copyPackage(from, modules, 'plugin', ON);
  assert.equal(namesIn(modules).filter((name) => name.endsWith('index.js')).length, 6);
  const old = join(modules, 'old');
  assert.deepEqual(seenFrom(old), ['ping@1.0.0']);
  assert.deepEqual(seenFrom(foundFrom(old, 'ping')), ['pong@1.0.0']);
  assert.deepEqual(seenFrom(foundFrom(foundFrom(old, 'ping'), 'pong')), ['ping@1.0.0']);
});

test('given up, it leaves off', async (t) => {
  const dir = folder(t);
  const from = put(join(dir, 'from'), Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`${i}.js`, 'x'])));
  const ended = new AbortController();
  const copying = copyPackage(from, join(dir, 'to'), 'x', ended.signal);
  setImmediate(() => ended.abort(new Error('gone')));
  await assert.rejects(copying, /gone/);
  assert.ok(namesIn(dir, 'to').length < 200);
});

test('the hash tells trees apart by what they are, not by where they lie', async (t) => {
  const dir = folder(t);
  const tree = (name: string, change: (at: string) => void = () => undefined): Promise<string> => {
    const at = put(join(dir, name), { 'a.js': 'one', 'b/c.js': 'two', 'b.js': 'three' });
    chmodSync(join(at, 'a.js'), 0o644);
    symlinkSync('a.js', join(at, 'link'));
    change(at);
    return hashTree(at);
  };
  const same = await tree('plain');
  assert.match(same, /^sha256-[A-Za-z0-9+/]{43}=$/);
  assert.equal(await tree('else/where/deep'), same);
  assert.equal(await tree('readable-by-few', (at) => chmodSync(join(at, 'a.js'), 0o600)), same, 'whose files they are says nothing');
  const others = await Promise.all([
    tree('content', (at) => writeFileSync(join(at, 'a.js'), 'One')),
    tree('moved', (at) => put(at, { 'a.js': 'onet', 'b/c.js': 'wo' })),
    tree('more', (at) => put(at, { 'z.js': '' })),
    tree('less', (at) => rmSync(join(at, 'b.js'))),
    tree('name', (at) => renameSync(join(at, 'b.js'), join(at, 'd.js'))),
    tree('program', (at) => executable(join(at, 'a.js'))),
    tree('link', (at) => execFileSync('ln', ['-sfn', 'b.js', join(at, 'link')])),
    tree('no-link', (at) => execFileSync('cp', ['--remove-destination', join(at, 'a.js'), join(at, 'link')])),
  ]);
  assert.equal(new Set([same, ...others]).size, others.length + 1, 'each is another');
});
