/** Each template: what is in it, that its own tests pass, and that what it makes keeps the protocol and can be loaded. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checkConformance } from '../../host/conformance/check.ts';
import { Schemas } from '../../host/documents/schemas.ts';
import { declare } from '../../host/modules/declare.ts';
import { readManifest } from '../../host/modules/manifest.ts';
import { lacking, listed, make, ownTests, testFolder } from './made.ts';

const folder = testFolder();

const FILES: Readonly<Record<string, { readonly files: readonly string[]; readonly tests: number }>> = {
  'module-ts': {
    files: [
      '.gitignore',
      'README.md',
      'package.json',
      'src/machines.ts',
      'src/main.ts',
      'src/module.test.ts',
      'src/module.ts',
      'tsconfig.json',
    ],
    tests: 4,
  },
  'module-python': {
    files: ['.gitignore', 'README.md', 'fake_host.py', 'kraken.py', 'module.json', 'module.py', 'test_kraken.py', 'test_module.py'],
    tests: 10,
  },
  'module-bare': {
    files: [
      '.gitignore',
      'README.md',
      'fake-host.js',
      'kraken.js',
      'kraken.test.js',
      'main.js',
      'module.js',
      'module.test.js',
      'package.json',
    ],
    tests: 10,
  },
  extension: {
    files: [
      '.gitignore',
      'README.md',
      'check.js',
      'examples/invalid/misspelled.json',
      'examples/invalid/no-such-port.json',
      'examples/invalid/no-such-state.json',
      'examples/valid/idle.json',
      'examples/valid/nothing-known.json',
      'package.json',
      'schemas.test.js',
      'schemas/rackDoor.json',
    ],
    tests: 7,
  },
};

describe('templates', { concurrency: 2 }, () => {
  for (const [template, { files, tests }] of Object.entries(FILES)) {
    test(`${template}: complete, its own tests pass, and it keeps the protocol`, { skip: lacking(template) }, async () => {
      const name = template === 'extension' ? '@site/rack-door' : `@site/made-${template}`;
      const dir = await make(folder, [name, '--template', template, '--description', 'Says "so" & <so> $& \\1']);
      assert.deepEqual(listed(dir), files);
      for (const file of files) assert.doesNotMatch(readFileSync(join(dir, file), 'utf8'), /@@|"template"/, file);
      assert.match(readFileSync(join(dir, 'README.md'), 'utf8'), /Says "so" & <so> \$& \\1/);
      assert.equal(await ownTests(template, dir), tests);
      const found = readManifest(dir) ?? assert.fail('there is no manifest');
      assert.deepEqual([found.module, found.package, found.version], [name.replace('@site/', ''), name, '0.1.0']);
      if (template === 'extension') return;
      const { command, module, permissions } = found;
      assert.deepEqual(permissions, ['net']);
      const report = await checkConformance({ command, module, permissions, folder: (name) => join(dir, `tried-${name}`), config: {} });
      assert.deepEqual(
        report.verdicts.filter(({ verdict }) => verdict === 'fail').map(({ id, why }) => `${id}: ${why}`),
        [],
      );
      assert.ok(report.verdicts.filter(({ verdict }) => verdict === 'pass').length > 45);
      const { mutations = {}, pollers = {}, requires } = report.declaration ?? {};
      assert.deepEqual([Object.keys(mutations), Object.keys(pollers)], [['powerOn', 'powerOff'], ['power']]);
      assert.deepEqual(requires, { '/platform': module });
    });
  }

  test('the schema of the extension can be loaded, and refuses what its examples say', async () => {
    const dir = await make(folder, ['valve', '--template', 'extension', '--member', 'valveState']);
    const schema = JSON.parse(readFileSync(join(dir, 'schemas/valveState.json'), 'utf8'));
    const extensions = { valveState: schema };
    const instance = { service: 'valve', module: 'valve', serves: '', permissions: [] };
    assert.ok(
      declare({ extensions }, instance).variables.some(({ path, unknown }) => path === '/valveState/state' && unknown === 'UNKNOWN'),
    );
    const schemas = new Schemas();
    schemas.add('valve', { extensions });
    for (const file of listed(join(dir, 'examples'))) {
      const example = JSON.parse(readFileSync(join(dir, 'examples', file), 'utf8'));
      const check = () =>
        schemas.check({ id: '123e4567-e89b-12d3-a456-426655440000', nodename: 'kr1', valveState: example.document ?? example }, 'kr1');
      if (file.startsWith('valid')) check();
      else assert.throws(check, /valveState/, file);
    }
  });

  test('the SDK that a new module asks for is the one of this tree', () => {
    const read = (file: string) => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
    const { dependencies, engines } = read('templates/module-ts/package.json');
    const [major, minor] = read('sdk/package.json').version.split('.');
    assert.match(dependencies['@kraken-hpc/sdk'], new RegExp(`^\\^${major}\\.${minor}\\.`));
    assert.deepEqual(engines, { node: '>=20.19.0' });
  });
});
