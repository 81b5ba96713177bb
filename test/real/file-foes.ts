/**
 * What somebody on the boot network could do to the file servers, from many addresses: one kind of it for some time. Reads a `Foe` from its
 * standard input, prints what came of it as JSON.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';

export interface Foe {
  /**
   * `datagrams`: forged, cut and random packets as fast as they go; `silent`: connections that send half a request; `readers`: such that
   * ask for a large file and take nothing; `askers`: requests for what is not theirs, on a new connection each.
   */
  readonly kind: 'datagrams' | 'silent' | 'readers' | 'askers';
  readonly tftp: string;
  readonly http: string;
  readonly ms: number;
  /** How many addresses it has, and connections of each. */
  readonly addresses: number;
  readonly each: number;
}

export interface Deed {
  readonly sent: number;
  /** Connections that the server has ended before the time. */
  readonly ended: number;
}

const foe = JSON.parse(await text(process.stdin)) as Foe;
const end = performance.now() + foe.ms;
const addressOf = (number: number): string => `127.0.${16 + Math.floor(number / 200)}.${1 + (number % 200)}`;
const addresses = Array.from({ length: foe.addresses }, (_, number) => addressOf(number));
const portOf = (listens: string): number => Number(listens.split(':')[1]);

function datagram(turn: number): Buffer {
  switch (turn % 6) {
    case 0:
      return randomBytes(randomInt(0, 1400));
    case 1:
      return Buffer.from('\0\x01../../etc/passwd\0octet\0', 'latin1');
    case 2:
      return Buffer.from(`\0\x01kernel\0octet\0blksize\x00${randomInt(0, 99_999)}\0windowsize\x0065535\0`, 'latin1');
    case 3:
      return Buffer.concat([Buffer.from([0, 1]), randomBytes(randomInt(0, 1000)), Buffer.from([0])]);
    case 4:
      return Buffer.from([0, 4, turn & 255, 1]);
    default:
      return Buffer.from(`\0\x01forbidden/${turn}\0octet\0`, 'latin1');
  }
}

async function datagrams(): Promise<Deed> {
  const sockets = await Promise.all(
    addresses.map(async (address) => {
      const socket = createSocket('udp4');
      socket.on('error', () => {});
      await new Promise<void>((resolve) => socket.bind(0, address, resolve));
      return socket;
    }),
  );
  let sent = 0;
  while (performance.now() < end) {
    for (let i = 0; i < 100; i++, sent++) sockets[sent % sockets.length]?.send(datagram(sent), portOf(foe.tftp), '127.0.0.1', () => {});
    await setImmediate();
  }
  for (const socket of sockets) socket.close();
  return { sent, ended: 0 };
}

function open(localAddress: string, onClose: () => void): Socket {
  const socket = connect({ host: '127.0.0.1', port: portOf(foe.http), localAddress });
  socket.on('error', () => {});
  socket.on('close', onClose);
  return socket;
}

async function held(first: string, takes: boolean): Promise<Deed> {
  let ended = 0;
  const sockets = addresses.flatMap((address) => Array.from({ length: foe.each }, () => open(address, () => ended++)));
  for (const socket of sockets) {
    if (!takes) socket.pause();
    socket.write(first.replace('RANDOM', String(randomInt(0, 30_000_000))));
  }
  await sleep(Math.max(0, end - performance.now()));
  const outcome = { sent: sockets.length, ended };
  for (const socket of sockets) socket.destroy();
  return outcome;
}

async function askers(): Promise<Deed> {
  let sent = 0;
  let ended = 0;
  const ask = async (address: string): Promise<void> => {
    while (performance.now() < end)
      await new Promise<void>((resolve) => {
        sent++;
        const socket = open(address, resolve);
        socket.resume().on('end', () => ended++);
        socket.write('GET /forbidden HTTP/1.1\r\nHost: x\r\n\r\n');
      });
  };
  await Promise.all(addresses.flatMap((address) => Array.from({ length: foe.each }, () => ask(address))));
  return { sent, ended };
}

async function act(): Promise<Deed> {
  switch (foe.kind) {
    case 'datagrams':
      return datagrams();
    case 'silent':
      return held('GET /kernel HTTP/1.1\r\nHost: ', true);
    case 'readers':
      return held('GET /kernel HTTP/1.1\r\nHost: x\r\nRange: bytes=RANDOM-\r\n\r\n', false);
    case 'askers':
      return askers();
    default:
      return foe.kind satisfies never;
  }
}

console.log(JSON.stringify(await act()));
process.exit(0);
