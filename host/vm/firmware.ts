/**
 * The firmware of a machine that has none (user-mode Linux): a program in a namespace with the machine's network card. It does what
 * an iPXE ROM does: DHCP, the script, kernel and initramfs by HTTP, and leaves them for the machine to be started with. It tries until
 * it succeeds or is ended.
 *
 * `firmware MAC FOLDER` writes FOLDER/kernel, FOLDER/initrd and, last, FOLDER/args; what it does is told on standard output.
 */
import { spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createWriteStream, rmSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, CLIENT_PORT, decode, encode, type Kind, SERVER_PORT, type ToSend } from './dhcp-client.ts';
import { runScript } from './ipxe-script.ts';

/** Waits for an answer, in milliseconds, as iPXE has them; then from the start. */
const PATIENCE = [1_000, 2_000, 4_000, 8_000];
const CARD = 'eth0';
const FETCH_LIMIT = 120_000;

const started = performance.now();

function say(text: string): void {
  process.stdout.write(`firmware: ${((performance.now() - started) / 1000).toFixed(3)} ${text}\n`);
}

function ip(lines: readonly string[]): void {
  const { status, stderr } = spawnSync('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr.trim());
}

/** Who cannot get an address asks again, with a fresh exchange. */
async function lease(mac: string): Promise<Answer> {
  ip([`addr flush dev ${CARD}`, `link set ${CARD} up`, `route replace default dev ${CARD}`]);
  const socket = createSocket('udp4');
  socket.bind(CLIENT_PORT);
  await once(socket, 'listening');
  socket.setBroadcast(true);
  try {
    for (;;) {
      const xid = Math.floor(Math.random() * 2 ** 32);
      const offer = await exchange(socket, { kind: 'discover', mac, xid }, ['offer']);
      const ack = offer && (await exchange(socket, { kind: 'request', mac, xid, offer }, ['ack', 'nak']));
      if (ack?.kind === 'ack') return ack;
      say(ack ? 'DHCP: refused' : `DHCP: no ${offer ? 'acknowledgement' : 'offer'}`);
    }
  } finally {
    socket.close();
  }
}

/** Sends until the answer comes, four times; undefined where none does. */
async function exchange(socket: Socket, message: Omit<ToSend, 'secs'>, wanted: readonly Kind[]): Promise<Answer | undefined> {
  const begun = performance.now();
  for (const patience of PATIENCE) {
    const secs = Math.floor((performance.now() - begun) / 1000);
    socket.send(encode({ ...message, secs }), SERVER_PORT, '255.255.255.255');
    const answer = await answerTo(socket, message, wanted, patience);
    if (answer) return answer;
  }
  return undefined;
}

function answerTo(socket: Socket, { mac, xid }: Omit<ToSend, 'secs'>, wanted: readonly Kind[], limit: number): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const done = (answer?: Answer): void => {
      clearTimeout(timer);
      socket.off('message', take);
      resolve(answer);
    };
    // An offer that says nothing of booting is of a server that means others.
    const take = (bytes: Buffer): void => {
      const answer = decode(bytes);
      if (answer?.xid === xid && answer.mac === mac && wanted.includes(answer.kind) && (answer.kind === 'nak' || answer.file !== ''))
        done(answer);
    };
    const timer = setTimeout(done, limit);
    socket.on('message', take);
  });
}

async function open(url: string): Promise<IncomingMessage> {
  const request = get(url, { agent: false, timeout: FETCH_LIMIT, headers: { 'user-agent': 'iPXE/1.21.1 (kraken box)' } });
  request.on('timeout', () => request.destroy(new Error(`${url}: nothing came for ${FETCH_LIMIT / 1000} s`)));
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode === 200) return response;
  response.destroy();
  throw new Error(`${url}: ${response.statusCode} ${response.statusMessage}`);
}

async function textAt(url: string): Promise<string> {
  let text = '';
  for await (const chunk of await open(url)) text += String(chunk);
  say(`script ${url}`);
  return text;
}

/** A server that closes early has not sent it. */
async function toFile(url: string, file: string): Promise<void> {
  const response = await open(url);
  const wanted = Number(response.headers['content-length']);
  let got = 0;
  response.on('data', (chunk: Buffer) => (got += chunk.length));
  await pipeline(response, createWriteStream(file, { mode: 0o755 }));
  if (Number.isFinite(wanted) && got !== wanted) throw new Error(`${url}: ${got} of ${wanted} bytes`);
}

/** One attempt to boot. */
async function boot(mac: string, folder: string): Promise<void> {
  const { ip: address, prefix, router, server, file } = await lease(mac);
  say(`DHCP: ${address}/${prefix} of ${server}, ${file}`);
  ip([`addr replace ${address}/${prefix} dev ${CARD}`, ...(router ? [`route replace default via ${router} dev ${CARD}`] : [])]);
  let args = '';
  await runScript(await textAt(new URL(file, `http://${server}/`).href), {
    fetch: async (as, url, line) => {
      await toFile(new URL(url, file).href, join(folder, as));
      if (as === 'kernel') args = line;
      say(`${as} ${url}`);
    },
    script: (url) => textAt(new URL(url, file).href),
    free: () => (args = ''),
    say,
    sleep: (seconds) => sleep(seconds * 1000),
  });
  ip([`addr flush dev ${CARD}`, `link set ${CARD} down`]);
  writeFileSync(join(folder, 'args'), args);
  say('the kernel is started');
}

const [mac = '', folder = ''] = process.argv.slice(2);
say(`network card ${mac}`);
for (const name of ['args', 'kernel', 'initrd']) rmSync(join(folder, name), { force: true });
for (let isBooted = false; !isBooted; )
  try {
    await boot(mac, folder);
    isBooted = true;
  } catch (error) {
    say(`${error instanceof Error ? error.message : String(error)}; again in 2 seconds`);
    await sleep(2_000);
  }
