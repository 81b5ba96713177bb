/** Completion: every command, option and value of the table; the names that a host knows; and the shells themselves. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { GLOBAL_OPTIONS } from '../../host/cli/command.ts';
import { candidatesFor, FREE, nameIn, placeholderOf, valuesOf } from '../../host/cli/complete.ts';
import { COMMANDS } from '../../host/cli/table.ts';
import { FAULTS } from '../../plugins/simulator/profile.ts';
import { NAMES, SERVICES } from './answers.ts';
import { FakeHost } from './fake.ts';

const host = new FakeHost();
const bin = join(host.folder, 'bin');
const knows = { answers: { 'state/read': NAMES, 'service/list': { services: SERVICES } } };
const env = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env['PATH']}`,
  KRAKEN_SOCKET: host.socket,
  HOME: host.folder,
  KRAKEN_DATA_DIR: '',
};

before(async () => {
  await host.start();
  const entry = fileURLToPath(new URL('../../host/bin/kraken.js', import.meta.url));
  mkdirSync(bin);
  writeFileSync(join(bin, 'kraken'), `#!/bin/sh\nexec ${process.execPath} ${entry} "$@"\n`);
  chmodSync(join(bin, 'kraken'), 0o755);
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { out } = await host.run({ args: ['completion', shell] });
    writeFileSync(join(host.folder, `script.${shell}`), out);
  }
});
after(() => host.stop());

const words = (...typed: string[]): string[] => candidatesFor(typed).words.map(([word]) => word);

test('every command is completed, word by word', () => {
  for (const { words: command } of COMMANDS) {
    const [first = '', second] = command.split(' ');
    assert.ok(words(first.slice(0, 2)).includes(first), command);
    if (second !== undefined) assert.ok(words(first, second.slice(0, 1)).includes(second), command);
  }
});

test('every option of every command is completed, and only once given', () => {
  for (const { words: command, options } of COMMANDS)
    for (const [flag] of [...options, ...GLOBAL_OPTIONS])
      for (const name of flag.replace(/ <.*/, '').split(', ')) {
        const typed = command.split(' ');
        assert.ok(words(...typed, name.slice(0, name.startsWith('--') ? 3 : 1)).includes(name), `${command} ${name}`);
        const given = flag.includes('<') ? [name, 'x'] : [name];
        assert.ok(!words(...typed, ...given, '-').includes(name), `${command} ${name} again`);
      }
});

test('of every placeholder it is known what it may be, or that only a person knows', () => {
  for (const { words: command, args, options } of COMMANDS) {
    const names = [
      ...args.split(' ').map((arg) => arg.replaceAll(/[<>[\].]/g, '')),
      ...[...options, ...GLOBAL_OPTIONS].map(([flag]) => placeholderOf(flag)),
    ];
    for (const name of names.filter((one) => one !== ''))
      assert.notEqual(valuesOf(name) !== undefined, FREE.has(name), `${command}: ${name}`);
  }
});

test('the faults are those of the simulator', () => assert.deepEqual(words('sim', 'fault', 'kr1', ''), [...FAULTS]));

const CASES: readonly (readonly [typed: string, expected: readonly string[] | string])[] = [
  ['no', ['node']],
  ['node li', ['list']],
  ['help', ['help']],
  ['sim f', ['fault']],
  ['node power o', ['on', 'off']],
  ['node power on ', 'nodes'],
  ['node list -o ', ['human', 'wide', 'json', 'yaml', 'name']],
  ['node list -o y', ['yaml']],
  ['node list --output=j', ['--output=json']],
  ['node list --output = j', ['json']],
  ['graph -o d', ['dot']],
  ['node list -o d', []],
  ['node list -t c', ['cfg']],
  ['-o json node li', ['list']],
  ['--socket /s node li', ['list']],
  ['node info k', 'nodes'],
  ['sme fr', ['freeze']],
  ['events --kinds state,m', ['state,mutation']],
  ['events --nodes k', 'nodes'],
  ['node apply ', 'files'],
  ['node import x --from g', ['genders']],
  ['service logs ', 'services'],
  ['service logs -f ', 'services'],
  ['service logs -n 5 i', 'services'],
  ['node list -f ', []],
  ['node list kr1 ', []],
  ['node set kr1 phys', []],
  ['node get kr1 --why', []],
  ['completion z', ['zsh']],
  ['layer0 build --compress z', ['zstd']],
  ['nonsense ', []],
];
for (const [typed, expected] of CASES) {
  test(`kraken ${typed}`, () => {
    const found = candidatesFor(typed.split(' '));
    if (typeof expected === 'string') assert.equal(found.source, expected);
    else assert.deepEqual([found.source, found.words.map(([word]) => word)], [undefined, expected]);
  });
}

for (const [last, expected] of [
  ['', { prefix: '', name: '' }],
  ['kr', { prefix: '', name: 'kr' }],
  ['kr1,kr', { prefix: 'kr1,', name: 'kr' }],
  ['!k', { prefix: '!', name: 'k' }],
  ['@rack=r1&k', { prefix: '@rack=r1&', name: 'k' }],
  ['kr[1', undefined],
  ['@ra', undefined],
  ['physState=P', undefined],
] as const) {
  test(`a name in ${JSON.stringify(last)}`, () => assert.deepEqual(nameIn(last), expected));
}

