/** Opening a session: RMCP+ Open Session and RAKP messages 1 to 4 (IPMI 2.0, 13.17 to 13.24, 13.31, 13.32), as bytes. */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { Keys } from './packet.ts';
import { hmac, type Suite } from './suite.ts';

/** Table 13-11: look the user up by name alone; the low bits are the privilege asked for. */
const BY_NAME = 0x10;
/** What a session may do: 3 = operator, 4 = administrator. */
export type Privilege = 3 | 4;

/** What both ends know before they trust each other. */
export interface Terms {
  readonly suite: Suite;
  readonly user: string;
  readonly password: Buffer;
  readonly privilege: Privilege;
  /** Our id of the session, and the random number that we bring. */
  readonly consoleId: number;
  readonly consoleRandom: Buffer;
}

export function newTerms(suite: Suite, user: string, password: Buffer, privilege: Privilege, consoleId: number): Terms {
  return { suite, user, password, privilege, consoleId, consoleRandom: randomBytes(16) };
}

export function openRequest(tag: number, { suite, privilege, consoleId }: Terms): Buffer {
  const algorithm = (kind: number, number: number): number[] => [kind, 0, 0, 8, number, 0, 0, 0];
  return Buffer.from([
    ...[tag, privilege, 0, 0],
    ...u32(consoleId),
    ...algorithm(0, suite.authentication),
    ...algorithm(1, suite.integrity),
    ...algorithm(2, suite.confidentiality),
  ]);
}

export function rakp1(tag: number, terms: Terms, bmcId: number): Buffer {
  return Buffer.concat([Buffer.from([tag, 0, 0, 0]), u32(bmcId), terms.consoleRandom, Buffer.from([role(terms), 0, 0]), name(terms)]);
}

/** What the BMC brought in RAKP 2, believed; undefined where its check value shows that it has another password than we. */
export function checkRakp2(payload: Buffer, terms: Terms, bmcId: number): Challenge | undefined {
  const random = payload.subarray(8, 24);
  const guid = payload.subarray(24, 40);
  const ours = hmac(
    terms.suite,
    terms.password,
    u32(terms.consoleId),
    u32(bmcId),
    terms.consoleRandom,
    random,
    guid,
    Buffer.from([role(terms)]),
    name(terms),
  );
  return isSame(ours, payload.subarray(40)) ? { bmcId, random, guid } : undefined;
}

export interface Challenge {
  readonly bmcId: number;
  readonly random: Buffer;
  readonly guid: Buffer;
}

export function rakp3(tag: number, terms: Terms, { bmcId, random }: Challenge): Buffer {
  const proof = hmac(terms.suite, terms.password, random, u32(terms.consoleId), Buffer.from([role(terms)]), name(terms));
  return Buffer.concat([Buffer.from([tag, 0, 0, 0]), u32(bmcId), proof]);
}

/** The keys of the session; undefined where RAKP 4 does not prove that the BMC has made the same. */
export function checkRakp4(payload: Buffer, terms: Terms, { bmcId, random, guid }: Challenge): Keys | undefined {
  const { suite } = terms;
  const sik = hmac(suite, terms.password, terms.consoleRandom, random, Buffer.from([role(terms)]), name(terms));
  const proof = hmac(suite, sik, terms.consoleRandom, u32(bmcId), guid).subarray(0, suite.codeLength);
  if (!isSame(proof, payload.subarray(8))) return undefined;
  return { suite, k1: hmac(suite, sik, Buffer.alloc(20, 1)), k2: hmac(suite, sik, Buffer.alloc(20, 2)).subarray(0, 16) };
}

const role = ({ privilege }: Terms): number => BY_NAME | privilege;

/** The user's name behind its length. */
function name({ user }: Terms): Buffer {
  const bytes = Buffer.from(user, 'latin1');
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const isSame = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);
