/** The door of a parent: verifies what a child shows and hands the core a claim. The other end: enrol-client.ts. */
import { createHash, type KeyObject, verify } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Claim, Proof } from '../../core/event.ts';
import type { NodeId } from '../../core/record.ts';
import type { Admission } from '../actions.ts';
import { hashOf, readPublicKey, toPem } from './certificates.ts';
import { Doorkeeper, type DoorLimits } from './doorkeeper.ts';
import {
  ENROL_VERSION,
  type EnrolAnswer,
  type EnrolAsk,
  EXPORTER_LABEL,
  LONGEST_LINE,
  readAsk,
  readSigned,
  readVersions,
  signedBytes,
  writeAnswer,
} from './enrol-lines.ts';
import { ShapeError } from './shape.ts';
import { signStatement, verifyStatement } from './statement.ts';

/** What comes with a claim and is no matter of the core. */
export interface ClaimBeside {
  /** The port where the child takes children itself; 0 = nowhere. */
  readonly listens: number;
  readonly generation: number;
}

export type Decision = { readonly kind: 'admitted'; readonly admission: Admission } | Exclude<EnrolAnswer, { kind: 'admitted' }>;

export interface EnrolServerOptions {
  readonly caPin: string;
  /** DER: this host's certificate and the CA's. */
  readonly chain: readonly Uint8Array[];
  readonly key: KeyObject;
  /** The core's judgement. A rejection is answered with `wait`, and told to `fault`. */
  readonly decide: (claim: Claim, beside: ClaimBeside) => Promise<Decision>;
  readonly fault?: (error: unknown) => void;
  /** Certificate (DER) of an admitted host that asked for one; undefined: this host makes none. */
  readonly issue?: (node: NodeId, publicKey: KeyObject) => Promise<Buffer | undefined>;
  readonly limits?: Partial<DoorLimits>;
}

export interface EnrolFigures {
  readonly admitted: number;
  /** By the core. */
  readonly refused: number;
  /** No TLS, no JSON, not of the right shape, or gone in the middle. */
  readonly malformed: number;
  readonly timeouts: number;
  /** A signature or statement that is wrong. */
  readonly badProof: number;
  /** Turned away at the door: too many at once, or too many failures from there. */
  readonly turnedAway: number;
}

/** How a conversation ended, for the figures. */
type End = 'admitted' | 'refused' | 'malformed' | 'timeouts' | 'badProof';

/** A proof that does not hold; the message goes to the child. */
class BadProof extends Error {}

export class EnrolServer {
  readonly #options: EnrolServerOptions;
  readonly #context;
  readonly #door: Doorkeeper;
  readonly #figures: Record<End, number> = { admitted: 0, refused: 0, malformed: 0, timeouts: 0, badProof: 0 };

  constructor(options: EnrolServerOptions) {
    this.#options = options;
    const key = options.key.export({ format: 'pem', type: 'pkcs8' });
    this.#context = createSecureContext({ key, cert: options.chain.map(toPem).join(''), minVersion: 'TLSv1.3' });
    this.#door = new Doorkeeper(options.limits ?? {}, (socket, timeoutMs, over) => this.#talk(socket, timeoutMs, over));
  }

  get figures(): EnrolFigures {
    return { ...this.#figures, turnedAway: this.#door.turnedAway };
  }

  /** A connection that begins with a TLS record, which is still to be read. */
  take(socket: Socket): void {
    this.#door.take(socket);
  }

  /** Hangs up on everybody. */
  close(): void {
    this.#door.close();
  }

  #talk(socket: Socket, timeoutMs: number, over: (failed: boolean) => void): void {
    const { remotePort = 0 } = socket;
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
    const tls = new TLSSocket(socket, { isServer: true, secureContext: this.#context });
    let line = '';
    let end: End | undefined;
    const ends = (how: End): void => {
      if (end) return;
      end = how;
      this.#figures[how]++;
    };
    const timer = setTimeout(() => {
      ends('timeouts');
      socket.destroy();
    }, timeoutMs);
    const finish = (): void => {
      clearTimeout(timer);
      // Until it is answered, who ends the conversation has not understood how it goes.
      ends('malformed');
      socket.destroy();
      over(end !== 'admitted');
    };
    const hear = (chunk: string): void => {
      line += chunk;
      const newline = line.indexOf('\n');
      if (newline < 0 && line.length <= LONGEST_LINE) return;
      tls.off('data', hear);
      tls.resume();
      void this.#answer(tls, newline < 0 ? undefined : line.slice(0, newline), address, remotePort).then((answered) => {
        if (end) return;
        ends(answered.end);
        tls.end(writeAnswer(answered.answer));
      });
    };
    tls.setEncoding('utf8');
    tls.on('data', hear);
    tls.on('error', () => {});
    tls.once('close', finish);
    socket.once('close', finish);
  }

