/** The socket itself: who may open it, whose it is, what a client may send, and how it ends. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CODES } from '@kraken-hpc/sdk/wire';
import { startControl } from '../../host/control/server.ts';
import { RefusalError } from '../../host/core/refusal.ts';
import { type Desk, withControl } from './bench.ts';

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'kraken-socket-'));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A server that answers nothing. */
const start = (socket: string, group?: string) =>
  startControl({ socket, api: { handle: async () => ({}) }, log: () => undefined, ...(group ? { group } : {}) });

test('only its owner, and a group that is named, may open it', async () => {
  await inFolder(async (folder) => {
    const umask = process.umask(0);
    try {
      const one = await start(join(folder, 'a', 'k.sock'));
      assert.deepEqual([mode(join(folder, 'a', 'k.sock')), mode(join(folder, 'a'))], ['600', '700']);
      await one.close();
      assert.equal(existsSync(join(folder, 'a', 'k.sock')), false, 'it goes with the host');
      const own = spawnSync('id', ['-gn'], { encoding: 'utf8' }).stdout.trim();
      const two = await start(join(folder, 'b', 'k.sock'), own);
      assert.deepEqual([mode(join(folder, 'b', 'k.sock')), mode(join(folder, 'b'))], ['660', '750']);
      await two.close();
      chmodSync(folder, 0o711);
      const three = await start(join(folder, 'k.sock'), own);
      assert.equal(mode(folder), '711', 'a directory that was there is left as it was');
      await three.close();
      assert.equal(process.umask(), 0);
    } finally {
      process.umask(umask);
    }
  });
});

test('why it cannot be opened is said', async () => {
  await inFolder(async (folder) => {
    writeFileSync(join(folder, 'file'), 'precious');
    symlinkSync(join(folder, 'file'), join(folder, 'link'));
    const cases: readonly [string, string | undefined, keyof typeof CODES, RegExp][] = [
      [join(folder, 'file'), undefined, 'Conflict', /a file of this name that is no socket/],
      [join(folder, 'link'), undefined, 'Conflict', /no socket/],
      [join(folder, 'x'.repeat(110)), undefined, 'InvalidParams', /bytes, and a socket's may have 107.*--socket/],
      [join(folder, 'k.sock'), 'no-such-group', 'NotFound', /group no-such-group.*there is no such group.*--group/],
    ];
    for (const [socket, group, name, expected] of cases) {
      await assert.rejects(start(socket, group), (error) => {
        assert.ok(error instanceof RefusalError);
        assert.equal(error.refusal.code, CODES[name]);
        assert.match(error.message, expected);
        return true;
      });
    }
    assert.equal(existsSync(join(folder, 'file')), true);
  });
});

test('a socket that a killed host has left is replaced; one that answers is not', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'k.sock');
    const child = spawnSync(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    assert.equal(child.signal, 'SIGKILL');
    assert.ok(existsSync(path), 'it was left behind');
    const one = await start(path);
    await assert.rejects(start(path), /another host answers on it.*kraken engine stop/);
    const probe = connect(path);
    await new Promise((resolve, reject) => probe.once('connect', resolve).once('error', reject));
    probe.destroy();
    await one.close();
  });
});

/** A bare connection: what it was sent until it was closed, or until it was told enough. */
function talk(path: string, send: (socket: Socket) => void, isEnough: (text: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path, () => send(socket));
    let text = '';
    const end = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on('data', (chunk) => {
      text += chunk;
      if (isEnough(text)) end();
    });
    socket.on('error', end);
    socket.on('close', end);
    setTimeout(end, 8_000).unref();
  });
}

const request = (id: number, method = 'service/list'): string => `${JSON.stringify({ jsonrpc: '2.0', id, method, params: {} })}\n`;
const lines = (count: number) => (text: string) => text.split('\n').length > count;

test('what a client may send', async () => {
  await withControl({ limits: { inFlight: 8 } }, async ({ path, logged, client }: Desk) => {
    const cases: readonly [string, string | Buffer, number, RegExp][] = [
      ['no JSON, and the next line still', `nonsense\n${request(1)}`, 2, /-32700.*\n.*"id":1,"result"/],
      ['null', `null\n${request(1)}`, 2, /-32600.*\n.*"id":1,"result"/],
      ['a batch', `[]\n${request(1)}`, 2, /batch of 0 messages.*\n.*"id":1,"result"/],
      ['no such method', request(1, 'engine/explode'), 1, /-32601/],
      ['a method of modules', request(1, 'state/discover'), 1, /-32601/],
      ['not UTF-8', Buffer.from([0xff, 0xfe, 0x0a]), 9, /-32700.*not UTF-8/],
      ['two lines in one, halves apart', request(1) + request(2), 2, /"id":1,"result"[\s\S]*"id":2,"result"/],
      ['too many at once', Array.from({ length: 9 }, (_, i) => request(i + 1)).join(''), 9, /-32017/],
    ];
    for (const [label, given, count, expected] of cases)
      assert.match(await talk(path, (socket) => socket.write(given), lines(count)), expected, label);
    const tooLong = await talk(path, (socket) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x');
      for (let i = 0; i < 5; i++) socket.write(chunk);
    });
    assert.match(tooLong, /-32016.*a line of more than 4194304 bytes was sent: the connection is closed/);
    assert.ok(logged.some((line) => /a client was cut off: it sent a line of more than/.test(line)));
    const slow = await talk(
      path,
      (socket) => {
        for (const [at, sign] of [...request(5)].entries()) setTimeout(() => socket.write(sign), at);
      },
      lines(1),
    );
    assert.match(slow, /"id":5,"result"/, 'a byte at a time');
    assert.equal((await client().ask('service/list', {})).services.length, 2, 'others are served all the same');
  });
});

test('too many clients are turned away in words, and there is room again when one goes', async () => {
  await withControl({ limits: { connections: 3 } }, async ({ path, logged, client }) => {
    const all = [client(), client(), client()];
    for (const one of all) await one.ask('service/list', {});
    assert.match(await talk(path, () => undefined), /-32017.*3 clients are connected already/);
    assert.ok(logged.some((line) => /a client was turned away: 3 are connected/.test(line)));
    all[0]?.socket.destroy();
    for (let i = 0; i < 50; i++) {
      const text = await talk(path, (socket) => socket.write(request(1)), lines(1));
      if (/"result"/.test(text)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.fail('there was no room again');
  });
});

test('a client that reads nothing is cut off before it costs much', async () => {
  await withControl({ nodes: 3_000, limits: { unread: 3_000_000 } }, async ({ path, logged, client }) => {
    const socket = connect(path);
    socket.on('error', () => undefined);
    socket.pause();
    for (let i = 0; i < 20; i++) socket.write(`${JSON.stringify({ jsonrpc: '2.0', id: i, method: 'state/read', params: {} })}\n`);
    for (let i = 0; i < 300 && !logged.some((line) => /cut off/.test(line)); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(logged.join('\n'), /a client was cut off: it left \d+ bytes unread, the limit is 3000000/);
    socket.destroy();
    assert.equal((await client().ask('service/list', {})).services.length, 2);
  });
});

test('it closes while clients are connected, those that say nothing too', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'k.sock');
    const server = await start(path);
    const idle = connect(path);
    const gone = new Promise((resolve) => idle.once('close', resolve));
    idle.on('error', () => undefined).resume();
    await new Promise((resolve) => idle.once('connect', resolve));
    const started = Date.now();
    await server.close();
    await gone;
    assert.ok(Date.now() - started < 3_000);
    assert.equal(existsSync(path), false);
  });
});
