/**
 * A node's certificate: what the host that admitted it says of its key, signed, with the proof that this host is one of the cluster.
 * `claims.signature.issuer.ca`, each base64url: JSON, Ed25519 over the first part's text, two X.509 certificates (DER).
 */
import { type KeyObject, sign, verify } from 'node:crypto';
import type { NodeId } from '../../core/record.ts';
import { type HostOfCluster, isHostId, verifyChain } from './certificates.ts';
import { integer, literal, object, ShapeError, text } from './shape.ts';

export interface StatementClaims {
  readonly id: NodeId;
  /** Its public key, SPKI, base64url. */
  readonly key: string;
  readonly boot: string;
  readonly term: number;
  readonly issuer: NodeId;
  /** When it was signed, by the issuer's clock, ms since 1970: for people. */
  readonly at: number;
}

export const LONGEST_STATEMENT = 4096;
/** Told apart from all else that a host signs. */
const CONTEXT = 'kraken statement 1\n';

/** `chain`: the issuer's certificate and the CA's. */
export function signStatement(claims: StatementClaims, key: KeyObject, chain: readonly Uint8Array[]): string {
  const { id, key: of, boot, term, issuer, at } = claims;
  const body = Buffer.from(JSON.stringify({ v: 1, id, key: of, boot, term, issuer, at })).toString('base64url');
  const signature = sign(null, Buffer.from(CONTEXT + body), key);
  const statement = [body, ...[signature, ...chain].map((bytes) => Buffer.from(bytes).toString('base64url'))].join('.');
  if (statement.length > LONGEST_STATEMENT)
    throw new RangeError(`the statement for ${id} has ${statement.length} bytes, and may have ${LONGEST_STATEMENT}`);
  return statement;
}

/** What it says, if a host of the cluster with this CA says it. Whether that host may is the core's to judge. */
export function verifyStatement(
  statement: string,
  caPin: string,
): (StatementClaims & { readonly issuerKey: KeyObject }) | { readonly why: string } {
  if (statement.length > LONGEST_STATEMENT) return { why: `the statement is longer than ${LONGEST_STATEMENT} bytes` };
  const parts = statement.split('.');
  const [body = '', ...rest] = parts;
  if (parts.length !== 4 || parts.some((part) => !/^[\w-]+$/.test(part))) return { why: 'the statement is not of four base64url parts' };
  const [signature, ...chain] = rest;
  const issuer = issuerOf(chain, caPin);
  if ('why' in issuer) return { why: `who signed the statement is no host of this cluster: ${issuer.why}` };
  if (!verify(null, Buffer.from(CONTEXT + body), issuer.key, Buffer.from(signature ?? '', 'base64url')))
    return { why: 'the signature of the statement is wrong' };
  const claims = readClaims(body);
  if ('why' in claims) return claims;
  if (claims.issuer !== issuer.id) return { why: `the statement names ${claims.issuer} as its issuer, and ${issuer.id} signed it` };
  return { ...claims, issuerKey: issuer.key };
}

/** Issuers that were found good: after a power cut thousands of children show what a few of them signed. No stranger can add one. */
const issuers = new Map<string, HostOfCluster>();
const REMEMBERED = 256;

function issuerOf(chain: readonly string[], caPin: string): HostOfCluster {
  const name = [caPin, ...chain].join('.');
  const known = issuers.get(name);
  if (known) return known;
  const found = verifyChain(
    chain.map((der) => Buffer.from(der, 'base64url')),
    caPin,
  );
  if ('why' in found) return found;
  const [oldest] = issuers.keys();
  if (oldest !== undefined && issuers.size >= REMEMBERED) issuers.delete(oldest);
  issuers.set(name, found);
  return found;
}

function readClaims(body: string): StatementClaims | { readonly why: string } {
  try {
    const claims = object(JSON.parse(Buffer.from(body, 'base64url').toString()), 'the statement');
    literal(claims, 'v', [1]);
    return {
      id: text(claims, 'id', 128, isHostId),
      key: text(claims, 'key', 128),
      boot: text(claims, 'boot', 64),
      term: integer(claims, 'term', 0),
      issuer: text(claims, 'issuer', 128, isHostId),
      at: integer(claims, 'at', 0),
    };
  } catch (error) {
    if (error instanceof ShapeError || error instanceof SyntaxError) return { why: `the statement is malformed: ${error.message}` };
    throw error;
  }
}
