/** The parts of confinement, each by itself: what is found on a machine, what a service is given by it, and what is said of it. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { RefusalError } from '../../host/core/refusal.ts';
import { Confinement } from '../../host/modules/confine/confinement.ts';
import { describeConfinement } from '../../host/modules/confine/describe.ts';
import { type Mechanism, probe } from '../../host/modules/confine/mechanism.ts';
import { ownerOf } from '../../host/modules/confine/owner.ts';
import { type Confined, planOf, seesOther } from '../../host/modules/confine/plan.ts';
import { importsOf, obstacle, packageOf, prefixesOf } from '../../host/modules/confine/reach.ts';
import { systemMounts } from '../../host/modules/confine/system.ts';
import { bubblewrapWords, setprivWords } from '../../host/modules/confine/words.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kraken-confine-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o755);
  return dir;
}

const TOOLS = { bwrap: '/x/bwrap', setpriv: '/x/setpriv', unshare: '/x/unshare', prlimit: '/x/prlimit' };
const BARE = { tools: TOOLS, lowPorts: false, isRoot: false, modes: true, files: 1024, why: '' };
const MECHANISMS: Readonly<Record<string, Mechanism>> = {
  none: { ...BARE, kind: 'none', ownUsers: false, network: false, why: 'there is nothing' },
  setpriv: { ...BARE, kind: 'setpriv', ownUsers: false, network: false, why: 'no bubblewrap' },
  'setpriv as root': { ...BARE, kind: 'setpriv', ownUsers: true, network: true, isRoot: true, lowPorts: true, why: 'no bubblewrap' },
  bubblewrap: { ...BARE, kind: 'bubblewrap', ownUsers: false, network: true },
  'bubblewrap as root': { ...BARE, kind: 'bubblewrap', ownUsers: true, network: true, isRoot: true, lowPorts: true },
};

function specIn(dir: string, more: Partial<Confined> = {}): Confined {
  const cwd = join(dir, 'data', 'services', 'pdu');
  mkdirSync(cwd, { recursive: true });
  return { service: 'pdu', command: ['/usr/bin/env', 'node'], cwd, config: {}, permissions: [], ...more };
}

/** What the host refuses on a module's own pipe: held where it cannot open the control socket as the host's user. */
const WIRE = ['cfg:write', 'dsc:write', 'state:read', 'operate', 'sessions'];

/** What is said to be enforced. */
const BY_MECHANISM: Readonly<Record<string, readonly string[]>> = {
  none: [],
  setpriv: ['no new privileges', 'capabilities', 'root'],
  'setpriv as root': [
    'own user',
    'no new privileges',
    'capabilities',
    'data of others',
    'environment',
    'network',
    'processes',
    ...WIRE,
    'root',
  ],
  bubblewrap: [
    'no new privileges',
    'capabilities',
    'data of others',
    'files',
    'environment',
    'network',
    'memory',
    'processes',
    ...WIRE,
    'root',
  ],
  'bubblewrap as root': [
    'own user',
    'no new privileges',
    'capabilities',
    'data of others',
    'files',
    'environment',
    'network',
    'memory',
    'processes',
    ...WIRE,
    'root',
  ],
};

for (const [name, mechanism] of Object.entries(MECHANISMS))
  test(`${name}: what is enforced is said, and all else is said to be declared`, (t) => {
    const dir = folder(t);
    const enforced = (spec: Confined): string[] =>
      describeConfinement(spec, mechanism, planOf(spec, mechanism, join(dir, 'data'))).flatMap(({ what, state }) =>
        state === 'enforced' ? [what] : [],
      );
    const expected = BY_MECHANISM[name] ?? [];
    assert.deepEqual(enforced(specIn(dir)), expected);
    assert.deepEqual(
      enforced(specIn(dir, { permissions: ['net'] })),
      expected.filter((what) => what !== 'network'),
      'who was granted the network has it',
    );
    assert.deepEqual(enforced(specIn(dir, { permissions: ['root'] })), [], 'root takes all of it away');
    assert.deepEqual(
      enforced(specIn(dir, { cpus: 2 })),
      [...expected, ...(mechanism.kind === 'bubblewrap' ? ['cpu'] : [])].sort((a, b) => order(a) - order(b)),
      'what lets go of its parent is counted in a process namespace alone',
    );
  });

