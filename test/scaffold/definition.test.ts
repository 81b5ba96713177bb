/** Definitions, ours and the original's: what is made of them, and what is said of those that are wrong. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { RefusalError } from '../../host/core/refusal.ts';
import { readManifest } from '../../host/modules/manifest.ts';
import { readDefinition } from '../../host/scaffold/definition.ts';
import { typed } from './command.ts';
import { declared, lacking, listed, make, ownTests, testFolder } from './made.ts';

const folder = testFolder();
const on = { '/physState': ['POWER_OFF', 'POWER_ON'] };

/** What the original's generator takes. */
const ORIGINAL = `
package_url: example.org/modules/daq
name: Daq
with_polling: true
mutations:
  daqStart:
    mutates:
      type.googleapis.com/DAQ.Run/State: { from: IDLE, to: RUNNING }
    requires: { /PhysState: POWER_ON, /RunState: SYNC }
    excludes: { type.googleapis.com/PXE.Client/State: WAIT }
    context: CHILD
    timeout: 1m30s
    fail_to: { url: type.googleapis.com/DAQ.Run/State, value: ERROR }
  daqStop:
    mutates:
      type.googleapis.com/DAQ.Run/State: { from: RUNNING, to: IDLE }
discoveries:
  - type.googleapis.com/DAQ.Run/Rate
`;

/** Everything that ours knows, with names and texts that a careless generator would trip over. */
const OURS = {
  description: 'It\'s a `module` with "quotes", \u0024{dollars} and | pipes',
  permissions: ['net', 'state:read *'],
  config: {
    url: { type: 'string', format: 'uri', description: "The device's address | or name" },
    'odd key': { type: 'integer', minimum: 3 },
    level: { enum: ['low', "it's high"] },
    secret: { type: 'string', 'x-secret': true, 'x-optional': true },
    pattern: { type: 'string', pattern: '^a+$', examples: ['aaa'] },
    list: { type: 'array', items: { type: 'string' }, default: ['a', "b'c", 'd"e', 'ü\n'] },
  },
  state: {
    '/tap/flow': { enum: ['UNKNOWN', 'SHUT', 'OPEN', 'DRIPPING'], 'x-never-wanted': ['DRIPPING'] },
    '/tap/count': { type: 'integer' },
  },
  requires: { '/platform': 'tap' },
  reads: ['/nodename', '/labels/rack'],
  mutations: {
    open: { mutates: { '/tap/flow': ['SHUT', 'OPEN'] }, timeout: '5s', cost: 2, fail_to: { '/tap/flow': 'DRIPPING' } },
    'shut-now': { mutates: { '/tap/flow': { from: 'OPEN', to: 'SHUT' } }, context: 'SELF', timeout: '5m', disruptive: true },
    shut_now: { mutates: { '/tap/flow': ['DRIPPING', 'SHUT'], '/tap/count': [0, 1] }, timeout: '5m' },
    import: { mutates: { '/tap/wet': [false, true] }, timeout: '5s', excludes: { '/physState': 'POWER_OFF' } },
  },
  pollers: { open: { discovers: ['/tap/flow', '/tap/count', '/tap/wet'], every: '1m0s', requires: { '/physState': 'POWER_ON' } } },
  discoveries: { heard: { discovers: ['/tap/flow'] } },
};

test("the original's definition becomes ours: paths, pairs, contexts, durations, what it left out", () => {
  const { declaration, notes } = readDefinition(parse(ORIGINAL), 'daq.yaml', 'daq');
  assert.deepEqual(declaration, {
    state: { '/daq/state': { enum: ['UNKNOWN', 'IDLE', 'RUNNING', 'ERROR'] }, '/daq/rate': { type: 'string' } },
    mutations: {
      daqStart: {
        mutates: { '/daq/state': ['IDLE', 'RUNNING'] },
        requires: { '/physState': 'POWER_ON', '/runState': 'SYNC' },
        excludes: { '/pxe/state': 'WAIT' },
        context: 'child',
        timeout: '90s',
        failTo: { '/daq/state': 'ERROR' },
      },
      daqStop: { mutates: { '/daq/state': ['RUNNING', 'IDLE'] }, context: 'self', timeout: '60s' },
    },
    pollers: { look: { discovers: ['/daq/state', '/daq/rate'], every: '30s' } },
  });
  assert.deepEqual(notes, [
    'mutations/daqStop: the context is self, as in the original; "child" is the parent of the node',
    'mutations/daqStop: the timeout is 60s, as none is given',
    'a poller "look" asks for /daq/state, /daq/rate every 30s; with "withPolling: false" there is none',
    '/daq/state is in no schema: it is declared with the values UNKNOWN, IDLE, RUNNING, ERROR',
    '/daq/rate is in no schema: it is declared as any string',
  ]);
});

