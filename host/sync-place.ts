/** A host's place in the cluster, before it runs: its keys, whether it is the root, and the certificates that it makes. */
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeId } from './core/record.ts';
import { nodeDisk } from './store/disk.ts';
import { lockStore } from './store/format.ts';
import { pinOf } from './sync/edge/certificates.ts';
import { openSecretDir } from './sync/edge/files.ts';
import { bootId, HostKeys } from './sync/edge/host-keys.ts';
import type { SyncOptions } from './sync/options.ts';

/** What must be known before there is an engine. */
export interface SyncPlace {
  readonly options: SyncOptions;
  readonly keys: HostKeys;
  readonly keysDir: string;
  readonly isRoot: boolean;
  /** Nobody else may speak with these keys meanwhile. */
  readonly lock: { release(): void };
}

const KEYS = { name: 'directory of keys', option: '--run-dir' };

/** Opens this host's keys; undefined where it has neither a parent nor a CA, and so no neighbours. Rejects where another host runs with them. */
export async function openPlace(options: SyncOptions | undefined, dataDir: string): Promise<SyncPlace | undefined> {
  const rootDir = join(dataDir, 'keys');
  const isRoot = options === undefined || options.parents.length === 0;
  if (!options || (isRoot && !existsSync(join(rootDir, 'ca.key')))) return undefined;
  const keysDir = isRoot ? rootDir : options.runDir;
  openSecretDir(keysDir);
  const lock = await lockStore(nodeDisk, keysDir, KEYS);
  try {
    const keys = new HostKeys(keysDir, { boot: bootId(), outliveBoot: isRoot || options.keepsKeys });
    return { options, keys, keysDir, isRoot, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** What its neighbours know the cluster by; undefined: it has no certificate yet. */
export function caPinOf({ options, keys }: SyncPlace): string | undefined {
  const ca = keys.chain?.at(-1);
  return options.caPin ?? (ca && pinOf(new X509Certificate(ca).publicKey));
}

/** The root's own certificate, by the CA beside it, in the name that it has now. */
export async function certifyRoot({ keys, keysDir }: SyncPlace, self: NodeId): Promise<void> {
  const [own] = keys.chain ?? [];
  if (own && new X509Certificate(own).subject === `CN=${self}`) return;
  const { issueHostCertificate, openCa } = await import('./sync/edge/ca.ts');
  const ca = openCa(keysDir);
  if (ca) keys.keepChain([issueHostCertificate(ca, { id: self, publicKey: keys.publicKey }), ca.certificate]);
}

/** A certificate for another host; made where the CA is. */
export async function certifyHost(
  { isRoot, keysDir }: SyncPlace,
  id: NodeId,
  publicKey: HostKeys['publicKey'],
): Promise<Buffer | undefined> {
  if (!isRoot) return undefined;
  const { issueHostCertificate, openCa } = await import('./sync/edge/ca.ts');
  const ca = openCa(keysDir);
  return ca && issueHostCertificate(ca, { id, publicKey });
}
