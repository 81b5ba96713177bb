/** The files that machines boot with, fetched by real clients: atftp, curl and busybox, over a good way and a bad one; HTTP by hundreds. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Deed, Foe } from './file-foes.ts';
import type { Report } from './file-server.ts';
import { install } from './install.ts';
import { Network } from './network.ts';

const MIB = 1024 * 1024;
const INITRAMFS = 35 * MIB;
const CLIENTS = 200;
/** More than the servers' base and the cache: what a client costs would show two hundred times. */
const GROWTH_LIMIT = 128 * MIB;

const folder = mkdtempSync(join(tmpdir(), 'kraken-boot-files-'));
const sums = new Map<string, string>();
const sumOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function create(name: string, size: number): void {
  const bytes = randomBytes(size);
  writeFileSync(join(folder, name), bytes);
  sums.set(name, sumOf(bytes));
}

class FileServer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  listens: Report['listens'] = { tftp: '', http: '' };

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  }

  static async start(address: string, limits: object = {}, inside?: (program: string, args: readonly string[]) => [string, string[]]) {
    const script = fileURLToPath(new URL('file-server.ts', import.meta.url));
    const args = ['--import', 'tsx', '--conditions=kraken-source', script, address, folder, JSON.stringify(limits)];
    const [program, all] = inside?.(process.execPath, args) ?? [process.execPath, args];
    const server = new FileServer(spawn(program, all, { stdio: ['pipe', 'pipe', 'inherit'] }));
    server.listens = (await server.#next()).listens;
    return server;
  }

  async #next(): Promise<Report> {
    const { value, done } = await this.#lines.next();
    assert.ok(!done, 'the server ended');
    return JSON.parse(value) as Report;
  }

  report(): Promise<Report> {
    this.#child.stdin?.write('\n');
    return this.#next();
  }

  #status(field: string): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
  }

  get memory(): number {
    return this.#status('VmRSS');
  }

  get peak(): number {
    return this.#status('VmHWM');
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length;
  }

  /** The peak is measured from now on. */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.#child.pid}/clear_refs`, '5');
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
  }
}

interface Run {
  readonly code: number;
  readonly out: string;
}

async function run(program: string, args: readonly string[], input = '', limitMs = 60_000): Promise<Run> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: limitMs });
  // Most read nothing, and some end before it could be written.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode ?? -1, out: `${out}${errors}` };
}

let server: FileServer;
let host = '';
let port = '';

