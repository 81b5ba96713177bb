/** Enrolment over real sockets: each proof, each refusal, and what crosses the wire. */
import assert from 'node:assert/strict';
import { createHash, sign } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { issueHostCertificate, makeCa } from '../../../host/sync/edge/ca.ts';
import { hashOf, spkiOf, toPem, verifyChain } from '../../../host/sync/edge/certificates.ts';
import { type EnrolAsk, EXPORTER_LABEL, signedBytes, writeAnswer, writeAsk, writeSigned } from '../../../host/sync/edge/enrol-lines.ts';
import { type StatementClaims, signStatement, verifyStatement } from '../../../host/sync/edge/statement.ts';
import { admissionOf, type Child, child, type Door, freshDir, knock, openDoor, pair, until } from './cluster.ts';

const isRoot = process.getuid?.() === 0;

test('each proof reaches the core as what was verified, over IPv4 and IPv6', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const door = await openDoor({ host });
    const who = child();
    const common = {
      node: 'n1',
      boot: 'boot-of-child',
      key: hashOf(spkiOf(who.publicKey)),
      address: host,
      term: 7,
      runs: false,
      listens: 31_415,
      generation: 4,
    };
    const first = await knock(door, who);
    assert.equal(first.outcome.kind, 'admitted', JSON.stringify(first.outcome));
    assert.deepEqual(door.claims.pop(), { ...common, proof: { kind: 'boot', privileged: false } });
    assert.equal(first.chain, undefined);
    const { outcome } = first;
    if (outcome.kind === 'admitted') {
      const { secret, ...rest } = outcome.admission;
      const { secret: _, ...expected } = admissionOf('parent', 8);
      assert.deepEqual(rest, expected);
      assert.equal(secret.length, 32);
    }

    const statement = first.statement as string;
    await knock(door, who, { proof: { kind: 'certificate', statement } }, { runs: true });
    assert.deepEqual(door.claims.pop(), {
      ...common,
      runs: true,
      proof: { kind: 'certificate', issuer: 'parent', boot: 'boot-of-child', term: 8 },
    });

    await knock(door, who, { proof: { kind: 'token', token: 'a-token' } });
    const hash = createHash('sha256').update('a-token').digest('base64url');
    assert.deepEqual(door.claims.pop(), { ...common, proof: { kind: 'token', hash } });

    const withChain = await knock(door, who, { wantsCertificate: true });
    const own = verifyChain(withChain.chain ?? [], door.ca.pin);
    assert.ok('id' in own && own.id === 'n1' && own.key.equals(who.publicKey));
    if (isRoot) {
      await knock(door, who, { privileged: true });
      assert.deepEqual(door.claims.at(-1)?.proof, { kind: 'boot', privileged: true });
    }
    assert.deepEqual(door.server.figures, { admitted: isRoot ? 5 : 4, refused: 0, malformed: 0, timeouts: 0, badProof: 0, turnedAway: 0 });
    await door.close();
  }
});

test('ports below 1024 that are taken are passed over', { skip: !isRoot }, async () => {
  const door = await openDoor({ decide: () => new Promise((resolve) => setTimeout(() => resolve({ kind: 'wait', why: 'later' }), 100)) });
  const all = await Promise.all(Array.from({ length: 20 }, (_, index) => knock(door, child(`n${index}`), { privileged: true })));
  assert.deepEqual(new Set(all.map(({ outcome }) => outcome.kind)), new Set(['wait']));
  assert.ok(door.claims.every(({ proof }) => proof.kind === 'boot' && proof.privileged));
  await door.close();
});

