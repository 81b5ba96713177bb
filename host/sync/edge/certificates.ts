/**
 * What X.509 is read for: that a host's key was signed by the cluster's CA, which is known by its pin. Dates are not looked at,
 * for nodes boot with wrong clocks; revocation is the core's.
 */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { NodeId } from '../../core/record.ts';

/** What a host may be called in a certificate. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const PIN = /^sha256:[A-Za-z0-9_-]{43}$/;

export function isHostId(text: string): boolean {
  return ID.test(text);
}

export function isPin(text: string): boolean {
  return PIN.test(text);
}

export function spkiOf(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' });
}

/** SHA-256 of the SubjectPublicKeyInfo (RFC 7469, 2.4), base64url: how keys are named everywhere. */
export function hashOf(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('base64url');
}

/** `sha256:` and the hash of the key. */
export function pinOf(publicKey: KeyObject): string {
  return `sha256:${hashOf(spkiOf(publicKey))}`;
}

/** An Ed25519 key out of base64url DER; undefined: it is none. */
export function readPublicKey(spki: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

export type HostOfCluster = { readonly id: NodeId; readonly key: KeyObject } | { readonly why: string };

/** Whose certificate this is, if the pinned CA itself signed it. Never throws: a stranger made what is looked at. */
export function verifyHost(certificate: X509Certificate, ca: X509Certificate | undefined, caPin: string): HostOfCluster {
  try {
    return verified(certificate, ca, caPin);
  } catch (error) {
    return { why: `its certificates cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}` };
  }
}

function verified(certificate: X509Certificate, ca: X509Certificate | undefined, caPin: string): HostOfCluster {
  if (!ca) return { why: 'it shows no CA' };
  if (pinOf(ca.publicKey) !== caPin) return { why: `its CA is ${pinOf(ca.publicKey)}, and the pinned one ${caPin}` };
  if (!certificate.verify(ca.publicKey)) return { why: 'its certificate is not signed by the pinned CA' };
  const id = /^CN=(.*)$/.exec(certificate.subject)?.[1] ?? '';
  if (!isHostId(id) || certificate.ca) return { why: 'its certificate is no certificate of a host' };
  if (certificate.publicKey.asymmetricKeyType !== 'ed25519') return { why: 'its key is no Ed25519 key' };
  return { id, key: certificate.publicKey };
}

/** The same for certificates that came as DER; the host's first, then the CA's. */
export function verifyChain(chain: readonly Uint8Array[], caPin: string): HostOfCluster {
  const [host, ca] = chain.map(parse);
  if (!host) return { why: 'there is no certificate' };
  return verifyHost(host, ca, caPin);
}

export function toPem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function parse(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
