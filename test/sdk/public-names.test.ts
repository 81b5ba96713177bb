import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

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
