/** The firmware of machines that have none: its scripts and its packets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode, encode } from '../../host/vm/dhcp-client.ts';
import { runScript } from '../../host/vm/ipxe-script.ts';

const SCRIPTS: Readonly<
  Record<string, { script: string; fails?: readonly string[]; others?: Record<string, string>; does: readonly string[]; error?: RegExp }>
> = {
  'kernel, initramfs, boot': {
    script:
      '#!ipxe\n# kr1\necho hello you\nkernel --name kernel http://h/k initrd=initramfs a=b c || goto again\ninitrd --name initramfs http://h/i || goto again\nboot || goto again\n:again\nsleep 5\n',
    does: ['say hello you', 'kernel http://h/k [initrd=initramfs a=b c]', 'initrd http://h/i []'],
  },
  'what cannot be fetched leads to the label, and to another script': {
    script: '#!ipxe\nkernel http://h/k x || goto again\nboot\n:again\nimgfree\nsleep 5\nchain --replace http://h/s || goto again\n',
    fails: ['http://h/k'],
    others: { 'http://h/s': '#!ipxe\nkernel http://h/k2 y\nboot\n' },
    does: ['kernel http://h/k [x]', 'say kernel: no', 'free', 'sleep 5', 'chain http://h/s', 'kernel http://h/k2 [y]'],
  },
  'a failure without an alternative ends it': {
    script: '#!ipxe\nkernel http://h/k\nboot\n',
    fails: ['http://h/k'],
    does: ['kernel http://h/k []', 'say kernel: no'],
    error: /no/,
  },
  'a script without boot boots nothing': { script: '#!ipxe\necho x\n', does: ['say x'], error: /nothing was booted/ },
  'no script': { script: '<html>', does: [], error: /no iPXE script/ },
  'an unknown command': { script: '#!ipxe\nlogin\n', does: ['say login: this firmware has no such command'], error: /no such command/ },
  'an unknown label': { script: '#!ipxe\ngoto there\n', does: [], error: /no label there/ },
  'round in circles': { script: '#!ipxe\n:a\ngoto a\n', does: [], error: /circles/ },
};

for (const [name, { script, fails = [], others = {}, does, error }] of Object.entries(SCRIPTS))
  test(`script: ${name}`, async () => {
    const done: string[] = [];
    const running = runScript(script, {
      fetch: async (as, url, args) => {
        done.push(`${as} ${url} [${args}]`);
        if (fails.includes(url)) throw new Error('no');
      },
      script: async (url) => {
        done.push(`chain ${url}`);
        return others[url] ?? '';
      },
      free: () => done.push('free'),
      say: (text) => done.push(`say ${text}`),
      sleep: async (seconds) => void done.push(`sleep ${seconds}`),
    });
    if (error) await assert.rejects(running, error);
    else await running;
    assert.deepEqual(done, does);
  });

/** A server's answer to what a client has sent. */
function answer(request: Buffer, type: number, options: readonly number[], file = ''): Buffer {
  const bytes = Buffer.from(request.subarray(0, 240));
  bytes[0] = 2;
  bytes.set([10, 99, 2, 7], 16);
  bytes.set([10, 99, 0, 1], 20);
  bytes.write(file, 108, 'latin1');
  return Buffer.concat([bytes, Buffer.from([53, 1, type, ...options, 255])]);
}

const MAC = '52:54:00:99:02:07';
const SENT = encode({ kind: 'discover', mac: MAC, xid: 0xdeadbeef, secs: 3 });
const URL = 'http://10.99.0.1:8067/boot.ipxe';
const FILE = [67, URL.length, ...Buffer.from(URL)];
const READ = { xid: 0xdeadbeef, mac: MAC, ip: '10.99.2.7' };

const ANSWERS: Readonly<Record<string, readonly [Buffer, object | undefined]>> = {
  'an offer': [
    answer(SENT, 2, [1, 4, 255, 255, 0, 0, 3, 4, 10, 99, 0, 254, 54, 4, 10, 99, 0, 2, ...FILE]),
    { ...READ, kind: 'offer', prefix: 16, router: '10.99.0.254', server: '10.99.0.2', file: URL },
  ],
  'an acknowledgement with the file in the header, a mask in two parts, and padding': [
    answer(SENT, 5, [0, 1, 2, 255, 255, 0, 1, 2, 255, 128], URL),
    { ...READ, kind: 'ack', prefix: 25, server: '10.99.0.1', file: URL },
  ],
  'a refusal': [answer(SENT, 6, []), { ...READ, kind: 'nak', prefix: 24, server: '10.99.0.1', file: '' }],
  'options that are cut off': [answer(SENT, 2, []).subarray(0, 242), undefined],
  'what a client has sent': [SENT, undefined],
  'no cookie': [Buffer.alloc(300, 2), undefined],
  nothing: [Buffer.alloc(0), undefined],
};

for (const [name, [bytes, expected]] of Object.entries(ANSWERS)) test(`packet: ${name}`, () => assert.deepEqual(decode(bytes), expected));

test('a request asks for what was offered, by broadcast, as iPXE', () => {
  const offer = decode(answer(SENT, 2, [1, 4, 255, 255, 0, 0, 54, 4, 10, 99, 0, 2, ...FILE]));
  const request = encode({ kind: 'request', mac: MAC, xid: 1, secs: 70_000, ...(offer && { offer }) });
  assert.equal(request.readUInt16BE(8), 0xffff);
  assert.equal(request.readUInt16BE(10), 0x8000);
  for (const part of [
    [53, 1, 3],
    [50, 4, 10, 99, 2, 7],
    [54, 4, 10, 99, 0, 2],
    [77, 4, ...Buffer.from('iPXE')],
  ])
    assert.ok(request.includes(Buffer.from(part)), `option ${part[0]}`);
});