test('the core says no in its three ways, or cannot be asked', async () => {
  for (const kind of ['wait', 'no', 'reboot'] as const) {
    const door = await openDoor({ decide: async () => ({ kind, why: `because of ${kind}` }) });
    assert.deepEqual(await knock(door, child()), { outcome: { kind, why: `because of ${kind}` } });
    await door.close();
  }
  const faults: unknown[] = [];
  const door = await openDoor({ decide: () => Promise.reject(new Error('with a secret in it')), fault: (error) => faults.push(error) });
  assert.deepEqual(await knock(door, child()), { outcome: { kind: 'wait', why: 'the parent cannot decide now' } });
  assert.equal(door.server.figures.refused, 1);
  assert.match(String(faults), /^Error: with a secret in it$/);
  await door.close();
});

test('a parent of another cluster, or one that only says so, is told nothing', async () => {
  const ours = makeCa(freshDir());
  const theirs = await openDoor();
  const check = async (at: Door['at'], why: RegExp): Promise<void> => {
    const { outcome } = await knock({ at, ca: ours }, child(), { proof: { kind: 'token', token: 'a-token' } });
    assert.equal(outcome.kind, 'untrusted');
    assert.match('why' in outcome ? outcome.why : '', why);
  };
  await check(theirs.at, /its CA is sha256/);
  assert.equal(theirs.claims.length, 0);
  await theirs.close();
  // It copied the certificate of the CA, or another host's, but has not signed by it.
  const rogue = pair();
  const other = makeCa(freshDir());
  const pretends = (certificates: Buffer[]): Promise<{ server: Server; at: Door['at']; heard: () => string }> =>
    new Promise((resolve) => {
      let heard = '';
      const key = rogue.key.export({ format: 'pem', type: 'pkcs8' });
      const server = createTlsServer({ key, cert: certificates.map(toPem).join('') }, (socket) => {
        socket.on('error', () => {});
        socket.on('data', (chunk) => (heard += chunk));
      });
      server.listen(0, '127.0.0.1', () =>
        resolve({ server, at: { host: '127.0.0.1', port: (server.address() as { port: number }).port }, heard: () => heard }),
      );
    });
  const forged = issueHostCertificate({ ...ours, key: other.key }, { id: 'parent', publicKey: rogue.publicKey });
  for (const [chain, why] of [
    [[forged, ours.certificate], /not signed by the pinned CA|shows no CA/],
    [[issueHostCertificate(other, { id: 'p', publicKey: rogue.publicKey })], /no CA/],
    [[issueHostCertificate(other, { id: 'p', publicKey: rogue.publicKey }), ours.certificate], /no CA|not signed/],
  ] as const) {
    const { server, at, heard } = await pretends([...chain]);
    await check(at, why);
    assert.equal(heard(), '');
    server.close();
  }
});

test('a statement by a wrong issuer, for another id, another key, or touched, is refused and counted', async () => {
  const door = await openDoor();
  const foreign = await openDoor();
  const who = child();
  const middle = pair();
  const leafCertificate = issueHostCertificate(door.ca, { id: 'middle', publicKey: middle.publicKey });
  const key = spkiOf(who.publicKey).toString('base64url');
  const claims: StatementClaims = { id: 'n1', key, boot: 'boot-of-child', term: 7, issuer: 'middle', at: 1 };
  const chain = [leafCertificate, door.ca.certificate];
  const show = (statement: string) => knock(door, who, { proof: { kind: 'certificate', statement } });
  assert.equal((await show(signStatement(claims, middle.key, chain))).outcome.kind, 'admitted');
  const good = signStatement(claims, middle.key, chain);
  const wrong: readonly (readonly [string, RegExp])[] = [
    [(await knock(foreign, who)).statement as string, /no host of this cluster/],
    [signStatement({ ...claims, id: 'n2' }, middle.key, chain), /is for n2, and n1 shows it/],
    [signStatement({ ...claims, key: spkiOf(pair().publicKey).toString('base64url') }, middle.key, chain), /another key/],
    [signStatement({ ...claims, issuer: 'parent' }, middle.key, chain), /names parent as its issuer/],
    [signStatement(claims, who.key, chain), /signature/],
    // A node that signs for itself with a certificate it has made up.
    [
      signStatement({ ...claims, issuer: 'n1' }, who.key, [
        issueHostCertificate({ ...door.ca, key: who.key }, { id: 'n1', publicKey: who.publicKey }),
        door.ca.certificate,
      ]),
      /not signed by the pinned CA/,
    ],
    [`${good.slice(0, 20)}${good[20] === 'x' ? 'y' : 'x'}${good.slice(21)}`, /signature/],
    ['x', /four/],
  ];
  for (const [statement, why] of wrong) {
    const { outcome } = await show(statement);
    assert.equal(outcome.kind, 'no');
    assert.match('why' in outcome ? outcome.why : '', why);
  }
  assert.equal(door.server.figures.badProof, wrong.length);
  assert.equal(door.claims.length, 1);
  await Promise.all([door.close(), foreign.close()]);
});