before(async () => {
  install({ atftp: 'atftp', curl: 'curl', busybox: 'busybox-static' });
  create('loader', 250_000);
  create('even', 512 * 64);
  create('empty', 0);
  create('kernel', INITRAMFS);
  server = await FileServer.start('127.0.0.1', { perAddress: 100 });
  [host = '', port = ''] = server.listens.tftp.split(':');
});
after(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
/** The words of each client for "fetch this into that". */
const FETCH: Readonly<Record<string, (name: string, into: string, from: readonly [string, string]) => [string, string[]]>> = {
  'atftp without options': (name, into, [to, at]) => ['atftp', ['-g', '-r', name, '-l', into, to, at]],
  'atftp with blksize': (name, into, [to, at]) => ['atftp', ['--option', 'blksize 1428', '-g', '-r', name, '-l', into, to, at]],
  'atftp with all options': (name, into, [to, at]) => {
    const options = ['tsize 0', 'blksize 1468', 'windowsize 16', 'timeout 3'].flatMap((option) => ['--option', option]);
    return ['atftp', [...options, '-g', '-r', name, '-l', into, to, at]];
  },
  'atftp with larger blocks and windows than there are': (name, into, [to, at]) => {
    const options = ['blksize 65464', 'windowsize 1000'].flatMap((option) => ['--option', option]);
    return ['atftp', [...options, '-g', '-r', name, '-l', into, to, at]];
  },
  curl: (name, into, [to, at]) => ['curl', ['-s', '-o', into, `tftp://${to}:${at}/${name}`]],
  'curl without options': (name, into, [to, at]) => ['curl', ['-s', '--tftp-no-options', '-o', into, `tftp://${to}:${at}/${name}`]],
  'curl with blksize': (name, into, [to, at]) => ['curl', ['-s', '--tftp-blksize', '1400', '-o', into, `tftp://${to}:${at}/${name}`]],
  busybox: (name, into, [to, at]) => ['busybox', ['tftp', '-g', '-r', name, '-l', into, to, at]],
  'busybox with blksize': (name, into, [to, at]) => ['busybox', ['tftp', '-b', '1400', '-g', '-r', name, '-l', into, to, at]],
};

async function fetched(client: string, name: string, inside = (program: string, args: string[]): [string, string[]] => [program, args]) {
  const into = join(folder, `.got-${count++}`);
  const from = performance.now();
  const { code, out } = await run(...inside(...(FETCH[client] as NonNullable<(typeof FETCH)[string]>)(name, into, [host, port])));
  const ms = performance.now() - from;
  assert.equal(code, 0, `${client}: ${out}`);
  const sum = sumOf(readFileSync(into));
  rmSync(into);
  assert.equal(sum, sums.get(name), `${client} got another ${name}`);
  return ms;
}

for (const client of Object.keys(FETCH))
  test(`TFTP: ${client}`, async () => {
    await fetched(client, 'loader');
    await fetched(client, 'even');
    // busybox creates no file for one without a byte.
    if (!client.startsWith('busybox')) await fetched(client, 'empty');
    const { finished } = await server.report();
    assert.ok(finished.some(({ name, bytes }) => name === 'loader' && bytes === 250_000));
  });

test('TFTP: 35 MiB in blocks of 512 bytes, so that their numbers go round', async () => {
  const report: string[] = [];
  for (const client of ['atftp without options', 'curl', 'busybox', 'atftp with all options']) {
    const ms = await fetched(client, 'kernel');
    report.push(`${client} ${Math.round(INITRAMFS / MIB / (ms / 1000))} MiB/s`);
  }
  console.log(`  ${report.join(', ')}`);
});

test('TFTP: 50 at once', async () => {
  const from = performance.now();
  const descriptors = server.descriptors;
  await Promise.all(Array.from({ length: 50 }, (_, i) => fetched(Object.keys(FETCH)[i % 9] as string, 'loader')));
  const { held, finished } = await server.report();
  console.log(`  50 × 250 kB: ${Math.round(performance.now() - from)} ms`);
  assert.equal(finished.filter(({ name }) => name === 'loader').length, 50);
  assert.deepEqual(held.tftp, { ...held.tftp, transfers: 0 });
  assert.ok(server.descriptors <= descriptors + 2);
});

test('TFTP: what leads out of the root, and what would write, is refused', async () => {
  await server.report();
  writeFileSync(join(folder, '.mine'), 'mine');
  const tries: [string, string[]][] = [
    ['curl', ['-s', '--path-as-is', `tftp://${host}:${port}//../../../../etc/passwd`]],
    ['curl', ['-s', '--path-as-is', `tftp://${host}:${port}/%2e%2e/%2e%2e/etc/passwd`]],
    ['curl', ['-s', '-T', join(folder, '.mine'), `tftp://${host}:${port}/loader`]],
    ['busybox', ['tftp', '-g', '-r', '../../../etc/passwd', '-l', '-', host, port]],
    ['busybox', ['tftp', '-g', '-r', '/etc/passwd', '-l', '-', host, port]],
    ['busybox', ['tftp', '-p', '-r', 'loader', '-l', join(folder, '.mine'), host, port]],
    ['atftp', ['-g', '-r', 'a/../../etc/passwd', '-l', '/dev/null', host, port]],
    ['atftp', ['-p', '-r', 'loader', '-l', join(folder, '.mine'), host, port]],
    ['atftp', ['--option', 'mode netascii', '-g', '-r', 'loader', '-l', '/dev/null', host, port]],
  ];
  for (const [program, args] of tries) {
    const { out } = await run(program, args, '', 20_000);
    assert.doesNotMatch(out, /root:/, `${program} ${args.join(' ')}`);
  }
  const { opened, finished } = await server.report();
  assert.deepEqual([opened, finished], [['tftp 127.0.0.1 etc/passwd'], []], 'only what names a place below the root is looked for');
  assert.equal(sumOf(readFileSync(join(folder, 'loader'))), sums.get('loader'));
});

/** atftp gives up where both its acknowledgement of the options and its own repetition of that are lost, and the options come again, as they must. */
async function patiently(fetch: () => Promise<number>): Promise<number> {
  for (let tries = 1; ; tries++)
    try {
      return await fetch();
    } catch (error) {
      if (tries === 3 || !(error instanceof Error && error.message.includes('tftp: unexpected OACK'))) throw error;
    }
}

test('TFTP: over a way that loses every 20th frame, all of it comes', async () => {
  const network = new Network();
  const head = network.add('head');
  network.add('node');
  const far = await FileServer.start(head.address, {}, (program, args) => network.inside('head', program, args));
  const near = [host, port];
  [host = '', port = ''] = far.listens.tftp.split(':');
  try {
    network.lose(0.05);
    const report: string[] = [];
    for (const client of ['atftp with all options', 'curl with blksize', 'busybox with blksize']) {
      const ms = await patiently(() => fetched(client, 'loader', (program, args) => network.inside('node', program, args)));
      report.push(`${client} ${Math.round(ms)} ms`);
    }
    console.log(`  250 kB: ${report.join(', ')}`);
  } finally {
    [host = '', port = ''] = near;
    await far.stop();
    network.end();
  }
});

const curl = (...args: string[]): Promise<Run> => run('curl', ['-s', '--path-as-is', ...args]);

test('HTTP: curl, whole, in parts, as it has it, and what is refused', async () => {
  const url = `http://${server.listens.http}`;
  const bytes = readFileSync(join(folder, 'loader'));
  const into = join(folder, '.got');
  const part = async (...args: string[]): Promise<Buffer> => {
    const { code, out } = await curl('-f', '-o', into, ...args, `${url}/loader`);
    assert.equal(code, 0, out);
    return readFileSync(into);
  };
  assert.ok((await part()).equals(bytes));
  assert.ok((await part('-r', '1000-99999')).equals(bytes.subarray(1000, 100_000)));
  assert.ok((await part('-r', '-1000')).equals(bytes.subarray(-1000)));
  writeFileSync(into, bytes.subarray(0, 77_777));
  assert.ok((await part('-C', '-')).equals(bytes), 'goes on where it was broken off');
  const etag = /^etag: (.*?)\r$/im.exec((await curl('-I', `${url}/loader`)).out)?.[1] ?? '';
  const statusOf = async (...args: string[]): Promise<string> => (await curl('-o', '/dev/null', '-w', '%{http_code}', ...args)).out;
  assert.equal(await statusOf('-H', `If-None-Match: ${etag}`, `${url}/loader`), '304');
  assert.equal(await statusOf('-r', '999999-', `${url}/loader`), '416');
  assert.equal(await statusOf('-d', 'x', `${url}/loader`), '405');
  assert.equal(await statusOf('-T', into, `${url}/loader`), '405');
  assert.equal(await statusOf(`${url}/../../etc/passwd`), '400');
  assert.equal(await statusOf(`${url}/%2e%2e/%2e%2e/etc/passwd`), '400');
  assert.equal(await statusOf(`${url}/etc/passwd`), '404');
  assert.equal(await statusOf(`${url}/forbidden`), '403');
});

for (const [how, limits] of [
  ['all of it in the cache', {}],
  ['a cache of 8 MiB', { cacheBytes: 8 * MIB }],
] as const)
  test(`HTTP: ${CLIENTS} clients at once with 35 MiB each, ${how}`, async () => {
    const one = await FileServer.start('127.0.0.1', limits);
    try {
      const jobs = Array.from({ length: CLIENTS }, (_, i) => {
        const into = i % 100 === 0 ? join(folder, `.mass-${i}`) : '/dev/null';
        return `url = "http://${one.listens.http}/kernel"\noutput = "${into}"\ninterface = "127.0.${2 + (i >> 7)}.${1 + (i & 127)}"`;
      });
      const idle = one.memory;
      one.forgetPeak();
      const from = performance.now();
      const { code, out } = await run(
        'curl',
        ['-s', '-S', '-f', '-Z', '--parallel-immediate', '--parallel-max', String(CLIENTS), '-K', '-'],
        jobs.join('\nnext\n'),
        240_000,
      );
      const seconds = (performance.now() - from) / 1000;
      assert.equal(code, 0, out.slice(-500));
      const { finished } = await one.report();
      const rate = Math.round((CLIENTS * INITRAMFS) / MIB / seconds);
      const peak = one.peak;
      console.log(
        `  ${rate} MiB/s, ${seconds.toFixed(1)} s; RSS ${Math.round(idle / MIB)} MiB idle, ${Math.round(peak / MIB)} MiB at its peak`,
      );
      assert.equal(finished.filter(({ bytes }) => bytes === INITRAMFS).length, CLIENTS);
      assert.equal(new Set(finished.map((done) => done.from)).size, CLIENTS);
      for (const file of readdirSync(folder).filter((name) => name.startsWith('.mass-')))
        assert.equal(sumOf(readFileSync(join(folder, file))), sums.get('kernel'));
      assert.ok(peak - idle < GROWTH_LIMIT, `grew by ${Math.round((peak - idle) / MIB)} MiB`);
    } finally {
      await one.stop();
    }
  });

/** Milliseconds that each kind of foe acts. */
const FOE_MS = 5000;
/** A node that fetches its files meanwhile, on two cores that the foe has one of: two requests may be lost, which curl repeats after 6 s. */
const FETCH_LIMIT = 14_000;
const FOES: readonly Pick<Foe, 'kind' | 'addresses' | 'each'>[] = [
  { kind: 'datagrams', addresses: 1, each: 1 },
  { kind: 'datagrams', addresses: 200, each: 1 },
  { kind: 'silent', addresses: 300, each: 15 },
  { kind: 'readers', addresses: 60, each: 20 },
  { kind: 'askers', addresses: 1, each: 16 },
  { kind: 'askers', addresses: 20, each: 4 },
];
for (const { kind, addresses, each } of FOES)
  test(`foes: ${kind}, ${addresses} addresses with ${each} each; a node is served meanwhile, and no connection of theirs is left`, async () => {
    const one = await FileServer.start('127.0.0.1', { stallMs: 2000, requestMs: 2000 });
    try {
      await run('curl', ['-s', '-f', '-o', '/dev/null', `http://${one.listens.http}/kernel`]);
      const idle = one.memory;
      one.forgetPeak();
      const script = fileURLToPath(new URL('file-foes.ts', import.meta.url));
      const foe: Foe = { kind, addresses, each, ms: FOE_MS, ...one.listens };
      const deed = run(process.execPath, ['--import', 'tsx', script], JSON.stringify(foe));
      await sleep(1500);
      const times: number[] = [];
      let most = 0;
      for (const end = performance.now() + FOE_MS - 1500; performance.now() < end; most = Math.max(most, one.descriptors))
        times.push(await bootOf(one));
      const { sent, ended } = JSON.parse((await deed).out) as Deed;
      const slowest = Math.round(Math.max(...times));
      const grown = Math.round((one.peak - idle) / MIB);
      console.log(`  ${sent} sent, ${ended} ended by the server; a node needs ${slowest} ms at most; ${most} descriptors, +${grown} MiB`);
      const { logged } = await one.report();
      assert.ok(slowest < FETCH_LIMIT, `${slowest} ms`);
      assert.ok(grown * MIB < GROWTH_LIMIT, `grew by ${grown} MiB`);
      assert.ok(most < 4096 + 100, `${most} descriptors`);
      assert.ok(logged.length < 80, `${logged.length} lines logged`);
      await gone(one);
    } finally {
      await one.stop();
    }
  });

/** Milliseconds for what a node fetches: a kernel by HTTP, a loader by TFTP. */
async function bootOf(one: FileServer): Promise<number> {
  const from = performance.now();
  const http = await run('curl', ['-s', '-S', '-f', '-o', '/dev/null', `http://${one.listens.http}/kernel`]);
  assert.equal(http.code, 0, http.out);
  const loader = ['-s', '-S', '-o', '/dev/null', '--interface', '127.0.0.9', '-m', '15', `tftp://${one.listens.tftp}/loader`];
  const tftp = await run('curl', loader);
  assert.equal(tftp.code, 0, tftp.out);
  return performance.now() - from;
}

async function gone(one: FileServer): Promise<void> {
  for (const end = performance.now() + 5000; ; await sleep(100)) {
    const { held } = await one.report();
    if (held.http.connections === 0) return;
    assert.ok(performance.now() < end, `${JSON.stringify(held)} is left`);
  }
}
