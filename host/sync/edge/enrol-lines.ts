/**
 * The two lines of an enrolment: what a child asks and what the parent answers, newline JSON inside TLS 1.3.
 * Members that are not known are passed over, so that a later version may add some: `v` lists what the child speaks.
 */
import type { NodeId } from '../../core/record.ts';
import type { Admission } from '../actions.ts';
import { isHostId } from './certificates.ts';
import { boolean, bytes, integer, list, literal, object, ShapeError, text } from './shape.ts';

export const ENROL_VERSION = 1;
export const LONGEST_LINE = 64 * 1024;
export const EXPORTER_LABEL = 'EXPORTER-kraken-enrol';
const CONTEXT = 'kraken enrol 1\n';
const BOOT = /^[A-Za-z0-9-]{8,64}$/;
/** A tree is not deeper than this. */
const DEEPEST = 32;
const LONGEST_WHY = 2_000;

export type ShownProof =
  | { readonly kind: 'boot' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'certificate'; readonly statement: string };

export interface EnrolAsk {
  /** Versions of the protocol that the child speaks. */
  readonly v: readonly number[];
  readonly capabilities: readonly string[];
  readonly id: NodeId;
  readonly boot: string;
  /** Ed25519, SPKI DER. */
  readonly key: Buffer;
  readonly term: number;
  readonly runs: boolean;
  readonly proof: ShownProof;
  /** Where the child listens itself; 0 = nowhere. */
  readonly listens: number;
  readonly generation: number;
  /** It would like a certificate for children of its own. */
  readonly wantsCertificate: boolean;
}

export type EnrolAnswer =
  | {
      readonly kind: 'admitted';
      readonly admission: Admission;
      readonly statement: string;
      /** DER, the host's and the CA's, where one was asked for and given. */
      readonly chain?: readonly Buffer[];
    }
  | {
      readonly kind: 'wait' | 'no' | 'reboot';
      readonly why: string;
      /** The key that was shown is good no more, ever: another may be. */
      readonly newKey?: boolean;
    };

/** What the child's key signs: this request on this connection and no other (RFC 5705, RFC 8446 7.5). */
export function signedBytes(exporter: Uint8Array, body: string): Buffer {
  return Buffer.concat([Buffer.from(CONTEXT), exporter, Buffer.from(body)]);
}

export function writeAsk(ask: EnrolAsk): string {
  const { v, capabilities, id, boot, key, term, runs, proof, listens, generation, wantsCertificate } = ask;
  return JSON.stringify({
    v,
    capabilities,
    id,
    boot,
    key: key.toString('base64url'),
    term,
    runs,
    proof,
    listens,
    generation,
    wantsCertificate,
  });
}

/** The line: its body as text, since that is what is signed. */
export function writeSigned(body: string, signature: Uint8Array): string {
  return `${JSON.stringify({ body, sig: Buffer.from(signature).toString('base64url') })}\n`;
}

/** Throws a ShapeError that names the member. */
export function readSigned(line: string): { readonly body: string; readonly signature: Buffer } {
  const outer = object(parse(line), 'the request');
  return { body: text(outer, 'body', LONGEST_LINE), signature: bytes(outer, 'sig', 64, 64) };
}

/** The versions first, for nothing else can be said of a body that none of them describes. */
export function readVersions(body: string): readonly number[] {
  return list(object(parse(body), 'the request'), 'v', 16, (of, name) => integer(of, name, 1, 1_000_000));
}

/** Throws a ShapeError that names the member. */
export function readAsk(body: string): EnrolAsk {
  const ask = object(parse(body), 'the request');
  return {
    v: readVersions(body),
    capabilities: list(ask, 'capabilities', 64, (of, name) => text(of, name, 64)),
    id: text(ask, 'id', 128, isHostId),
    boot: text(ask, 'boot', 64, (boot) => BOOT.test(boot)),
    key: bytes(ask, 'key', 32, 64),
    term: integer(ask, 'term', 0),
    runs: boolean(ask, 'runs'),
    proof: readProof(ask),
    listens: integer(ask, 'listens', 0, 65_535),
    generation: integer(ask, 'generation', 1, 0xffff_ffff),
    wantsCertificate: boolean(ask, 'wantsCertificate'),
  };
}

function readProof(ask: Readonly<Record<string, unknown>>): ShownProof {
  const proof = object(ask['proof'], '"proof"');
  const kind = literal(proof, 'kind', ['boot', 'token', 'certificate']);
  switch (kind) {
    case 'boot':
      return { kind };
    case 'token':
      return { kind, token: text(proof, 'token', 256) };
    case 'certificate':
      return { kind, statement: text(proof, 'statement', 4096) };
    default:
      return kind satisfies never;
  }
}

export function writeAnswer(answer: EnrolAnswer): string {
  const v = ENROL_VERSION;
  if (answer.kind !== 'admitted') return `${JSON.stringify({ v, ...answer, why: answer.why.slice(0, LONGEST_WHY) })}\n`;
  const { kind, admission, statement, chain } = answer;
  const secret = Buffer.from(admission.secret).toString('base64url');
  const given = chain?.map((der) => der.toString('base64url'));
  return `${JSON.stringify({ v, kind, admission: { ...admission, secret }, statement, ...(given && { chain: given }) })}\n`;
}

/** Throws a ShapeError that names the member. */
export function readAnswer(line: string): EnrolAnswer {
  const answer = object(parse(line), 'the answer');
  const kind = literal(answer, 'kind', ['admitted', 'wait', 'no', 'reboot']);
  // A refusal is understood in any version.
  if (kind !== 'admitted') return { kind, why: text(answer, 'why', LONGEST_WHY), newKey: answer['newKey'] === true };
  literal(answer, 'v', [ENROL_VERSION]);
  const chain = answer['chain'] === undefined ? undefined : list(answer, 'chain', 2, (of, name) => bytes(of, name, 64, 4096));
  return { kind, admission: readAdmission(answer), statement: text(answer, 'statement', 4096), ...(chain && { chain }) };
}

function readAdmission(answer: Readonly<Record<string, unknown>>): Admission {
  const admission = object(answer['admission'], '"admission"');
  return {
    parent: text(admission, 'parent', 128, isHostId),
    parentName: text(admission, 'parentName', 256),
    term: integer(admission, 'term', 1),
    sid: integer(admission, 'sid', 0, 0xffff_ffff),
    secret: bytes(admission, 'secret', 32, 32),
    generation: integer(admission, 'generation', 1, 0xffff_ffff),
    above: list(admission, 'above', DEEPEST, (of, name) => text(of, name, 128, isHostId)),
    hello: integer(admission, 'hello', 1, 86_400_000),
    dead: integer(admission, 'dead', 1, 86_400_000),
  };
}

/** A SyntaxError of V8 quotes what it read, which may be a secret. */
function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ShapeError('it is no JSON');
  }
}
