import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { before, test } from 'node:test';
import { manifestMisfit } from '@kraken-hpc/sdk/wire';
import { type Empty, emptyFolder, type Manifest, manifestOf, PACKAGES, ROOT, run, strangersEnv } from './packed.ts';

/** The files of each tarball; names that have a hash in them stand as `*`, and so often as they are there. */
const GOLDEN: Readonly<Record<string, string>> = {
  '@kraken-hpc/sdk': 'AFTERNOON.md API.md LICENSE PUBLISHING.md README.md VERSIONS.md dist/*.d.ts dist/*.js package.json',
  '@kraken-hpc/host': 'LICENSE README.md bin/kraken.js dist/*.js dist/THIRD-PARTY.md dist/init.sh package.json',
  '@kraken-hpc/dashboard': 'LICENSE README.md dist/*.css dist/*.js dist/*.svg dist/THIRD-PARTY.md dist/index.html package.json',
  '@kraken-hpc/ipmi': 'LICENSE README.md dist/THIRD-PARTY.md dist/main.js package.json',
  '@kraken-hpc/libvirt': 'LICENSE README.md dist/THIRD-PARTY.md dist/main.js package.json',
  '@kraken-hpc/pxe': 'LICENSE README.md dist/THIRD-PARTY.md dist/main.js package.json',
  '@kraken-hpc/redfish': 'LICENSE README.md dist/THIRD-PARTY.md dist/main.js package.json',
  '@kraken-hpc/restapi': 'LICENSE README.md dist/THIRD-PARTY.md dist/main.js package.json',
  '@kraken-hpc/simulator': 'LICENSE README.md dist/THIRD-PARTY.md dist/main.js package.json',
};
/** KiB that a tarball may have: who passes it has packed something that nobody needs, or says so here. */
const MOST_KIB: Readonly<Record<string, number>> = { '@kraken-hpc/host': 1024, '@kraken-hpc/restapi': 768 };
const OTHERS_KIB = 160;

let empty: Empty;
before(async () => {
  empty = await emptyFolder();
});

const installed = (name: string): string => join(empty.folder, 'node_modules', name);

/** Chunks and the like are one entry; the files of templates are another test's. */
function shape(files: readonly string[]): string {
  const names = files
    .filter((file) => !file.startsWith('dist/templates/'))
    .map((file) => {
      if (file.endsWith('.d.ts')) return 'dist/*.d.ts';
      if (file.startsWith('dist/assets/')) return `dist/*${/\.\w+$/.exec(file)?.[0]}`;
      return file.startsWith('dist/') && file.endsWith('.js') && file !== 'dist/main.js' ? 'dist/*.js' : file;
    });
  return [...new Set(names)].sort().join(' ');
}

test('each tarball holds these files, and no more than they need', () => {
  assert.deepEqual(Object.fromEntries(empty.ours.map(({ name, files }) => [name, shape(files)])), GOLDEN);
  for (const { name, size } of empty.ours) {
    const most = MOST_KIB[name] ?? OTHERS_KIB;
    assert.ok(size <= most * 1024, `${name}: ${Math.ceil(size / 1024)} KiB, at most ${most} are expected`);
  }
});

test('no source, no path of a machine, no link into this repository', () => {
  for (const { name, files } of empty.ours) {
    for (const file of files) {
      if (file.startsWith('dist/templates/')) continue;
      assert.doesNotMatch(file, /(?<!\.d)\.ts$|\.map$|\.test\./, `${name}: ${file}`);
      const text = readFileSync(join(installed(name), file), 'utf8');
      assert.ok(!text.includes(ROOT), `${name}: ${file} names the folder that it was built in`);
    }
  }
});

test('what the manifests say is so', () => {
  const sources = PACKAGES.map((folder) => manifestOf(join(ROOT, folder)));
  const version = sources[0]?.version;
  for (const { name, license, description, dependencies = {}, version: own } of sources) {
    assert.equal(own, version, `${name}: all packages have one version`);
    assert.equal(license, 'BSD-3-Clause', name);
    assert.ok(description, `${name} says what it is`);
    for (const [dependency, range] of Object.entries(dependencies)) {
      assert.match(range, /^\d+\.\d+\.\d+$/, `${name} → ${dependency}: pinned, and from nowhere else`);
      if (dependency.startsWith('@kraken-hpc/')) assert.equal(range, version, `${name} → ${dependency}`);
    }
  }
  const devDependencies = ['esbuild', 'typescript', 'tsx', 'fastify', 'ajv', 'vite'].filter((name) => existsSync(installed(name)));
  assert.deepEqual(devDependencies, [], 'what only the build needs is not installed');
});

