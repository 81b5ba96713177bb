/**
 * Keeps the tree as CONTRIBUTING.md describes it. What is not tidy yet stands in tidy-debts.json, by rule: a debt that has been paid
 * and still stands there fails too, so that the list only shrinks.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { RULES } from './tidy/rules.ts';
import { readSources } from './tidy/sources.ts';

const debts = JSON.parse(readFileSync(new URL('./tidy-debts.json', import.meta.url), 'utf8')) as Record<string, string[]>;

for (const [sentence, rule] of Object.entries(RULES)) {
  test(sentence, () => {
    const found = rule();
    const owed = debts[sentence] ?? [];
    assert.deepEqual(
      found.filter((finding) => !owed.includes(finding)),
      [],
      'mend this, or write down why it must wait',
    );
    assert.deepEqual(
      owed.filter((debt) => !found.includes(debt)),
      [],
      'these debts are paid: take them out of test/tidy-debts.json',
    );
  });
}

test('every debt belongs to a rule', () => {
  assert.deepEqual(
    Object.keys(debts).filter((sentence) => !Object.hasOwn(RULES, sentence)),
    [],
  );
});

test('the reader of sources sees what is there', () => {
  const source = readSources(['test/tidy/rules.ts']).get('test/tidy/rules.ts');
  assert.deepEqual(source?.exports, ['Rule', 'RULES']);
  assert.ok(
    source.imports.some(({ file, names }) => file === 'test/tidy/sources.ts' && names.includes('listFiles') && names.includes('Source')),
  );
  assert.ok(source.imports.some(({ from, file, names }) => from === 'node:path' && file === undefined && names.includes('join')));
  assert.doesNotMatch(source.code, /Files that others start/);
  assert.doesNotMatch(source.code, /noReExportAll/);
});