test('in ours nothing is made up that was said', () => {
  const whole = readDefinition(OURS, 'tap.yaml', 'tap');
  assert.deepEqual(whole.notes, ['/tap/wet is in no schema: it is declared as any boolean']);
  const bare = readDefinition({ mutations: { on: { mutates: on, timeout: '5s' } }, with_polling: false }, 'x', 'tap');
  assert.deepEqual([bare.notes, bare.declaration], [[], { mutations: { on: { mutates: on, timeout: '5s' } } }]);
  const listing = readDefinition({ discoveries: ['/physState'], withPolling: false }, 'x', 'tap');
  assert.deepEqual(listing.declaration, { discoveries: { seen: { discovers: ['/physState'] } } });
});

const WRONG: readonly (readonly [data: unknown, why: RegExp])[] = [
  [[], /it is not an object with "mutations", "pollers" or "discoveries"/],
  ['text', /it is not an object/],
  [{}, /it has neither mutations nor pollers nor discoveries: nothing would be done/],
  [{ mutatons: {} }, /there is no "mutatons" here; did you mean mutations\?/],
  [{ mutations: [] }, /mutations: it is not an object of entries by name/],
  [{ mutations: { on: 5 } }, /mutations\/on: it is not an object/],
  [{ mutations: { on: { mutates: on, timout: '5s' } } }, /mutations\/on: there is no "timout" here; did you mean timeout\?/],
  [{ mutations: { on: { timeout: '5s' } } }, /mutations\/on: mutates nothing/],
  [
    { mutations: { on: { mutates: { '/physState': ['POWER_OFF'] } } } },
    /mutations\/on: mutates \/physState must be \[from, to\], two values/,
  ],
  [{ mutations: { on: { mutates: { '/physState': { from: 'POWER_OFF' } } } } }, /mutates \/physState must be \[from, to\], two values/],
  [
    { mutations: { on: { mutates: { '/PhysState': { from: 'OFF', to: 'POWER_ON' } } } } },
    /names \/physState OFF, but it can only be PHYS_UNKNOWN, POWER_OFF/,
  ],
  [{ mutations: { on: { mutates: { physState: ['a', 'b'] } } } }, /mutates "physState", which is not a path to one value/],
  [{ mutations: { on: { mutates: { '/pxe/none': ['a', 'b'] } } } }, /names \/pxe\/none, which is in no schema/],
  [{ mutations: { on: { mutates: on, timeout: 'soon' } } }, /mutations\/on: timeout: "soon" is not a duration up to 7 days/],
  [{ mutations: { on: { mutates: on, context: 'PARENT' } } }, /mutations\/on: context "parent" is none of self, child, all/],
  [
    { mutations: { on: { mutates: on, fail_to: { url: '/PhysState' } } } },
    /mutations\/on: failTo is neither \{PATH: VALUE\} nor \{url: PATH, value: VALUE\}/,
  ],
  [{ mutations: { on: { mutates: on, failTo: { '/physState': 'BROKEN' } } } }, /names \/physState BROKEN/],
  [{ mutations: { on: { mutates: on, cost: -1 } } }, /mutations\/on: cost -1 is not a positive number/],
  [{ mutations: { 'on!': { mutates: on } } }, /mutations\/on!: the name must be letters, digits/],
  [{ pollers: { look: { discovers: ['/physState'] } } }, /pollers\/look: every: is missing/],
  [{ pollers: { look: { every: '5s' } } }, /pollers\/look: discovers nothing/],
  [{ discoveries: { seen: { discovers: ['/nothing here~'] } } }, /is not a path/],
  [
    { mutations: { on: { mutates: on } }, state: { '/physState': { type: 'string' } } },
    /\/physState is the core's: a module cannot define it/,
  ],
  [{ mutations: { on: { mutates: on } }, state: { '/a/b': { type: 'strnig' } } }, /strnig|type/],
  [{ mutations: { on: { mutates: on } }, config: { key: { type: 'strnig' } } }, /config\/key: .*type/],
  [{ mutations: { on: { mutates: on } }, config: { key: 'string' } }, /config\/key: it is not a JSON Schema object/],
  [
    { mutations: { on: { mutates: on } }, config: { key: { type: 'string', pattern: '^a$' } } },
    /config\/key: it has a pattern, and neither a default nor examples/,
  ],
  [{ mutations: { on: { mutates: on } }, permissions: ['nett'] }, /there is no permission "nett"/],
  [{ mutations: { on: { mutates: on } }, permissions: 'net' }, /permissions: they are not a list of texts/],
  [{ mutations: { on: { mutates: on } }, description: 5 }, /description: it is not a text/],
];

