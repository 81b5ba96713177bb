import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Doc } from '@kraken-hpc/sdk/state';
import { closest } from '../../host/core/closest.ts';
import type { Json } from '../../host/core/declaration.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { Schemas } from '../../host/documents/schemas.ts';
import { KR1 } from './nodes.ts';

const schemas = new Schemas();
const web = new Schemas();
web.add('web', { state: { '/bmc/port': { type: 'integer', minimum: 1 } } });

/** The refusal, or undefined where there is none. */
function refusal(act: () => void): RefusalError['refusal'] | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    assert.ok(error instanceof RefusalError, String(error));
    return error.refusal;
  }
}

test('a document is refused with the path, the reason and what to do', () => {
  const check = (change: { [member: string]: unknown }, path: string | undefined, why?: RegExp, todo?: RegExp) => {
    const found = refusal(() => schemas.check({ ...KR1, ...change } as Doc, 'nodes.yaml: kr1'));
    assert.equal(
      found?.where,
      path === undefined ? undefined : `nodes.yaml: kr1${path && ` ${path}`}`,
      JSON.stringify({ change, found }).slice(0, 400),
    );
    if (why) assert.match(found?.why ?? '', why);
    if (todo) assert.match(found?.todo ?? '', todo);
  };
  check({}, undefined);
  check({ busy: 'BUSY' }, undefined);
  check({ busy: { owner: 'slurm', since: 1 } }, undefined);
  check({ other: { 'Foo.Bar': { x: [1] } } }, undefined);
  check({ services: {} }, undefined);
  check({ physState: 'POWERON' }, '/physState', /"POWERON" is none of PHYS_UNKNOWN, POWER_OFF/, /Did you mean POWER_ON\?/);
  check({ physState: 'POWER_CYCLE' }, '/physState', /nobody can want it/);
  check({ physState: 'PHYS_HANG' }, '/physState', /nobody can want it/);
  check({ physState: 'PHYS_ERROR' }, '/physState', /nobody can want it/);
  check({ pxe: { state: 'WAIT' } }, '/pxe/state', /nobody can want it/);
  for (const state of ['UPDATE', 'ERROR', 'FATAL']) check({ images: { state } }, '/images/state', /nobody can want it/);
  check({ runState: 3 }, '/runState', /3 is a number; a string is needed|is none of/);
  check({ pxy: {} }, '/pxy', /no such member/, /Did you mean pxe/);
  check({ snmp: {} }, '/snmp', /no such member/, /Start the service/);
  check({ ipv4: { iface: {} } }, '/ipv4/iface', /known are .*ifaces/, /Did you mean ifaces/);
  check({ ipv4: [] }, '/ipv4', /an array; an object is needed/);
  check(
    { ipv4: { ifaces: { 'a/b': { ip: { ip: '10.0.0' } } } } },
    '/ipv4/ifaces/a~1b/ip/ip',
    /"10.0.0" is not written as it must be/,
    /10\.11\.12\.13/,
  );
  check({ arch: null }, '/arch', /null/, /Leave the member out/);
  check(
    { images: { images: { a: { container: { mount: { overlay: { lower: [null] } } } } } } },
    '/images/images/a/container/mount/overlay/lower',
    /null/,
  );
  check({ nodename: '-kr1' }, '/nodename', /not written as it must be/);
  check({ nodename: 'kr[1-4]' }, '/nodename', /not written as it must be/);
  check({ id: KR1['id']?.toString().toUpperCase() }, '/id', /not written as it must be/, /lower case/);
  check({ busy: 'SOON' }, '/busy', /none of the forms/, /FREE, BUSY, or a lease/);
  check({ labels: { rack: 3 } }, '/labels/rack', /a number; a string is needed/);
  check({ services: { 'a b': {} } }, '/services', /./);
  check({ services: { pxe: { state: 'RUNNING' } } }, '/services/pxe/state', /none of UNKNOWN, INIT/);
});

test('a missing member is named, and all problems are listed, the first precisely', () => {
  const found = refusal(() => schemas.check({ id: 'x', physState: 'ON', arch: 1 }, 'a.json'));
  assert.equal(found?.where, 'a.json /nodename');
  assert.match(found.why, /it is missing; besides, \/id: .*\/arch: 1 is a number.*\/physState: "ON" is none of|\/physState.*\/arch/);
  const many = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`strange${index}`, 1]));
  assert.match(refusal(() => schemas.check({ ...KR1, ...many }, 'a.json'))?.why ?? '', /; and 20 more$/);
});

