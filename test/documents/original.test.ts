import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type Doc, toOriginal, withoutZeros } from '@kraken-hpc/sdk/state';
import fc from 'fast-check';
import type { Json } from '../../host/core/declaration.ts';
import { fromOriginal } from '../../host/documents/original.ts';
import { idOfName, parseNode } from '../../host/documents/parse.ts';
import { Schemas } from '../../host/documents/schemas.ts';
import { KR1 } from './nodes.ts';

const schemas = new Schemas();
const SEED = Number(process.env['KRAKEN_SEED'] ?? Date.now() % 1_000_000_000);
const FILE = JSON.parse(readFileSync(new URL('../fixtures/original-state.json', import.meta.url), 'utf8')) as { nodes: Doc[] };

test("the original's state file converts without loss, both ways", () => {
  assert.equal(FILE.nodes.length, 5);
  for (const node of FILE.nodes) {
    const { id, doc } = parseNode(schemas, node, 'original-state.json');
    assert.equal(id, node['id']);
    assert.equal(doc['extensions'], undefined);
    const back = toOriginal(doc, schemas);
    assert.deepEqual(back, node, 'field for field');
    assert.equal(JSON.stringify(withoutZeros(back, schemas)), JSON.stringify(withoutZeros(node, schemas)), 'to the byte, zeros left out');
    assert.deepEqual(parseNode(schemas, back, 'again').doc, doc);
  }
  const { doc } = parseNode(schemas, FILE.nodes[1], 'original-state.json');
  assert.deepEqual({ ...doc, labels: KR1['labels'] }, { ...KR1, services: {}, images: withSystemd(KR1) }, 'and is what it should be here');
});

function withSystemd(node: Doc): Json {
  const images = structuredClone(node['images']) as { images: { compute: { container: { systemd?: boolean } } } };
  images.images.compute.container.systemd = false;
  return images as Json;
}

test('zero values are left out as proto3 leaves them out', () => {
  const check = (node: Doc, expected: Doc) => assert.deepEqual(withoutZeros(node, schemas), expected);
  const pxe = (fields: Doc): Doc => ({ extensions: [{ '@type': 'type.googleapis.com/PXE.Client', ...fields }] as Json });
  check({ id: 'x', runState: 'UNKNOWN', physState: 'PHYS_UNKNOWN', arch: '', busy: 'FREE', services: [], extensions: [] }, { id: 'x' });
  check({ services: [{ id: 'a', state: 'UNKNOWN', module: '', config: {} }] }, { services: [{ id: 'a' }] });
  check(pxe({ method: 'PXE', state: 'NONE' }), pxe({}));
  check(pxe({ method: 'iPXE', state: 'INIT' }), pxe({ method: 'iPXE', state: 'INIT' }));
  const ipv4 = (fields: Doc): Doc => ({ extensions: [{ '@type': 'type.googleapis.com/IPv4.IPv4OverEthernet', ...fields }] as Json });
  check(ipv4({ ifaces: {}, routes: [], hostname: {} }), ipv4({ hostname: {} }));
  check(ipv4({ ifaces: { a: { eth: { mtu: 0, control: false, iface: '' } } } }), ipv4({ ifaces: { a: { eth: {} } } }));
  const image = (container: Doc): Doc => ({
    extensions: [{ '@type': 'type.googleapis.com/ImageAPI.ImageSet', images: { a: { container } } }] as Json,
  });
  check(
    image({ state: 'created', systemd: false, mount: { kind: 'attach', id: 0 } }),
    image({ state: 'created', mount: { kind: 'attach' } }),
  );
  const unknown: Doc = { extensions: [{ '@type': 'type.googleapis.com/Foo.Bar', zero: 0, empty: '' }] };
  check(unknown, unknown);
});

test('either spelling of a proto3 field is read, and written as the schema has it', () => {
  const extension = {
    '@type': 'type.googleapis.com/ImageAPI.ImageSet',
    images: { a: { last_error: 'DIED', container: { mount: { kind: 'attach', attach: { fsType: 'erofs', mountOptions: ['ro'] } } } } },
  };
  const doc = fromOriginal({ id: 'x', parent_id: 'y', extensions: [extension] }, schemas, 'x');
  assert.deepEqual(doc, {
    id: 'x',
    parentId: 'y',
    images: {
      images: { a: { lastError: 'DIED', container: { mount: { kind: 'attach', attach: { fs_type: 'erofs', mount_options: ['ro'] } } } } },
    },
  });
});

test('what is wrong in the lists is refused with its place', () => {
  const check = (change: { [member: string]: unknown }, where: string, why: RegExp) => {
    const node = { id: KR1['id'], nodename: 'kr1', extensions: [], ...change };
    assert.throws(
      () => parseNode(schemas, node, 'f.json'),
      (error: { refusal?: { where: string; why: string } }) => {
        assert.equal(error.refusal?.where, `f.json: kr1 ${where}`);
        assert.match(error.refusal.why, why);
        return true;
      },
    );
  };
  const pxe = { '@type': 'type.googleapis.com/PXE.Client' };
  check({ extensions: [{}] }, '/extensions/0', /no @type/);
  check({ extensions: [pxe, 'x'] }, '/extensions/1', /no @type/);
  check({ extensions: [pxe, pxe] }, '/extensions/1', /there twice/);
  check({ extensions: [{ '@type': 'A.B' }, { '@type': 'A.B' }] }, '/extensions/1', /there twice/);
  check({ extensions: [{ ...pxe, state: 'READY' }] }, '/pxe/state', /none of NONE/);
  check({ extensions: {}, services: [] }, '/extensions', /not a list/);
  check({ services: [{}] }, '/services/0', /no id/);
  check({ services: [{ id: 'a' }, { id: 'a' }] }, '/services/1', /there twice/);
  check({ extensions: null, services: [] }, '/extensions', /null/);
});

