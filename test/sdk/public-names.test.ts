import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { ENTRIES, publicNames } from '../../schemas/generate/api.ts';
import { readDeclarations } from '../../schemas/generate/declarations.ts';

/** The names that modules import: removing or renaming one breaks somebody's module, adding one is a promise. */
const GOLDEN = {
  'index.ts': [
    'Busy',
    'CfgChange',
    'ConfigSchema',
    'Declaration',
    'Definition',
    'Duration',
    'ExtensionSchema',
    'Hearing',
    'Host',
    'Level',
    'Life',
    'LoginRefused',
    'Module',
    'NodeTask',
    'PhysState',
    'Query',
    'Report',
    'Results',
    'RunState',
    'StateSchema',
    'Task',
    'TaskNode',
    'Terminal',
    'TryLater',
    'Unreachable',
    'Watcher',
    'defineModule',
    'serve',
  ],
  'power/index.ts': [
    'Changing',
    'ConsoleProgram',
    'Device',
    'DeviceCall',
    'DevicesCall',
    'NoAnswer',
    'PowerCfg',
    'PowerConfig',
    'PowerDefinition',
    'definePower',
  ],
  'state/index.ts': [
    'DialectError',
    'fromOriginal',
    'Doc',
    'Member',
    'NodeSet',
    'NodeSetError',
    'OTHER',
    'OURS',
    'SHARED',
    'Subject',
    'TYPE_PREFIX',
    'Vocabulary',
    'childPath',
    'covers',
    'foldNames',
    'followed',
    'formatPath',
    'get',
    'isNamed',
    'isObject',
    'isSubtree',
    'leaves',
    'matches',
    'mergePatch',
    'namesOf',
    'nest',
    'parseNodeSet',
    'parsePath',
    'sameJson',
    'setPath',
    'toOriginal',
    'typeUrl',
    'withoutZeros',
  ],
  'testing.ts': ['ModuleUnderTest', 'RunOptions', 'TestLog', 'TestNode', 'TestOptions', 'TestRun', 'testModule'],
  'wire/index.ts': [
    'Author',
    'CODES',
    'CallContext',
    'Change',
    'Conditions',
    'Declaration',
    'DiscoveryDeclaration',
    'End',
    'ErrorKind',
    'ErrorName',
    'Event',
    'EventKind',
    'Fact',
    'Failed',
    'Failure',
    'GraphView',
    'Json',
    'LINE_LIMIT',
    'LateAnswer',
    'Limit',
    'LineDecoder',
    'LineFault',
    'LineWriter',
    'METHODS',
    'MethodName',
    'Methods',
    'Misfit',
    'MutationDeclaration',
    'NodeState',
    'NotificationsTo',
    'Observed',
    'Other',
    'Outcome',
    'PROTOCOL',
    'Params',
    'Path',
    'Peer',
    'PeerFault',
    'PeerOptions',
    'Permission',
    'PollerDeclaration',
    'RefusalText',
    'RequestOptions',
    'RequestsTo',
    'Result',
    'Retry',
    'Revision',
    'RpcError',
    'Scalar',
    'SentCall',
    'TaskNode',
    'Values',
    'View',
    'WriterOptions',
    'createPeer',
    'createWriter',
    'encodeLine',
    'errorKind',
    'manifestMisfit',
    'notification',
    'paramsMisfit',
    'refusal',
    'resultMisfit',
    'rpcError',
  ],
};

function exported(file: string): string[] {
  const text = readFileSync(new URL(`../../sdk/${file}`, import.meta.url), 'utf8');
  const lists = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, names = '']) => names.split(','));
  const declared = [...text.matchAll(/^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm)].map(([, name = '']) => name);
  return [...lists.map((name) => name.replace(/^\s*type /, '').trim()), ...declared].filter((name) => name !== '').sort();
}

test('the public names are these', () => {
  for (const [file, names] of Object.entries(GOLDEN)) assert.deepEqual(exported(file), [...names].sort(), file);
});

test('what runs is what is named', async () => {
  const values = Object.keys(await import('@kraken-hpc/sdk')).sort();
  assert.deepEqual(values, ['Busy', 'LoginRefused', 'Terminal', 'TryLater', 'Unreachable', 'defineModule', 'serve']);
  assert.deepEqual(Object.keys(await import('@kraken-hpc/sdk/power')).sort(), ['Changing', 'NoAnswer', 'definePower']);
  assert.deepEqual(Object.keys(await import('@kraken-hpc/sdk/testing')), ['testModule']);
});

const { declarations, forget } = readDeclarations();
after(forget);
const names = publicNames(declarations);

test('every way in is in the list, and in the package', () => {
  const { exports } = JSON.parse(readFileSync(new URL('../../sdk/package.json', import.meta.url), 'utf8')) as { exports: object };
  assert.deepEqual(
    Object.keys(exports)
      .map((entry) => `@kraken-hpc/sdk${entry.slice(1)}`)
      .sort(),
    ENTRIES.map(({ specifier }) => specifier).sort(),
  );
  assert.deepEqual(Object.keys(GOLDEN).sort(), ENTRIES.map(({ file }) => `${file}.ts`).sort());
  for (const { file } of ENTRIES) {
    const read = names.filter(({ entry }) => entry.file === file).map(({ name }) => name);
    assert.deepEqual(read.sort(), [...(GOLDEN[`${file}.ts` as keyof typeof GOLDEN] ?? [])].sort(), file);
  }
});

test('every public name says what it means', () => {
  assert.deepEqual(
    names.filter(({ doc }) => doc.length < 10).map(({ entry, name }) => `${entry.specifier} ${name}`),
    [],
  );
});

test('the report of the API has every name once, with its whole shape', () => {
  const page = readFileSync(new URL('../../sdk/API.md', import.meta.url), 'utf8');
  for (const { name, kind, text } of names) {
    assert.match(page, new RegExp(`^### \`${name}\`$`, 'm'));
    assert.ok(text.includes(name), `${kind} ${name}: ${text}`);
    for (const [open = '', close = ''] of ['{}', '()', '[]']) {
      const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|`[^`]*`|'[^'\n]*'|"[^"\n]*"/g, '');
      assert.equal(code.split(open).length, code.split(close).length, `${name} is cut off: ${text}`);
    }
  }
});

test('the shape is read as it is', () => {
  const physState = names.find(({ name }) => name === 'PhysState');
  const values = "'PHYS_UNKNOWN' | 'POWER_OFF' | 'POWER_ON' | 'POWER_CYCLE' | 'PHYS_HANG' | 'PHYS_ERROR'";
  assert.equal(physState?.text, `type PhysState = ${values};`);
});
