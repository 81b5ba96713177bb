/** Every number that the engine's guards and walks go by, in one table. Times in milliseconds. */
export interface Settings {
  /** A repair needs this host to have been up, and connected, for so long. */
  readonly repairAfterUp: number;
  /** How long nobody may have heard a node before it is repaired: at least this … */
  readonly graceLeast: number;
  /** … or this, where its time from power-on to DHCP is not known … */
  readonly graceUnknown: number;
  /** … or this many times that time. */
  readonly graceFactor: number;
  readonly backoffFirst: number;
  readonly backoffMost: number;
  /** Stuck after so many repair power cycles or so many failures … */
  readonly stuckCycles: number;
  readonly stuckFailures: number;
  /** … since the node was last at goal for so long on end. */
  readonly goalFor: number;
  /** Brake: this share of the host's direct children, at least so many … */
  readonly brakeShare: number;
  readonly brakeLeast: number;
  /** … or this share of one parent's or label value's, at least so many … */
  readonly brakeDomainShare: number;
  readonly brakeDomainLeast: number;
  /** … within so long, by when they were last heard. */
  readonly brakeWindow: number;
  /** Labels whose value is a failure domain. */
  readonly failureDomains: readonly string[];
  readonly foundOffWait: number;
  readonly afterPowerLoss: 'wait' | 'restore';
  readonly restorePerSecond: number;
  readonly restorePerLabel: number;
  /** How long a node's host has to answer a probe when its BMC says OFF, and when its firmware asks for an address. */
  readonly probeOff: number;
  readonly probeDhcp: number;
  /** After a restart of this host, or of what speaks for the nodes' hosts, each must be heard again within so long, else it is probed. */
  readonly sessionWait: number;
  /** How long after its boot began a node may make its first claim. */
  readonly claimWindow: number;
  /** When a step's to-values have not been seen yet, its poller is run after these pauses. */
  readonly repoll: readonly number[];
  /** A service's busy lease lasts at most so long. */
  readonly busyMost: number;
  /** Nodes in one call to a module. */
  readonly batch: number;
  /** Nodes that this host will hold. */
  readonly nodesMost: number;
}

const MINUTE = 60_000;

export const DEFAULT_SETTINGS: Settings = {
  repairAfterUp: 5 * MINUTE,
  graceLeast: 5 * MINUTE,
  graceUnknown: 15 * MINUTE,
  graceFactor: 1.5,
  backoffFirst: 1_000,
  backoffMost: 5 * MINUTE,
  stuckCycles: 3,
  stuckFailures: 5,
  goalFor: 30 * MINUTE,
  brakeShare: 0.1,
  brakeLeast: 5,
  brakeDomainShare: 0.5,
  brakeDomainLeast: 3,
  brakeWindow: 2 * MINUTE,
  failureDomains: ['rack', 'pdu', 'switch', 'chassis'],
  foundOffWait: MINUTE,
  afterPowerLoss: 'wait',
  restorePerSecond: 10,
  restorePerLabel: 20,
  probeOff: 2_000,
  probeDhcp: 1_000,
  sessionWait: MINUTE,
  claimWindow: 60 * MINUTE,
  repoll: [1_000, 2_000, 4_000, 8_000],
  busyMost: 24 * 60 * MINUTE,
  batch: 1_000,
  nodesMost: 200_000,
};
