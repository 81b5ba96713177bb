import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Host, initialize } from './fake-host.js';
import { lineReader } from './kraken.js';

const on = { '/physState': 'POWER_ON' };

/** One that knows no hardware. */
const toy = {
  version: '1.0.0',
  declaration: {
    config: {
      size: { type: 'integer', minimum: 1, default: 3 },
      token: { type: 'string', minLength: 4, 'x-secret': true, 'x-optional': true },
      url: { type: 'string', format: 'uri', 'x-optional': true },
    },
    mutations: { powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '60s' } },
    pollers: { leak: { discovers: ['/physState'], every: '5s' } },
  },
  mutations: { powerOn: ({ signal }) => wait(30, on, { signal }) },
  pollers: {
    leak({ config, log }) {
      log('info', `the token is ${config.token}`);
      throw new Error(`${config.token} of size ${config.size}`);
    },
  },
};

test('it declares itself, and answers for every node', async () => {
  const host = new Host(toy);
  const { result } = await host.open();
  assert.deepEqual(result, {
    protocol: 1,
    module: { name: 'test', version: '1.0.0' },
    capabilities: ['config', 'mutations', 'pollers'],
    declaration: toy.declaration,
  });
  const ids = Array.from({ length: 100 }, (_, index) => `n${index + 100}`);
  const { observed, failed } = (await host.step('mutation', 'powerOn', ids)).result;
  assert.deepEqual([observed, failed], [ids.map((node) => ({ node, values: on, asOf: 7 })), []]);
});

test('it refuses what it must refuse', async () => {
  const refused = async (method, params) => (await new Host(toy).ask(method, params)).error;
  const { code, data } = await refused('initialize', initialize({}, [9]));
  assert.deepEqual([code, data], [-32020, { offered: [9], supported: [1] }]);
  assert.equal((await refused('no/such/method', {})).code, -32601);
  assert.equal((await refused('mutation/run', { nodes: 'all of them' })).code, -32602);
  assert.equal((await refused('mutation/run', { mutation: 'powerOn', deadline: 0, nodes: [] })).code, -32019);

  const config = await refused('initialize', initialize({ size: 0, colour: 'blue', token: 'abc', url: 'nowhere' }));
  assert.equal(config.code, -32602);
  assert.equal(
    config.data.why,
    '/colour is not known (known: size, token, url); /size must be at least 1; /token must have at least 4 characters; /url must be a URI',
  );

  const host = new Host(toy);
  await host.open();
  assert.equal((await host.step('mutation', 'powerUp', ['n1'])).error.code, -32018);
  host.tell('$/noSuchNotification', { it: 'is dropped' });
  assert.deepEqual((await host.ask('ping', {})).result, {});
  assert.deepEqual((await host.ask('shutdown', { reason: 'test', grace: 1000 })).result, {});
  assert.equal((await host.step('mutation', 'powerOn', ['n1'])).error.code, -32019);
});

test('a new config is taken, or the old one stays', async () => {
  const host = new Host(toy);
  await host.open();
  const size = async () => (await host.step('poller', 'leak', ['n1'])).result.failed[0].error.message;
  assert.deepEqual((await host.ask('config/update', { config: { size: 5 } })).result, {});
  assert.match(await size(), /of size 5/);
  assert.equal((await host.ask('config/update', { config: { size: 'large' } })).error.code, -32602);
  assert.match(await size(), /of size 5/);
});

test('a secret is in nothing that it says', async () => {
  const host = new Host(toy);
  await host.open({ token: 'sesame' });
  await host.step('poller', 'leak', ['n1']);
  await host.ask('config/update', { config: { token: 'sesame', size: 'sesame' } });
  assert.match(host.said.join('\n'), /the token is \*\*\*/);
  assert.doesNotMatch(host.said.join('\n'), /sesame/);
});

test('a step that is late or cancelled is answered all the same', async () => {
  const host = new Host(toy);
  await host.open();
  const code = ({ result }) => result.failed[0].error.code;
  assert.equal(code(await host.step('mutation', 'powerOn', ['n1'], { within: -1000 })), -32022);
  assert.equal(code(await host.step('mutation', 'powerOn', ['n1'], { within: 5 })), -32022);
  const all = await host.step('mutation', 'powerOn', ['n1'], { onSent: (id) => host.tell('$/cancel', { id }) });
  assert.equal(all.error.code, -32021);
  const one = await host.step('mutation', 'powerOn', ['n1', 'n2'], { onSent: (id) => host.tell('$/cancel', { id, nodes: ['n2'] }) });
  assert.deepEqual([one.result.observed, code(one)], [[{ node: 'n1', values: on, asOf: 7 }], -32021]);
});

test('lines come in any pieces; what is no line of text is left out', () => {
  const [lines, faults] = [[], []];
  const read = lineReader(
    (line) => lines.push(line),
    (fault) => faults.push(fault),
  );
  for (const byte of Buffer.from('{"a":"ü"}\n\n')) read(Buffer.from([byte]));
  read(Buffer.from([0xff, 10]));
  read(Buffer.alloc(4 * 1024 * 1024 + 1, 'x'));
  read(Buffer.from('\nlast\n'));
  assert.deepEqual([lines, faults.length], [['{"a":"ü"}', 'last'], 2]);
});

test('as a process it keeps stdout for the protocol, and is gone when its input ends', async () => {
  const place = fileURLToPath(new URL('kraken.js', import.meta.url));
  const script = `import { serve } from ${JSON.stringify(place)}; serve({ version: '1', declaration: {} }); console.log('hello');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script]);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  child.stdin.end(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize({}) })}\n`);
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.deepEqual([code, JSON.parse(out).id, err], [0, 1, 'hello\n']);
});