/** Names that a file of JavaScript imports and that are no file beside it. */
function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^(?:import\b[^'"\n]*|\} from |export \{[^}\n]*\} from )["']([^."'][^"']*)["'];?$/gm)].map(
    ([, name = '']) => name,
  );
}

test('what is imported is declared, and what is declared is imported', () => {
  for (const { name, files } of empty.ours) {
    const { dependencies = {} } = manifestOf(installed(name));
    const js = files.filter((file) => file.endsWith('.js') && !file.startsWith('dist/templates/'));
    const imported = new Set(
      js.flatMap((file) => importsOf(join(installed(name), file))).filter((one) => !one.startsWith('node:') && !/^[a-z_]+$/.test(one)),
    );
    const bundled = js.some((file) => /require\("pino"\)|from ?"pino"/.test(readFileSync(join(installed(name), file), 'utf8')));
    const expected = [...imported, ...(bundled ? ['pino'] : [])];
    // The host imports no plugin: it starts them.
    const declared = Object.keys(dependencies).filter((one) => !(name === '@kraken-hpc/host' && one.startsWith('@kraken-hpc/')));
    assert.deepEqual(declared.sort(), [...new Set(expected)].sort(), name);
  }
});

const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'host/README.md',
  'schemas/PROTOCOL.md',
  ...['README', 'AFTERNOON', 'API', 'VERSIONS', 'PUBLISHING'].map((name) => `sdk/${name}.md`),
];

test('links of the pages lead somewhere', () => {
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const headings = new Set(
      [...text.matchAll(/^#+ (.*)$/gm)].map(([, words = '']) =>
        words
          .toLowerCase()
          .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
          .replaceAll(' ', '-'),
      ),
    );
    for (const [, link = ''] of text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\(([^()\s]+)\)/g)) {
      const [file = '', anchor] = link.split('#');
      if (/^https?:/.test(link)) continue;
      assert.ok(file === '' || existsSync(join(ROOT, dirname(page), file)), `${page}: there is no ${link}`);
      if (file === '' && anchor !== undefined) assert.ok(headings.has(anchor), `${page}: there is no heading #${anchor}`);
    }
  }
});

test('the manifests that the pages show are manifests', () => {
  const shown = ['sdk/PUBLISHING.md', 'sdk/AFTERNOON.md'].map((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const [, json = ''] = /^```json.*\n(\{\n {2}"name"[\s\S]*?)^```$/m.exec(text) ?? [];
    return JSON.parse(json) as Manifest;
  });
  const sdk = manifestOf(join(ROOT, 'sdk')).version;
  for (const { name, kraken, keywords, dependencies } of shown) {
    assert.equal(manifestMisfit(kraken), undefined, name);
    assert.deepEqual(keywords, ['kraken-plugin']);
    assert.equal(dependencies?.['@kraken-hpc/sdk'], sdk, `${name} is shown with the SDK of this version`);
  }
});

const MODULE = `
import { defineModule, serve, TryLater, type Module } from '@kraken-hpc/sdk';
import { definePower } from '@kraken-hpc/sdk/power';
import { foldNames, parseNodeSet } from '@kraken-hpc/sdk/state';
import { type ModuleUnderTest, testModule } from '@kraken-hpc/sdk/testing';
import { CODES, PROTOCOL, type Json } from '@kraken-hpc/sdk/wire';

export const fan: Module = defineModule({
  config: { most: { type: 'integer', minimum: 1, default: 9 } },
  state: { '/fan/speed': { enum: ['SLOW', 'FAST'] } },
  mutations: {
    speedUp: {
      mutates: { '/fan/speed': ['SLOW', 'FAST'] }, timeout: '5s',
      run: ({ config, node }) => {
        const most: number = config.most;
        if (most > 9) throw new TryLater(10);
        const seen: 'SLOW' | 'FAST' | undefined = node.dsc['/fan/speed'];
        return { '/fan/speed': seen === 'FAST' ? 'FAST' : 'FAST' };
      },
    },
  },
});
const bench: ModuleUnderTest = await testModule(fan, { nodes: { a: { dsc: { '/fan/speed': 'SLOW' } } } });
const { observed } = await bench.run('speedUp');
await bench.stop();
const all: Json = { observed: { ...observed.a }, protocol: PROTOCOL, code: CODES.TryLater, names: foldNames(['k1', 'k2']), set: parseNodeSet('all').text };
console.log(JSON.stringify(all), typeof serve, typeof definePower);
`;

