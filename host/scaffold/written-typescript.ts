/** A module in TypeScript from a definition. */
import type { Json } from '../core/declaration.ts';
import type { Declared, Definition } from './definition.ts';
import { JAVASCRIPT, literal } from './literal.ts';
import { changesOf, type Step, sampleConfig, stepsOf } from './steps.ts';

/** Not written out, as whoever reads our own code for what it imports would take it for that. */
const importing = (names: string, from: string): string => `import ${names} from '${from}';`;

const HEAD = `${importing('{ defineModule, Terminal }', '@kraken-hpc/sdk')}

/** Stands where a step is to be written: it fails, is not tried again, and tells people what is missing. */
function unwritten(step: string, example: object): never {
  const todo = 'write it in src/module.ts: act, look, and return what you see, such as';
  throw new Terminal(\`\${step} is not written yet; \${todo} \${JSON.stringify(example)}\`);
}
`;
const OPENING = "\nexport default defineModule({\n  version: '0.1.0',\n";

export function typescriptModule({ declaration }: Definition): string {
  const { mutations, pollers, ...rest } = declaration;
  const steps = stepsOf(declaration);
  const members = Object.entries(rest).map(([name, value]) => `  ${name}: ${literal(value as Json, JAVASCRIPT, 1)},\n`);
  const kinds = [entries('mutations', mutations, steps, 'run'), entries('pollers', pollers, steps, 'poll')];
  return `${HEAD}${OPENING}${members.join('')}${kinds.join('')}});\n`;
}

/** Each entry with its function at the end; \`run\` and \`poll\` have the same shape. */
function entries(kind: string, given: Declared['mutations'], steps: readonly Step[], handler: string): string {
  if (given === undefined) return '';
  const blocks = Object.entries(given).map(([name, entry]) => {
    const example = steps.find((step) => step.name === name && `${step.kind}s` === kind)?.example ?? {};
    const words = Object.entries(entry).map(([word, value]) => `      ${word}: ${literal(value, JAVASCRIPT, 3)},\n`);
    const call = `unwritten(\`${name} of \${node.id}\`, ${literal(example, JAVASCRIPT, 3)})`;
    return `    ${JAVASCRIPT.key(name)}: {\n${words.join('')}      ${handler}: ({ node }) => ${call},\n    },\n`;
  });
  return `  ${kind}: {\n${blocks.join('')}  },\n`;
}

export function typescriptTest({ declaration }: Definition): string {
  const steps = stepsOf(declaration);
  const show = (value: Json, depth: number): string => literal(value, JAVASCRIPT, depth);
  const named = (kind: Step['kind']): string[] => steps.filter((step) => step.kind === kind).map(({ name }) => name);
  return `import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
${importing('{ testModule }', '@kraken-hpc/sdk/testing')}
import module from './module.js';

const config = ${show(sampleConfig(declaration), 0)};
const nodes = { n1: {} };

test('it declares what its definition says', () => {
  const { mutations = {}, pollers = {} } = module.declaration;
  const changes = Object.fromEntries(Object.entries(mutations).map(([name, { mutates }]) => [name, mutates]));
  assert.deepEqual(changes, ${show(changesOf(declaration), 1)});
  assert.deepEqual(Object.keys(pollers), ${show(named('poller'), 1)});
});

// A step that is not written yet says so. When you have written one, take its name out of here, and test what it observes.
for (const mutation of ${show(named('mutation'), 0)} as string[]) {
  test(\`\${mutation} says what is missing\`, async () => {
    const bench = await testModule(module, { config, nodes });
    const { failed } = await bench.run(mutation);
    assert.equal(failed.n1?.error, 'Terminal');
    assert.match(failed.n1.message, /is not written yet/);
    await bench.stop();
  });
}

for (const poller of ${show(named('poller'), 0)} as string[]) {
  test(\`\${poller} says what is missing\`, async () => {
    const bench = await testModule(module, { config, nodes });
    const { failed } = await bench.poll(poller);
    assert.match(failed.n1?.message ?? '', /is not written yet/);
    await bench.stop();
  });
}

test('it says the version that its package has', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal(module.definition.version, version);
});
`;
}
