/** A module in plain JavaScript from a definition. */
import type { Json } from '../core/declaration.ts';
import type { Definition } from './definition.ts';
import { JAVASCRIPT, literal } from './literal.ts';
import { changesOf, type Step, sampleConfig, stepsOf } from './steps.ts';

const OPENING = 'export const module = {';

export function bareModule({ declaration }: Definition): string {
  const steps = stepsOf(declaration);
  return `/** What this module is: what it declares, and what it does. */
import { Failure } from './kraken.js';

const declaration = ${literal(declaration as unknown as Json, JAVASCRIPT, 0)};

/** Stands where a step is to be written: it fails, is not tried again, and tells people what is missing. */
function unwritten(step, example) {
  const todo = 'write it in module.js: act, look, and return what you see, such as';
  throw new Failure('Terminal', \`\${step} is not written yet; \${todo} \${JSON.stringify(example)}\`);
}

/** Each handler is given \`{ node, config, signal, log }\` and returns what it then sees of the node, by path: seen, never assumed. */
${OPENING}
  version: '0.1.0',
  declaration,
  mutations: ${handlers(steps, 'mutation')},
  pollers: ${handlers(steps, 'poller')},
};
`;
}

function handlers(steps: readonly Step[], kind: Step['kind']): string {
  const rows = steps
    .filter((step) => step.kind === kind)
    .map(({ name, example }) => {
      const call = `unwritten(\`${name} of \${node.id}\`, ${literal(example, JAVASCRIPT, 2)})`;
      return `    ${JAVASCRIPT.key(name)}: ({ node }) => ${call},\n`;
    });
  return rows.length === 0 ? '{}' : `{\n${rows.join('')}  }`;
}

export function bareTest({ declaration }: Definition): string {
  const show = (value: Json): string => literal(value, JAVASCRIPT, 0);
  const steps = stepsOf(declaration).map(({ kind, name }) => [kind, name]);
  return `import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Host } from './fake-host.js';
import { module } from './module.js';

const config = ${show(sampleConfig(declaration))};
const changes = ${show(changesOf(declaration))};

test('it declares what its definition says', async () => {
  const { mutations = {} } = (await new Host(module).open(config)).result.declaration;
  assert.deepEqual(Object.fromEntries(Object.entries(mutations).map(([name, { mutates }]) => [name, mutates])), changes);
});

// A step that is not written yet says so. When you have written one, take it out of here, and test what it observes.
for (const [kind, name] of ${show(steps)}) {
  test(\`\${kind} \${name} says what is missing\`, async () => {
    const host = new Host(module);
    await host.open(config);
    const { observed, failed } = (await host.step(kind, name, ['n1'])).result;
    assert.deepEqual([observed, failed[0].error.code], [[], -32006]);
    assert.match(failed[0].error.message, /is not written yet/);
  });
}

test('it says the version that its package has', () => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
  assert.equal(module.version, version);
});
`;
}
