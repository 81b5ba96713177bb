/** How a plugin comes from a folder, a tarball, a registry: with npm's own client, which is refused what it would misread. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { FoundModule } from '../../host/modules/manifest.ts';
import { fetchPlugin } from '../../host/plugins/fetch.ts';
import { mustAgree } from '../../host/plugins/npm.ts';
import { asker, executable, folder, put, refused } from './lab.ts';

const MANIFEST = { name: '@site/pdu', version: '1.0.0', kraken: { protocol: 1, main: 'main.mjs' } };

const fetched = (source: string, into: string, allowScripts = false, { signal, progress } = asker()): Promise<FoundModule> =>
  fetchPlugin({ source, into, allowScripts, signal, progress });

/** As npm pack makes it. */
function tarball(dir: string, name: string, files: { readonly [path: string]: unknown }): string {
  put(join(dir, name, 'package'), files);
  const file = join(dir, `${name}.tgz`);
  execFileSync('tar', ['-czf', file, '-C', join(dir, name), 'package']);
  return file;
}

function env(t: TestContext, values: { readonly [name: string]: string }): void {
  const before = new Map(Object.keys(values).map((name) => [name, process.env[name]]));
  Object.assign(process.env, values);
  t.after(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
}

/** npm, with a home and a cache of its own, and where nothing answers unless a registry is named. */
const quiet = (t: TestContext, dir: string, registry = 'http://127.0.0.1:9'): void =>
  env(t, { HOME: dir, npm_config_cache: join(dir, 'cache'), npm_config_registry: registry, npm_config_userconfig: join(dir, 'npmrc') });

/** A program called npm, that says with what it was started. */
function inPlaceOfNpm(t: TestContext, dir: string, script: string): string {
  const npm = join(put(dir, { 'bin/npm': `#!/bin/sh\nexport -p > ${dir}/env\necho "$@" > ${dir}/args\n${script}\n` }), 'bin/npm');
  executable(npm);
  env(t, { PATH: `${join(dir, 'bin')}:${process.env['PATH']}` });
  return join(dir, 'args');
}

const NO_NAMES = [
  ...['--foo', '-g', 'git+ssh://host/x.git', '../x', './x', 'a b', 'http://x', 'https://x/y.tgz', 'user/project', 'github:user/project'],
  ...['x@npm:y', 'x@file:..', 'x@http://y', '@site', '@site/', '@/x', 'x@', 'X', 'x\n', 'x;ls', '.', '', '~/x', 'file:x', '@a/b/c', 'x@ 1'],
];

test('what npm would take for a flag, an address or a path is refused before it is started', async (t) => {
  const dir = folder(t);
  const args = inPlaceOfNpm(t, dir, 'echo npm error it was started >&2; exit 1');
  for (const name of NO_NAMES)
    await assert.rejects(fetched(name, join(dir, 'into')), (error: Error) => {
      assert.match(error.message, /it is neither a name of a package nor a path\. Write NAME, NAME@VERSION/, JSON.stringify(name));
      return true;
    });
  assert.equal(existsSync(args), false);
  for (const name of ['pdu', '@site/pdu', 'pdu@1.2.3', '@site/pdu@^1.2', 'pdu@latest', 'p.d_u-2@~1'])
    await assert.rejects(fetched(name, join(dir, 'into')), refused(/it could not be fetched: it was started/));
});

test('npm is given flags, the name behind them, and of the environment what it needs alone', async (t) => {
  const dir = folder(t);
  env(t, { SECRET_OF_HOST: 'x', NODE_OPTIONS: '', npm_config_fund: 'true', https_proxy: 'http://127.0.0.1:9' });
  const args = inPlaceOfNpm(t, dir, 'exit 7');
  await assert.rejects(fetched('pdu', join(dir, 'into')), refused(/npm failed without a word/));
  assert.match(readFileSync(args, 'utf8'), /^install .*--fetch-retries=2 .*--ignore-scripts=true -- pdu\n$/);
  const names = [...readFileSync(join(dir, 'env'), 'utf8').matchAll(/^export (\w+)/gm)].map(([, name]) => name ?? '');
  assert.deepEqual(
    names.filter((name) => /SECRET|NODE_OPTIONS|https_proxy|npm_config_fund/.test(name)),
    ['https_proxy', 'npm_config_fund'],
  );
  await assert.rejects(fetched('pdu', join(dir, 'into'), true), refused());
  assert.match(readFileSync(args, 'utf8'), /--ignore-scripts=false -- pdu/);
});

test('of what npm says the first lines are told, without traces; whoever gives up does not wait for it', async (t) => {
  const dir = folder(t);
  const says = ['code E1', '    at Object.<anonymous> (x.js:1:1)', '', 'the second', 'A complete log of this run can be found in: x'];
  inPlaceOfNpm(
    t,
    dir,
    says
      .map((line) => `echo 'npm error ${line}' >&2`)
      .join('\n')
      .concat('\n[ "$2" = x ] || exit 1'),
  );
  await assert.rejects(fetched('pdu', join(dir, 'into')), refused(/could not be fetched: code E1 the second\. Correct the name/));
  inPlaceOfNpm(t, dir, 'exec sleep 30');
  const began = performance.now();
  await assert.rejects(fetched('pdu', join(dir, 'into'), false, asker(1)), /gone/);
  assert.ok(performance.now() - began < 5_000);
  inPlaceOfNpm(t, dir, 'exit 0');
  await assert.rejects(fetched('pdu', join(dir, 'into')), refused(/npm installed nothing/));
  env(t, { PATH: join(dir, 'nowhere') });
  await assert.rejects(fetched('pdu', join(dir, 'into')), refused(/there is no program npm here\. Install npm/));
});

const FOLDERS: readonly [what: string, files: { readonly [path: string]: unknown }, ...words: RegExp[]][] = [
  ['no plugin', { 'package.json': { name: 'x' } }, /it is no plugin of Kraken/, /kraken plugin new/],
  ['nothing', { 'readme.md': '' }, /it is no plugin of Kraken/],
  ['a manifest that is wrong', { 'package.json': { ...MANIFEST, kraken: { protocol: 9 } } }, /its manifest is refused/],
  [
    'not built',
    { 'package.json': { ...MANIFEST, kraken: { protocol: 1, main: 'dist/x.js' } } },
    /is not there: dist\/x\.js/,
    /Build it first/,
  ],
  ['a name that is a path', { 'package.json': { ...MANIFEST, name: '../../x' }, 'main.mjs': '' }, /cannot be called "\.\.\/\.\.\/x"/],
  ['a name that is dots', { 'package.json': { ...MANIFEST, name: '@site/..' }, 'main.mjs': '' }, /cannot be called "@site\/\.\."/],
  ['a version that is a path', { 'package.json': { ...MANIFEST, version: '1.0.0/../..' }, 'main.mjs': '' }, /is no version/],
  [
    'a version that is a path, in a module.json',
    { 'module.json': { protocol: 1, name: 'x', version: '1.0.0/../..', command: ['./x'] }, x: '' },
    /kraken\.version must match/,
  ],
];

for (const [what, files, ...words] of FOLDERS) {
  test(`a folder is refused, and nothing lies outside of its own: ${what}`, async (t) => {
    const dir = folder(t);
    const from = put(join(dir, 'a/b/from'), files);
    await assert.rejects(fetched(from, join(dir, 'a/b/into')), refused(...words));
    assert.deepEqual(execFileSync('ls', [dir, join(dir, 'a')], { encoding: 'utf8' }).match(/^\w+$/gm), ['a', 'b']);
  });
}

test('a folder is copied and opened to the users of modules; one that is not there is refused', async (t) => {
  const dir = folder(t);
  const from = put(join(dir, 'from'), { 'package.json': MANIFEST, 'main.mjs': '', 'bin/tool': '' });
  chmodSync(join(from, 'main.mjs'), 0o600);
  chmodSync(join(from, 'bin/tool'), 0o4700);
  const into = join(dir, 'into');
  mkdirSync(into, { mode: 0o700 });
  const found = await fetched(from, into);
  assert.deepEqual([found.module, found.dir], ['pdu', join(into, 'node_modules/@site/pdu')]);
  const modes = ['', 'bin', 'main.mjs', 'bin/tool'].map((name) => statSync(join(found.dir, name)).mode & 0o7777);
  assert.deepEqual(modes, [0o755, 0o755, 0o644, 0o755]);
  assert.equal(statSync(into).mode & 0o777, 0o755);
  await assert.rejects(fetched(join(dir, 'nowhere'), into), refused(/no such file or folder on the host/));
});

const SCRIPTED = { ...MANIFEST, scripts: { postinstall: 'echo ran > ran' } };

test('a tarball is installed, its scripts with it where somebody says so; the settings of a user do not change that', async (t) => {
  const dir = folder(t);
  quiet(t, dir);
  writeFileSync(join(dir, 'npmrc'), 'ignore-scripts=true\n');
  const file = tarball(dir, 'a b#c', { 'package.json': SCRIPTED, 'main.mjs': '' });
  const found = await fetched(file, join(dir, 'into'), true);
  assert.deepEqual([found.version, existsSync(join(found.dir, 'ran'))], ['1.0.0', true]);
});

test('a tarball that is none is refused in the words of npm', async (t) => {
  const dir = folder(t);
  quiet(t, dir);
  await assert.rejects(
    fetched(join(put(dir, { 'text.tgz': 'hello\n' }), 'text.tgz'), join(dir, 'one')),
    refused(/text\.tgz: it could not be fetched: .*TAR_BAD_ARCHIVE/),
  );
  const file = tarball(dir, 'bare', { 'main.mjs': '' });
  await assert.rejects(fetched(file, join(dir, 'two')), refused(/Could not read package\.json/));
});

test('where no registry can be reached, that is said within seconds', async (t) => {
  const dir = folder(t);
  quiet(t, dir);
  const began = performance.now();
  await assert.rejects(fetched('kraken-nothing', join(dir, 'into')), refused(/kraken-nothing: .*ECONNREFUSED/, /registry can be reached/));
  assert.ok(performance.now() - began < 15_000, 'npm has left off soon');
});

interface Served {
  readonly url: string;
  bytes: Buffer;
  /** What it says of them; undefined: what is so. */
  says?: string;
}

const sha512 = (bytes: Buffer): string => `sha512-${createHash('sha512').update(bytes).digest('base64')}`;

/** One package, in one version. */
async function serve(t: TestContext, bytes: Buffer): Promise<Served> {
  const server = createServer((request, response) => {
    if (request.url?.endsWith('.tgz')) return void response.end(served.bytes);
    if (request.url !== '/@site%2fpdu') return void response.writeHead(404).end('{}');
    const dist = { tarball: `${served.url}/pdu.tgz`, integrity: served.says ?? sha512(served.bytes) };
    const versions = { '1.0.0': { ...SCRIPTED, dist, hasInstallScript: true } };
    return void response.end(JSON.stringify({ name: '@site/pdu', 'dist-tags': { latest: '1.0.0' }, versions }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const served: Served = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, bytes };
  return served;
}

test('of a registry: what fits is locked, what does not is refused, and a version with other bytes is not the same', async (t) => {
  const dir = folder(t);
  const pack = (name: string, main: string): Buffer => readFileSync(tarball(dir, name, { 'package.json': SCRIPTED, 'main.mjs': main }));
  const [good, other] = [pack('good', ''), pack('other', '// other\n')];
  const served = await serve(t, good);
  quiet(t, dir, served.url);
  const [first, second] = [join(dir, 'first'), join(dir, 'second')];
  const found = await fetched('@site/pdu@1.0.0', first);
  assert.deepEqual([found.version, existsSync(join(found.dir, 'ran'))], ['1.0.0', false], 'none of its scripts was run');
  const locked = readFileSync(join(first, 'package-lock.json'), 'utf8');
  assert.equal(JSON.parse(locked).packages['node_modules/@site/pdu'].integrity, sha512(good));
  mustAgree(first, first);
  const later = join(put(dir, { 'later/package-lock.json': locked.replaceAll(sha512(good), sha512(other)) }), 'later');
  assert.throws(() => mustAgree(first, later), refused(/@site\/pdu@1\.0\.0: .*other bytes/, /A version never changes/));

  env(t, { npm_config_cache: join(dir, 'another-cache') });
  Object.assign(served, { bytes: other, says: sha512(good) });
  await assert.rejects(fetched('@site/pdu', second), refused(/@site\/pdu: it could not be fetched: .*EINTEGRITY/));
});

test('other bytes are seen by what npm has locked: of registries alone, wherever the package lies', (t) => {
  const dir = folder(t);
  const at = (name: string, packages: { readonly [place: string]: object }): string =>
    join(put(dir, { [`${name}/package-lock.json`]: { packages: { '': {}, ...packages } } }), name);
  const one = (integrity: string, version = '1.0.0', resolved = 'https://x/y.tgz') => ({ version, integrity, resolved });
  const before = at('before', { 'node_modules/@site/pdu': one('sha512-a'), 'node_modules/a': one('sha512-b') });
  const agrees = (packages: { readonly [place: string]: object }): void => mustAgree(before, at('now', packages));
  agrees({ 'node_modules/@site/pdu': one('sha512-x', '1.0.1'), 'node_modules/a/node_modules/a': one('sha512-b') });
  agrees({ 'node_modules/a': one('sha512-x', '1.0.0', 'file:../a.tgz'), 'node_modules/new': one('sha512-x') });
  agrees({ 'node_modules/a': { version: '1.0.0', link: true } });
  assert.throws(() => agrees({ 'node_modules/@site/pdu/node_modules/a': one('sha512-x') }), refused(/a@1\.0\.0: .*sha512-x, not sha512-b/));
  mustAgree(join(dir, 'nowhere'), before);
  mustAgree(before, join(dir, 'nowhere'));
});
