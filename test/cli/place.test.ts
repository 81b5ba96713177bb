/** Where a host stands in the tree of hosts: which of flags, environment, configuration and kernel counts, and what is refused. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Failure } from '../../host/cli/failure.ts';
import { type Place, type PlaceSources, placeOf } from '../../host/cli/place.ts';
import { makeToken, readToken } from '../../host/sync/edge/token.ts';
import { DEFAULT_SYNC } from '../../host/sync/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'kraken-place-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const pin = (letter: string): string => `sha256:${letter.repeat(43)}`;
const uuid = (digit: number): string => `${digit}0000000-0000-4000-8000-000000000000`;
const dir = (name: string): string => {
  mkdirSync(join(folder, name), { recursive: true });
  return join(folder, name);
};
function file(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}
const TOKENS = Array.from({ length: 5 }, () => makeToken().token);
const [FLAG = '', VARIABLE = '', VARIABLE_FILE = '', WRITTEN = '', KERNEL = ''] = TOKENS;

/** All four say everything, each something else. */
const ALL = {
  flags: {
    parent: 'flag',
    id: uuid(1),
    ca: pin('A'),
    tokenFile: file('flag.token', FLAG),
    listen: '127.0.0.1',
    runDir: '/run/flag',
    kernel: true,
  },
  env: {
    ...{ KRAKEN_PARENT: 'env', KRAKEN_ID: uuid(2), KRAKEN_CA: pin('B'), KRAKEN_LISTEN: '127.0.0.2', KRAKEN_RUN_DIR: '/run/env' },
    KRAKEN_TOKEN_FILE: file('env.token', VARIABLE_FILE),
  },
  token: VARIABLE,
  config: {
    ...{ parents: ['file'], id: uuid(3), ca: pin('C'), listen: ['127.0.0.3'], runDir: '/run/file', trustKernelToken: true },
    tokenFile: file('file.token', WRITTEN),
  },
  kernel: `root=/dev/ram0 kraken.parent=kernel kraken.id=${uuid(4)} kraken.ca=${pin('D')} kraken.token=${KERNEL}`,
} as const;

function place(given: Partial<PlaceSources>): Place {
  return placeOf({ flags: {}, env: {}, config: {}, file: 'kraken.yaml', dataDir: dir('data'), runDir: '/run/kraken/keys', ...given });
}

type Member = 'parent' | 'id' | 'ca' | 'token' | 'listen' | 'runDir';

function shown({ id, sync }: Place): Record<Member, string | undefined> {
  const { parents, caPin, token, listen, runDir } = sync;
  return { parent: parents[0]?.host, id: id?.charAt(0), ca: caPin?.at(-1), token: token?.(), listen: listen[0]?.host.at(-1), runDir };
}

test('each is taken from the flag, else the environment, else the configuration, else the kernel; whoever says the others', () => {
  const token = (text: string): string | undefined => readToken(text);
  const says: Record<Member, readonly (string | undefined)[]> = {
    parent: ['flag', 'env', 'file', 'kernel'],
    id: ['1', '2', '3', '4'],
    ca: ['A', 'B', 'C', 'D'],
    listen: ['1', '2', '3'],
    runDir: ['/run/flag', '/run/env', '/run/file'],
    token: [token(FLAG), token(VARIABLE), token(WRITTEN), token(KERNEL)],
  };
  const names: Record<Member, { flag: string; variables: readonly string[]; written: string }> = {
    parent: { flag: 'parent', variables: ['KRAKEN_PARENT'], written: 'parents' },
    id: { flag: 'id', variables: ['KRAKEN_ID'], written: 'id' },
    ca: { flag: 'ca', variables: ['KRAKEN_CA'], written: 'ca' },
    listen: { flag: 'listen', variables: ['KRAKEN_LISTEN'], written: 'listen' },
    runDir: { flag: 'runDir', variables: ['KRAKEN_RUN_DIR'], written: 'runDir' },
    token: { flag: 'tokenFile', variables: ['KRAKEN_TOKEN_FILE'], written: 'tokenFile' },
  };
  const without = (record: object, gone: readonly string[]): object =>
    Object.fromEntries(Object.entries(record).filter(([name]) => !gone.includes(name)));
  for (const [member, values] of Object.entries(says) as [Member, readonly (string | undefined)[]][]) {
    const { flag, variables, written } = names[member];
    for (const [from, expected] of values.entries()) {
      const given = {
        ...ALL,
        flags: from > 0 ? without(ALL.flags, [flag]) : ALL.flags,
        env: from > 1 ? without(ALL.env, variables) : ALL.env,
        token: from > 1 && member === 'token' ? undefined : ALL.token,
        config: from > 2 ? without(ALL.config, [written]) : ALL.config,
      } as Partial<PlaceSources>;
      const others = shown(place(ALL));
      assert.deepEqual(shown(place(given)), { ...others, [member]: expected }, `${member} from source ${from}`);
    }
  }
});

