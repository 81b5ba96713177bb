/**
 * The cluster's certificate authority: one Ed25519 key at the root, and the certificates of hosts that have children.
 * Only imported where a certificate is made: encoding X.509 costs 97 ms and 22 MB to load.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  Extension,
  Extensions,
  id_ce_basicConstraints,
  Name,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import type { NodeId } from '../../core/record.ts';
import { isHostId, pinOf, spkiOf, toPem } from './certificates.ts';
import { openSecretDir, readSecret, UnsafeFileError, writeSecret } from './files.ts';

const KEY = 'ca.key';
const CERTIFICATE = 'ca.crt';
const CA_NAME = 'Kraken CA';
const ED25519 = '1.3.101.112';
const COMMON_NAME = '2.5.4.3';
const FROM = new Date('2000-01-01T00:00:00Z');
/** "No well-defined end" of RFC 5280, 4.1.2.5. */
const UNTIL = new Date('9999-12-31T23:59:59Z');

export interface Ca {
  readonly key: KeyObject;
  /** DER. */
  readonly certificate: Buffer;
  readonly pin: string;
}

/** A new CA in this directory (0700; its key 0600). Throws where there is one already: its hosts would not be known any more. */
export function makeCa(dir: string): Ca {
  openSecretDir(dir);
  if (readSecret(dir, KEY)) throw new UnsafeFileError(join(dir, KEY), 'there is a CA already', 'keep it, or move it away yourself');
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const certificate = certify({ subject: CA_NAME, publicKey, isCa: true }, privateKey);
  writeSecret(dir, CERTIFICATE, Buffer.from(toPem(certificate)));
  writeSecret(dir, KEY, Buffer.from(privateKey.export({ format: 'pem', type: 'pkcs8' })), true);
  return { key: privateKey, certificate, pin: pinOf(publicKey) };
}

/** The CA that `makeCa` made there; undefined: none was. */
export function openCa(dir: string): Ca | undefined {
  const pem = readSecret(dir, KEY);
  const certificatePem = readSecret(dir, CERTIFICATE);
  if (!pem || !certificatePem) return undefined;
  const key = createPrivateKey(pem);
  pem.fill(0);
  const certificate = new X509Certificate(certificatePem);
  const pin = pinOf(createPublicKey(key));
  if (pinOf(certificate.publicKey) !== pin)
    throw new UnsafeFileError(dir, 'the key of the CA is not that of its certificate', 'take both from one backup');
  return { key, certificate: certificate.raw, pin };
}

/** A certificate (DER) for a host that may have children; its chain is this and the CA's. */
export function issueHostCertificate(ca: Ca, host: { readonly id: NodeId; readonly publicKey: KeyObject }): Buffer {
  if (!isHostId(host.id))
    throw new RangeError(`"${host.id}" cannot be the name in a certificate: letters, digits, . _ : - and at most 128`);
  return certify({ subject: host.id, publicKey: host.publicKey, isCa: false }, ca.key);
}

function certify({ subject, publicKey, isCa }: { subject: string; publicKey: KeyObject; isCa: boolean }, issuer: KeyObject): Buffer {
  const algorithm = new AlgorithmIdentifier({ algorithm: ED25519 });
  const serial = randomBytes(16);
  // Positive and without leading zeros: RFC 5280, 4.1.2.2.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const constraints = new BasicConstraints({ cA: isCa });
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: new Uint8Array(serial).buffer,
    signature: algorithm,
    issuer: named(CA_NAME),
    validity: new Validity({ notBefore: FROM, notAfter: UNTIL }),
    subject: named(subject),
    subjectPublicKeyInfo: AsnConvert.parse(spkiOf(publicKey), SubjectPublicKeyInfo),
    extensions: new Extensions([
      new Extension({ extnID: id_ce_basicConstraints, critical: true, extnValue: new OctetString(AsnConvert.serialize(constraints)) }),
    ]),
  });
  const signature = sign(null, Buffer.from(AsnConvert.serialize(body)), issuer);
  const certificate = new Certificate({
    tbsCertificate: body,
    signatureAlgorithm: algorithm,
    signatureValue: new Uint8Array(signature).buffer,
  });
  return Buffer.from(AsnConvert.serialize(certificate));
}

function named(text: string): Name {
  const value = new AttributeValue({ utf8String: text });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: COMMON_NAME, value })])]);
}
