/**
 * A checker that cannot fail checks nothing: parts of the code under test are taken away, one at a time, and storms must notice. Each mutant
 * is a substitution in one source file, bundled with the simulator; one that does not apply any more fails the test, too.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { LONG } from '../../long.ts';

type StormClass = typeof import('./storm.ts').Storm;

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../../..');
const SEEDS_MOST = 60;

interface Mutant {
  readonly name: string;
  /** Where the search begins: a storm early in it has the situation that the mutant is wrong in. */
  readonly seed?: number;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'merge: what an update names as gone stays',
    file: 'host/core/told.ts',
    from: 'if (value === undefined) delete doc[name];\n    else doc[name]',
    to: 'if (value !== undefined) doc[name]',
  },
  {
    name: 'merge: a snapshot removes nothing',
    file: 'host/core/reported.ts',
    from: 'if (event.all) forgetOthers(w, host, named);',
    to: '',
  },
  {
    name: 'dedup: what was taken is taken again',
    file: 'host/sync/incoming.ts',
    from: "if (this.had(update.run, update.number)) return { kind: 'had' };",
    to: '',
  },
  {
    name: 'replay window: everything is fresh',
    file: 'host/sync/seal.ts',
    from: "if (!channel.window.isFresh(sequence)) return { kind: 'replayed' };",
    to: '',
  },
  {
    name: 'seal: forgeries are opened',
    file: 'host/sync/seal.ts',
    from: '    return undefined;\n  }\n}\n\n/** 96 bits',
    to: '    return body;\n  }\n}\n\n/** 96 bits',
  },
  {
    name: 'timeouts: a child is never given up',
    seed: 6,
    file: 'host/sync/children.ts',
    from: 'const silent = now - Math.max(peer.link.heardAt, peer.since) >= dead;',
    to: 'const silent = dead < 0;',
  },
  {
    name: 'timeouts: a child is given up at once',
    file: 'host/sync/children.ts',
    from: 'const silent = now - Math.max(peer.link.heardAt, peer.since) >= dead;',
    to: 'const silent = now - Math.max(peer.link.heardAt, peer.since) >= dead / 8;',
  },
  {
    name: 'timeouts: a parent is never given up',
    file: 'host/sync/uplink.ts',
    from: "if (this.state === 'connected' && now - heardAt >=",
    to: "if (this.state === 'connected' && now - heardAt - 1e12 >=",
  },
  {
    name: 'authority: who is in session elsewhere is spoken for',
    file: 'host/core/said.ts',
    from: 'if (at?.live || isOwn) return isThere ? 3 : 0;',
    to: 'if (at?.live || isOwn) return 3;',
  },
  {
    name: 'authority: an older admission takes the node',
    file: 'host/core/reported.ts',
    from: 'if (known && (isPast || term < known.term || (term === known.term && known.host !== at))) {',
    to: 'if (known && term < 0) {',
  },
  {
    name: 'terms do not grow',
    file: 'host/core/admit.ts',
    from: 'const next = Math.max(term, book.key?.term ?? 0, book.at?.term ?? 0) + 1;',
    to: 'const next = (book.key?.term ?? 0) + 1;',
  },
  {
    name: 'told: a snapshot removes nothing',
    seed: 38,
    file: 'host/core/told.ts',
    from: 'if (all) dropOthers(w, parent, named);',
    to: '',
  },
  {
    name: 'scope: what is not on disk is told',
    file: 'host/sync/scope.ts',
    from: 'members.set(member, seq);',
    to: 'members.set(member, seq);\n    this.durable(Number.POSITIVE_INFINITY);',
  },
  {
    name: 'links: the dead are spoken to for ever',
    file: 'host/sync/peer.ts',
    from: "return this.peerIs === 'parent' || (!this.gone &&",
    to: "return this.peerIs === 'parent' || this.id !== '' || (!this.gone &&",
  },
];

const scratch = mkdtempSync(join(tmpdir(), 'kraken-mutants-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** Packages stay where they are. */
const packages: Plugin = {
  name: 'packages',
  setup(at) {
    at.onResolve({ filter: /^[a-z@]/ }, ({ path }) => {
      if (path.startsWith('node:')) return { path, external: true };
      if (path.startsWith('@kraken-hpc/')) return undefined;
      return { path: import.meta.resolve(path), external: true };
    });
  },
};

async function load({ name, file, from, to }: Mutant, number: number): Promise<StormClass> {
  let applied = 0;
  const mutate: Plugin = {
    name: 'mutate',
    setup(at) {
      at.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (path !== join(ROOT, file)) return undefined;
        const source = readFileSync(path, 'utf8');
        applied = source.split(from).length - 1;
        return { contents: source.replace(from, () => to), loader: 'ts' };
      });
    },
  };
  const { outputFiles } = await build({
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    conditions: ['kraken-source'],
    entryPoints: [join(HERE, 'storm.ts')],
    plugins: [mutate, packages],
  });
  assert.equal(applied, 1, `the mutant "${name}" does not apply to ${file} any more: its text occurs ${applied} times`);
  const bundle = join(scratch, `mutant-${number}.mjs`);
  writeFileSync(bundle, outputFiles[0]?.text ?? '');
  return ((await import(pathToFileURL(bundle).href)) as { Storm: StormClass }).Storm;
}

/** One of so many where time is short: which, the day says. */
const EVERY = 6;
const TURN = Math.floor(Date.now() / 86_400_000) % EVERY;

for (const [number, mutant] of MUTANTS.entries()) {
  if (!LONG && number % EVERY !== TURN) continue;
  test(`a checker notices: ${mutant.name}`, async (context) => {
    const Storm = await load(mutant, number);
    const first = mutant.seed ?? 1;
    for (let seed = first; seed < first + SEEDS_MOST; seed++) {
      const noticed = breach(Storm, seed);
      if (noticed === undefined) continue;
      return context.diagnostic(`seed ${seed}: ${noticed.slice(0, 160)}`);
    }
    assert.fail(`no checker noticed in ${SEEDS_MOST} storms: ${mutant.name}`);
  });
}

function breach(Storm: StormClass, seed: number): string | undefined {
  try {
    return new Storm(seed).run()[0];
  } catch (error) {
    return String(error);
  }
}