test('a node is read from what people write', () => {
  const check = (given: unknown, expected: Doc) => assert.deepEqual(parseNode(schemas, given, '').doc, expected);
  const id = '123e4567-e89b-12d3-a456-42665544000a';
  check(
    { id: id.toUpperCase(), nodename: 'a', parentId: id.toUpperCase(), parents: [id.toUpperCase()] },
    { id, nodename: 'a', parentId: id, parents: [id] },
  );
  check({ id, nodename: 'a', labels: { rack: 3, spare: true } }, { id, nodename: 'a', labels: { rack: '3', spare: 'true' } });
  const refused = (given: unknown, message: RegExp) => assert.throws(() => parseNode(schemas, given, 'a.yaml'), message);
  refused({ nodename: 'a' }, /a\.yaml: a \/id: .* it is missing\. Add its UUID; `kraken node create`/);
  refused([], /a\.yaml: .*a list, not a node/);
  refused('kr1', /a string, not a node/);
  refused(null, /null, not a node/);
});

test('a name has one id, of UUID version 5', () => {
  assert.equal(idOfName('kr1'), idOfName('kr1'));
  assert.notEqual(idOfName('kr1'), idOfName('kr2'));
  assert.match(idOfName('kr1'), /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

/** Documents of ours: every member that there can be, with values at their zero too. */
const text = fc.constantFrom('', 'a', 'x.y', 'ä/~');
const json = fc.jsonValue({ maxDepth: 2, noUnicodeString: true }).map((value) => JSON.parse(JSON.stringify(value)) as Json);
const free = fc.dictionary(fc.constantFrom('a', 'b', 'fs_type', 'fsType', 'state'), json, { maxKeys: 3, noNullPrototype: true });
const record = (shape: Record<string, fc.Arbitrary<unknown>>) => fc.record(shape, { requiredKeys: [], noNullPrototype: true });
const service = record({ module: text, state: fc.constantFrom('UNKNOWN', 'RUN'), config: free });
const extension = {
  ipv4: record({
    ifaces: fc.dictionary(fc.constantFrom('kraken', 'ipmi'), record({ eth: record({ iface: text, mtu: fc.nat(9000) }) }), {
      noNullPrototype: true,
    }),
  }),
  pxe: record({ method: fc.constantFrom('PXE', 'iPXE'), state: fc.constantFrom('NONE', 'INIT') }),
  images: record({
    state: fc.constantFrom('UNKNOWN', 'ACTIVE'),
    retries: fc.nat(3),
    images: fc.dictionary(text, record({ container: record({ systemd: fc.boolean(), state: fc.constantFrom('created', 'running') }) }), {
      noNullPrototype: true,
    }),
  }),
  power: record({ apiServer: text }),
  vm: record({ uuid: text }),
  ipmi: record({ address: text, port: fc.nat(65535) }),
};
const node = record({
  id: fc.uuid(),
  nodename: text,
  parentId: fc.uuid(),
  arch: text,
  physState: fc.constantFrom('PHYS_UNKNOWN', 'POWER_ON'),
  busy: fc.oneof(fc.constantFrom('FREE', 'BUSY'), fc.constant({ owner: 'slurm', since: 1 })),
  labels: fc.dictionary(fc.constantFrom('rack', 'pdu'), text, { noNullPrototype: true }),
  services: fc.dictionary(fc.constantFrom('ipmi', 'pxe', 'images'), service, { noNullPrototype: true }),
  other: fc.dictionary(fc.constantFrom('Foo.Bar', 'example.com/Baz'), free, { minKeys: 1, noNullPrototype: true }),
  bmc: free,
  ...extension,
}) as fc.Arbitrary<Doc>;

test(`any document comes back from the original's dialect as it was, seed=${SEED}`, () => {
  fc.assert(
    fc.property(node, (doc) => {
      const original = toOriginal(doc, schemas);
      assert.deepEqual(fromOriginal(JSON.parse(JSON.stringify(original)) as Doc, schemas, 'x'), doc);
      for (const member of ['labels', 'other', 'bmc', 'ipv4', 'pxe']) assert.equal(original[member], undefined);
      for (const list of [original['services'], original['extensions']]) assert.ok(list === undefined || Array.isArray(list));
      const bare = withoutZeros(original, schemas);
      assert.deepEqual(withoutZeros(toOriginal(fromOriginal(bare, schemas, 'x'), schemas), schemas), bare, 'and without its zeros');
    }),
    { seed: SEED, numRuns: 500 },
  );
});