/** TLS to the door, without checks, and what is answered to one line. */
function talk(door: Door, line: (exporter: Buffer) => string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const tls = connectTls({ ...door.at, rejectUnauthorized: false }, () =>
      tls.write(line(tls.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0)))),
    );
    tls.setEncoding('utf8').on('data', (chunk) => (answer += chunk));
    tls.on('error', () => {});
    tls.on('close', () => resolve(answer));
  });
}

function askOf(who: Child, changes: Record<string, unknown> = {}): string {
  const ask: EnrolAsk = {
    v: [1],
    capabilities: [],
    id: who.node,
    boot: 'boot-of-child',
    key: spkiOf(who.publicKey),
    term: 0,
    runs: false,
    proof: { kind: 'boot' },
    listens: 0,
    generation: 1,
    wantsCertificate: false,
  };
  return JSON.stringify({ ...JSON.parse(writeAsk(ask)), ...changes });
}

test('a request that was signed for one connection is refused on another', async () => {
  const door = await openDoor();
  const who = child();
  let recorded = '';
  const body = askOf(who);
  const answer = await talk(door, (exporter) => (recorded = writeSigned(body, sign(null, signedBytes(exporter, body), who.key))));
  assert.equal(JSON.parse(answer).kind, 'admitted');
  const again = JSON.parse(await talk(door, () => recorded));
  assert.deepEqual([again.kind, again.why], ['no', 'the signature is not of this key and connection']);
  const other = child();
  await talk(door, (exporter) => writeSigned(body, sign(null, signedBytes(exporter, body), other.key)));
  const touched = askOf(who, { runs: true });
  await talk(door, (exporter) => writeSigned(touched, sign(null, signedBytes(exporter, body), who.key)));
  assert.equal(door.claims.length, 1);
  assert.equal(door.server.figures.badProof, 3);
  await door.close();
});