test('limits: every one at its edge and one beyond', () => {
  const check = (change: { [member: string]: Json }, code: number | undefined, why = /./) => {
    const found = refusal(() => schemas.check({ ...KR1, ...change }, 'kr1'));
    assert.equal(found?.code, code, found?.why.slice(0, 200));
    if (found) assert.match(found.why, why);
  };
  const labels = (count: number) => ({ labels: Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, 'v'])) });
  check(labels(64), undefined);
  check(labels(65), -32013, /more than 64/);
  const blob = (bytes: number): { [member: string]: Json } => {
    const empty = JSON.stringify({ ...KR1, other: { Blob: { data: '' } } }).length;
    return { other: { Blob: { data: 'x'.repeat(bytes - empty) } } };
  };
  check(blob(4_000_000), undefined);
  check(blob(4_000_001), -32016, /4000001 bytes; at most 4000000/);
  const deep = (levels: number): { [member: string]: Json } => {
    let inner: Json = {};
    for (let level = 0; level < levels - 3; level++) inner = { a: inner };
    return { other: { Deep: inner } };
  };
  check(deep(64), undefined);
  check(deep(65), -32016, /nested deeper than 64/);
  check(deep(20_000), -32016, /nested deeper than 64/);
  check({ other: { Foo: { '': 1 } } }, -32013, /cannot be the name of a member/);
  check({ other: { Foo: JSON.parse('{"__proto__":1}') as Json } }, -32013, /cannot be the name of a member/);
  check({ other: { Foo: { ['n'.repeat(257)]: 1 } } }, -32013, /cannot be the name of a member/);
});

test('what a node has already is not refused when its service is not there', () => {
  const stored = { ...KR1, bmc: { port: 1 } };
  assert.equal(
    refusal(() => schemas.check({ ...stored, arch: 'arm64' }, 'kr1', stored)),
    undefined,
  );
  assert.equal(refusal(() => schemas.check({ ...stored, bmc: { port: 2 } }, 'kr1', stored))?.where, 'kr1 /bmc');
  assert.equal(refusal(() => schemas.check({ ...stored, bmc: { port: 2 } }, 'kr1'))?.where, 'kr1 /bmc');
});

test('single values are checked without the rest of the document', () => {
  const check = (path: string, value: Json, where: string | undefined) =>
    assert.equal(refusal(() => web.checkValues({ [path]: value }, 'set'))?.where, where, path);
  check('/physState', 'POWER_OFF', undefined);
  check('/physState', 'OFF', 'set /physState');
  check('/physState', null, undefined);
  check('/bmc/port', 1, undefined);
  check('/bmc/port', 0, 'set /bmc/port');
  check('/bmc/prt', 0, 'set /bmc/prt');
  check('/images/images/compute/container/systemd', true, undefined);
  check('/images/images/compute/container/systemd', 'yes', 'set /images/images/compute/container/systemd');
  check('/ipv4', { ifaces: { eth0: null } }, 'set /ipv4/ifaces/eth0');
});

