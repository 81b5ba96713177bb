/** The cipher suites of IPMI 2.0 (table 22-20) that authenticate every packet; the others are not spoken here. */
import { createHmac } from 'node:crypto';

export interface Suite {
  readonly id: number;
  /** Tables 13-17, 13-18, 13-19: the numbers of its algorithms. */
  readonly authentication: number;
  readonly integrity: number;
  readonly confidentiality: 0 | 1;
  readonly hash: 'sha1' | 'sha256';
  /** Bytes of a packet's authentication code, and of the check value of RAKP 4. */
  readonly codeLength: number;
}

const SHA1 = { authentication: 1, integrity: 1, hash: 'sha1', codeLength: 12 } as const;
const SHA256 = { authentication: 3, integrity: 4, hash: 'sha256', codeLength: 16 } as const;

const SUITES: readonly Suite[] = [
  { id: 2, ...SHA1, confidentiality: 0 },
  { id: 3, ...SHA1, confidentiality: 1 },
  { id: 16, ...SHA256, confidentiality: 0 },
  { id: 17, ...SHA256, confidentiality: 1 },
];

/** Throws for one that is not spoken here. */
export function suiteOf(id: number): Suite {
  const suite = SUITES.find((one) => one.id === id);
  if (suite !== undefined) return suite;
  throw new Error(`cipher suite ${id} is not supported; use one of ${SUITES.map((one) => one.id).join(', ')} (17 is the strongest)`);
}

export function hmac({ hash }: Suite, key: Buffer, ...parts: readonly Buffer[]): Buffer {
  const mac = createHmac(hash, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
