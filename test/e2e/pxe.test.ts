/**
 * A machine boots over the network from a real host, as an unprivileged user may have it: DHCP behind a relay, files by HTTP and TFTP,
 * on ports above 1024 of the loopback. The machine is a few packets that are written here by hand. Real ROMs are in test/real.
 */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Client } from '../../host/cli/client.ts';
import { Lab, service, until } from './lab.ts';

const HOST = '127.0.0.1';
const RELAY = '127.31.5.254';
const BASE = 20_000 + (process.pid % 10_000);
const PORTS = { dhcp: BASE, tftp: BASE + 1, http: BASE + 2 };
const KR7 = '00000000-0000-4000-8000-000000000007';
const MAC = { kr7: '525400310507', kr8: '525400310508' };
const [DISCOVER, OFFER, REQUEST, ACK] = [1, 2, 3, 5];

const option = (code: number, value: Buffer | string): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([code, bytes.length]), bytes]);
};

/** As the iPXE ROM of a network card asks, through a relay (RFC 2131 figure 1). */
function message(type: number, mac: string, xid: number, more: readonly Buffer[] = []): Buffer {
  const head = Buffer.alloc(240);
  head.set([1, 1, 6, 1]);
  head.writeUInt32BE(xid, 4);
  Buffer.from(RELAY.split('.').map(Number)).copy(head, 24);
  Buffer.from(mac, 'hex').copy(head, 28);
  head.writeUInt32BE(0x63825363, 236);
  const client = [option(53, Buffer.from([type])), option(60, 'PXEClient:Arch:00000:UNDI:002001'), option(77, 'iPXE')];
  const kind = [option(93, Buffer.from([0, 0])), option(175, Buffer.from([0x12, 1, 1])), option(57, Buffer.from([5, 0xc0]))];
  return Buffer.concat([head, ...client, ...kind, ...more, Buffer.from([255])]);
}

interface Answer {
  readonly type: number;
  readonly address: string;
  readonly file: string;
  readonly server: Buffer;
}