test('a request of a wrong shape is answered with the member that is wrong', async () => {
  const door = await openDoor();
  const who = child();
  const check = async (changes: Record<string, unknown>, why: RegExp): Promise<void> => {
    const body = askOf(who, changes);
    const answer = JSON.parse(await talk(door, (exporter) => writeSigned(body, sign(null, signedBytes(exporter, body), who.key))));
    assert.equal(answer.kind, 'no');
    assert.match(answer.why, why);
  };
  const wrong: readonly (readonly [Record<string, unknown>, RegExp])[] = [
    [{ v: 1 }, /"v" is no list/],
    [{ v: ['1'] }, /"v\[0\]"/],
    [{ capabilities: [1] }, /"capabilities\[0\]"/],
    [{ id: 'a b' }, /"id"/],
    [{ id: undefined }, /"id"/],
    [{ boot: '../x' }, /"boot"/],
    [{ key: 'AAAA' }, /"key"/],
    [{ key: Buffer.alloc(44).toString('base64url') }, /"key" is no Ed25519 key/],
    [{ term: -1 }, /"term"/],
    [{ term: 1.5 }, /"term"/],
    [{ term: 2 ** 53 }, /"term"/],
    [{ runs: 1 }, /"runs"/],
    [{ proof: null }, /"proof" is no object/],
    [{ proof: { kind: 'tpm' } }, /"kind" is none of boot, token, certificate/],
    [{ proof: { kind: 'token' } }, /"token"/],
    [{ proof: { kind: 'token', token: 'x'.repeat(257) } }, /"token"/],
    [{ proof: { kind: 'certificate', statement: 5 } }, /"statement"/],
    [{ listens: 65_536 }, /"listens"/],
    [{ generation: 0 }, /"generation"/],
    [{ wantsCertificate: null }, /"wantsCertificate"/],
  ];
  for (const [changes, why] of wrong) await check(changes, why);
  assert.equal(door.server.figures.malformed, wrong.length);
  await check({ v: [2, 7] }, /the parent speaks version 1 of the enrolment, and the child 2, 7/);
  for (const line of [
    '\n',
    '[]\n',
    '{"body":"{}"}\n',
    '{"body":5,"sig":"x"}\n',
    'null\n',
    `${JSON.stringify({ body: '5', sig: 'A'.repeat(86) })}\n`,
    '\u0000\n',
  ])
    assert.equal(JSON.parse(await talk(door, () => line)).kind, 'no', line);
  const long = JSON.parse(await talk(door, () => 'x'.repeat(70_000)));
  assert.match(long.why, /longer than 65536/);
  assert.equal(door.claims.length, 0);
  // One of a later version that still speaks ours.
  const body = askOf(who, { v: [2, 1], more: { of: 'it' } });
  assert.equal(
    JSON.parse(await talk(door, (exporter) => writeSigned(body, sign(null, signedBytes(exporter, body), who.key)))).kind,
    'admitted',
  );
  await door.close();
});

test('a child tells apart: nobody listens, nobody answers, no TLS, no answer, an answer of a wrong shape', async () => {
  const ca = makeCa(freshDir());
  const own = pair();
  const key = own.key.export({ format: 'pem', type: 'pkcs8' });
  const cert = [issueHostCertificate(ca, { id: 'parent', publicKey: own.publicKey }), ca.certificate].map(toPem).join('');
  const ask = async (server: Server, expect: string, why: RegExp): Promise<void> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { outcome } = await knock({ at: { host: '127.0.0.1', port }, ca }, child(), { timeoutMs: 400 });
    assert.equal(outcome.kind, expect);
    assert.match('why' in outcome ? outcome.why : '', why);
    server.close();
  };
  const sockets: Socket[] = [];
  await ask(
    createServer((socket) => void sockets.push(socket.on('error', () => {}))),
    'noAnswer',
    /in time/,
  );
  await ask(
    createServer((socket) => void socket.on('error', () => {}).end('SSH-2.0-OpenSSH\r\n')),
    'noAnswer',
    /./,
  );
  await ask(
    createServer((socket) => void socket.destroy()),
    'noAnswer',
    /./,
  );
  const says = (text: string | undefined) =>
    createTlsServer({ key, cert }, (tls) => {
      tls.on('error', () => {});
      if (text === undefined) tls.destroy();
      else tls.write(text);
    });
  await ask(says(undefined), 'noAnswer', /hung up/);
  await ask(says('x'.repeat(70_000)), 'noAnswer', /too long/);
  await ask(says('{"v":1}\n'), 'noAnswer', /"kind"/);
  await ask(says('{"v":1,"kind":"admitted","admission":{"parent":"parent"}}\n'), 'noAnswer', /"parentName"/);
  await ask(says('{"v":9,"kind":"no","why":"you are too old"}\n'), 'no', /too old/);
  const admitted = writeAnswer({ kind: 'admitted', admission: admissionOf('someone', 1), statement: 's' });
  await ask(says(admitted), 'untrusted', /answers as someone, and its certificate is of parent/);
  const elses = issueHostCertificate(ca, { id: 'n2', publicKey: pair().publicKey });
  const withChain = writeAnswer({ kind: 'admitted', admission: admissionOf('parent', 1), statement: 's', chain: [elses, ca.certificate] });
  await ask(says(withChain), 'untrusted', /not one of this host/);
  for (const socket of sockets) socket.destroy();
  const { outcome } = await knock({ at: { host: '127.0.0.1', port: 1 }, ca }, child());
  assert.equal(outcome.kind, 'refusedConnection');
});

