/** The habits of CONTRIBUTING.md that a program can check. Each rule gives findings as plain text; the empty list is tidy. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listFiles, ROOT, readSources, type Source } from './sources.ts';

const files = listFiles();
const sources = readSources(files);
const MIDDLE = ['modules', 'store', 'control', 'documents', 'sync'];
const TOP_FILES = [
  '.gitignore',
  '.npmrc',
  'CONTRIBUTING.md',
  'LICENSE',
  'README.md',
  'biome.json',
  'package-lock.json',
  'package.json',
  'tsconfig.json',
];
const TOP_FOLDERS = ['.ci', 'docs', 'host', 'plugins', 'schemas', 'sdk', 'templates', 'test'];
const LONGEST_FILE = 300;

const isTest = (path: string): boolean => path.startsWith('test/') || path.includes('.test.') || path.includes('/test/');
const product = [...sources.values()].filter(({ path, isGenerated }) => !isTest(path) && !isGenerated && !path.startsWith('templates/'));

export type Rule = () => readonly string[];

/** What lets a person hold a file in the head. */
const fileLength: Rule = () =>
  product
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > LONGEST_FILE)
    .map(({ path }) => path);

/** Biome reads the syntax, so that this test need not: long functions, `any`, `export *`. */
const syntax: Rule = () => {
  const only = ['complexity/noExcessiveLinesPerFunction', 'suspicious/noExplicitAny', 'performance/noReExportAll'];
  const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
  const { stdout } = spawnSync(
    process.execPath,
    [biome, 'lint', '.', '--reporter=json', '--max-diagnostics=1000', ...only.map((rule) => `--only=${rule}`)],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const report = JSON.parse(stdout) as { diagnostics: { category: string; location: { path: string } }[] };
  const found = report.diagnostics.map(({ category, location }) => ({ rule: category.split('/').at(-1), path: location.path }));
  return [...new Set(found.filter(({ path, rule }) => !isExempt(path, rule)).map(({ path, rule }) => `${path} ${rule}`))];
};

/** A test tells its story in one go, and the wire knows no types before it has checked them. */
function isExempt(path: string, rule: string | undefined): boolean {
  return (rule === 'noExcessiveLinesPerFunction' && isTest(path)) || (rule === 'noExplicitAny' && path.startsWith('sdk/wire/'));
}

/** A type that only its own file names is not dead where that file uses it: it is the name of what another export takes or gives. */
const deadExports: Rule = () => {
  const used = new Set<string>();
  for (const { imports, path } of sources.values())
    for (const { file, names } of imports) for (const name of names) if (file !== path) used.add(`${file} ${name}`);
  return product
    .filter(({ path }) => !isEntry(path))
    .flatMap(({ path, exports, code }) =>
      exports
        .filter((name) => !used.has(`${path} ${name}`) && !used.has(`${path} *`))
        .filter(
          (name) =>
            !(
              new RegExp(`export (?:interface|type) ${name}\\b`).test(code) && new RegExp(`\\b${name}\\b[\\s\\S]*\\b${name}\\b`).test(code)
            ),
        )
        .map((name) => `${path} ${name}`),
    );
};

/** Files that others start or import by their published name. */
function isEntry(path: string): boolean {
  return (
    /^sdk\/(?:index|power\/index|state\/index|testing|wire\/index)\.ts$/.test(path) ||
    /^plugins\/[^/]+\/(?:main|module)\.ts$/.test(path) ||
    /^plugins\/[^/]+\/(?:vite\.config|src\/main|src\/.*\.worker)\.tsx?$/.test(path) ||
    path === 'host/cli/kraken.ts' ||
    path.startsWith('schemas/')
  );
}

const names: Rule = () => files.filter((path) => /(?:^|\/)(?:utils?|helpers?|common|misc)(?:\.|\/)/i.test(path));

const openEnds: Rule = () =>
  [...sources.values()]
    .filter(({ path }) => !path.startsWith('test/tidy'))
    .filter(({ text }) => /\b(?:TODO|FIXME|XXX)\b|not implemented/.test(text))
    .map(({ path }) => path);

/** Time is an argument, chance a seed, and nothing waits. */
const corePurity: Rule = () => {
  const banned =
    /\bDate\.now\b|\bnew Date\b|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bawait\b|\basync\b|\bprocess\.|\bperformance\.|\bconsole\.|\bfetch\(|\bBuffer\b|\brequire\(/g;
  return product
    .filter(({ path }) => path.startsWith('host/core/') || path.startsWith('sdk/state/'))
    .flatMap(({ path, code, imports }) => [
      ...[...code.matchAll(banned)].map((match) => `${path} uses ${match[0]}`),
      ...imports.filter(({ file }) => file === undefined).map(({ from }) => `${path} imports ${from}`),
    ]);
};

const arrows: Rule = () =>
  product.flatMap((source) =>
    source.imports.flatMap((one) => (allowed(source, one.file, one.from) ? [] : [`${source.path} imports ${one.from}`])),
  );

/** Dependencies point one way: main → modules, store, control, documents → core; host, plugins → sdk → schemas. */
function allowed({ path }: Source, file: string | undefined, from: string): boolean {
  const [top = '', second = ''] = path.split('/');
  if (file === undefined) return !from.startsWith('@kraken-hpc/host') && !(top === 'sdk' && from.startsWith('@kraken-hpc/'));
  const within = (...folders: string[]) => folders.some((folder) => file.startsWith(`${folder}/`));
  switch (top) {
    case 'host':
      if (second === 'core') return within('host/core', 'sdk/state');
      if (MIDDLE.includes(second)) return within(`host/${second}`, 'host/core', 'sdk', 'schemas');
      if (second === 'cli') return !within('host/modules', 'host/store', 'host/control', 'plugins', 'test');
      return within('host', 'sdk', 'schemas');
    case 'sdk':
      return within('sdk', 'schemas');
    case 'plugins':
      return within(`plugins/${second}`) || from.startsWith('@kraken-hpc/sdk');
    case 'schemas':
      return within('schemas', 'sdk/wire');
    default:
      return true;
  }
}

const topLevel: Rule = () =>
  [...new Set(files.map((path) => path.split('/')[0] as string))].filter(
    (name) => !TOP_FILES.includes(name) && !TOP_FOLDERS.includes(name),
  );

/** What is committed must run on anybody's machine. */
const machineNames: Rule = () => {
  const places = new RegExp(['work', 'root', 'home'].map((folder) => `(?<![\\w.~/-])/${folder}/`).join('|'));
  const registry = /"resolved": "https?:|registry\.[a-z]+js\.|https?:\/\/[^\s"']*(?:registry|artifactory|nexus|verdaccio)[^\s"']*/i;
  return tracked().filter((path) => {
    if (path.startsWith('test/tidy') || !existsSync(join(ROOT, path))) return false;
    const text = readFileSync(join(ROOT, path), 'utf8');
    return places.test(text) || registry.test(text);
  });
};

function tracked(): string[] {
  if (!existsSync(join(ROOT, '.git'))) return files;
  return execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\0')
    .filter((path) => path !== '');
}

const generated: Rule = () => {
  if (!existsSync(join(ROOT, 'schemas/generate.ts'))) return [];
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=kraken-source', 'schemas/generate.ts', '--check'],
    { cwd: ROOT, encoding: 'utf8' },
  );
  return status === 0 ? [] : stderr.trim().split('\n');
};

/** By the sentence that a person reads when it fails. */
export const RULES: Readonly<Record<string, Rule>> = {
  'a file has at most 300 lines': fileLength,
  'a function has at most 60 lines; no any outside the wire; no export *': syntax,
  'what is exported is imported somewhere': deadExports,
  'no file is a drawer: utils, helpers, common, misc': names,
  'nothing is left open in the code': openEnds,
  'the core is pure': corePurity,
  'dependencies point one way': arrows,
  'the top level holds only what CONTRIBUTING.md lists': topLevel,
  'no machine, path or registry of ours is in what is committed': machineNames,
  'what is generated follows from its source': generated,
};