function read(bytes: Buffer): Answer {
  const options = new Map<number, Buffer>();
  for (let at = 240; at < bytes.length && bytes[at] !== 255; ) {
    const length = bytes[at + 1] ?? 0;
    if (bytes[at] === 0) at++;
    else {
      options.set(bytes[at] ?? 0, bytes.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
  }
  const file = options.get(67) ?? bytes.subarray(108, 236);
  return {
    type: options.get(53)?.[0] ?? 0,
    address: [...bytes.subarray(16, 20)].join('.'),
    file: file.toString().replace(/\0.*$/s, ''),
    server: options.get(54) ?? Buffer.alloc(4),
  };
}

/** The relay of another network segment, and behind it whoever asks. */
class Relay {
  readonly #socket: Socket;
  readonly #heard: Answer[] = [];

  static async open(t: TestContext): Promise<Relay> {
    const socket = createSocket('udp4');
    t.after(() => socket.close());
    socket.bind(0, RELAY);
    await once(socket, 'listening');
    return new Relay(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes) => this.#heard.push(read(bytes)));
  }

  async ask(bytes: Buffer): Promise<Answer> {
    const from = this.#heard.length;
    this.#socket.send(bytes, PORTS.dhcp, HOST);
    await until('the server answers', () => this.#heard.length > from, 2_000, 2);
    return this.#heard.at(-1) ?? assert.fail();
  }

  /** Asks, and is told nothing for a while. */
  async askInVain(bytes: Buffer): Promise<void> {
    const from = this.#heard.length;
    this.#socket.send(bytes, PORTS.dhcp, HOST);
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(this.#heard.length, from, 'a stranger was answered');
  }

  async exchange(mac: string, xid: number): Promise<Answer> {
    const offer = await this.ask(message(DISCOVER, mac, xid));
    assert.equal(offer.type, OFFER);
    const wanted = option(50, Buffer.from(offer.address.split('.').map(Number)));
    const ack = await this.ask(message(REQUEST, mac, xid, [option(54, offer.server), wanted]));
    assert.equal(ack.type, ACK);
    assert.deepEqual([ack.address, ack.file], [offer.address, offer.file]);
    return ack;
  }
}

/** Status and body, as the machine with this address is given them. */
async function fetchAs(localAddress: string, url: string): Promise<string> {
  const [response] = await once(get(url, { localAddress, agent: false }), 'response');
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return `${response.statusCode} ${body}`;
}

async function hosted(t: TestContext): Promise<{ lab: Lab; client: Client }> {
  const lab = new Lab(t, {});
  const root = join(lab.folder, 'boot');
  mkdirSync(join(root, 'amd64'), { recursive: true });
  for (const name of ['kernel', 'initramfs']) writeFileSync(join(root, 'amd64', name), `the ${name}`);
  lab.configure({
    services: {
      // Its BMC alone is simulated: what boots it is ours.
      sim: { module: 'simulator', config: { parts: ['power'], scale: 0 } },
      pxe: { module: 'pxe', config: { interfaces: [HOST], root, ports: PORTS } },
    },
  });
  const made = await lab.kraken('init', '--config', join(lab.folder, 'other.yaml'));
  assert.equal(made.exit, 0, made.err);
  await lab.up('--listen', `${HOST}:${BASE + 3}`);
  const client = await lab.client();
  await service(client, 'pxe', 'ready');
  return { lab, client };
}

test('a machine that is off boots over the network, step by step; a stranger is given nothing, and can be adopted', {
  timeout: 60_000,
}, async (t) => {
  const { lab, client } = await hosted(t);
  const relay = await Relay.open(t);
  const seen = async (path: string): Promise<unknown> => {
    const { nodes } = await client.ask('state/read', { set: 'kr7', view: 'both', paths: [path] });
    return (nodes[0]?.dsc as Record<string, unknown> | undefined)?.[path];
  };
  const iface = { eth: { mac: '52:54:00:31:05:07' }, ip: { ip: '127.31.5.7', subnet: '255.255.255.0' } };
  const kr7 = {
    id: KR7,
    nodename: 'kr7',
    arch: 'amd64',
    platform: 'sim',
    physState: 'POWER_ON',
    runState: 'SYNC',
    ipv4: { ifaces: { kraken: iface } },
  };
  await client.ask('node/apply', { mode: 'create', nodes: [kr7] });
  await until('it is switched on, and its boot is prepared', async () => (await seen('/pxe/state')) === 'WAIT');

  await relay.askInVain(message(DISCOVER, MAC.kr8, 9));
  const { address, file } = await relay.exchange(MAC.kr7, 1);
  assert.deepEqual([address, file], ['127.31.5.7', `http://${HOST}:${PORTS.http}/boot.ipxe`]);
  await until('its exchange is seen', async () => (await seen('/runState')) === 'INIT' && (await seen('/pxe/state')) === 'INIT', 10_000);

  const script = await fetchAs('127.31.5.7', file);
  const words = /kraken\.parent=(\S+) kraken\.id=(\S+) kraken\.ca=(sha256:\S+) kraken\.ip=(\S+) kraken\.mac=(\S+) kraken\.name=(\S+)/.exec(
    script,
  );
  assert.deepEqual(words?.slice(1), [`${HOST}:${BASE + 3}`, KR7, words?.[3], '127.31.5.7/24', iface.eth.mac, 'kr7'], script);
  const urls = [...script.matchAll(/(http:\S+\/(?:kernel|initramfs)) /g)].map(([, url]) => url ?? '');
  // One after the other, as a loader does: what was fetched last is the step.
  const contents: string[] = [];
  for (const url of urls) contents.push(await fetchAs('127.31.5.7', url));
  assert.deepEqual(contents, ['200 the kernel', '200 the initramfs']);
  for (const url of [file, ...urls]) assert.match(await fetchAs('127.31.5.8', url), /^403 .*127\.31\.5\.8 is the address of no node/);
  await until('the last file is seen', async () => (await seen('/pxe/step')) === 'INITRAMFS', 10_000);

  const { out: history } = await lab.kraken('node', 'history', 'kr7', '-o', 'json');
  const steps = [...history.matchAll(/"path": "\/pxe\/step",[^}]*?"to": "(\w+)"/g)].map(([, step]) => step).reverse();
  assert.deepEqual(steps.slice(0, 5), ['DISCOVER', 'OFFER', 'REQUEST', 'ACK', 'SCRIPT']);

  const { out: shown } = await lab.kraken('pxe', 'show', 'kr7');
  assert.match(shown, /^kr7 \(\S+\) can be booted\.\n +lease +127\.31\.5\.7\/24 for 52:54:00:31:05:07/);
  assert.ok(shown.includes(script.slice('200 '.length)), 'what is shown is what was given');

  const { out: listed } = await lab.kraken('node', 'adopt');
  assert.match(listed, /^52:54:00:31:05:08 +ipxe-bios +\S.*1 time/m);
  const adopted = await lab.kraken('node', 'adopt', '52:54:00:31:05:08', '--name', 'kr8', '--ip', '127.31.5.8/24', '--platform', 'sim');
  assert.match(
    adopted.out,
    /^kr8 is a node now: 52:54:00:31:05:08 is given 127\.31\.5\.8\.\nNext: kraken node set kr8 physState=POWER_ON runState=SYNC/,
    adopted.err,
  );
  await until('it is known to the service', async () => (await lab.kraken('pxe', 'show', 'kr8')).exit === 0);
  assert.equal((await relay.exchange(MAC.kr8, 9)).address, '127.31.5.8');
  assert.match((await lab.kraken('node', 'adopt')).out, /^No unknown machine/);
});