test('what crosses the wire in an enrolment holds no token, secret, statement, id or state in clear', async () => {
  const secret = Buffer.from('0123456789abcdef0123456789abcdef');
  const door = await openDoor({ decide: async () => ({ kind: 'admitted', admission: { ...admissionOf('parent', 8), secret } }) });
  const crossed: Buffer[] = [];
  const proxy = createServer((near) => {
    const far = connect(door.at);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk: Buffer) => {
        crossed.push(chunk);
        to.write(chunk);
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const at = { host: '127.0.0.1', port: (proxy.address() as { port: number }).port };
  const who = child('a-node-with-a-name');
  const first = await knock({ at, ca: door.ca }, who, { proof: { kind: 'token', token: 'the-token-of-the-node' } });
  assert.equal(first.outcome.kind, 'admitted');
  const statement = first.statement as string;
  assert.ok('id' in verifyStatement(statement, door.ca.pin));
  await knock({ at, ca: door.ca }, who, { proof: { kind: 'certificate', statement }, wantsCertificate: true });
  const all = Buffer.concat(crossed);
  assert.ok(all.length > 4_000);
  const tokenHash = createHash('sha256').update('the-token-of-the-node').digest();
  const hidden = [
    'the-token-of-the-node',
    'a-node-with-a-name',
    'boot-of-child',
    'parentName',
    'admitted',
    'proof',
    statement.slice(0, 40),
    spkiOf(who.publicKey).toString('base64url'),
    tokenHash.toString('base64url'),
  ];
  // The server's certificate too: TLS 1.3 sends it sealed.
  for (const one of [
    ...hidden.map((text) => Buffer.from(text)),
    secret,
    Buffer.from(secret.toString('base64url')),
    spkiOf(who.publicKey),
    spkiOf(door.pair.publicKey),
    door.ca.certificate,
  ])
    assert.ok(!all.includes(one), one.toString('latin1'));
  proxy.close();
  await door.close();
});

test('too many at once wait for their turn, those who keep failing are turned away, root of the same node is not', async () => {
  let inside = 0;
  let most = 0;
  const decide = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setTimeout(resolve, 20));
    inside--;
    return { kind: 'admitted' as const, admission: admissionOf('parent', 8) };
  };
  const crowd = await openDoor({ decide, limits: { atOnce: 4 } });
  const all = await Promise.all(Array.from({ length: 40 }, (_, index) => knock(crowd, child(`n${index}`))));
  assert.ok(all.every(({ outcome }) => outcome.kind === 'admitted'));
  assert.ok(most > 1 && most <= 4, `${most} at once`);
  await crowd.close();

  const door = await openDoor({
    decide: async ({ proof }) => (proof.kind === 'boot' && proof.privileged ? decide() : { kind: 'no', why: 'no' }),
    limits: { failuresPerMinute: 5 },
  });
  for (let round = 0; round < 5; round++) assert.equal((await knock(door, child())).outcome.kind, 'no');
  await until(() => door.server.figures.refused === 5);
  assert.equal((await knock(door, child())).outcome.kind, 'noAnswer');
  assert.equal(door.server.figures.turnedAway, 1);
  assert.equal((await knock(door, child(), { localAddress: '127.0.0.9' })).outcome.kind, 'no');
  if (isRoot) assert.equal((await knock(door, child(), { privileged: true })).outcome.kind, 'admitted');
  await door.close();
});
