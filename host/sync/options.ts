/** What a host is told about its neighbours: by flags, the environment, the configuration or the kernel command line, merged. */
import type { Address } from './actions.ts';
import type { SyncSettings } from './settings.ts';

export interface SyncOptions {
  /** Where it listens for children and probes: loopback unless told. None: nowhere. */
  readonly listen: readonly Address[];
  /** Its parents, the best first; none = it is the root. Names are looked up when they are connected to. */
  readonly parents: readonly Address[];
  /** `sha256:…` of the cluster's CA: needed by a host that has parents. */
  readonly caPin?: string;
  /** Read each time that it is shown. Never logged. */
  readonly token?: () => string | undefined;
  /** A root-only directory that ends with the boot, for this host's key and its session with a parent. */
  readonly runDir: string;
  /** The keys outlive the boot, as runDir does (a host with a disk of its own). */
  readonly keepsKeys: boolean;
  /** It starts its machine anew where its parent asks for that. */
  readonly selfReboot?: boolean;
  readonly settings: SyncSettings;
}
