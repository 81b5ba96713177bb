/** A declaration from the wire: what the core gets of it, and every problem by name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '../../host/core/declaration.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { declare, type Instance } from '../../host/modules/declare.ts';
import { parseDuration } from '../../host/modules/duration.ts';

const instance: Instance = { service: 'ipmi-r2', module: 'ipmi', serves: '@rack=r2', permissions: ['cfg:write'] };
const on = { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '120s' };

test('everything declared, in the form of the core', () => {
  const got = declare(
    {
      config: { bmc: { type: 'string' } },
      state: { '/bmc/port': { type: 'integer' } },
      extensions: {
        images: {
          type: 'object',
          properties: {
            state: {
              enum: ['IDLE', 'UNKNOWN', 'ERROR', 'FATAL'],
              default: 'UNKNOWN',
              'x-never-wanted': ['ERROR', 'FATAL'],
              'x-terminal': ['FATAL'],
            },
            images: { type: 'object', additionalProperties: { type: 'string' } },
            mode: { $ref: '#/$defs/mode' },
          },
          $defs: { mode: { enum: ['A', 'B'], 'x-means': true } },
        },
      },
      requires: { '/platform': 'bmc' },
      mutations: {
        powerOff: {
          mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] },
          requires: { '/arch': 'x86' },
          excludes: { '/runState': 'SYNC' },
          timeout: '5m',
          failTo: { '/physState': 'PHYS_HANG' },
          cost: 3,
          disruptive: true,
          context: 'all',
        },
        on,
      },
      pollers: { power: { discovers: ['/physState'], every: '5s' } },
      discoveries: { inventory: { discovers: ['/hw/'], requires: { '/physState': 'POWER_ON' } } },
      quiet: { '/images/state': 'IDLE' },
      reads: ['/labels/', '/ipv4/ip', '/labels/'],
      permissions: ['cfg:write'],
    },
    instance,
  );
  const shared = { requires: { '/platform': 'bmc' }, service: 'ipmi-r2' };
  const plain = { means: false, neverWanted: [], terminal: [] };
  assert.deepEqual(got, {
    service: 'ipmi-r2',
    module: 'ipmi',
    serves: '@rack=r2',
    variables: [
      { path: '/bmc/port', ...plain },
      { path: '/images/images/', ...plain },
      { path: '/images/mode', values: ['A', 'B'], unknown: 'A', ...plain, means: true },
      {
        path: '/images/state',
        values: ['UNKNOWN', 'IDLE', 'ERROR', 'FATAL'],
        unknown: 'UNKNOWN',
        means: false,
        neverWanted: ['ERROR', 'FATAL'],
        terminal: ['FATAL'],
      },
    ],
    mutations: [
      {
        ...shared,
        id: 'ipmi-r2/on',
        name: 'on',
        mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] },
        excludes: {},
        context: 'child',
        timeout: 120_000,
        failTo: {},
        cost: 1,
        disruptive: false,
      },
      {
        service: 'ipmi-r2',
        id: 'ipmi-r2/powerOff',
        name: 'powerOff',
        requires: { '/arch': 'x86', '/platform': 'bmc' },
        mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] },
        excludes: { '/runState': 'SYNC' },
        context: 'all',
        timeout: 300_000,
        failTo: { '/physState': 'PHYS_HANG' },
        cost: 3,
        disruptive: true,
      },
    ],
    pollers: [{ ...shared, id: 'ipmi-r2/power', name: 'power', discovers: ['/physState'], every: 5000, timeout: 30_000 }],
    discoveries: [
      {
        service: 'ipmi-r2',
        id: 'ipmi-r2/inventory',
        name: 'inventory',
        discovers: ['/hw/'],
        requires: { '/physState': 'POWER_ON', '/platform': 'bmc' },
      },
    ],
    quiet: { '/images/state': 'IDLE' },
    reads: ['/ipv4/ip', '/labels/'],
    permissions: ['cfg:write'],
    playsHosts: false,
  });
});

test('nothing declared is a declaration too', () => {
  assert.deepEqual(declare({}, instance).mutations, []);
});

const REFUSED: readonly [given: Json, says: string][] = [
  ['x', 'the declaration is not an object'],
  [{ mutation: {} }, 'mutation: there is no such member in a declaration'],
  [{ mutations: [] }, 'mutations: is not an object of entries by name'],
  [{ mutations: { '9x': on } }, 'mutations/9x: the name must be letters, digits, "-" and "_", and begin with a letter'],
  [{ mutations: { x: 1 } }, 'mutations/x: is not an object'],
  [{ mutations: { x: { timeout: '1s' } } }, 'mutations/x: mutates nothing'],
  [
    { mutations: { x: { ...on, timeout: '2 min' } } },
    'mutations/x: timeout: "2 min" is not a duration up to 7 days; write e.g. "120s", "5m"',
  ],
  [{ mutations: { x: { mutates: { '/a': ['A', 'B'] } } } }, 'mutations/x: timeout: is missing; write e.g. "120s"'],
  [
    { mutations: { x: { ...on, mutates: { physState: ['A', 'B'] } } } },
    'mutations/x: mutates "physState", which is not a path to one value (/member/…)',
  ],
  [
    { mutations: { x: { ...on, mutates: { '/a/': ['A', 'B'] } } } },
    'mutations/x: mutates "/a/", which is not a path to one value (/member/…)',
  ],
  [{ mutations: { x: { ...on, mutates: { '/a': ['A'] } } } }, 'mutations/x: mutates /a must be [from, to], two values'],
  [{ mutations: { x: { ...on, mutates: { '/a': ['A', 'A'] } } } }, 'mutations/x: mutates /a from "A" to the same value'],
  [{ mutations: { x: { ...on, context: 'parent' } } }, 'mutations/x: context "parent" is none of self, child, all'],
  [{ mutations: { x: { ...on, cost: 0 } } }, 'mutations/x: cost 0 is not a positive number up to 1000000'],
  [
    { mutations: { x: { ...on, failsTo: {} } } },
    'mutations/x: has "failsTo", which is none of mutates, requires, excludes, context, timeout, failTo, cost, disruptive',
  ],
  [{ mutations: { x: { ...on, requires: { '/a': null } } } }, 'mutations/x: requires: the value of /a is not a string, number or boolean'],
  [
    { requires: { '/a': 1 }, mutations: { x: { ...on, requires: { '/a': 2 } } } },
    'mutations/x: requires /a 2, and the whole module requires 1',
  ],
  [{ pollers: { p: { discovers: [], every: '5s' } } }, 'pollers/p: discovers nothing'],
  [{ pollers: { p: { discovers: ['/a'], every: 5 } } }, 'pollers/p: every: 5 is not a duration up to 7 days; write e.g. "120s", "5m"'],
  [{ discoveries: { d: { discovers: ['a~b'] } } }, 'discoveries/d: discovers: "a~b" is not a path (/member/…)'],
  [{ state: { '/physState': {} } }, "state: /physState is the core's: a module cannot define it"],
  [{ extensions: { labels: {} } }, "extensions: /labels is the core's: a module cannot define it"],
  [{ extensions: { x: { enum: ['A', 'B'], default: 'C' } } }, '/x: its default "C" is not in its enum'],
  [{ extensions: { x: { enum: ['A'], 'x-never-wanted': ['Z'] } } }, '/x: x-never-wanted names "Z", which is not in its enum'],
  [{ extensions: { x: { $ref: 'http://elsewhere' } } }, '/x: its schema is not a JSON Schema object, or refers to what is not there'],
  [{ state: { '/x/y': {} }, extensions: { x: { properties: { y: {} } } } }, '/x/y: is defined twice'],
  [{ permissions: ['fly'] }, 'permissions: there is no permission "fly"'],
  [{ permissions: ['operate'] }, 'permissions: "operate" was not granted; grant it in the service\'s configuration'],
  [{ playsHosts: true }, 'playsHosts: needs the permission "sessions", which was not granted'],
  [
    { mutations: { x: { ...on, cost: -1 }, y: { ...on, timeout: '' } } },
    'mutations/x: cost -1 is not a positive number up to 1000000; mutations/y: timeout: "" is not a duration up to 7 days; write e.g. "120s", "5m"',
  ],
];

for (const [given, why] of REFUSED) {
  test(`refused: ${why}`, () => {
    assert.throws(
      () => declare(given, instance),
      (error: unknown) => error instanceof RefusalError && error.refusal.why === why && error.refusal.where === 'service ipmi-r2',
    );
  });
}

test('durations', () => {
  const cases: [unknown, number | undefined][] = [
    ['500ms', 500],
    ['120s', 120_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['2d', 172_800_000],
    ['7d', 604_800_000],
    ['8d', undefined],
    ['0s', undefined],
    ['5', undefined],
    ['-5s', undefined],
    ['5 s', undefined],
    ['', undefined],
    [5, undefined],
    [null, undefined],
    ['1e3s', undefined],
  ];
  for (const [text, millis] of cases) assert.equal(parseDuration(text), millis, String(text));
});
