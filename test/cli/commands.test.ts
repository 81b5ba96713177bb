/**
 * Every command as it is typed: what it asks the host (lines that begin with `>`), prints, says on stderr (`!`), and its exit code.
 * transcript.txt is what a person reads to judge the words; written anew with KRAKEN_TRANSCRIPT=write.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CASES } from './cases.ts';
import { FakeHost, type Outcome } from './fake.ts';

const file = fileURLToPath(new URL('transcript.txt', import.meta.url));
const writes = process.env['KRAKEN_TRANSCRIPT'] === 'write';
const expected = writes ? [] : readFileSync(file, 'utf8').split(/^(?=\$ )/m);
const written: string[] = [];
const host = new FakeHost();

before(async () => {
  await host.start();
  const original = readFileSync(new URL('../fixtures/original-state.json', import.meta.url), 'utf8');
  const files: Record<string, string> = {
    'nodes.yaml': '# two documents\nnodes:\n  - nodename: kr1\n    labels: {rack: "007"}\n  - nodename: kr2\n---\n{nodename: kr3}\n',
    'list.json': '[{"nodename":"kr1"},{"nodename":"kr2"}]',
    'original.json': JSON.stringify({ nodes: JSON.parse(original).nodes.slice(0, 1) }),
    'broken.yaml': 'nodes:\n  - nodename: [kr1\n',
    'empty.yaml': '# nothing\n',
    'scalars.yaml': '- kr1\n- kr2\n',
    file: '',
    hosts: '127.0.0.1 localhost\n10.0.0.1 kr1.example kr1 login\n10.0.0.2 kr2\n10.0.0.3 kr3\n',
    'nodes.conf': 'nodes:\n  n1:\n    ipmi:\n      ipaddr: 10.0.1.1\n      password: hidden\n    asset key: "7"\n',
  };
  files['consoles.yaml'] = `services: {ipmi: {module: ipmi, config: {passwords: {rack2: {file: ${join(host.folder, 'bmc.password')}}}}}}`;
  files['kraken-empty.yaml'] = 'services: {ipmi: {module: ipmi}}';
  files['bmc.password'] = 'topsecret\n';
  for (const [name, text] of Object.entries(files)) writeFileSync(join(host.folder, name), text);
  chmodSync(join(host.folder, 'scalars.yaml'), 0o600);
  mkdirSync(join(host.folder, 'elsewhere'));
});

after(async () => {
  await host.stop();
  if (writes) writeFileSync(file, written.join(''));
});

for (const [index, [line, script]] of CASES.entries()) {
  test(`${index + 1}: kraken ${line}`, async () => {
    const args = line.split(' ').map((word) => word.replaceAll('␣', ' '));
    const text = transcript(line, await host.run({ ...script, args: line === '' ? [] : args }), script?.typed);
    if (writes) written.push(text);
    else assert.equal(text, expected[index]);
  });
}

test('the password of a BMC is given to the program of its console, and is nowhere in what is said', async () => {
  const [, script] =
    CASES.find(([line, one]) => line === 'node console kr1 --config DIR/consoles.yaml' && one?.attached === 0) ?? assert.fail();
  const { out, err, asked } = await host.run({ ...script, args: ['node', 'console', 'kr1', '--config', 'DIR/consoles.yaml'] });
  assert.deepEqual(host.attached, { IPMI_PASSWORD: 'topsecret' });
  assert.doesNotMatch(JSON.stringify([out, err, asked]), /topsecret/);
});

test('the transcript has no more than these', () => {
  if (!writes) assert.equal(expected.length, CASES.length);
});

/** Every request names who asks. */
function transcript(line: string, { out, err, exit, asked }: Outcome, typed: string | null | undefined): string {
  const requests = asked.map(([method, { onBehalfOf, ...params }]) => {
    assert.deepEqual(onBehalfOf, { user: 'ada' });
    return `> ${method} ${JSON.stringify(params)}\n`;
  });
  const marked = err.replace(/\n$/, '').replaceAll(/^/gm, '! ');
  const where = typed === undefined ? '' : '   (on a terminal)';
  return `$ kraken ${line}${where}\n${requests.join('')}${out}${err === '' ? '' : `${marked}\n`}${exit === 0 ? '' : `[exit ${exit}]\n`}\n`;
}
