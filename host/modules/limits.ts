/** What a module process may use: one table, each figure with what happens beyond it. Times are milliseconds, sizes bytes. */

export interface Limits {
  /** One line of the protocol, either way. A longer one from the module: killed. What the host sends is split into pages below it. */
  readonly line: number;
  /** Nodes in one `mutation/run` or `poller/run`, so that the reply fits in a line too. */
  readonly nodesPerRequest: number;
  /** Requests from the module that the host has not answered yet. More: -32017. */
  readonly inFlight: number;
  /** Observations of `state/discover` that the engine has not taken yet. More: -32017. */
  readonly eventsQueued: number;
  /** Observations of `state/discover` a second, and as many at once. More: -32017. */
  readonly eventsPerSecond: number;
  /** Refused for flooding for so long without a pause of a second: killed. */
  readonly floodTolerated: number;
  /** stderr and `$/log` a second. More: dropped, and counted in the log. */
  readonly logPerSecond: number;
  /** Lines of log that are kept. */
  readonly logLines: number;
  /** One line of log; the rest of it is cut off. */
  readonly logLine: number;
  /** Lines on stdout that are not a message, in one life of the process. More: killed. */
  readonly garbageLines: number;
  /** Bytes that wait because the module does not read its input. More: killed. */
  readonly unread: number;
  /** Resident set of the process (`/proc/PID/status`, VmRSS). More: killed. */
  readonly memory: number;
  readonly memoryEvery: number;
  /** From spawn until `initialize` is answered. Longer: killed, a crash. */
  readonly start: number;
  /** The params of `initialize`, the config with it. Larger: rejected. */
  readonly initialize: number;
  /** Silence of the module before it is pinged, and how long the answer may take. Longer: killed, unresponsive. */
  readonly idle: number;
  readonly ping: number;
  /** A module answers for every node at the deadline, by a clock that lags by its own start: how long after it that answer may come. */
  readonly answerGrace: number;
  /** How long an answer that comes after its deadline still counts as an observation. */
  readonly lateAnswer: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

export const defaultLimits: Limits = {
  line: 4 * MIB,
  nodesPerRequest: 4096,
  inFlight: 256,
  eventsQueued: 100_000,
  eventsPerSecond: 50_000,
  floodTolerated: 10_000,
  logPerSecond: 64 * KIB,
  logLines: 2000,
  logLine: 4 * KIB,
  garbageLines: 10,
  unread: 64 * MIB,
  memory: 512 * MIB,
  memoryEvery: 5000,
  start: 10_000,
  initialize: 1 * MIB,
  idle: 10_000,
  ping: 5000,
  answerGrace: 1000,
  lateAnswer: 600_000,
};
