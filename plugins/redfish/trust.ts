/** Whose certificate is believed. Nothing is sent over a connection before it was judged: not even a password's first byte. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import { connect, rootCertificates, type TLSSocket } from 'node:tls';
import { LoginRefused } from '@kraken-hpc/sdk';

/** Sixty-four hexadecimal digits; certificates by the CAs given; or whoever answers. */
export type Trust =
  | { readonly kind: 'pinned'; readonly sha256: string }
  | { readonly kind: 'verified'; readonly ca: readonly string[] }
  | { readonly kind: 'insecure' };

/** Where Debian, Red Hat and Alpine keep the CAs of the machine. */
const SYSTEM = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/** Throws in words where the file named cannot be read or holds no certificate. */
export function readCas(file: string | undefined): readonly string[] {
  if (file !== undefined) {
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new Error(
        `caFile ${file} cannot be read (${error instanceof Error ? error.message : String(error)}): correct its name or its mode`,
      );
    }
    if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`caFile ${file} holds no certificate in PEM: give it one`);
    return [text];
  }
  for (const place of SYSTEM) {
    try {
      return [readFileSync(place, 'utf8')];
    } catch {}
  }
  return rootCertificates;
}

/** `sha256:AB:CD…` and the like as 64 small digits. */
export const plainFingerprint = (given: string): string =>
  given
    .replace(/^sha256:/, '')
    .replaceAll(':', '')
    .toLowerCase();

function judge(socket: TLSSocket, trust: Trust, bmc: string): Error | undefined {
  const raw = socket.getPeerCertificate().raw as Buffer | undefined;
  const shown = raw === undefined ? 'none' : createHash('sha256').update(raw).digest('hex');
  switch (trust.kind) {
    case 'insecure':
      return undefined;
    case 'pinned':
      if (shown === trust.sha256) return undefined;
      return new LoginRefused(
        `BMC ${bmc} shows another certificate (sha256:${shown}) than its /redfish/fingerprint says, so nothing was sent to it; if the certificate was renewed, correct /redfish/fingerprint`,
      );
    case 'verified':
      if (socket.authorized) return undefined;
      return new LoginRefused(
        `BMC ${bmc} shows a certificate that is not trusted (${String(socket.authorizationError)}; sha256:${shown}), so nothing was sent to it; name its CA in caFile, or its certificate in /redfish/fingerprint`,
      );
    default:
      throw new Error(`no such trust: ${JSON.stringify(trust satisfies never)}`);
  }
}

/** Hands out connections that were judged. */
export class JudgingAgent extends HttpsAgent {
  readonly #trust: Trust;
  readonly #bmc: string;

  constructor(trust: Trust, bmc: string) {
    super({ keepAlive: true, maxSockets: 2, maxFreeSockets: 1 });
    this.#trust = trust;
    this.#bmc = bmc;
  }

  /** Node's own would send the request to whom `rejectUnauthorized: false` lets pass; here the judgement comes between. */
  override createConnection(options: object, done?: (error: Error | null, socket: Socket) => void): undefined {
    const ca = this.#trust.kind === 'verified' ? { ca: [...this.#trust.ca] } : {};
    const socket = connect({ ...options, ...ca, rejectUnauthorized: false });
    const finish = (error: Error | undefined): void => {
      socket.removeListener('error', finish);
      socket.removeListener('close', closed);
      if (error !== undefined) {
        socket.on('error', () => {});
        socket.destroy();
      }
      done?.(error ?? null, socket);
    };
    const closed = (): void => finish(new Error('the connection was closed while it was being secured'));
    socket.once('error', finish);
    socket.once('close', closed);
    socket.once('secureConnect', () => finish(judge(socket, this.#trust, this.#bmc)));
    return undefined;
  }
}
