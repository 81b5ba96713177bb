import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { check } from './check.js';

const read = (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
const listed = (folder) => readdirSync(new URL(folder, import.meta.url)).map((name) => [name, read(`${folder}/${name}`)]);

const { kraken } = read('package.json');
const schemas = Object.entries(kraken.extensions).map(([member, path]) => ({ member, schema: read(path) }));
const [{ member, schema }] = schemas;

test('each schema can be read by people and by Kraken', () => {
  for (const { member: name, schema: one } of schemas) {
    assert.equal(one.type, 'object', `/${name} is an object`);
    assert.match(one['x-type'] ?? '', /^[A-Za-z][\w-]*(\.[A-Za-z][\w-]*)+$/, `/${name} has a name outside of Kraken`);
    for (const [field, { description }] of Object.entries(one.properties)) assert.ok(description, `/${name}/${field} is described`);
  }
});

test('a state begins with the value that means: nobody has looked', () => {
  for (const { member: name, schema: one } of schemas) {
    for (const [field, { enum: values }] of Object.entries(one.properties))
      if (values !== undefined) assert.match(String(values[0]), /^(UNKNOWN|NONE)$/, `/${name}/${field}`);
  }
});

for (const [name, document] of listed('examples/valid')) {
  test(`/${member} may be as in ${name}`, () => assert.deepEqual(check(schema, document), []));
}

for (const [name, { refused, document }] of listed('examples/invalid')) {
  test(`/${member} may not be as in ${name}`, () => assert.deepEqual(check(schema, document), [refused]));
}
