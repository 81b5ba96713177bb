/** What somebody hostile at the other end of a connection must not be able to do: each was possible once. */
import assert from 'node:assert/strict';
import { type KeyObject, randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';
import { issueHostCertificate, makeCa } from '../../../host/sync/edge/ca.ts';
import { toPem } from '../../../host/sync/edge/certificates.ts';
import { FrameReader, writeFrame } from '../../../host/sync/edge/frames.ts';
import { Streams } from '../../../host/sync/edge/streams.ts';
import { WaitingRoom } from '../../../host/sync/edge/waiting-room.ts';
import { child, freshDir, knock, openDoor, pair, until } from './cluster.ts';

const TLS_HELLO = Buffer.from('16030100c8010000c40303', 'hex');

test('who hangs up while he waits for his turn at the door takes no place of those that come later', async () => {
  const door = await openDoor({ limits: { atOnce: 1, timeoutMs: 300 } });
  const come = (): Promise<Socket> =>
    new Promise((resolve) => {
      const socket = connect(door.at, () => socket.write(TLS_HELLO, () => resolve(socket)));
      socket.on('error', () => {}).resume();
    });
  const first = await come();
  const others = await Promise.all(Array.from({ length: 5 }, come));
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (const socket of others) socket.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  first.destroy();
  assert.equal((await knock(door, child())).outcome.kind, 'admitted');
  await door.close();
});

/** A CA that nobody can read the key of, and a host's certificate that names it as its issuer. */
function oddChain(publicKey: KeyObject): { ca: Buffer; host: Buffer } {
  const made = makeCa(freshDir());
  const odd = AsnConvert.parse(made.certificate, Certificate);
  odd.tbsCertificate.subjectPublicKeyInfo.algorithm.algorithm = '1.2.3.4';
  const ca = Buffer.from(AsnConvert.serialize(odd));
  return { ca, host: issueHostCertificate(made, { id: 'parent', publicKey }) };
}

test('a certificate whose key cannot be read is not trusted, and ends nothing but the attempt', async () => {
  const rogue = pair();
  const { ca, host } = oddChain(rogue.publicKey);
  const server = createTlsServer({
    key: rogue.key.export({ format: 'pem', type: 'pkcs8' }),
    cert: toPem(host) + toPem(ca),
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = { host: '127.0.0.1', port: (server.address() as { port: number }).port };
  const { outcome } = await knock({ at, ca: { pin: `sha256:${'A'.repeat(43)}` } }, child());
  assert.equal(outcome.kind, 'untrusted');
  server.close();
});

test('who is hung up on and neither reads nor ends is gone after a moment, and what he goes on sending is not kept', async (context) => {
  const room = new WaitingRoom({ unprovedMs: 1_000, unproved: 1, unprovedPerAddress: 1 });
  let opened = false;
  const streams = new Streams({ hangUpMs: 300, queue: 64_000_000 }, room, {
    opened: () => (opened = true),
    frame: () => {},
    closed: () => {},
  });
  let gone = false;
  const deaf = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {}).on('close', () => (gone = true));
    socket.pause();
    const flood = (): void => {
      if (!socket.destroyed) socket.write(writeFrame(Buffer.alloc(16_000)), () => setImmediate(flood));
    };
    flood();
  });
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  streams.dial(-1, { host: '127.0.0.1', port: (deaf.address() as { port: number }).port });
  await until(() => opened);
  for (let i = 0; i < 2_000; i++) streams.frame(-1, randomBytes(16_000));
  streams.hangUp(-1);
  const { mock } = context.mock.method(FrameReader.prototype, 'push');
  await until(() => gone, 2_000);
  assert.equal(mock.callCount(), 0);
  deaf.close();
});
