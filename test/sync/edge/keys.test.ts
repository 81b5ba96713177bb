/** Keys, certificates, statements and the kernel command line: what lies in files and what is read out of text. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { issueHostCertificate, makeCa, openCa } from '../../../host/sync/edge/ca.ts';
import { isPin, pinOf, spkiOf, verifyChain } from '../../../host/sync/edge/certificates.ts';
import { openSecretDir } from '../../../host/sync/edge/files.ts';
import { raiseGeneration } from '../../../host/sync/edge/generation.ts';
import { bootId, HostKeys } from '../../../host/sync/edge/host-keys.ts';
import { parseAddress, readKernelCommandLine } from '../../../host/sync/edge/kernel-command-line.ts';
import { LONGEST_STATEMENT, signStatement, verifyStatement } from '../../../host/sync/edge/statement.ts';

const scratch = mkdtempSync(join(tmpdir(), 'kraken-keys-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => join(scratch, String(++count));
const mode = (path: string): number => statSync(path).mode & 0o777;

test('kraken init: the CA is of its owner alone, is read again, and is not replaced', () => {
  const dir = fresh();
  const ca = makeCa(dir);
  assert.deepEqual([mode(dir), mode(join(dir, 'ca.key')), mode(join(dir, 'ca.crt'))], [0o700, 0o600, 0o600]);
  assert.ok(isPin(ca.pin));
  const again = openCa(dir);
  assert.equal(again?.pin, ca.pin);
  assert.deepEqual(again?.certificate, ca.certificate);
  assert.throws(() => makeCa(dir), /there is a CA already/);
  assert.equal(openCa(dir)?.pin, ca.pin);
  assert.equal(openCa(fresh().replace(/$/, '-none')), undefined);
});

test('certificates of hosts: signed by the pinned CA, named by id, and openssl agrees', () => {
  const ca = makeCa(fresh());
  const { publicKey } = generateKeyPairSync('ed25519');
  const der = issueHostCertificate(ca, { id: 'a-host', publicKey });
  const read = verifyChain([der, ca.certificate], ca.pin);
  assert.ok('id' in read && read.id === 'a-host' && read.key.equals(publicKey));
  const certificate = new X509Certificate(der);
  assert.match(certificate.validTo, /9999/);
  assert.equal(certificate.ca, false);
  assert.equal(new X509Certificate(ca.certificate).ca, true);
  const serials = new Set(
    Array.from({ length: 50 }, () => new X509Certificate(issueHostCertificate(ca, { id: 'a', publicKey })).serialNumber),
  );
  assert.equal(serials.size, 50);
  const [hostFile, caFile] = [fresh(), fresh()];
  writeFileSync(hostFile, certificate.toString());
  writeFileSync(caFile, new X509Certificate(ca.certificate).toString());
  const openssl = spawnSync('openssl', ['verify', '-CAfile', caFile, hostFile], { encoding: 'utf8' });
  if (!openssl.error) assert.match(openssl.stdout, /OK/);
});

test('a chain that does not lead to the pinned CA says why', () => {
  const [ca, other] = [makeCa(fresh()), makeCa(fresh())];
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const host = issueHostCertificate(ca, { id: 'h', publicKey });
  const foreign = issueHostCertificate(other, { id: 'h', publicKey });
  // A host that plays CA: its certificate says that it is none, and it is not pinned.
  const below = issueHostCertificate({ ...ca, key: privateKey }, { id: 'evil', publicKey });
  const check = (chain: Buffer[], why: RegExp): void => {
    const read = verifyChain(chain, ca.pin);
    assert.match('why' in read ? read.why : `taken as ${read.id}`, why);
  };
  check([], /no certificate/);
  check([Buffer.from('30820000', 'hex'), ca.certificate], /no certificate/);
  check([host], /no CA/);
  check([foreign, other.certificate], /its CA is sha256/);
  check([foreign, ca.certificate], /not signed by the pinned CA/);
  check([below, ca.certificate], /not signed/);
  check([below, host], /its CA is/);
  check([ca.certificate, ca.certificate], /no certificate of a host/);
  for (const id of ['', 'a b', 'x\nCN=root', 'a'.repeat(129), 'CN=a+OU=b', '/etc'])
    assert.throws(() => issueHostCertificate(ca, { id, publicKey }), RangeError, JSON.stringify(id));
});

test('statements: good for what was signed, refused for all else, 4 kB at most', () => {
  const [ca, other] = [makeCa(fresh()), makeCa(fresh())];
  const issuer = generateKeyPairSync('ed25519');
  const key = spkiOf(generateKeyPairSync('ed25519').publicKey).toString('base64url');
  const chain = [issueHostCertificate(ca, { id: 'parent', publicKey: issuer.publicKey }), ca.certificate];
  const claims = { id: 'n1', key, boot: 'boot-1', term: 7, issuer: 'parent', at: 1_700_000_000_000 };
  const good = signStatement(claims, issuer.privateKey, chain);
  assert.ok(good.length < 1_700, `${good.length} bytes`);
  const read = verifyStatement(good, ca.pin);
  assert.ok('id' in read);
  const { issuerKey, ...rest } = read;
  assert.deepEqual(rest, claims);
  assert.ok(issuerKey.equals(issuer.publicKey));

  const refused = (statement: string, why: RegExp, pin = ca.pin): void => {
    const found = verifyStatement(statement, pin);
    assert.match('why' in found ? found.why : 'taken', why, statement.slice(0, 60));
  };
  refused(good, /no host of this cluster/, other.pin);
  refused('', /four/);
  refused('a.b.c', /four/);
  refused(`${good}.AA`, /four/);
  refused(`${good}${'A'.repeat(LONGEST_STATEMENT)}`, /longer/);
  const parts = good.split('.');
  const put = (index: number, part: string): string => parts.map((one, at) => (at === index ? part : one)).join('.');
  const other7 = Buffer.from(JSON.stringify({ v: 1, ...claims, term: 8 })).toString('base64url');
  refused(put(0, other7), /signature of the statement is wrong/);
  refused(put(1, Buffer.alloc(64).toString('base64url')), /signature of the statement is wrong/);
  refused(put(2, parts[3] as string), /no host of this cluster/);
  refused(signStatement(claims, generateKeyPairSync('ed25519').privateKey, chain), /signature of the statement is wrong/);
  refused(signStatement({ ...claims, issuer: 'root' }, issuer.privateKey, chain), /names root as its issuer, and parent signed it/);
  refused(signStatement({ ...claims, term: -1 }, issuer.privateKey, chain), /"term"/);
  refused(signStatement({ ...claims, id: 'a b' }, issuer.privateKey, chain), /"id"/);
  assert.throws(() => signStatement({ ...claims, boot: 'b'.repeat(4_000) }, issuer.privateKey, chain), /may have 4096/);
  // Each character matters, but for the bits of base64 that mean nothing and the dates of the certificates.
  for (let at = 0; at < (parts[0] as string).length + (parts[1] as string).length; at += 7) {
    const flipped = good.slice(0, at) + (good[at] === 'A' ? 'B' : 'A') + good.slice(at + 1);
    assert.ok('why' in verifyStatement(flipped, ca.pin), `character ${at}`);
  }
});

const SESSION = {
  address: { host: '127.0.0.1', port: 31415 },
  admission: {
    parent: 'p',
    parentName: 'p',
    term: 3,
    sid: 9,
    secret: Buffer.alloc(32, 5),
    generation: 2,
    above: ['r'],
    hello: 10_000,
    dead: 40_000,
  },
};

test('keys of a host: kept over a restart, raised in generation, ended with the boot where they lie in /run', () => {
  const check = (outliveBoot: boolean): void => {
    const dir = fresh();
    const first = new HostKeys(dir, { boot: 'one', outliveBoot });
    first.keepAdmission(SESSION, 'a statement');
    first.keepChain([Buffer.from('h'), Buffer.from('c')]);
    const again = new HostKeys(dir, { boot: 'one', outliveBoot });
    assert.equal(again.keyHash, first.keyHash);
    assert.deepEqual(again.master, first.master);
    assert.deepEqual(again.session, SESSION);
    assert.equal(again.statement, 'a statement');
    assert.deepEqual(again.chain, [Buffer.from('h'), Buffer.from('c')]);
    assert.ok(again.generation > first.generation);
    for (const name of readdirSync(dir)) assert.equal(mode(join(dir, name)), 0o600, name);
    const later = new HostKeys(dir, { boot: 'two', outliveBoot });
    assert.equal(later.session, undefined);
    assert.equal(later.keyHash === first.keyHash, outliveBoot);
    assert.equal(later.master.equals(first.master), outliveBoot);
    assert.equal(later.statement, outliveBoot ? 'a statement' : undefined);
    assert.equal(later.chain?.length, outliveBoot ? 2 : undefined);
    assert.ok(later.generation > again.generation);
  };
  check(true);
  check(false);
  assert.match(bootId(), /^[0-9a-f-]{36}$/);
});

test('a generation that was lost takes the sessions with it: no nonce may come twice', () => {
  for (const damage of ['', 'x', '0', '-1', '4294967295', '99999999999']) {
    const dir = fresh();
    const first = new HostKeys(dir, { boot: 'one', outliveBoot: true });
    first.keepAdmission(SESSION, 's');
    if (damage === '') rmSync(join(dir, 'generation'));
    else writeFileSync(join(dir, 'generation'), damage);
    const again = new HostKeys(dir, { boot: 'one', outliveBoot: true });
    assert.ok(!again.master.equals(first.master), damage);
    assert.equal(again.session, undefined, damage);
    assert.equal(again.keyHash, first.keyHash);
  }
});

test('a process that ends while it finds the generation lost does not leave the sessions behind for the next', () => {
  const dir = fresh();
  const first = new HostKeys(dir, { boot: 'one', outliveBoot: true });
  writeFileSync(join(dir, 'generation'), 'x');
  const killed = new Error('killed');
  const kill = (): void => {
    throw killed;
  };
  assert.throws(() => raiseGeneration(dir, kill), killed);
  assert.ok(!new HostKeys(dir, { boot: 'one', outliveBoot: true }).master.equals(first.master));
});

test('generations: always higher, also than all since an older state of the disk that came back', () => {
  const dir = fresh();
  openSecretDir(dir);
  let lost = 0;
  const raise = (seconds: number): number => raiseGeneration(dir, () => lost++, seconds * 1_000);
  assert.deepEqual([raise(0), raise(0), raise(500), raise(500), raise(3)], [1, 2, 500, 501, 502]);
  const snapshot = readFileSync(join(dir, 'generation'));
  assert.deepEqual([raise(600), raise(700)], [600, 700]);
  writeFileSync(join(dir, 'generation'), snapshot);
  assert.equal(raise(701), 701);
  // A clock that is wrong beyond all numbers does not use them up.
  assert.deepEqual([raise(2 ** 32), lost], [702, 1]);
});

test('damaged files: a session is as if it were not there, a key is refused with what to do', () => {
  const dir = fresh();
  new HostKeys(dir, { boot: 'b', outliveBoot: false }).keepAdmission(SESSION, 's');
  writeFileSync(join(dir, 'session.json'), '{"addr');
  writeFileSync(join(dir, 'session.json.tmp'), 'left by a crash');
  assert.equal(new HostKeys(dir, { boot: 'b', outliveBoot: false }).session, undefined);
  for (const of of ['{}', 'null', '7', '[1]', '{"address":{},"admission":{"secret":"AA"}}']) {
    writeFileSync(join(dir, 'session.json'), of);
    writeFileSync(join(dir, 'host.crt.json'), of, { mode: 0o600 });
    assert.equal(new HostKeys(dir, { boot: 'b', outliveBoot: false }).session, undefined, of);
  }
  writeFileSync(join(dir, 'host.key'), 'rubbish');
  assert.throws(() => new HostKeys(dir, { boot: 'b', outliveBoot: false }), /host\.key: .* remove it/);
});

test('a directory or file that others can touch is refused', () => {
  const open = (dir: string): HostKeys => new HostKeys(dir, { boot: 'b', outliveBoot: false });
  const writable = fresh();
  mkdirSync(writable);
  chmodSync(writable, 0o777);
  assert.throws(() => open(writable), /others can write to it \(mode 777\)/);
  assert.deepEqual(readdirSync(writable), []);
  const target = fresh();
  mkdirSync(target, { mode: 0o700 });
  const link = fresh();
  symlinkSync(target, link);
  assert.throws(() => open(link), /a link/);
  const dir = fresh();
  open(dir);
  const key = readFileSync(join(dir, 'host.key'));
  chmodSync(join(dir, 'host.key'), 0o644);
  assert.throws(() => open(dir), /open to others/);
  rmSync(join(dir, 'host.key'));
  symlinkSync('/etc/passwd', join(dir, 'host.key'));
  assert.throws(() => open(dir), /it is a link/);
  rmSync(join(dir, 'host.key'));
  writeFileSync(join(dir, 'host.key'), key, { mode: 0o600 });
  open(dir);
  assert.ok(!existsSync(join(target, 'host.key')));
});

const PIN = `sha256:${'A'.repeat(43)}`;

test('the kernel command line', () => {
  const check = (text: string, expect: ReturnType<typeof readKernelCommandLine>, trustToken = false): void =>
    assert.deepEqual(readKernelCommandLine(text, { trustToken }), expect, text);
  const at = (host: string, port = 31415) => ({ host, port });
  check('BOOT_IMAGE=/vmlinuz root=/dev/ram0 quiet\n', {});
  check('kraken.parent=10.0.0.1', { parents: [at('10.0.0.1')] });
  check('a kraken.parent=10.0.0.1:99,head2,[fd00::1]:7,fd00::2 b', {
    parents: [at('10.0.0.1', 99), at('head2'), at('fd00::1', 7), at('fd00::2')],
  });
  check('kraken.parent="h1, h2" x', { parents: [at('h1'), at('h2')] });
  check('"kraken.parent=h1, h2:1" x="kraken.id=no"', { parents: [at('h1'), at('h2', 1)] });
  check('x="a kraken.id=evil b" kraken.id=good', { id: 'good' });
  check('kraken.id=a kraken.id=123e4567-e89b-12d3-a456-426614174000', { id: '123e4567-e89b-12d3-a456-426614174000' });
  check(`kraken.ca=${PIN}\tkraken.id=n`, { ca: PIN, id: 'n' });
  check('kraken.token=s3cret', {});
  check('kraken.token=s3cret', { token: 's3cret' }, true);
  check('kraken.parent= xkraken.id=a kraken.idx=b', {});
  check('kraken.id="unended', { id: 'unended' });
  const refused = (text: string, why: RegExp): void =>
    void assert.throws(() => readKernelCommandLine(text, { trustToken: true }), why, text);
  refused('kraken.token=s3cret kraken.parent=:1', /^Error: kernel command line: kraken\.parent: ":1" is no address(?!.*s3cret)/);
  refused('kraken.parent=a,,b', /is no address/);
  refused('kraken.parent=[10.0.0.1]:4', /is no address/);
  refused('kraken.parent=[fd00::1', /is no address/);
  refused(`kraken.parent=${Array.from({ length: 17 }, () => 'a').join(',')}`, /17 of them/);
  refused('kraken.id="a b"', /kraken\.id/);
  refused('kraken.ca=sha256:short', /kraken\.ca/);
});

test('addresses', () => {
  const check = (text: string, host: string, port: number): void => assert.deepEqual(parseAddress(text, 5), { host, port }, text);
  check('kr7', 'kr7', 5);
  check('head.example.org:1', 'head.example.org', 1);
  check('127.0.0.1:65535', '127.0.0.1', 65_535);
  check('::1', '::1', 5);
  check('[::1]', '::1', 5);
  for (const text of [
    '',
    ':',
    'a:',
    'a:0',
    'a:65536',
    '10.0.0.300',
    '1.2.3',
    '-a',
    'a-',
    'a b',
    '[::1]x',
    '[]',
    'a:b',
    'ä',
    `${'a'.repeat(254)}`,
  ])
    assert.throws(() => parseAddress(text), /is no address/, text);
  assert.equal(pinOf(generateKeyPairSync('ed25519').publicKey).length, 50);
});