test('root without privileges is held by nothing: its files are what root executes', (t) => {
  const dir = folder(t);
  const mechanism = MECHANISMS['setpriv as root'] ?? assert.fail();
  const spec = specIn(dir, { config: { key: join(dir, 'closed') } });
  writeFileSync(join(dir, 'closed'), '', { mode: 0o600 });
  const plan = planOf(spec, mechanism, join(dir, 'data'));
  assert.equal(plan?.given.user, undefined);
  const lines = describeConfinement(spec, mechanism, plan);
  assert.deepEqual(
    lines.filter(({ state }) => state === 'enforced'),
    [],
  );
  for (const { what, how } of lines.filter((line) => !['cpu', 'network'].includes(line.what)))
    assert.match(how, /closed \(mode 600\)/, what);
});

test('sockets of who asks the network for others are not shown without the permission net', () => {
  const isFolder = (path: string): boolean => path.startsWith('/run');
  assert.ok(!systemMounts(false).some(({ src, dest }) => src === '/sys' || (isFolder(dest) && src === dest)));
  assert.ok(systemMounts(true).some(({ src }) => src === '/sys'));
});

test('of a folder for all nothing is seen but the program that lies in it', (t) => {
  assert.equal(packageOf('/tmp/run.mjs'), '/tmp/run.mjs');
  for (const home of [join('/', 'root'), join('/home', 'ada')]) assert.equal(packageOf(join(home, 'run.mjs')), join(home, 'run.mjs'));
  assert.equal(packageOf('/run.mjs'), '/run.mjs');
  const dir = folder(t);
  mkdirSync(join(dir, 'lib'));
  assert.equal(packageOf(join(dir, 'lib/run.mjs')), join(dir, 'lib'));
  writeFileSync(join(dir, 'module.json'), '{}');
  assert.equal(packageOf(join(dir, 'lib/run.mjs')), dir);
});

const ORDER = [...(BY_MECHANISM['bubblewrap as root'] ?? [])];
ORDER.splice(ORDER.indexOf('processes'), 0, 'cpu');
const order = (what: string): number => ORDER.indexOf(what);

test('where nothing is installed, that is said with what to do', async () => {
  const { kind, why } = await probe({ places: ['/nowhere'] });
  assert.equal(kind, 'none');
  assert.match(why, /bubblewrap is not installed \(its package is bubblewrap; then restart the host\); setpriv is not installed/);
});

