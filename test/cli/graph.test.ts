/** `graph -o dot` is read by Graphviz itself: every state and step is drawn once, in its colour, with its lines. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { FakeHost } from './fake.ts';

const host = new FakeHost();
before(() => host.start());
after(() => host.stop());

const GRAPH = {
  nodes: [
    { id: 'a "1"', state: { '/physState': 'POWER_OFF', '/runState': 'UNKNOWN' }, mark: 'current' },
    { id: 'b\\n', state: { '/labels/note': 'two words, "quoted" \\ and\nmore' }, mark: 'path' },
    { id: 'c', state: {}, mark: 'goal' },
    { id: 'd->e', state: { '/physState': 'PHYS_HANG' }, mark: 'other' },
  ],
  edges: [
    { id: '1', from: 'a "1"', to: 'b\\n', mutation: 'ipmi/powerOn', mark: 'current' },
    { id: '2', from: 'b\\n', to: 'c', mutation: 'x"y\\', mark: 'path' },
    { id: '3', from: 'd->e', to: 'a "1"', mutation: 'ipmi/unhang', mark: 'other' },
  ],
  truncated: false,
};

interface Drawn {
  readonly objects: readonly { readonly name: string; readonly label: string; readonly fillcolor: string }[];
  readonly edges: readonly { readonly label: string; readonly color: string }[];
}

for (const args of [['graph'], ['graph', 'kr1']]) {
  test(args.join(' '), { skip: spawnSync('dot', ['-V']).error ? 'dot is not installed (Debian: graphviz)' : false }, async () => {
    const { out } = await host.run({ args: [...args, '-o', 'dot'], answers: { 'graph/get': GRAPH } });
    const { status, stdout, stderr } = spawnSync('dot', ['-Tdot_json'], { input: out, encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
    const { objects, edges } = JSON.parse(stdout) as Drawn;
    assert.deepEqual(
      objects.map(({ name, label, fillcolor }) => [name, label, fillcolor]),
      [
        ['a "1"', 'physState: POWER_OFF\\nrunState: UNKNOWN', '#e74c3c'],
        ['b\\\\n', 'labels.note: two words, "quoted" \\\\ and more', '#89CA78'],
        ['c', 'nothing known', '#89CA78'],
        ['d->e', 'physState: PHYS_HANG', '#bfbfbf'],
      ],
    );
    assert.deepEqual(
      edges.map(({ label, color }) => [label, color]),
      [
        ['ipmi/powerOn', '#e74c3c'],
        ['x"y\\\\', '#89CA78'],
        ['ipmi/unhang', '#848484'],
      ],
    );
  });
}
