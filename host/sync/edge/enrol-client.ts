/** A child at the door of a parent: one connection, one question, one answer. The other end: enrol-server.ts. */
import { type KeyObject, sign } from 'node:crypto';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { EnrolOutcome, EnrolRequest } from '../actions.ts';
import { spkiOf, verifyChain, verifyHost } from './certificates.ts';
import {
  ENROL_VERSION,
  EXPORTER_LABEL,
  LONGEST_LINE,
  readAnswer,
  type ShownProof,
  signedBytes,
  writeAsk,
  writeSigned,
} from './enrol-lines.ts';
import { ShapeError } from './shape.ts';

export interface EnrolOptions {
  /** `sha256:…` of the cluster's CA. */
  readonly caPin: string;
  /** This host's Ed25519 pair. */
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly boot: string;
  readonly generation: number;
  readonly proof: ShownProof;
  /** Where this host takes children itself; 0 = nowhere. */
  readonly listens: number;
  readonly wantsCertificate: boolean;
  /** Come from a port below 1024, as only root can. */
  readonly privileged: boolean;
  readonly timeoutMs: number;
  readonly localAddress?: string;
}

export interface Enrolled {
  readonly outcome: EnrolOutcome;
  /** The key was revoked: it makes another, or is never taken in. */
  readonly wantsNewKey?: boolean;
  /** The next proof, of an admitted one. */
  readonly statement?: string;
  /** DER, this host's and the CA's. */
  readonly chain?: readonly Buffer[];
}

class Failed extends Error {
  readonly kind: 'refusedConnection' | 'noAnswer' | 'untrusted';
  constructor(kind: Failed['kind'], why: string) {
    super(why);
    this.kind = kind;
  }
}

/** Never rejects: whatever went wrong is an outcome. `request.to.host` is in numbers. */
export async function enrol(request: EnrolRequest, options: EnrolOptions): Promise<Enrolled> {
  const end = Date.now() + options.timeoutMs;
  let socket: Socket | undefined;
  try {
    socket = await open(request, options, end);
    return await ask(socket, request, options, end);
  } catch (error) {
    if (error instanceof Failed) return { outcome: { kind: error.kind, why: error.message } };
    if (error instanceof ShapeError) return { outcome: { kind: 'noAnswer', why: `its answer is not understood: ${error.message}` } };
    return { outcome: { kind: 'noAnswer', why: reason(error) } };
  } finally {
    socket?.destroy();
  }
}

/** Made once: it takes longer than the handshake. */
let context: SecureContext | undefined;

const FIRST_PORT = 1023;
/** Below are those of well-known services: bindresvport(3). */
const LAST_PORT = 512;

/** Connects, from the highest free port below 1024 if it shall be privileged and may. */
async function open({ to }: EnrolRequest, options: EnrolOptions, end: number): Promise<Socket> {
  const from = options.localAddress === undefined ? {} : { localAddress: options.localAddress };
  if (options.privileged) {
    // Without an address Node would bind a port of the wrong family.
    const bound = { localAddress: isIPv6(to.host) ? '::' : '0.0.0.0', ...from };
    for (let localPort = FIRST_PORT; localPort >= LAST_PORT; localPort--) {
      try {
        return await connected({ ...to, ...bound, localPort }, end);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EACCES') break;
        if (code !== 'EADDRINUSE' && code !== 'EADDRNOTAVAIL') throw refused(error);
      }
    }
  }
  return connected({ ...to, ...from }, end).catch((error) => Promise.reject(refused(error)));
}

function connected(to: { host: string; port: number; localAddress?: string; localPort?: number }, end: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp(to);
    const timer = setTimeout(
      () => {
        socket.destroy();
        reject(new Failed('noAnswer', 'nothing answers there'));
      },
      Math.max(1, end - Date.now()),
    );
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      // What breaks between here and TLS shows as its end.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function refused(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') return error;
  return new Failed('refusedConnection', 'the connection is refused: no host listens there');
}

/** Words of the system, with nothing of what was sent. */
function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message.slice(0, 200);
}

/** The parent proves first who it is; then it is told what may be a token. */
function ask(socket: Socket, request: EnrolRequest, options: EnrolOptions, end: number): Promise<Enrolled> {
  return new Promise((resolve, reject) => {
    context ??= createSecureContext({ minVersion: 'TLSv1.3' });
    // Who it is, is seen to below: Node would look at names, dates and the CAs of browsers.
    const tls = connectTls({ socket, secureContext: context, rejectUnauthorized: false });
    const timer = setTimeout(() => reject(new Failed('noAnswer', 'it does not answer in time')), Math.max(1, end - Date.now()));
    let line = '';
    const finish = (result: () => Enrolled): void => {
      clearTimeout(timer);
      try {
        resolve(result());
      } catch (error) {
        reject(error);
      } finally {
        tls.destroy();
      }
    };
    let parent = '';
    tls.setEncoding('utf8');
    tls.once('secureConnect', () => {
      const host = parentOf(tls, options.caPin);
      if ('why' in host) finish(() => ({ outcome: { kind: 'untrusted', why: host.why } }));
      else {
        parent = host.id;
        tls.write(question(tls, request, options));
      }
    });
    tls.on('data', (chunk: string) => {
      line += chunk;
      const newline = line.indexOf('\n');
      if (newline >= 0) finish(() => answered(line.slice(0, newline), parent, request, options));
      else if (line.length > LONGEST_LINE) finish(() => notUnderstood('its answer is too long'));
    });
    tls.once('error', (error) => finish(() => notUnderstood(reason(error))));
    tls.once('close', () => finish(() => notUnderstood('it hung up without an answer')));
  });
}

function notUnderstood(why: string): Enrolled {
  return { outcome: { kind: 'noAnswer', why } };
}

function parentOf(tls: TLSSocket, caPin: string): ReturnType<typeof verifyHost> {
  const shown = tls.getPeerX509Certificate();
  return shown ? verifyHost(shown, shown.issuerCertificate, caPin) : { why: 'it shows no certificate' };
}

function question(tls: TLSSocket, request: EnrolRequest, options: EnrolOptions): string {
  const { boot, generation, proof, listens, wantsCertificate, key, publicKey } = options;
  const { node: id, term, runs } = request;
  const versions = { v: [ENROL_VERSION], capabilities: [] };
  const body = writeAsk({ ...versions, id, boot, key: spkiOf(publicKey), term, runs, proof, listens, generation, wantsCertificate });
  const exporter = tls.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0));
  return writeSigned(body, sign(null, signedBytes(exporter, body), key));
}

function answered(line: string, parent: string, { node }: EnrolRequest, { caPin, publicKey }: EnrolOptions): Enrolled {
  const answer = readAnswer(line);
  if (answer.kind !== 'admitted') return { outcome: { kind: answer.kind, why: answer.why }, ...(answer.newKey && { wantsNewKey: true }) };
  const { admission, statement, chain } = answer;
  if (admission.parent !== parent)
    return { outcome: { kind: 'untrusted', why: `it answers as ${admission.parent}, and its certificate is of ${parent}` } };
  const own = chain && verifyChain(chain, caPin);
  if (own && ('why' in own || own.id !== node || !own.key.equals(publicKey)))
    return { outcome: { kind: 'untrusted', why: 'the certificate that it gives is not one of this host' } };
  return { outcome: { kind: 'admitted', admission }, statement, ...(chain && { chain }) };
}
