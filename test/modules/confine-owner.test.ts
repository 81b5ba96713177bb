/** Whose a service's directory is, and that nothing beside it can be drawn in. What root alone can do is skipped where the tests are not root. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { RefusalError } from '../../host/core/refusal.ts';
import { Confinement } from '../../host/modules/confine/confinement.ts';
import type { Mechanism } from '../../host/modules/confine/mechanism.ts';
import { giveDirectory, ownerOf } from '../../host/modules/confine/owner.ts';
import { openedFiles } from '../../host/modules/spawn.ts';

const isRoot = process.getuid?.() === 0;
const FOR_ROOT = isRoot ? {} : { skip: 'only root can give files away' };
const UID = 60_999;

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'kraken-owner-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o755);
  return dir;
}

test('a new service is no user that somebody on this machine runs as; one that has a directory stays who it is', FOR_ROOT, (t) => {
  const dir = folder(t);
  const none = join(dir, 'passwd');
  const first = ownerOf(join(dir, 'one'), none, () => []).uid;
  const second = ownerOf(join(dir, 'one'), none, () => [first]).uid;
  assert.notEqual(second, first);
  giveDirectory(join(dir, 'one'), second);
  assert.equal(ownerOf(join(dir, 'one'), none, () => [second]).uid, second);
});

test('where all users are taken it is said', (t) => {
  const dir = folder(t);
  const all = Array.from({ length: 61_184 - 60_706 }, (_, i) => 60_706 + i);
  assert.throws(() => ownerOf(join(dir, 'one'), '/nowhere', () => all), /all 478 users for services are taken/);
});

test('all in a directory is given, links themselves; what has another name elsewhere stays', FOR_ROOT, (t) => {
  const dir = folder(t);
  const own = join(dir, 'own');
  const names = ['a', 'deep/b', 'deep/deeper/c'];
  mkdirSync(join(own, 'deep/deeper'), { recursive: true });
  for (const name of names) writeFileSync(join(own, name), '');
  writeFileSync(Buffer.concat([Buffer.from(`${own}/`), Buffer.from([0xff, 0xfe])]), 'a name that is no text');
  mkdirSync(join(dir, 'other'));
  writeFileSync(join(dir, 'other/file'), '');
  symlinkSync(join(dir, 'other'), join(own, 'to-folder'));
  symlinkSync(join(dir, 'other/file'), join(own, 'to-file'));
  linkSync(join(dir, 'other/file'), join(own, 'same-file'));
  giveDirectory(own, UID);
  for (const name of [...names, 'deep', 'deep/deeper', 'to-folder', 'to-file', '.'])
    assert.equal(lstatSync(join(own, name)).uid, UID, name);
  for (const path of [join(dir, 'other'), join(dir, 'other/file'), join(own, 'same-file'), dir]) assert.equal(lstatSync(path).uid, 0, path);
  for (const name of readdirSync(own, { encoding: 'buffer' }))
    if (name[0] === 0xff) assert.equal(lstatSync(Buffer.concat([Buffer.from(`${own}/`), name])).uid, UID);
  assert.equal(lstatSync(own).mode & 0o777, 0o700);
  giveDirectory(own, 0);
  assert.equal(lstatSync(join(own, 'deep/deeper/c')).uid, 0, 'and back');
});

test('a directory that is a link is not followed', FOR_ROOT, (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'other'));
  writeFileSync(join(dir, 'other/file'), '');
  symlinkSync(join(dir, 'other'), join(dir, 'own'));
  assert.throws(() => giveDirectory(join(dir, 'own'), UID));
  assert.equal(lstatSync(join(dir, 'other/file')).uid, 0);
});

const NONE: Mechanism = {
  ...{ kind: 'none', tools: {}, ownUsers: false, network: false, lowPorts: false, modes: false, files: 1024, why: 'there is nothing' },
  isRoot,
};

test('the directory need not be there; one that cannot be made is a refusal that says what to do', async (t) => {
  const dir = folder(t);
  const spec = { service: 'pdu', command: ['/bin/true'], config: {}, permissions: [] };
  const confinement = new Confinement(join(dir, 'data'), Promise.resolve(NONE));
  const cwd = join(dir, 'data/services/pdu');
  assert.deepEqual((await confinement.prepare({ ...spec, cwd })).command, ['/bin/true']);
  assert.equal(lstatSync(cwd).mode & 0o777, 0o700);
  writeFileSync(join(dir, 'file'), '');
  await assert.rejects(
    confinement.prepare({ ...spec, cwd: join(dir, 'file/pdu') }),
    (error) =>
      error instanceof RefusalError &&
      /pdu: it is not started: its directory cannot be made its own: .*ENOTDIR.*chown -R/.test(error.message),
  );
});

test('what was installed beside the data is closed, but its own way stays open', FOR_ROOT, async (t) => {
  const dir = folder(t);
  const data = join(dir, 'data');
  for (const name of ['store', 'services/old', 'plugins/store/x']) mkdirSync(join(data, name), { recursive: true, mode: 0o755 });
  writeFileSync(join(data, 'note'), '', { mode: 0o644 });
  const tools = { setpriv: '/x/setpriv' };
  const confinement = new Confinement(data, Promise.resolve({ ...NONE, kind: 'setpriv', tools, ownUsers: true }));
  const cwd = join(data, 'services/pdu');
  const { command } = await confinement.prepare({ service: 'pdu', command: ['/bin/true'], config: {}, permissions: [], cwd });
  const { uid } = lstatSync(cwd);
  assert.ok(uid >= 60_706);
  assert.ok(command.includes(`--reuid=${uid}`));
  const modes = ['.', 'services', 'services/pdu', 'services/old', 'store', 'note', 'plugins'].map((name) => [
    name,
    (lstatSync(join(data, name)).mode & 0o777).toString(8),
  ]);
  assert.deepEqual(Object.fromEntries(modes), {
    ...{ '.': '711', services: '711', 'services/pdu': '700', 'services/old': '700', store: '750', note: '640', plugins: '755' },
  });
});

test('of files that are handed on, none stays open when one is not there', async (t) => {
  const dir = folder(t);
  const there = join(dir, 'there');
  writeFileSync(there, '');
  const open = (): number => readdirSync('/proc/self/fd').length;
  if (!existsSync('/proc/self/fd')) return t.skip('there is no /proc');
  const before = open();
  assert.throws(() => openedFiles([there, join(dir, 'nowhere')]), /ENOENT/);
  for (let tries = 0; open() > before && tries < 100; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(open(), before);
});
