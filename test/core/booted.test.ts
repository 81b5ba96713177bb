/** What a host says that its machine was booted with: read from the machine's own files, and seen at its own node. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBooted } from '../../host/booted.ts';
import { Engine } from '../../host/core/engine.ts';
import type { Booted } from '../../host/core/self.ts';
import { Schemas } from '../../host/documents/schemas.ts';

const OURS = 'console=ttyS0 kraken.parent=10.0.0.254 kraken.id=n1 kraken.boot=0123abcd quiet kraken.token=secret';

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly expect: Omit<Booted, 'kernel'>;
}

const LAYER0 = '/etc/kraken/layer0.json';
const CASES: readonly Case[] = [
  { name: 'nothing can be read', files: {}, expect: {} },
  { name: 'booted by us', files: { '/proc/cmdline': `${OURS}\n` }, expect: { id: '0123abcd', args: 'console=ttyS0 quiet' } },
  { name: 'booted by others: their command line is not told', files: { '/proc/cmdline': 'root=/dev/sda1 password=x' }, expect: {} },
  { name: 'of two the last counts', files: { '/proc/cmdline': 'kraken.boot=a kraken.boot=b' }, expect: { id: 'b' } },
  { name: 'an id that is none', files: { '/proc/cmdline': `kraken.boot=${'x'.repeat(65)}` }, expect: {} },
  { name: 'a layer 0', files: { [LAYER0]: '{"id":"l0-1"}' }, expect: { layer0: 'l0-1' } },
  { name: 'a damaged layer 0', files: { [LAYER0]: '{"id":' }, expect: {} },
  { name: 'a long command line', files: { '/proc/cmdline': `kraken.id=n ${'y'.repeat(5000)}` }, expect: { args: 'y'.repeat(4096) } },
];

for (const { name, files, expect } of CASES)
  test(`booted: ${name}`, () => {
    const { kernel, ...rest } = readBooted((file) => {
      const text = files[file];
      if (text === undefined) throw new Error('there is no such file');
      return text;
    });
    assert.match(kernel ?? '', /^\d+\./);
    assert.deepEqual(rest, expect);
  });

test('it is observed at its own node', () => {
  const booted: Booted = { id: 'boot-1', kernel: '6.1', args: 'quiet' };
  const place = { given: true, hosts: true, root: true, boot: 'b1', booted };
  const engine = new Engine({ variables: new Schemas().variables(), self: 'n1', seed: 1, now: 1_000, ...place });
  const seen = (engine: Engine): unknown =>
    ['id', 'kernel', 'layer0', 'args'].map((member) => engine.world.nodes.get('n1')?.seen(`/booted/${member}`));
  engine.turn(
    [{ type: 'apply', request: 1, author: { user: 'core' }, change: { nodes: [{ mode: 'create', id: 'n1', doc: { nodename: 'n1' } }] } }],
    1_001,
  );
  assert.deepEqual(seen(engine), ['boot-1', '6.1', undefined, 'quiet']);
});