test('names of nodes and services are the host’s; without a host there are none, and nothing is said', async () => {
  const complete = async (...typed: string[]): Promise<string> =>
    (await host.run({ ...knows, args: ['completion', 'bash', '--', ...typed] })).out;
  assert.equal(await complete('node', 'get', 'kr'), 'kr1\nkr2\nkr3\nkr4\n');
  assert.equal(await complete('node', 'get', 'kr1,kr4'), 'kr1,kr4\n');
  assert.equal(await complete('service', 'stop', 'p'), 'pxe\n');
  assert.equal(await complete('node', 'list', '--he'), '--help\n');
  const alone = await host.run({ args: ['completion', 'bash', '--', 'node', 'get', 'kr'], env: { KRAKEN_SOCKET: '/nowhere' } });
  assert.deepEqual([alone.exit, alone.out, alone.err], [0, '', '']);
  const described = await host.run({ args: ['completion', 'fish', '--', 'node', 'lis'] });
  assert.equal(described.out, 'list\tlist nodes\n');
});

test('a host that does not answer is not waited for', async () => {
  const started = performance.now();
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  // What others may have left is over by then.
  await sleep(1_000);
  const before = timers();
  await host.run({ ...knows, args: ['completion', 'bash', '--', 'node', 'get', ''] });
  // The fake host has one of its own for a moment.
  await sleep(100);
  assert.ok(timers() <= before, 'whoever was answered waits on');
  const { out, exit } = await host.run({
    answers: { 'state/read': () => new Promise(() => undefined) },
    args: ['completion', 'bash', '--', 'node', 'get', ''],
  });
  assert.deepEqual([exit, out], [0, '']);
  assert.ok(performance.now() - started < 5_000);
});

/** The shell runs the command anew, which asks the fake host: it must be answering, so nothing here blocks. */
async function shell(program: string, args: readonly string[]): Promise<string[]> {
  host.answer(knows);
  const { stdout } = await promisify(execFile)(program, args, { env, cwd: host.folder, timeout: 60_000 });
  return stdout.split('\n').filter((line) => line !== '');
}

const without = (program: string): string | false => (spawnSync(program, ['--version']).error ? `${program} is not installed` : false);

/** As readline calls it. */
const bash = (...typed: string[]): Promise<string[]> => {
  const quoted = ['kraken', ...typed].map((word) => `'${word}'`).join(' ');
  const script = `source script.bash; complete -p kraken >/dev/null || exit 1; COMP_WORDS=(${quoted}); COMP_CWORD=${typed.length}; _kraken kraken '${typed.at(-1)}' x; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return shell('bash', ['-c', script]);
};

test('bash', { skip: without('bash') }, async () => {
  assert.deepEqual(await bash('node', 'wa'), ['watch', 'waiting']);
  assert.deepEqual(await bash('node', 'get', 'kr1,kr'), ['kr1,kr1', 'kr1,kr2', 'kr1,kr3', 'kr1,kr4']);
  assert.deepEqual(await bash('node', 'list', '--output', '=', 'js'), ['json']);
  assert.deepEqual(await bash('node', 'apply', 'script.z'), ['script.zsh']);
});

test('fish', { skip: without('fish') }, async () => {
  const fish = (line: string): Promise<string[]> => shell('fish', ['--no-config', '-c', `source script.fish; complete -C '${line}'`]);
  assert.deepEqual(await fish('kraken node wa'), [
    'waiting\tnodes that only a person can bring back',
    'watch\ttell every change until Ctrl-C',
  ]);
  assert.deepEqual(await fish('kraken service stop '), ['ipmi\tready', 'pxe\tfailed']);
  assert.deepEqual(await fish('kraken node apply script.z'), ['script.zsh']);
});

/** A terminal of its own, into which is typed as a person would. */
const ZSH = `
import os, pty, sys, time, select
pid, fd = pty.fork()
if pid == 0:
    os.execvp('zsh', ['zsh', '-f', '-i'])
def read(until, limit):
    text, end = '', time.time() + limit
    while time.time() < end and until not in text:
        if select.select([fd], [], [], 0.2)[0]: text += os.read(fd, 65536).decode('utf8', 'replace')
    return text
os.write(fd, b"PS1=; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -D -u; source script.zsh; print REA''DY\\n")
read('READY', 20)
os.write(fd, sys.argv[1].encode() + b'\\t')
print(read(sys.argv[2], 20))
os.kill(pid, 9)
`;

test('zsh', { skip: without('zsh') || without('python3') }, async () => {
  const zsh = async (line: string, until: string): Promise<string> => (await shell('python3', ['-c', ZSH, line, until])).join('\n');
  assert.match(await zsh('kraken node expl', 'explain'), /kraken node explain/);
  assert.match(await zsh('kraken service stop p', 'pxe'), /pxe/);
});
