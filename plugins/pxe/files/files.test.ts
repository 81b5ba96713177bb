import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readlinkSync, renameSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { Complaints } from './complaints.ts';
import { FileChanged, FileTable, type FileVersion, PAGE } from './file-table.ts';
import { explainListenError, plainAddress, spell } from './listening.ts';
import { cleanName } from './name.ts';
import { Pace } from './pace.ts';
import { pattern, TestSource } from './test/test-source.ts';
import { unreadable } from './unreadable.ts';

const source = new TestSource();
after(() => source.remove());

const NAMES: readonly [raw: string | Buffer, name: string | RegExp][] = [
  ['kernel', 'kernel'],
  ['/kernel', 'kernel'],
  ['amd64/ipmi/undionly.kpxe', 'amd64/ipmi/undionly.kpxe'],
  [Buffer.from('amd64/größe'), 'amd64/größe'],
  ['a b', 'a b'],
  ['..a/b..', '..a/b..'],
  ['x'.repeat(512), 'x'.repeat(512)],
  ['/'.concat('x'.repeat(512)), 'x'.repeat(512)],
  ['%2e%2e/x', '%2e%2e/x'],
  ['x'.repeat(513), /longer than 512/],
  ['ö'.repeat(257), /longer than 512/],
  ['', /empty/],
  ['/', /empty/],
  ['//kernel', /empty part/],
  ['amd64//kernel', /empty part/],
  ['amd64/', /empty part/],
  ['..', /\. or \.\./],
  ['../kernel', /\. or \.\./],
  ['/../kernel', /\. or \.\./],
  ['amd64/../../etc/passwd', /\. or \.\./],
  ['amd64/..', /\. or \.\./],
  ['./kernel', /\. or \.\./],
  ['amd64/./kernel', /\. or \.\./],
  ['..\\..\\kernel', /backslash/],
  ['ker\0nel', /control/],
  ['kernel\n', /control/],
  ['kernel\u0085', /control/],
  [Buffer.from([0x6b, 0xff]), /UTF-8/],
  [Buffer.from([0xc0, 0xae, 0xc0, 0xae, 0x2f]), /UTF-8/],
];
for (const [raw, expected] of NAMES)
  test(`a name as a client says it: ${JSON.stringify(String(raw)).slice(0, 50)}`, () => {
    const named = cleanName(raw);
    if (typeof expected === 'string') assert.deepEqual(named, { name: expected });
    else assert.match('wrong' in named ? named.wrong : `taken as ${named.name}`, expected);
  });

const versionOf = (path: string): FileVersion => {
  const { size, mtimeMs } = statSync(path);
  return { path, size, mtimeMs };
};
/** Of this file; others of the process come and go. */
function descriptorsOf(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}

test('two hundred readers of a file share its descriptor and its pages, and the cache keeps to its bytes', async () => {
  const bytes = pattern(5 * PAGE + 17);
  const path = source.file('shared', bytes);
  const version = versionOf(path);
  const table = new FileTable(2 * PAGE);
  const readers = await Promise.all(Array.from({ length: 200 }, () => table.open(version)));
  assert.equal(descriptorsOf(path), 1);
  for (let index = 0; index < 6; index++) {
    const pages = await Promise.all(readers.map((reader) => reader.page(index)));
    assert.deepEqual(pages[0], bytes.subarray(index * PAGE, (index + 1) * PAGE));
    assert.ok(
      pages.every((page) => page === pages[0]),
      'one read, one buffer',
    );
    assert.ok(table.held.bytes <= 2 * PAGE, `${table.held.bytes} bytes kept`);
  }
  assert.ok(Buffer.isBuffer(readers[0]?.page(5)), 'what was just read is at hand');
  const again = readers[0]?.page(0);
  assert.ok(again instanceof Promise, 'the oldest had to go');
  await again;
  for (const reader of readers) reader.release();
  assert.deepEqual(table.held.files, 1, 'the next client comes soon');
  table.close();
  assert.deepEqual(table.held, { files: 0, bytes: 0 });
});

function replaceByRename(path: string): void {
  writeFileSync(`${path}.new`, 'x');
  renameSync(`${path}.new`, path);
}

/** Of the same size. */
function writeOver(path: string): void {
  writeFileSync(path, Buffer.alloc(3 * PAGE, 1));
  utimesSync(path, 1, 1);
}

