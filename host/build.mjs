/**
 * Builds what runs: the kraken command, the SDK and every plugin, as JavaScript bundled from the sources (a bundled child
 * starts in two thirds of the time). `npm ci` runs it, so it is plain JavaScript; what does not exist is skipped.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { noticesOf } from './notices.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const started = performance.now();

/** Bundled CommonJS still calls `require` for Node's own modules, which an ES module does not have. */
const REQUIRE =
  "import { createRequire as krakenCreateRequire } from 'node:module';\nconst require = krakenCreateRequire(import.meta.url);";

const shared = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  conditions: ['kraken-source'],
  chunkNames: '[name]-[hash]',
  logLevel: 'warning',
  write: false,
  metafile: true,
};

/** pino starts its workers from its own files: it stays a package. */
const PACKAGES = ['pino'];

const NOTICES = 'THIRD-PARTY.md';

/** Ours, beside each package.json: npm packs no file that lies above. */
async function licence(folder) {
  await put(join(root, folder, 'LICENSE'), await readFile(join(root, 'LICENSE')));
}

async function plugins() {
  const names = existsSync(join(root, 'plugins')) ? await readdir(join(root, 'plugins')) : [];
  return names.sort().map((name) => ({
    folder: `plugins/${name}`,
    entries: ['main.ts'],
    options: { banner: { js: REQUIRE }, external: PACKAGES },
  }));
}

const bundles = [
  {
    folder: 'host',
    entries: ['cli/kraken.ts', 'vm/firmware.ts'],
    options: { banner: { js: REQUIRE }, external: PACKAGES, entryNames: '[name]' },
    command: 'kraken.js',
    copied: ['layer0/init.sh'],
    folders: ['templates'],
  },
  {
    folder: 'sdk',
    entries: ['index.ts', 'power/index.ts', 'state/index.ts', 'testing.ts', 'wire/index.ts'],
    options: { packages: 'external' },
  },
  ...(await plugins()),
];

/** Written beside and renamed, and only where something changed: a running host may be loading these files right now. */
async function put(file, contents) {
  if (existsSync(file) && contents.equals(await readFile(file))) return;
  await mkdir(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}.new`;
  await writeFile(beside, contents);
  await rename(beside, file);
}

/** Removes what earlier builds left, types and the files of a build in progress excepted. */
async function sweep(dist, kept) {
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && file.endsWith('.js') && !kept.has(file)) await rm(file, { force: true });
  }
}

/** A folder of the top level as it is, less what is not there any more and what somebody's tools left in it. */
async function copyFolder(name, dist, kept) {
  const ours = [];
  for (const entry of await readdir(join(root, name), { recursive: true, withFileTypes: true })) {
    const file = relative(root, join(entry.parentPath, entry.name));
    if (!entry.isFile() || /(?:^|\/)(?:node_modules|dist|__pycache__)\//.test(file)) continue;
    ours.push(join(dist, file));
    await put(join(dist, file), await readFile(join(root, file)));
  }
  for (const file of ours) kept.add(file);
  for (const entry of await readdir(join(dist, name), { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !ours.includes(file) && !file.endsWith('.new')) await rm(file, { force: true });
  }
}

async function bundle({ folder, entries, options, command, copied = [], folders = [] }) {
  const present = entries.filter((entry) => existsSync(join(root, folder, entry)));
  if (present.length === 0) return 0;
  const dist = join(root, folder, 'dist');
  const result = await build({
    ...shared,
    ...options,
    entryPoints: present.map((entry) => join(folder, entry)),
    outbase: folder,
    outdir: dist,
  });
  const kept = new Set();
  for (const output of result.outputFiles) {
    const text = output.path.endsWith(`${sep}${command}`) ? withHashbang(output.text) : output.text;
    kept.add(output.path);
    await put(output.path, Buffer.from(text));
  }
  const notices = await noticesOf(root, Object.keys(result.metafile.inputs));
  if (notices) await put(join(dist, NOTICES), Buffer.from(notices));
  await licence(folder);
  for (const file of copied) await put(join(dist, basename(file)), await readFile(join(root, folder, file)));
  for (const name of folders) await copyFolder(name, dist, kept);
  if (command) await chmod(join(dist, command), 0o755);
  await sweep(dist, kept);
  return kept.size;
}

/** The dashboard's pages, hashed by their content; old ones go when the new ones are there. */
async function pages(folder) {
  if (!existsSync(join(root, folder, 'vite.config.ts'))) return 0;
  const { build: buildPages } = await import('vite');
  const { output } = await buildPages({ root: join(root, folder), logLevel: 'silent', build: { write: false } }).catch((error) => {
    throw new Error(`${folder}: ${error.message}`);
  });
  const dist = join(root, folder, 'dist');
  const inputs = output.flatMap((file) => Object.keys(file.modules ?? {})).map((file) => relative(root, file.replace(/^\0/, '')));
  const notices = await noticesOf(root, inputs);
  const kept = new Set([join(dist, NOTICES)]);
  if (notices) await put(join(dist, NOTICES), Buffer.from(notices));
  await licence(folder);
  // The page itself comes last: whoever reads it finds all that it names.
  for (const file of output.toSorted((a, b) => Number(a.fileName.endsWith('.html')) - Number(b.fileName.endsWith('.html')))) {
    kept.add(join(dist, file.fileName));
    await put(join(dist, file.fileName), Buffer.from(file.type === 'chunk' ? file.code : file.source));
  }
  for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(file)) await rm(file, { force: true });
  }
  return kept.size;
}

function withHashbang(text) {
  return text.startsWith('#!') ? text : `#!/usr/bin/env node\n${text}`;
}

/** The SDK's declarations. Types are checked by `npm run check`; here they are only written down. */
async function declarations() {
  if (!existsSync(join(root, 'sdk/index.ts'))) return 0;
  const out = join(root, 'node_modules', `.kraken-types-${process.pid}`);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  try {
    await run(process.execPath, [tsc, '--project', join(root, 'sdk/tsconfig.json'), '--outDir', out]);
    let written = 0;
    for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.d.ts')) continue;
      const file = join(entry.parentPath, entry.name);
      const text = (await readFile(file, 'utf8')).replaceAll(/((?:from|import\()\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2');
      await put(join(root, 'sdk/dist', relative(out, file)), Buffer.from(text));
      written += 1;
    }
    return written;
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${args[0]} ended with ${code}: the SDK's types were not written`)),
    );
  });
}

try {
  const [types, ...files] = await Promise.all([declarations(), ...bundles.map(bundle), pages('plugins/dashboard')]);
  const total = files.reduce((sum, count) => sum + count, types);
  console.log(`built ${total} files in ${((performance.now() - started) / 1000).toFixed(1)} s`);
} catch (error) {
  // esbuild has already printed its own findings, with file and line.
  if (!Array.isArray(error?.errors)) console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