  /** Every end of a judgement as an answer, and what it counts as. */
  async #answer(tls: TLSSocket, line: string | undefined, address: string, port: number): Promise<{ answer: EnrolAnswer; end: End }> {
    try {
      if (line === undefined) throw new ShapeError(`it is longer than ${LONGEST_LINE} bytes`);
      const answer = await this.#judge(tls, line, address, port);
      return { answer, end: answer.kind === 'admitted' ? 'admitted' : 'refused' };
    } catch (error) {
      if (error instanceof ShapeError)
        return { answer: { kind: 'no', why: `the request is malformed: ${error.message}` }, end: 'malformed' };
      if (error instanceof BadProof) return { answer: { kind: 'no', why: error.message }, end: 'badProof' };
      this.#options.fault?.(error);
      return { answer: { kind: 'wait', why: 'the parent cannot decide now' }, end: 'refused' };
    }
  }

  async #judge(tls: TLSSocket, line: string, address: string, port: number): Promise<EnrolAnswer> {
    const { body, signature } = readSigned(line);
    const versions = readVersions(body);
    if (!versions.includes(ENROL_VERSION))
      return { kind: 'no', why: `the parent speaks version ${ENROL_VERSION} of the enrolment, and the child ${versions.join(', ')}` };
    const ask = readAsk(body);
    const publicKey = readPublicKey(ask.key);
    if (!publicKey) throw new ShapeError('"key" is no Ed25519 key');
    const exporter = tls.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0));
    if (!verify(null, signedBytes(exporter, body), publicKey, signature))
      throw new BadProof('the signature is not of this key and connection');
    const { id: node, boot, term, runs, listens, generation } = ask;
    const proof = this.#proof(ask, port);
    const decision = await this.#options.decide({ node, boot, key: hashOf(ask.key), address, proof, term, runs }, { listens, generation });
    if (decision.kind !== 'admitted') return decision;
    return this.#admit(ask, publicKey, decision.admission);
  }

  #proof(ask: EnrolAsk, port: number): Proof {
    const { proof } = ask;
    switch (proof.kind) {
      case 'boot':
        return { kind: 'boot', privileged: port < 1024 };
      case 'token':
        return { kind: 'token', hash: createHash('sha256').update(proof.token).digest('base64url') };
      case 'certificate': {
        const said = verifyStatement(proof.statement, this.#options.caPin);
        if ('why' in said) throw new BadProof(said.why);
        if (said.id !== ask.id) throw new BadProof(`the statement is for ${said.id}, and ${ask.id} shows it`);
        if (said.key !== ask.key.toString('base64url')) throw new BadProof('the statement is for another key');
        return { kind: 'certificate', issuer: said.issuer, boot: said.boot, term: said.term };
      }
      default:
        return proof satisfies never;
    }
  }

  async #admit(ask: EnrolAsk, publicKey: KeyObject, admission: Admission): Promise<EnrolAnswer> {
    const { key, chain, issue } = this.#options;
    const { id, boot } = ask;
    const claims = { id, key: ask.key.toString('base64url'), boot, term: admission.term, issuer: admission.parent, at: Date.now() };
    const statement = signStatement(claims, key, chain);
    const certificate = ask.wantsCertificate ? await issue?.(id, publicKey) : undefined;
    const ca = chain[1];
    const given = certificate && ca && { chain: [certificate, Buffer.from(ca)] };
    return { kind: 'admitted', admission, statement, ...given };
  }
}