test('a module declares what is new; what contradicts is refused by name, and nothing of it is taken', () => {
  const known = new Schemas();
  const port = { type: 'integer', minimum: 1 };
  const check = (service: string, declaration: { state?: Json; extensions?: Json }, where?: string, why = /./) => {
    const found = refusal(() => known.add(service, declaration));
    assert.equal(found?.where, where === undefined ? undefined : `service ${service}: ${where}`, found?.why);
    if (found) assert.match(found.why, why);
  };
  check('web', { state: { '/bmc/port': port } });
  check('web-2', { state: { '/bmc/port': { ...port, description: 'the same, in other words' } } });
  check(
    'web-3',
    { state: { '/bmc/port': { ...port, minimum: 2 } } },
    '/bmc/port',
    /service web, web-2 declares it with a different schema/,
  );
  check(
    'web-3',
    { state: { '/bmc/user': { type: 'string' }, '/bmc': { type: 'object' } } },
    '/bmc',
    /service web, web-2 declares \/bmc\/port within it/,
  );
  check('web-3', { state: { '/bmc/port/deep': { type: 'string' } } }, '/bmc/port/deep', /lies within \/bmc\/port/);
  assert.equal(
    refusal(() => known.check({ ...KR1, bmc: { user: 'x' } }, 'kr1'))?.where,
    'kr1 /bmc/user',
    'a refused declaration left something behind',
  );
  check('p', { state: { '/pxe/state': { type: 'string', enum: ['NO', 'YES'] } } }, '/pxe/state', /the host itself declares otherwise/);
  check('p', { state: { '/pxe/method': { type: 'string', enum: ['PXE', 'iPXE'] } } });
  check('p', { state: { '/physState': { type: 'string' } } }, '/physState', /the core's own/);
  check('p', { extensions: { labels: { type: 'object' } } }, '/labels', /the core's own/);
  check('p', { extensions: { other: { type: 'object' } } }, '/other', /kept for the host/);
  check('p', { extensions: { sim: { 'x-type': 'PXE.Client', type: 'object' } } }, '/sim', /\/pxe has the outside name PXE.Client already/);
  check('p', { extensions: { sim: { type: 'object', oneof: [] } } }, '/sim', /unknown keyword: "oneof"/);
  check('p', { state: { '/sim': { type: 'intger' } } }, '/sim', /not valid/);
  check('p', { state: { '/sim': { type: 'integer', minimum: '1' } } }, '/sim', /not valid/);
  check('p', { state: { '/sim': { type: 'string', enum: 'a' } } }, '/sim', /not valid/);
  check('p', { state: { '/sim': { type: 'string', pattern: '(' } } }, '/sim', /not valid/);
  check('p', { state: { '/sim': { $ref: '#/$defs/Nowhere' } } }, '/sim', /not valid/);
  check('p', { state: { '/sim/': { type: 'object' } } }, '/sim/', /no path of a member/);
  check('p', { state: { sim: { type: 'object' } } }, 'sim', /no path of a member/);
  check('p', { state: { '/sim': 1 } }, 'state//sim', /not a JSON Schema object/);
  check('sim', {
    extensions: {
      sim: { type: 'object', additionalProperties: false, properties: { a: { $ref: '#/$defs/A' } }, $defs: { A: { type: 'integer' } } },
    },
  });
  assert.equal(refusal(() => known.check({ ...KR1, sim: { a: 'x' } }, 'kr1'))?.where, 'kr1 /sim/a');
  check('sim', { extensions: { sim: { type: 'object', properties: { b: { type: 'integer' } }, additionalProperties: false } } });
  assert.equal(
    refusal(() => known.check({ ...KR1, sim: { b: 1 } }, 'kr1')),
    undefined,
    'a service may change what it alone declared',
  );
  check('other-sim', { extensions: { sim: { type: 'object' } } }, '/sim', /service sim declares it/);
  known.withdraw('sim');
  assert.equal(
    refusal(() => known.check({ ...KR1, sim: { b: 1 } }, 'kr1')),
    undefined,
    'nodes keep what a stopped service brought',
  );
});

test('the variables that the planner reads', () => {
  const variables = new Map(schemas.variables().map((variable) => [variable.path, variable]));
  const check = (path: string, unknown: string | undefined, means: boolean, neverWanted: string[], terminal: string[]) => {
    const { unknown: first, means: way, neverWanted: never, terminal: last } = variables.get(path) ?? assert.fail(path);
    assert.deepEqual({ first, way, never, last }, { first: unknown, way: means, never: neverWanted, last: terminal }, path);
  };
  check('/physState', 'PHYS_UNKNOWN', false, ['POWER_CYCLE', 'PHYS_HANG', 'PHYS_ERROR'], []);
  check('/runState', 'UNKNOWN', false, [], []);
  check('/pxe/state', 'NONE', true, ['WAIT'], []);
  check('/images/state', 'UNKNOWN', false, ['UPDATE', 'ERROR', 'FATAL'], ['FATAL']);
  check('/platform', undefined, false, [], []);
  check('/labels/', undefined, false, [], []);
  check('/ipv4/ifaces/', undefined, false, [], []);
});

test('to check a document takes less than three times as long as to write it as JSON and read that', (t) => {
  const cost = (act: () => unknown): number => {
    const started = performance.now();
    for (let count = 0; count < 3_000; count++) act();
    return performance.now() - started;
  };
  const ratios = Array.from({ length: 5 }, () => cost(() => schemas.check(KR1, 'kr1')) / cost(() => JSON.parse(JSON.stringify(KR1))));
  t.diagnostic(ratios.map((one) => one.toFixed(1)).join(', '));
  assert.ok(Math.min(...ratios) < 3, ratios.join(', '));
});

test('what somebody may have meant', () => {
  const names = ['physState', 'runState', 'pxe', 'ipv4', 'vm'];
  const check = (word: string, expected: string | undefined) => assert.equal(closest(word, names), expected, word);
  check('physstate', 'physState');
  check('phyState', 'physState');
  check('PXE', 'pxe');
  check('pxy', 'pxe');
  check('xpe', 'pxe');
  check('runSatte', 'runState');
  check('mv', undefined);
  check('bmc', undefined);
  check('x', undefined);
  check('', undefined);
  check('nothing-like-it', undefined);
});