async function compile(files: Readonly<Record<string, string>>, options: object): Promise<string> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(empty.folder, name), text);
  const compilerOptions = {
    target: 'es2023',
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: ['node'],
    ...options,
  };
  writeFileSync(join(empty.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }));
  const { stdout } = await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '--pretty', 'false'], empty.folder);
  return stdout.trim();
}

/** The first example of the SDK's README, as it stands there. */
function readmeExample(): string {
  const page = readFileSync(join(ROOT, 'sdk/README.md'), 'utf8');
  const [, text] = /^```ts\n([\s\S]*?)^```$/m.exec(page) ?? [];
  assert.ok(text !== undefined, 'sdk/README.md has an example');
  return text;
}

for (const [module, moduleResolution] of [
  ['nodenext', 'nodenext'],
  ['node16', 'node16'],
  ['esnext', 'bundler'],
] as const)
  test(`the packed types compile strictly, libraries checked too: ${moduleResolution}`, async () => {
    assert.equal(await compile({ 'fan.ts': MODULE, 'readme.ts': readmeExample() }, { module, moduleResolution }), '');
  });

test('a typo does not compile against the packed types', async () => {
  const wrong = MODULE.replace("mutates: { '/fan/speed': ['SLOW', 'FAST'] }", "mutates: { '/fan/speed': ['SLOW', 'FASD'] }");
  const said = await compile({ 'wrong.ts': wrong }, { module: 'nodenext', noEmit: true });
  assert.match(said, /^wrong\.ts\(\d+,\d+\): error TS2322: Type '"FASD"' is not assignable to type '"(?:SLOW|FAST)" \| "(?:SLOW|FAST)"'/);
});

test('what was compiled runs with plain node', async () => {
  const { stdout, stderr } = await run(process.execPath, ['fan.js'], empty.folder);
  const said = '{"observed":{"/fan/speed":"FAST"},"protocol":1,"code":-32004,"names":"k[1-2]","set":"all"} function function\n';
  assert.equal(stdout, said, stderr);
});

test('the packed SDK is one copy, whichever entries are imported', async () => {
  const names = ['', '/state', '/testing', '/power', '/wire'].map((entry) => `import('@kraken-hpc/sdk${entry}')`).join(', ');
  const program = `const [sdk, , , power] = await Promise.all([${names}]); console.log(new power.Changing('x') instanceof sdk.TryLater);`;
  const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program], empty.folder);
  assert.equal(stdout, 'true\n', stderr);
});

test('each packed plugin is what a host would start', async () => {
  const modules = empty.ours.filter(({ files }) => files.includes('dist/main.js'));
  const started = modules.map(async ({ name }) => {
    const { code, stdout, stderr } = await run(process.execPath, [join(installed(name), 'dist/main.js')], empty.folder);
    return [name, code, stdout, stderr];
  });
  // Its host is gone at once, so it ends.
  assert.deepEqual(
    await Promise.all(started),
    modules.map(({ name }) => [name, 0, '', '']),
  );
});

const KRAKEN = (): string => join(empty.folder, 'node_modules/.bin/kraken');

test('the packed command says its version', async () => {
  assert.equal((await run(KRAKEN(), ['--version'], empty.folder)).stdout, `kraken ${manifestOf(join(ROOT, 'host')).version}\n`);
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

test('the packed host simulates a cluster to its goal, and serves REST and the dashboard', async () => {
  const port = await freePort();
  const data = join(empty.folder, 'data');
  const args = ['sim', '--nodes', '4', '--scale', '0.05', '--http', String(port), '--data-dir', data];
  const child = spawn(KRAKEN(), args, { cwd: empty.folder, env: strangersEnv(), stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  let said = '';
  try {
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not there after 40 s:\n${said}`)), 40_000);
      const hear = (chunk: Buffer): void => {
        said += chunk.toString();
        // The address is known when restapi is ready, which may be before or after that.
        if (!said.includes('All nodes are where they should be') || !said.includes(`dashboard and REST: http://127.0.0.1:${port}/`)) return;
        clearTimeout(late);
        resolve();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.on('exit', () => reject(new Error(`it ended:\n${said}`)));
    });
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    assert.match(page, /<script type="module"/);
    const nodes = (await (await fetch(`http://127.0.0.1:${port}/api/v1/nodes`)).json()) as {
      readonly nodes?: unknown[];
      readonly items?: unknown[];
    };
    assert.equal((nodes.nodes ?? nodes.items)?.length, 5, '4 machines and the head');
  } finally {
    child.kill('SIGINT');
    await ended;
  }
});
