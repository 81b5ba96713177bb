import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CODES, METHODS, manifestMisfit, paramsMisfit, resultMisfit } from '@kraken-hpc/sdk/wire';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { readSource, type Schema, stem } from '../../schemas/generate/source.ts';

const EXAMPLES = new URL('../../schemas/examples/', import.meta.url);
const source = readSource();

interface Refused {
  readonly refused: string;
  readonly value: unknown;
}

function examples(type: string, kind: 'valid' | 'invalid'): { name: string; value: unknown }[] {
  const folder = new URL(`${type}/${kind}/`, EXAMPLES);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => ({
    name: `${type}/${kind}/${name}`,
    value: JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as unknown,
  }));
}

/** The judge that our own checking code is held against. */
function judge(): (schema: Schema) => ValidateFunction {
  const ajv = new Ajv2020({ allowUnionTypes: true, strict: true, strictRequired: false });
  const refs = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"kraken:types#/$defs/'));
  ajv.addSchema({ $id: 'kraken:types', $defs: refs(source.protocol.$defs) });
  return (schema) => ajv.compile(refs(schema) as object);
}
const compile = judge();

const types = Object.entries(source.protocol.methods).flatMap(([method, { params, result }]) => [
  { type: `${stem(method)}Params`, accepts: compile(params), misfit: (value: unknown) => paramsMisfit(method, value) },
  ...(result === undefined
    ? []
    : [{ type: `${stem(method)}Result`, accepts: compile(result), misfit: (value: unknown) => resultMisfit(method, value) }]),
]);

test('every params and result has valid and invalid examples, and both judges say so', () => {
  for (const { type, accepts, misfit } of types) {
    const valid = examples(type, 'valid');
    const invalid = examples(type, 'invalid');
    assert.ok(valid.length > 0, `${type} has no valid example`);
    assert.ok(invalid.length > 0, `${type} has no invalid example`);
    for (const { name, value } of valid) {
      assert.equal(misfit(value), undefined, name);
      assert.ok(accepts(value), `${name}: ajv refuses it`);
    }
    for (const { name, value } of invalid) {
      const { refused, value: bad } = value as Refused;
      const found = misfit(bad);
      assert.equal(found && `${found.field === '' ? '' : `${found.field}: `}${found.message}`, refused, name);
      assert.ok(!accepts(bad), `${name}: ajv accepts it`);
    }
  }
});

test('no example is of a type that does not exist', () => {
  const known = new Set([...types.map(({ type }) => type), 'Error', 'PluginManifest']);
  assert.deepEqual(
    readdirSync(EXAMPLES).filter((name) => !known.has(name)),
    [],
  );
});

test('every error code has an example, and none is outside the table', () => {
  const codes = new Map<number, string>(Object.entries(CODES).map(([name, code]) => [code, name]));
  const misfit = (error: Record<string, unknown>): string | undefined => {
    if (!Number.isInteger(error['code'])) return 'code must be an integer';
    if (!codes.has(error['code'] as number)) return `code ${error['code']} is not in errors.json`;
    return typeof error['message'] === 'string' ? undefined : 'lacks message';
  };
  const valid = examples('Error', 'valid');
  assert.deepEqual(valid.map(({ name }) => name.replace(/^.*\/(.*)\.json$/, '$1')).sort(), Object.keys(CODES).sort());
  for (const { name, value } of valid) {
    const error = value as { code: number };
    assert.equal(misfit(value as Record<string, unknown>), undefined, name);
    assert.equal(codes.get(error.code), name.replace(/^.*\/(.*)\.json$/, '$1'), name);
  }
  for (const { name, value } of examples('Error', 'invalid'))
    assert.equal(misfit((value as Refused).value as Record<string, unknown>), (value as Refused).refused, name);
});

test('every error that a method names is in the table, and every row says what the operator does', () => {
  for (const [method, { errors }] of Object.entries(source.protocol.methods))
    for (const name of errors) assert.ok(name in CODES, `${method} names ${name}`);
  for (const row of source.errors)
    for (const key of ['meaning', 'operator', 'example'] as const) assert.ok(row[key].length > 5, `${row.name} has no ${key}`);
  assert.equal(new Set(source.errors.map(({ code }) => code)).size, source.errors.length, 'two errors share a code');
});

