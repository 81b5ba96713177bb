/** `kraken plugin new`: what it asks, what it refuses, and that it leaves nothing half-made. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { typed } from './command.ts';
import { listed, testFolder } from './made.ts';

const folder = testFolder();
const read = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'));

const REFUSED: readonly (readonly [words: readonly string[], exit: number, said: string])[] = [
  [
    ['Rack-PDU'],
    2,
    'Rack-PDU: it cannot be a name: it has small letters, digits, - and _, begins with a letter, and is at most 64 long.\n  Try rack-pdu.',
  ],
  [['7up'], 2, '7up: it cannot be a name: it has small letters'],
  [['../up'], 2, '../up: it cannot be a name: before the slash stands a scope, which begins with @.\n  Write NAME or @SCOPE/NAME.'],
  [['@site/a/b'], 2, '@site/a/b: it cannot be a name: before the slash stands a scope'],
  [['@site/'], 2, '@site/: it cannot be a name'],
  [['a'.repeat(65)], 2, 'at most 64 long'],
  [[`@${'s'.repeat(200)}/${'a'.repeat(20)}`], 2, 'npm takes at most 214 characters'],
  [['@site/ipmi'], 2, '@site/ipmi: it cannot be a name: Kraken brings a module of this name.\n  Try my-ipmi.'],
  [['http'], 2, 'http: it cannot be a name: npm does not take it: Node.js has something of this name.\n  Try my-http.'],
  [['pdu', '--template', 'modul-ts'], 2, '--template modul-ts: there is no such template; did you mean module-ts?'],
  [
    ['pdu', '--template', 'rust'],
    2,
    '--template rust: there is no such template; there are module-ts, module-python, module-bare, extension.',
  ],
  [
    ['pdu', '--permissions', 'net,nett'],
    2,
    '--permissions net,nett: there is no permission "nett"; there are net, state:read *, cfg:write',
  ],
  [['pdu', '--license', 'do what you "want"'], 2, 'it is no name of a license, such as BSD-3-Clause, MIT or UNLICENSED'],
  [['pdu', '--description', 'two\nlines'], 2, 'it is one line of at most 300 characters'],
  [
    ['pdu', '--mutates', 'powerOn'],
    2,
    '--mutates powerOn: powerOn is not NAME:PATH=FROM..TO, such as powerOn:/physState=POWER_OFF..POWER_ON.',
  ],
  [
    ['pdu', '--mutates', 'on:/physState=OFF..POWER_ON'],
    3,
    '--mutates: it does not define a module: mutation pdu/on names /physState OFF, but it can only be',
  ],
  [['pdu', '--mutates', 'a:/b/c=0..1', '--from', 'x.yaml'], 2, '--from and --mutates say the same in two ways.\n  Give one of them.'],
  [['pdu', '--from', 'FOLDER/none.yaml'], 5, 'FOLDER/none.yaml: there is no such file.\n  Name one that exists, or - for stdin.'],
  [['pdu', '--member', 'pdu'], 2, '--member is of an extension, and module-ts is a module.'],
  [['pdu', '--template', 'extension', '--from', '-'], 2, 'a definition of mutations makes a module, and extension is none.'],
  [['pdu', '--template', 'extension', '--permissions', 'net'], 2, 'an extension has no permissions: nothing of it is started.'],
  [['power', '--template', 'extension'], 2, '--member power: nodes have a member of this name already.\n  Give another: --member …'],
  [['pdu', '--template', 'extension', '--member', 'physState'], 2, 'nodes have a member of this name already'],
  [['pdu', '--template', 'extension', '--member', 'a/b'], 2, 'it has letters, digits and _, begins with a small letter'],
  [
    ['pdu', '--dir', 'FOLDER/full'],
    3,
    'FOLDER/full: nothing was made: the folder is not empty: kept is in it.\n  Name another: --dir DIR.',
  ],
  [['pdu', '--dir', 'FOLDER/file'], 3, 'FOLDER/file: nothing was made: it is there already, and is no folder.'],
  [['pdu', '--dir', 'FOLDER/link'], 3, 'FOLDER/link: nothing was made: it is there already, and is no folder.'],
  [['pdu', '--dir', 'FOLDER/file/below'], 3, 'FOLDER/file/below: nothing was made: what stands above it is no folder.'],
  [['pdu', '--template'], 2, '--template needs a value'],
  [[], 2, 'plugin new: NAME is missing'],
  [['pdu', 'extra'], 2, 'plugin new: extra is one argument too many'],
];

test('what cannot be made is refused, with what and why, and nothing is left', async () => {
  mkdirSync(join(folder, 'full'));
  writeFileSync(join(folder, 'full/kept'), '');
  writeFileSync(join(folder, 'file'), '');
  symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
  const before = listed(folder);
  for (const [words, exit, said] of REFUSED) {
    const given = words.map((word) => word.replace('FOLDER', folder));
    const where = given.includes('--dir') ? [] : ['--dir', join(folder, 'new')];
    const result = await typed([...given, ...where, '--yes']);
    const err = result.err.replaceAll(folder, 'FOLDER');
    assert.equal(result.exit, exit, `${words.join(' ')}: ${err}`);
    assert.ok(err.includes(said), `${words.join(' ')} said: ${err}`);
    assert.equal(result.out, '');
  }
  assert.deepEqual(listed(folder), before);
});

test('on a terminal it asks for what no flag says, and takes what is usual for an empty answer', async () => {
  const dir = join(folder, 'asked');
  const answers = ['module-bare', '', 'Turns taps', 'Ada Lovelace', 'MIT', 'net,state:read *'];
  const { exit, asked, out } = await typed(['taps', '--dir', dir], { answers });
  assert.equal(exit, 0);
  assert.deepEqual(
    asked.map((question) => question.split('\n').at(-1)),
    [
      'Which of these? [module-ts] ',
      'What does it change? NAME:PATH=FROM..TO, or nothing for an example that works: ',
      'What does it do, in a sentence? [Switches machines on and off] ',
      'Who writes it? ',
      'Under which license? [BSD-3-Clause] ',
      'What may it do beyond its own paths? net, none, or a list: [net] ',
    ],
  );
  assert.match(asked[0] ?? '', /module-python +a module in Python/);
  const { description, author, license, kraken } = read('asked/package.json');
  assert.deepEqual([description, author, license, kraken.permissions], ['Turns taps', 'Ada Lovelace', 'MIT', ['net', 'state:read *']]);
  assert.match(out, /^taps: .*; 9 files in .*\n {2}\.gitignore\n/);
  assert.match(out, /\nNext:\n {2}\(cd .*asked && npm test\)\n {2}kraken plugin check .*asked\n {2}kraken plugin install .*asked\n$/);
});

test('a flag is not asked for again, and a wrong answer is told and asked again, three times', async () => {
  const dir = join(folder, 'again');
  const flags = ['valve', '--dir', dir, '--template', 'extension', '--license', 'MIT', '--author', 'Ada', '--description', 'Valves'];
  const corrected = await typed(flags, { answers: ['ipv4', 'valve'] });
  assert.deepEqual([corrected.exit, corrected.asked.length], [0, 2]);
  assert.match(corrected.err, /ipv4: nodes have a member of this name already/);
  assert.deepEqual(read('again/package.json').kraken.extensions, { valve: 'schemas/valve.json' });

  const given = await typed(['valve', '--dir', join(folder, 'up')], { answers: ['a', 'b', 'c', 'd'] });
  assert.deepEqual([given.exit, given.asked.length], [2, 3]);
  assert.equal(existsSync(join(folder, 'up')), false);
});

test('where the input ends, or Ctrl-C comes, nothing is left', async () => {
  const dir = join(folder, 'deep/down/pdu');
  const ended = await typed(['pdu', '--dir', dir], { answers: ['module-ts', null] });
  assert.deepEqual([ended.exit, ended.err], [1, 'kraken: nothing was made.\n']);
  const interrupted = await typed(['pdu', '--dir', dir, '--yes'], { isInterrupted: true });
  assert.deepEqual([interrupted.exit, interrupted.err], [1, 'kraken: nothing was made: it was interrupted.\n']);
  assert.equal(existsSync(join(folder, 'deep')), false);
});

test('an empty folder that is there is filled and stays the same; a folder above is made', async () => {
  const empty = join(folder, 'empty');
  mkdirSync(empty);
  const { ino } = statSync(empty);
  assert.equal((await typed(['pdu', '--dir', empty, '--yes'])).exit, 0);
  assert.equal(statSync(empty).ino, ino);
  assert.ok(existsSync(join(empty, 'src/module.ts')));

  assert.equal((await typed(['pdu', '--dir', join(folder, 'far/away'), '--yes'])).exit, 0);
  assert.deepEqual(readdirSync(join(folder, 'far')), ['away']);
});

test('where it may not write it says so, and leaves nothing', {
  skip: process.getuid?.() === 0 ? 'root may write anywhere' : false,
}, async () => {
  const locked = join(folder, 'locked');
  mkdirSync(locked, { mode: 0o500 });
  const { exit, err } = await typed(['pdu', '--dir', join(locked, 'pdu'), '--yes']);
  assert.equal(exit, 3);
  assert.match(err, /nothing was made: you may not write there/);
  chmodSync(locked, 0o700);
  assert.deepEqual(readdirSync(locked), []);
});

test('programs are told what was made', async () => {
  const dir = join(folder, 'told');
  const { out } = await typed([
    '@site/door',
    '--dir',
    dir,
    '--yes',
    '-o',
    'json',
    '--mutates',
    'open:/door/state=SHUT..OPEN',
    '--permissions',
    'none',
  ]);
  const { files, notes, ...rest } = JSON.parse(out);
  assert.deepEqual(rest, { name: '@site/door', module: 'door', template: 'module-ts', dir });
  assert.deepEqual(files, listed(dir));
  assert.deepEqual(notes, [
    'mutations/open: the timeout is 60s, as none is given',
    'a poller "look" asks for /door/state every 30s; with "withPolling: false" there is none',
    '/door/state is in no schema: it is declared with the values UNKNOWN, SHUT, OPEN',
  ]);
  assert.deepEqual(read('told/package.json').kraken.permissions, []);
});
