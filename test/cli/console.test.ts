/** `node console` in a terminal of its own: the program has the keyboard and the screen, Ctrl-C included, and the rights of the host alone. */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GRAPH, id } from './answers.ts';
import { FakeHost } from './fake.ts';
import { inTerminal, NO_TERMINAL } from './terminal.ts';

const host = new FakeHost();
const bin = join(host.folder, 'bin');
const uid = process.getuid?.() ?? 0;
const answers = {
  'state/read': { revision: 1, nodes: [{ id: id(1), name: 'kr1' }] },
  'graph/get': GRAPH,
  'service/call': { result: { program: 'ipmitool', args: ['-E', 'sol'], secrets: { IPMI_PASSWORD: '/password' }, leave: '~.' } },
};

/** It says what it was given, then what is typed, until q. In raw mode, as ipmitool and virsh are, Ctrl-C is a character. */
const TOOL = `#!/usr/bin/env python3
import os, signal, sys, termios, tty
if os.environ.get('TOOL_COOKED'):
    def interrupted(*_): print('interrupted', flush=True); sys.exit(0)
    signal.signal(signal.SIGINT, interrupted)
    print('uid', flush=True)
    signal.pause()
print('args', *sys.argv[1:], 'password', os.environ.get('IPMI_PASSWORD'), 'uid', os.getuid(), flush=True)
before = termios.tcgetattr(0)
tty.setraw(0)
while True:
    key = os.read(0, 1)
    if key == b'q': break
    os.write(1, b'<%02x>' % key[0])
termios.tcsetattr(0, termios.TCSADRAIN, before)
sys.exit(int(os.environ.get('TOOL_EXIT', '0')))
`;

before(async () => {
  await host.start();
  const entry = fileURLToPath(new URL('../../host/bin/kraken.js', import.meta.url));
  mkdirSync(bin);
  const kraken = `#!/bin/sh\nexec ${process.execPath} ${entry} "$@"\n`;
  for (const [name, text] of Object.entries({ kraken, ipmitool: TOOL })) {
    writeFileSync(join(bin, name), text);
    chmodSync(join(bin, name), 0o755);
  }
  writeFileSync(join(host.folder, 'password'), 'topsecret\n', { mode: 0o600 });
  writeFileSync(
    join(host.folder, 'k.yaml'),
    JSON.stringify({ services: { ipmi: { module: 'ipmi', config: { password: { file: join(host.folder, 'password') } } } } }),
  );
});
after(() => host.stop());

const skip = NO_TERMINAL;

async function inConsole(keys: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  host.answer({ answers });
  const PATH = `${bin}${delimiter}${process.env['PATH']}`;
  const whole = { PATH, KRAKEN_SOCKET: host.socket, KRAKEN_CONFIG: join(host.folder, 'k.yaml'), NO_COLOR: '1', ...env };
  return inTerminal([['uid', keys]], ['kraken', ...args], whole);
}

test('what is typed reaches the program, Ctrl-C too, and its end is ours', { skip }, async () => {
  const shown = await inConsole('a\u0003bq', ['node', 'console', 'kr1']);
  assert.match(shown, /^Console of kr1, by ipmitool; leave it with ~\.\nargs -E sol password topsecret uid \d+\n<61><03><62>\n?exit 0\n$/);
});

test('Ctrl-C is the program’s, whatever it makes of it', { skip }, async () => {
  assert.match(await inConsole('\u0003', ['node', 'console', 'kr1'], { TOOL_COOKED: '1' }), /interrupted\nexit 0\n$/);
});

test('a program that fails makes the command fail', { skip }, async () => {
  const shown = await inConsole('q', ['node', 'console', 'kr1'], { TOOL_EXIT: '7' });
  assert.match(shown, /kraken: ipmitool has ended with 7\.\n.*\nexit 1\n$/s);
});

test('a command of one’s own needs no service', { skip }, async () => {
  const shown = await inConsole('q', ['node', 'console', 'kr1'], { KRAKEN_CONSOLE: 'ipmitool to %n' });
  assert.match(shown, /args to kr1 password None uid/);
});

test('who is another user than the host is shown what would be run as him, and asked', async () => {
  const script = { uid: uid + 1, answers, attached: 0, env: { KRAKEN_CONFIG: join(host.folder, 'k.yaml') } };
  const no = await host.run({ ...script, args: ['node', 'console', 'kr1'], typed: 'n' });
  assert.deepEqual([no.exit, no.out], [1, '']);
  assert.match(no.err, new RegExp(`^Service ipmi, which is user ${uid}, says what is to be run as you:\\n {2}ipmitool -E sol\\nGo ahead`));
  const yes = await host.run({ ...script, args: ['node', 'console', 'kr1', '--yes'], typed: null });
  assert.deepEqual([yes.exit, yes.out], [0, '(ipmitool -E sol with IPMI_PASSWORD)\n']);
});

test('root takes on the user of the host', { skip: uid === 0 ? skip : 'only root can' }, async () => {
  chmodSync(host.folder, 0o755);
  chownSync(host.socket, 65_534, 65_534);
  try {
    assert.match(await inConsole('q', ['node', 'console', 'kr1']), /args -E sol password topsecret uid 65534\n/);
  } finally {
    chownSync(host.socket, 0, 0);
  }
});
