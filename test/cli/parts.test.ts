/** The parts of the command line by themselves: values, durations, paths, tables, colours, parts of large files. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { findWords } from '../../host/cli/arguments.ts';
import { cut, oneLine, table } from '../../host/cli/columns.ts';
import { inParts } from '../../host/cli/documents.ts';
import { asFailure, Failure, failureText } from '../../host/cli/failure.ts';
import { createStyle } from '../../host/cli/style.ts';
import { COMMANDS, OLD_WORDS } from '../../host/cli/table.ts';
import { parseAmount, parseCount, parseDuration, parsePathText, parseValues } from '../../host/cli/values.ts';
import { pathText, sizeText, spanText, timeText, valueText } from '../../host/cli/words.ts';
import { shellWord } from '../../host/core/shell.ts';
import { findPaths, type PathsFrom } from '../../host/paths.ts';

process.env['TZ'] = 'UTC';

function check<I, O>(name: string, what: (input: I) => O, cases: readonly (readonly [input: I, expected: O | RegExp])[]): void {
  for (const [input, expected] of cases) {
    test(`${name} ${JSON.stringify(input)}`, () => {
      if (expected instanceof RegExp) assert.throws(() => what(input), expected);
      else assert.deepEqual(what(input), expected);
    });
  }
}

check('values', (word: string) => parseValues([word]), [
  ['physState=POWER_ON', { '/physState': 'POWER_ON' }],
  ['pxe.state=WAIT', { '/pxe/state': 'WAIT' }],
  ['/pxe/state=WAIT', { '/pxe/state': 'WAIT' }],
  ['a=', { '/a': '' }],
  ['a=b=c', { '/a': 'b=c' }],
  ['a=1', { '/a': 1 }],
  ['a=-1.5', { '/a': -1.5 }],
  ['a=0011', { '/a': '0011' }],
  ['a=1.10', { '/a': '1.10' }],
  ['a=1e5', { '/a': '1e5' }],
  ['a=12345678901234567890', { '/a': '12345678901234567890' }],
  ['a=true', { '/a': true }],
  ['a=True', { '/a': 'True' }],
  ['a=null', { '/a': null }],
  ['a="1"', { '/a': '1' }],
  ['a="', { '/a': '"' }],
  ['a="x\\q"', { '/a': '"x\\q"' }],
  ['a={"b":1}', { '/a': '{"b":1}' }],
  ['a=x-', { '/a': 'x-' }],
  ['labels.rack-', { '/labels/rack': null }],
  ['/labels/a.b-', { '/labels/a.b': null }],
  ['/a~1b=1', { '/a~1b': 1 }],
  ['-', /sets nothing/],
  ['a', /sets nothing/],
  ['=1', /sets nothing/],
  ['/a~2=1', /is no path/],
  ['/=1', /is no path/],
  ['a.=1', /is no path/],
]);

check('path', parsePathText, [
  ['a', '/a'],
  ['a.b.c', '/a/b/c'],
  ['/a.b/c', '/a.b/c'],
  ['', /is no path/],
]);

test('a path that is shown can be typed again', () => {
  const member = fc.stringMatching(/^[a-zA-Z0-9_.-]{1,8}$/);
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 4 }), (members) => {
      const path = `/${members.join('/')}`;
      assert.equal(parsePathText(pathText(path)), path);
    }),
  );
});

check('duration', (text: string) => parseDuration(text, '--for'), [
  ['500ms', 500],
  ['90s', 90_000],
  ['1.5h', 5_400_000],
  ['2d', 172_800_000],
  ['0s', /--for 0s is no duration/],
  ['2', /no duration/],
  ['-2h', /no duration/],
  ['2 h', /no duration/],
  ['2w', /no duration/],
  ['', /no duration/],
]);

check('count', (text: string | undefined) => parseCount(text, '-n', 7, 100), [
  [undefined, 7],
  ['1', 1],
  ['100', 100],
  ['101', /-n 101 is no whole number from 1 to 100/],
  ['0', /no whole number/],
  ['1.5', /no whole number/],
  ['1e1', /no whole number/],
]);

check('amount', (text: string | undefined) => parseAmount(text, '--scale', 2), [
  [undefined, 2],
  ['0', 0],
  ['0.25', 0.25],
  ['-1', /--scale -1 is no number/],
  ['.5', /no number/],
]);

check('span', spanText, [
  [0, '0 s'],
  [499, '0 s'],
  [59_999, '1 min'],
  [90_500, '1 min 31 s'],
  [3_600_000, '1 h'],
  [3_605_000, '1 h'],
  [90_000_000, '1 d 1 h'],
  [-5, '0 s'],
]);

check('time', (at: number) => timeText(at, Date.UTC(2026, 6, 1, 12)), [
  [Date.UTC(2026, 6, 1, 9, 5, 7), '09:05:07'],
  [Date.UTC(2026, 5, 30, 23, 59, 59), '2026-06-30 23:59:59'],
]);

check('size', sizeText, [
  [999, '999 B'],
  [1_000, '1.0 kB'],
  [123_456_789, '123.5 MB'],
]);

check('shell word', shellWord, [
  ['kr1', 'kr1'],
  ['@rack=r3', '@rack=r3'],
  ['kr[1-4]', "'kr[1-4]'"],
  ["it's", "'it'\\''s'"],
  ['', "''"],
  ['=r3', "'=r3'"],
  ['!kr1', "'!kr1'"],
]);

check('value', valueText, [
  ['a\nb\u001b[31m', 'a b [31m'],
  [{ a: [1] }, '{"a":[1]}'],
  [false, 'false'],
  [undefined, '-'],
  [null, '-'],
]);

test('what comes from elsewhere cannot move the cursor', () => {
  assert.equal(oneLine('a\r\n\u0007b\u009bc'), 'a b c');
});

const plain = createStyle(false, {});
const colour = createStyle(true, {});

check('colour', ([terminal, env]: readonly [boolean, Record<string, string>]) => createStyle(terminal, env).bad('x') !== 'x', [
  [[true, {}], true],
  [[false, {}], false],
  [[true, { NO_COLOR: '1' }], false],
  [[true, { NO_COLOR: '' }], true],
  [[true, { TERM: 'dumb' }], false],
]);

test('a table with colours is aligned as one without', () => {
  const rows = (style: typeof plain): string[][] => [
    [style.good('POWER_ON'), 'SYNC'],
    ['-', style.bad('ERROR')],
  ];
  const shown = table(['POWER', 'RUN'], rows(colour), colour);
  assert.notEqual(shown, stripVTControlCharacters(shown));
  assert.equal(stripVTControlCharacters(shown), table(['POWER', 'RUN'], rows(plain), plain));
});

test('no line of a table is wider than the terminal, whatever is in it', () => {
  const cell = fc.record({ text: fc.string({ maxLength: 20 }).map(oneLine), red: fc.boolean() });
  fc.assert(
    fc.property(fc.array(fc.tuple(cell, cell, cell), { maxLength: 5 }), fc.integer({ min: 1, max: 80 }), (rows, width) => {
      const cells = rows.map((row) => row.map(({ text, red }) => (red ? colour.bad(text) : text)));
      for (const line of table(['A', 'B', 'C'], cells, colour, width).split('\n')) {
        assert.ok(stripVTControlCharacters(line).length <= width, JSON.stringify({ line, width }));
        // Whatever colour was begun is ended again.
        assert.equal(line.split('\u001b[31m').length, line.split('\u001b[39m').length);
      }
    }),
  );
});

check('cut', ([text, width]: readonly [string, number]) => cut(text, width), [
  [['abcdef', 6], 'abcdef'],
  [['abcdef', 4], 'abc…'],
  [['abcdef', 1], '…'],
  [['\u001b[31mabcdef\u001b[39mgh', 4], '\u001b[31mabc…\u001b[39m'],
]);

test('parts fit into a line, and nothing is lost, left out or moved', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 3_000 }), { maxLength: 30 }), (sizes) => {
      const nodes = sizes.map((size, index) => ({ nodename: `kr${index}`, text: 'x'.repeat(size) }));
      const parts = inParts(nodes, 4_000);
      assert.deepEqual(parts.flat(), nodes);
      for (const part of parts) assert.ok(JSON.stringify(part).length <= 4_100);
      assert.ok(parts.length === 1 || parts.every((part) => part.length > 0));
    }),
  );
});

check('words', (line: string) => findWords(line.split(' ')).words.join(' '), [
  ['node list', 'node list'],
  ['node list kr1', 'node list'],
  ['--socket s node list', 'node list'],
  ['node -o json list', 'node list'],
  ['-o json graph kr1', 'graph'],
  ['graph kr1', 'graph'],
  ['sim', 'sim'],
  ['sim --nodes 4', 'sim'],
  ['sim fault kr1 panic', 'sim fault'],
  ['limits', 'limits'],
  ['limits set x', 'limits set'],
  ['sme status', 'sme status'],
  ['node lsit', 'node lsit'],
  ['backup list', 'backup'],
]);

test('every command has a name of its own, and every old word means one', () => {
  const words = COMMANDS.map((command) => command.words);
  assert.equal(new Set(words).size, words.length);
  for (const [old, meant] of OLD_WORDS) assert.ok(words.includes(meant) && !words.includes(old), `${old} → ${meant}`);
});

test('every command can be loaded', async () => {
  for (const { words, load } of COMMANDS) assert.equal(typeof (await load()), 'function', words);
});

const user = { config: 'HOME/.config/kraken', data: 'HOME/.local/share/kraken' };
const cwd = process.cwd();
const at = (path: string): string => `${cwd}/${path}`;

check(
  'paths',
  ({ flags = {}, env = {}, uid = 1000 }: Partial<PathsFrom>) => {
    const { config, dataDir, socket } = findPaths({ flags, env, uid, user: () => user });
    return [config, dataDir, socket];
  },
  [
    [{ uid: 0 }, ['/etc/kraken/kraken.yaml', '/var/lib/kraken', '/run/kraken/control.sock']],
    [{ env: { XDG_RUNTIME_DIR: '/run/user/7' } }, [at(`${user.config}/kraken.yaml`), at(user.data), '/run/user/7/kraken/control.sock']],
    [{}, [at(`${user.config}/kraken.yaml`), at(user.data), at(`${user.data}/control.sock`)]],
    [{ uid: 0, flags: { dataDir: '/d' } }, ['/etc/kraken/kraken.yaml', '/d', '/d/control.sock']],
    [{ uid: 0, flags: { dataDir: 'd', socket: 's', config: 'c' } }, [at('c'), at('d'), at('s')]],
    [{ uid: 0, env: { KRAKEN_DATA_DIR: '/e', KRAKEN_SOCKET: '/s', KRAKEN_CONFIG: '/c' } }, ['/c', '/e', '/s']],
    [{ uid: 0, env: { KRAKEN_DATA_DIR: '/e' }, flags: { dataDir: '/d' } }, ['/etc/kraken/kraken.yaml', '/d', '/d/control.sock']],
    [
      { uid: 0, env: { KRAKEN_DATA_DIR: '', KRAKEN_SOCKET: '' } },
      ['/etc/kraken/kraken.yaml', '/var/lib/kraken', '/run/kraken/control.sock'],
    ],
  ],
);

check('failure', (text: string) => failureText(new Failure(1, text, 'Do this')), [
  ['it failed', 'kraken: it failed.\n  Do this.\n'],
  ['is it running?', 'kraken: is it running?\n  Do this.\n'],
]);

test('what is no refusal is a defect, with the place where it happened', () => {
  const { exit, message } = asFailure(new TypeError('x is not a function'));
  assert.equal(exit, 1);
  assert.match(message, /defect of the kraken command: TypeError: x is not a function\n.*parts\.test\.ts/s);
});