test('tokens: the named file, the variable, the file of the variable, that of the configuration, the kernel where it is trusted', () => {
  const of = (given: Partial<PlaceSources>): string | undefined =>
    place({ flags: { parent: 'p', ca: pin('A'), id: uuid(1), ...given.flags }, ...without(given) }).sync.token?.();
  const without = ({ flags: _, ...rest }: Partial<PlaceSources>): Partial<PlaceSources> => rest;
  const { tokenFile } = ALL.config;
  assert.equal(of({ token: VARIABLE, env: ALL.env }), readToken(VARIABLE));
  assert.equal(of({ env: { KRAKEN_TOKEN_FILE: ALL.env.KRAKEN_TOKEN_FILE }, config: { tokenFile } }), readToken(VARIABLE_FILE));
  assert.equal(of({ config: { tokenFile } }), readToken(WRITTEN));
  assert.equal(of({ flags: { kernel: true }, kernel: ALL.kernel, config: { trustKernelToken: true } }), readToken(KERNEL));
  assert.equal(of({ flags: { kernel: true }, kernel: ALL.kernel }), undefined, 'not trusted unless somebody said so');
  assert.equal(of({}), undefined);
  const path = file('used.token', FLAG.toLowerCase());
  const { token } = place({ flags: { parent: 'p', ca: pin('A'), id: uuid(1), tokenFile: path } }).sync;
  assert.equal(token?.(), readToken(FLAG));
  chmodSync(path, 0o644);
  assert.equal(token?.(), undefined, 'it is read each time, as carefully as the first');
  rmSync(path);
  assert.equal(token?.(), undefined);
  assert.equal(of({ flags: { tokenFile: path } }), undefined, 'one that was used and removed is no error');
});

test('the kernel command line is looked at where it was asked for, or where nothing else names a parent', () => {
  const { kernel } = ALL;
  const parent = (given: Partial<PlaceSources>): string | undefined => place(given).sync.parents[0]?.host;
  assert.equal(parent({ kernel }), 'kernel');
  assert.equal(place({ kernel }).id, uuid(4));
  assert.equal(parent({ kernel: 'quiet ro' }), undefined, 'this machine was not booted by Kraken: a root');
  assert.equal(place({ kernel: `kraken.id=${uuid(4)}` }).id, undefined, 'and no part of it counts');
  const by = { parent: 'flag', id: uuid(1) };
  assert.throws(() => place({ flags: by, kernel }), /must know the CA/, 'a parent was named: nothing is taken from the kernel');
  assert.equal(place({ flags: { ...by, kernel: true }, kernel }).sync.caPin, pin('D'), 'unless it was asked for');
  assert.equal(place({ flags: { ...by, kernel: true }, kernel: `kraken.ca=${pin('D')}` }).sync.caPin, pin('D'));
});

test('a root, a child, a child with children: where they listen, where their keys lie', () => {
  const child = { parent: 'head1, [fd00::1]:7,10.0.0.1:8', ca: pin('A'), id: uuid(1).toUpperCase() };
  const root = place({}).sync;
  assert.deepEqual(root, {
    ...root,
    listen: [{ host: '127.0.0.1', port: 31415 }],
    parents: [],
    runDir: '/run/kraken/keys',
    keepsKeys: false,
  });
  assert.deepEqual(place({ flags: child }), {
    id: uuid(1),
    sync: {
      listen: [],
      parents: [
        { host: 'head1', port: 31415 },
        { host: 'fd00::1', port: 7 },
        { host: '10.0.0.1', port: 8 },
      ],
      caPin: pin('A'),
      runDir: '/run/kraken/keys',
      keepsKeys: false,
      settings: DEFAULT_SYNC,
    },
  });
  const listens = place({ flags: { ...child, listen: '10.0.0.7,[::]:5' }, config: { port: 9 } }).sync;
  assert.deepEqual(listens.listen, [
    { host: '10.0.0.7', port: 9 },
    { host: '::', port: 5 },
  ]);
  assert.equal(listens.parents[0]?.port, 9);
  assert.deepEqual(place({ flags: { listen: 'none' } }).sync.listen, []);
  const withCa = dir('root');
  mkdirSync(join(withCa, 'keys'));
  writeFileSync(join(withCa, 'keys', 'ca.key'), '');
  assert.deepEqual(place({ flags: { listen: '10.0.0.1' }, dataDir: withCa }).sync.listen, [{ host: '10.0.0.1', port: 31415 }]);
});

test('keys outlive the boot where a token let the host in, then and ever after', () => {
  const child = { parent: 'p', ca: pin('A'), id: uuid(1) };
  const keys = (given: Partial<PlaceSources>, flags = {}): readonly [boolean, string] => {
    const { keepsKeys, runDir } = place({ ...given, flags: { ...child, ...flags } }).sync;
    return [keepsKeys, runDir];
  };
  const dataDir = dir('kept');
  assert.deepEqual(keys({ dataDir }), [false, '/run/kraken/keys']);
  assert.deepEqual(keys({ dataDir, token: FLAG }), [true, join(dataDir, 'keys')]);
  assert.deepEqual(keys({ dataDir, token: FLAG, config: { keepKeys: false } }), [false, '/run/kraken/keys']);
  assert.deepEqual(keys({ dataDir, token: FLAG }, { runDir: '/run/x' }), [true, '/run/x']);
  mkdirSync(join(dataDir, 'keys'));
  writeFileSync(join(dataDir, 'keys', 'host.key'), '');
  assert.deepEqual(keys({ dataDir }), [true, join(dataDir, 'keys')], 'the token was used, and is gone');
});