const CHANGES: readonly [what: string, change: (path: string) => void, survives: boolean][] = [
  ['replaced by renaming', replaceByRename, true],
  ['removed', (path) => unlinkSync(path), true],
  ['written over in place', writeOver, false],
  ['cut short', (path) => writeFileSync(path, 'x'), false],
  ['longer', (path) => appendFileSync(path, 'x'), false],
];
for (const [what, change, survives] of CHANGES)
  test(`a file that is ${what} while it is read is ${survives ? 'read to its end' : 'broken off'}`, async () => {
    const bytes = pattern(3 * PAGE);
    const path = source.file(`changing ${what}`, bytes);
    const version = versionOf(path);
    const table = new FileTable(PAGE);
    const reader = await table.open(version);
    assert.deepEqual(await reader.page(0), bytes.subarray(0, PAGE));
    change(path);
    if (survives) {
      assert.deepEqual(await reader.page(1), bytes.subarray(PAGE, 2 * PAGE));
      assert.deepEqual(await reader.page(2), bytes.subarray(2 * PAGE));
    } else {
      await assert.rejects(async () => reader.page(1), FileChanged);
      await assert.rejects(async () => reader.page(0), FileChanged);
      await assert.rejects(table.open(version), FileChanged);
      assert.deepEqual(table.held, { files: 0, bytes: 0 });
    }
    reader.release();
    table.close();
  });

test('what is no file is not waited for', async () => {
  const table = new FileTable(PAGE);
  mkdirSync(`${source.folder}/folder`);
  await assert.rejects(table.open(versionOf(`${source.folder}/folder`)), /not a regular file/);
  await assert.rejects(table.open({ path: `${source.folder}/none`, size: 1, mtimeMs: 1 }), /ENOENT/);
  assert.equal(table.held.files, 0);
});

test('what cannot be read is told without a path to the client, and with what to do to the person', () => {
  const denied = unreadable(Object.assign(new Error("EACCES: permission denied, open 'PATH'"), { code: 'EACCES' }), 'kernel');
  assert.deepEqual(
    [denied.client, denied.person, denied.isPassing],
    [
      'the server may not read kernel',
      "kernel: EACCES: permission denied, open 'PATH'; let the user of this process read it (chmod, chown)",
      false,
    ],
  );
  assert.equal(unreadable(new FileChanged('PATH'), 'kernel').client, 'kernel is just being replaced; ask again');
});

test('an address may ask twice its pace at once, then at its pace; others are not touched, and forgotten ones begin anew', () => {
  const pace = new Pace(10);
  const taken = (address: string, now: number): number => Array.from({ length: 100 }).filter(() => pace.allows(address, now)).length;
  assert.equal(taken('a', 0), 20);
  assert.equal(taken('b', 0), 20);
  assert.equal(taken('a', 500), 5);
  pace.charge('b', 100);
  assert.equal(taken('b', 400), 4);
  for (let i = 0; i < 4096; i++) pace.allows(`10.0.${i >> 8}.${i & 255}`, 500);
  assert.equal(taken('a', 500), 20);
});

test('complaints: each once a minute, 6 of one client, 60 of all, the server’s own always, and how many were left out', () => {
  const complaints = new Complaints(source.log);
  for (let i = 0; i < 3; i++) complaints.tell('a', 'it', 'a is wrong', i);
  for (let i = 0; i < 10; i++) complaints.tell('b', `${i}`, `b is wrong in ${i}`, 10);
  assert.equal(source.logged.length, 7);
  for (let i = 0; i < 100; i++) complaints.tell(`c${i}`, 'it', `c${i} is wrong`, 20);
  assert.equal(source.logged.length, 60);
  for (let i = 0; i < 2; i++) complaints.tell('server', 'disk', 'the disk is gone', 30, 'error');
  assert.deepEqual(source.logged.slice(60), ['error the disk is gone']);
  complaints.tell('a', 'it', 'a is wrong', 60_000);
  assert.deepEqual(source.logged.slice(61), [
    'warn 54 more troubles of these or other clients were not logged in the minute before',
    'warn a is wrong',
  ]);
});

const LISTEN: readonly [code: string, says: RegExp][] = [
  [
    'EACCES',
    /cannot listen for TFTP \(UDP\) on 10\.0\.0\.1:69: ports below 1024 need the permission ports, and a host with the capability CAP_NET_BIND_SERVICE/,
  ],
  ['EADDRINUSE', /something else listens there already \(ss -lnp 'sport = :69'/],
  ['EADDRNOTAVAIL', /no interface of this machine has that address/],
  ['EOTHER', /on 10\.0\.0\.1:69: odd$/],
];
for (const [code, says] of LISTEN)
  test(`listening fails with ${code}`, () => {
    assert.match(explainListenError('TFTP (UDP)', '10.0.0.1', 69, Object.assign(new Error('odd'), { code })).message, says);
  });

test('addresses', () => {
  assert.deepEqual([spell('fd00::1', 69), spell('10.0.0.1', 69)], ['[fd00::1]:69', '10.0.0.1:69']);
  assert.deepEqual([plainAddress('::ffff:10.0.0.7'), plainAddress('fd00::7')], ['10.0.0.7', 'fd00::7']);
});