test('a tool that is there and does not work is not used, and its own words are told', async (t) => {
  const dir = folder(t);
  for (const name of ['bwrap', 'setpriv'])
    writeFileSync(join(dir, name), `#!/bin/sh\necho "${name}: no way" >&2\nexit 1\n`, { mode: 0o755 });
  const { kind, why } = await probe({ places: [dir], uid: 1000, status: 'CapEff:\t0000000000000000\n' });
  assert.equal(kind, 'none');
  assert.match(
    why,
    /bubblewrap does not work here: bwrap: no way \(user namespaces are not allowed here.*setpriv does not work here: setpriv: no way/,
  );
});

test('what the host itself was given is read from proc(5)', async () => {
  const of = (status: string, limits: string) => probe({ places: ['/nowhere'], uid: 1000, status, limits });
  const first = await of('CapEff:\t0000000000000400\n', 'Max open files            1024                 4096                 files\n');
  assert.deepEqual([first.lowPorts, first.files], [true, 4096]);
  const second = await of('CapEff:\t0000000000000000\n', 'Max open files            unlimited            unlimited            files\n');
  assert.deepEqual([second.lowPorts, second.files], [false, 65_536]);
  assert.equal((await of('', '')).lowPorts, false, 'without /proc nothing is taken for granted');
});

test('a root without its privileges gives nobody a user of their own', async () => {
  const { ownUsers, why, kind } = await probe({ uid: 0, status: 'CapEff:\t0000000000000000\n' });
  assert.equal(ownUsers, false);
  assert.match(why, kind === 'none' ? /./ : /was not given CAP_CHOWN/);
});

test('the network is taken away unless it was granted; users, limits and privileges stand before the command', (t) => {
  const dir = folder(t);
  const words = (name: string, permissions: readonly string[]): string => {
    const mechanism = MECHANISMS[name] ?? assert.fail();
    const spec = specIn(dir, { permissions });
    const { given, kind } = planOf(spec, mechanism, join(dir, 'data')) ?? assert.fail();
    const make = kind === 'bubblewrap' ? bubblewrapWords : setprivWords;
    return make(mechanism, { ...given, copies: [] }, spec.command).join(' ');
  };
  assert.match(words('bubblewrap', []), /bwrap .*--unshare-net.*--die-with-parent.*--cap-drop ALL.*--no-new-privs .*\/usr\/bin\/env node$/);
  assert.doesNotMatch(words('bubblewrap', ['net']), /unshare-net/);
  assert.match(words('setpriv as root', []), /^\/x\/unshare --net -- .*--reuid=6\d{4} .*--clear-groups --no-new-privs .*-all.*node$/);
  assert.match(words('setpriv as root', ['net']), /^\/x\/prlimit .*--ambient-caps=-all --bounding/);
  assert.match(words('setpriv as root', ['net', 'ports']), /^\/x\/prlimit .*-all,\+net_bind_service/);
  assert.doesNotMatch(words('setpriv as root', ['ports']), /net_bind_service/, 'without the network they would be of no use');
  assert.doesNotMatch(words('bubblewrap as root', []), /nice/);
});

test('variables of the host are for those that were granted them', async (t) => {
  const dir = folder(t);
  const mechanism = Promise.resolve(MECHANISMS['none'] ?? assert.fail());
  const confinement = new Confinement(join(dir, 'data'), mechanism);
  const refused = (error: unknown): boolean =>
    error instanceof RefusalError &&
    /pdu: it is not started: .*gives it SECRET .*permission "env".*Add "env" to permissions/.test(error.message);
  await assert.rejects(confinement.prepare(specIn(dir, { env: ['SECRET'] })), refused);
  assert.deepEqual((await confinement.prepare(specIn(dir, { env: ['SECRET'], permissions: ['env'] }))).command, ['/usr/bin/env', 'node']);
});

test('no two services beside each other are the same user, and none is one that the machine has', (t) => {
  const dir = folder(t);
  const accounts = join(dir, 'passwd');
  const first = ownerOf(join(dir, 'one'), accounts).uid;
  writeFileSync(accounts, `somebody:x:${first}:${first}::/:/bin/sh\n`);
  const second = ownerOf(join(dir, 'one'), accounts).uid;
  assert.notEqual(first, second);
  assert.ok([first, second].every((uid) => uid >= 60_706 && uid < 61_184));
});

test('what is in the way of a user is found by modes, from where it begins to see', (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'a/b'), { recursive: true });
  writeFileSync(join(dir, 'a/b/file'), '', { mode: 0o644 });
  assert.equal(obstacle(join(dir, 'a/b/file'), 4242, dir), undefined);
  chmodSync(join(dir, 'a'), 0o700);
  assert.equal(obstacle(join(dir, 'a/b/file'), 4242, dir), join(dir, 'a'));
  assert.equal(obstacle(join(dir, 'a/b/file'), 4242, join(dir, 'a/b')), undefined);
  assert.equal(obstacle(join(dir, 'nowhere'), 4242, dir), join(dir, 'nowhere'));
});

test('code sees its package and what it can import; a program that was unpacked, what was unpacked with it', (t) => {
  const dir = folder(t);
  for (const path of ['app/node_modules/pdu', 'app/node_modules/dep', 'tool/bin', 'tool/lib'])
    mkdirSync(join(dir, path), { recursive: true });
  assert.deepEqual(importsOf(join(dir, 'app/node_modules/pdu')).slice(0, 2), [
    join(dir, 'app/node_modules/pdu'),
    join(dir, 'app/node_modules'),
  ]);
  writeFileSync(join(dir, 'tool/bin/run'), '#!/usr/bin/env node\n', { mode: 0o755 });
  symlinkSync(join(dir, 'tool/bin/run'), join(dir, 'run'));
  assert.ok(prefixesOf([join(dir, 'run')], '/usr/bin:/bin').includes(join(dir, 'tool')));
});

test('a service that is to see other paths is started anew', (t) => {
  const dir = folder(t);
  assert.equal(seesOther({ at: dir }, { at: dir, more: 1 }), false);
  assert.equal(seesOther({ at: dir }, { at: tmpdir() }), true);
  assert.equal(seesOther({ key: { file: dir } }, { key: { file: tmpdir() } }), false, 'a secret is read by the host');
});