test('a plugin manifest', () => {
  const accepts = compile({ ...source.manifest, $id: 'kraken:manifest-under-test' });
  const check = (value: object, refused?: string): void => {
    const misfit = manifestMisfit(value);
    assert.equal(misfit && `${misfit.field} ${misfit.message}`.trim(), refused, JSON.stringify(value));
    assert.equal(accepts(value), refused === undefined, JSON.stringify(value));
  };
  for (const { value } of examples('PluginManifest', 'valid')) check(value as object);
  check({ protocol: 1, main: 'a.js', command: ['b'] }, 'must have exactly one of main, command, extensions');
  check({ protocol: 1 }, 'must have exactly one of main, command, extensions');
  check({ main: 'a.js' }, 'lacks protocol');
  check({ protocol: '1', main: 'a.js' }, '/protocol must be an integer');
  check({ protocol: [1], main: 'a.js' }, '/protocol must be an integer');
  check({ protocol: 1, command: 'run me' }, '/command must be an array');
  check(
    { protocol: 1, main: 'a.js', permissions: ['everything'] },
    '/permissions/0 must be one of state:read *, cfg:write, dsc:write, operate, sessions, env, net, ports, root',
  );
  check({ protocol: 1, main: 'a.js', mian: 'b.js' }, 'has a field that nobody knows: mian');
});

test('our checking code and ajv agree on damaged messages', () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e9);
  const cases = types.flatMap((entry) => examples(entry.type, 'valid').map(({ value }) => ({ ...entry, value })));
  const junk = fc.oneof(
    fc.constantFrom(null, '', '/', 'x', 0, -1, 1.5, true, [], {}, '9 lives', ['a', 'b', 'c']),
    fc.jsonValue({ maxDepth: 1 }),
  );
  const damage = fc.record({ at: fc.nat(), pick: fc.nat(), how: fc.constantFrom('replace', 'remove', 'add'), value: junk });
  fc.assert(
    fc.property(fc.nat(cases.length - 1), fc.array(damage, { minLength: 1, maxLength: 2 }), (index, damages) => {
      const { type, accepts, misfit, value } = cases[index]!;
      const bad = { root: structuredClone(value) };
      for (const one of damages) spoil(bad, { ...one, value: structuredClone(one.value) });
      const found = misfit(bad.root);
      if ((found === undefined) !== accepts(bad.root))
        assert.fail(`${type}: ours says ${JSON.stringify(found)}, ajv ${JSON.stringify(accepts.errors)} of ${JSON.stringify(bad.root)}`);
    }),
    { seed, numRuns: 4000 },
  );
});

/** Damages one of the containers of a document. */
function spoil(document: object, { at, pick, how, value }: { at: number; pick: number; how: string; value: unknown }): void {
  const containers: Record<string, unknown>[] = [];
  const collect = (one: unknown): void => {
    if (typeof one !== 'object' || one === null) return;
    containers.push(one as Record<string, unknown>);
    for (const inner of Object.values(one)) collect(inner);
  };
  collect(document);
  const container = containers[at % containers.length]!;
  const keys = Object.keys(container);
  const key = keys[pick % Math.max(1, keys.length)];
  if (how === 'add' && container !== document) container[Array.isArray(container) ? String(container.length) : 'added'] = value;
  else if (key !== undefined && how === 'remove' && !Array.isArray(container) && container !== document) delete container[key];
  else if (key !== undefined) container[key] = value;
}

test('what is generated follows from the data, and drift is named', async () => {
  const generate = ['--import', 'tsx', '--conditions=kraken-source', fileURLToPath(new URL('../../schemas/generate.ts', import.meta.url))];
  const run = (...args: string[]) => promisify(execFile)(process.execPath, [...generate, ...args]);
  await run('--check');
  const folder = mkdtempSync(join(tmpdir(), 'kraken-generate-'));
  try {
    await run('--into', folder);
    await run('--check', '--into', folder);
    appendFileSync(join(folder, 'sdk/wire/codes.ts'), '// by hand\n');
    await assert.rejects(run('--check', '--into', folder), {
      code: 1,
      stderr: 'sdk/wire/codes.ts does not follow from schemas/*.json: run npm run generate and commit the result\n',
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a name that every object has is no method', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
    assert.equal(paramsMisfit(name, { x: 1 }), undefined, name);
  assert.equal(Object.keys(METHODS).length, Object.keys(source.protocol.methods).length);
});