test('times: those of the configuration; what depends on them follows', () => {
  const times = (config: object): object => {
    const { settings } = place({ config }).sync;
    return Object.fromEntries(
      Object.entries(settings).filter(([name, value]) => value !== DEFAULT_SYNC[name as keyof typeof DEFAULT_SYNC]),
    );
  };
  assert.deepEqual(times({}), {});
  assert.deepEqual(times({ hello: 1_000, dead: 3_000, steady: 5 }), { hello: 1_000, dead: 3_000, steady: 5 });
  assert.deepEqual(times({ hello: 60_000 }), { hello: 60_000, dead: 240_000 });
  assert.deepEqual(times({ hello: 1_000 }), { hello: 1_000 });
  assert.deepEqual(times({ dead: 4_000 }), { hello: 1_000, dead: 4_000 });
  assert.deepEqual(times({ retryMost: 500, resendLeast: 3_000 }), {
    retryFirst: 500,
    retryMost: 500,
    resendLeast: 3_000,
    resendMost: 3_000,
    resendBeside: 3_000,
  });
  assert.deepEqual(times({ resendMost: 100 }), { resendMost: 100, resendBeside: 100 });
  assert.deepEqual(times({ resendBeside: 10 }), { resendLeast: 10, resendBeside: 10 });
});

test('what is wrong is refused by the name of who said it, with what to do', () => {
  const child = { parent: 'p', ca: pin('A'), id: uuid(1) };
  const REFUSED: readonly (readonly [given: Partial<PlaceSources>, text: RegExp, todo: RegExp])[] = [
    [{ flags: { parent: 'p', id: uuid(1) } }, /must know the CA of its cluster/, /--ca, KRAKEN_CA, sync\.ca or kraken\.ca=/],
    [{ config: { parents: ['p'], ca: pin('A') } }, /must know which node it is/, /--id, KRAKEN_ID, sync\.id or kraken\.id=/],
    [{ flags: child, env: { KRAKEN_CA: 'x' }, kernel: 'x' }, /^$/, /^$/],
    [{ flags: { ...child, ca: undefined }, env: { KRAKEN_CA: 'x' } }, /^KRAKEN_CA: "x" is no pin/, /sha256: and 43 characters/],
    [{ flags: { ...child, id: undefined }, env: { KRAKEN_ID: 'kr1' } }, /^KRAKEN_ID: kr1 is no UUID/, /123e4567/],
    [{ config: { parents: ['a b'] } }, /^kraken\.yaml: sync\.parents: "a b" is no address/, /commas/],
    [{ kernel: `kraken.parent=p kraken.id=kr1 kraken.ca=${pin('A')}` }, /^kernel command line: kr1 is no UUID/, /123e4567/],
    [{ kernel: 'kraken.parent=p:0' }, /^kernel command line: kraken\.parent: "p:0" is no address/, /^$/],
    [{ flags: { kernel: true }, kernel: 'quiet' }, /the kernel command line names no parent/, /leave out --kernel/],
    [{ flags: { ca: pin('A') } }, /--ca is for a host with a parent/, /--parent/],
    [{ flags: { tokenFile: '/x' } }, /--token-file is for a host with a parent/, /--parent/],
    [{ flags: { listen: '10.0.0.1' } }, /has no CA/, /kraken init/],
    [{ flags: { ...child, listen: 'head' } }, /^--listen: head is a name/, /in numbers/],
    [{ flags: { ...child, parent: Array(17).fill('p').join() } }, /^--parent: 17 addresses are too many/, /at most 16/],
    [{ flags: { ...child, tokenFile: file('open', FLAG, 0o640) } }, /^--token-file: .*can be read by others \(mode 0640\)/, /chmod 600/],
    [{ flags: { ...child, tokenFile: file('long', 'A'.repeat(2_000)) } }, /is too long for a token \(2000 bytes\)/, /token create/],
    [{ flags: { ...child, tokenFile: file('bad', `${FLAG}7`) } }, /^--token-file: what stands in .*bad is no token/, /token create/],
    [{ flags: child, config: { tokenFile: folder } }, /^kraken\.yaml: sync\.tokenFile: .*is no file/, /./],
    [{ flags: child, token: `${FLAG}7` }, /^KRAKEN_TOKEN is no token/, /token create/],
  ];
  for (const [given, text, todo] of REFUSED) {
    if (text.source === '^$') {
      assert.doesNotThrow(() => place(given), 'what does not count is not looked at');
      continue;
    }
    assert.throws(
      () => place(given),
      (error) => {
        assert.ok(error instanceof Failure);
        assert.equal(error.exit, 2);
        assert.match(error.message, text);
        assert.match(error.todo, todo);
        for (const secret of TOKENS) assert.ok(!`${error.message} ${error.todo}`.includes(secret), 'no secret in a message');
        return true;
      },
      JSON.stringify(given),
    );
  }
});