test('what is wrong is named, with its place', () => {
  for (const [data, why] of WRONG) {
    assert.throws(
      () => readDefinition(data, 'pdu.yaml', 'pdu'),
      (error: unknown) => {
        assert.ok(error instanceof RefusalError, String(error));
        assert.deepEqual([error.refusal.where, error.refusal.what], ['pdu.yaml', 'it does not define a module']);
        assert.match(error.refusal.why, why);
        return true;
      },
      JSON.stringify(data),
    );
  }
  assert.throws(
    () => readDefinition({ mutations: { a: { mutates: on, timout: 1 }, b: 5 } }, 'pdu.yaml', 'pdu'),
    /timout.*; mutations\/b: it is not an object/,
  );
});

test('a file that cannot be read as a definition is refused', async () => {
  const from = async (input: string) => (await typed(['pdu', '--dir', join(folder, 'none'), '--from', '-', '--yes'], { input })).err;
  assert.match(await from('mutations: [kr1'), /^kraken: stdin: it is neither YAML nor JSON: /);
  assert.match(await from('a: 1\n---\nb: 2\n'), /^kraken: stdin: there are 2 documents in it\.\n {2}A definition is one document/);
  assert.match(await from(''), /there are 0 documents in it/);
  assert.match(
    await from('mutations: {on: {mutates: {/PhysState: {from: POWER_OF, to: POWER_ON}}}}'),
    /^kraken: stdin: it does not define a module: /,
  );
});

describe('what is made of a definition', { concurrency: 2 }, () => {
  const file = join(folder, 'tap.json');
  writeFileSync(file, JSON.stringify(OURS));
  for (const [template, tests] of [
    ['module-ts', 7],
    ['module-python', 10],
    ['module-bare', 14],
  ] as const) {
    test(`${template}: its own tests pass, and it declares what the definition says`, { skip: lacking(template) }, async () => {
      const dir = await make(folder, [`tap-${template}`, '--template', template, '--from', file]);
      assert.ok(!listed(dir).some((path) => path.includes('machines')));
      const text = readFileSync(join(dir, 'README.md'), 'utf8');
      assert.doesNotMatch(text, /@@/);
      for (const part of [
        "It's a `module` with",
        '| `shut-now` | mutation | `/tap/flow` SHUT |',
        '| `heard` | discovery |',
        "| `url` | The device's address \\| or name |",
      ])
        assert.ok(text.includes(part), `${part} is missing in ${text}`);
      assert.equal(await ownTests(template, dir), tests);
      const { command, module, permissions } = readManifest(dir) ?? assert.fail('there is no manifest');
      assert.deepEqual(permissions, OURS.permissions);
      const config = { url: 'http://127.0.0.1', 'odd key': 3, level: 'low', pattern: 'aa' };
      assert.deepEqual(declared(command, config), readDefinition(OURS, 'tap.json', module).declaration);
    });
  }
});
