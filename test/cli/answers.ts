/** What the fake host knows: four nodes, one of them off, one with an old observation. */
import { NOW } from './fake.ts';

export const id = (index: number): string => `00000000-0000-4000-8000-00000000000${index}`;
const MINUTE = 60_000;

interface Seen {
  readonly [path: string]: string;
}

function node(index: number, cfg: Record<string, unknown>, seen: Seen, stale?: number): object {
  const facts = Object.fromEntries(
    Object.entries(seen).map(([path, value]) => [
      path,
      { value, by: 'ipmi', at: NOW - 5 * MINUTE, rev: 7, ...(stale === undefined ? {} : { stale: NOW - stale }) },
    ]),
  );
  return { id: id(index), name: `kr${index}`, cfg, dsc: seen, facts };
}

const ON = { '/physState': 'POWER_ON', '/runState': 'SYNC', '/images/state': 'ACTIVE' };

/** As state/read answers with paths: kr10 sorts after kr2. */
export const LISTED = {
  revision: 9,
  nodes: [
    { ...node(0, ON, ON), id: id(5), name: 'kr10' },
    node(1, ON, ON),
    node(2, ON, { '/physState': 'POWER_OFF' }),
    node(3, { '/physState': 'POWER_ON' }, { '/physState': 'POWER_ON', '/runState': 'ERROR' }, 3 * MINUTE),
  ],
};

export const NAMES = { revision: 9, nodes: [1, 2, 3, 4].map((index) => ({ id: id(index), name: `kr${index}` })) };

const DOCUMENT = { id: id(1), nodename: 'kr1', physState: 'POWER_ON', labels: { rack: 'r1' } };
export const WHOLE = {
  revision: 9,
  nodes: [
    {
      id: id(1),
      name: 'kr1',
      cfg: DOCUMENT,
      dsc: { physState: 'POWER_OFF' },
      facts: { '/physState': { value: 'POWER_OFF', by: 'ipmi', at: NOW - 90_000, rev: 7, stale: NOW - 30_000 } },
    },
  ],
};

const STEPS = [
  { mutation: 'core/quiesce', text: 'runState SYNC → INIT', disruptive: false },
  { mutation: 'ipmi/powerOff', text: 'physState POWER_ON → POWER_OFF', disruptive: true },
];
export const PLAN = {
  revision: 9,
  changed: 4,
  atGoal: 1,
  groups: [
    { nodes: [], steps: [], cost: 0, disruptive: [0, 0], powerCycles: [0, 0], branches: [], waiting: [], moot: [] },
    {
      nodes: [id(1), id(2)],
      steps: STEPS,
      cost: 2,
      disruptive: [1, 1],
      powerCycles: [1, 1],
      branches: [],
      waiting: [{ kind: 'held', text: 'held by ada: new DIMM', nodes: [id(2)] }],
      moot: ['/images/state'],
    },
    {
      nodes: [id(3)],
      steps: [{ mutation: 'ipmi/ask:power', text: 'ask for physState', disruptive: false }],
      cost: 1,
      disruptive: [0, 1],
      powerCycles: [0, 1],
      branches: [
        { answer: 'if POWER_ON', steps: ['physState POWER_ON → POWER_OFF'] },
        { answer: 'if POWER_OFF', steps: [] },
      ],
      waiting: [],
      moot: [],
    },
  ],
  unreachable: [{ nodes: [id(4)], reasons: ['physState: no service serves this node'] }],
  powerCycles: [2, 3],
};

/** One node: nothing to ask about. */
export const SMALL_PLAN = {
  ...PLAN,
  changed: 1,
  groups: [{ ...PLAN.groups[1], nodes: [id(1)], waiting: [], moot: [] }],
  unreachable: [],
  powerCycles: [1, 1],
};

export const EXPLAINED = {
  nodes: [
    {
      node: id(2),
      name: 'kr2',
      walk: 'backingOff',
      since: NOW - 65_000,
      until: NOW + 4_000,
      summary: 'kr2 is to be switched on, and its BMC does not answer.',
      gaps: [
        {
          path: '/physState',
          wanted: 'POWER_ON',
          seen: 'POWER_OFF',
          wantedBy: 'ada',
          wantedAt: NOW - 3_600_000,
          seenBy: 'ipmi',
          seenAt: NOW - 120_000,
          staleSince: NOW - 60_000,
        },
        { path: '/images/state', wanted: 'ACTIVE', seen: 'UNKNOWN', moot: 'it cannot be known while the node is off' },
      ],
      plan: [
        { mutation: 'ipmi/powerOn', text: 'physState POWER_OFF → POWER_ON', disruptive: false, cost: 1, state: 'waiting' },
        { mutation: 'core/sync', text: 'runState INIT → SYNC', disruptive: false, cost: 1, state: 'later' },
      ],
      reasons: [
        {
          kind: 'unreachableBmc',
          text: 'BMC 10.0.0.2 did not answer',
          since: NOW - 60_000,
          until: NOW + 4_000,
          todo: 'Look whether it is on the network',
          command: 'kraken node retry kr2',
        },
      ],
      blockers: ['images.state: no service leads to ACTIVE'],
      failures: [{ at: NOW - 60_000, mutation: 'ipmi/powerOn', text: 'timed out after 10 s' }],
      order: { id: 'o1', kind: 'reboot', by: 'ada', why: 'new kernel', since: NOW - 30_000 },
      todo: ['kraken node retry kr2'],
    },
  ],
};

export const WAITING = [
  {
    kind: 'neverHeard',
    text: 'never heard by this host',
    nodes: [id(1), id(2), id(3)],
    longest: 3 * 3_600_000,
    command: 'kraken node retry --disruptive kr[1-3]',
  },
];
export const SERVICES = [
  { service: 'ipmi', module: 'ipmi', state: 'ready', since: NOW - 86_400_000, serves: '', mutations: 4, pid: 4711, restarts: 0 },
  {
    service: 'pxe',
    module: 'pxe',
    state: 'failed',
    since: NOW - 5_000,
    serves: '@rack=r1',
    mutations: 2,
    restarts: 3,
    why: 'it crashed 3 times',
  },
];
export const STATUS = {
  frozen: { by: 'ada', why: 'maintenance', since: NOW - 600_000 },
  revision: 99,
  nodes: 4,
  walks: { atGoal: 1, running: 0, waiting: 3, backingOff: 0, stuck: 0, held: 0, unreachable: 0 },
  waiting: WAITING,
  brakes: [{ domain: 'rack r1', lost: 3, of: 4, since: NOW - 60_000 }],
  inFlight: 1,
  dropped: { late: 2, foreign: 0 },
  services: SERVICES,
};
/** The pin of a CA that nobody has. */
export const PIN = `sha256:${'A'.repeat(43)}`;
export const SYNC = {
  role: 'root',
  ca: PIN,
  listen: ['10.0.0.1:31415', '[fd00::1]:31415'],
  dropped: { forged: 3, replayed: 0, unknown: 12 },
};
const QUIET = { behind: 0, bytesInPerSecond: 8, bytesOutPerSecond: 6, forged: 0, replayed: 0, malformed: 0 };
const child = (index: number, more: object): object => ({
  ...{ id: id(index), name: `kr${index}`, role: 'child', state: 'connected', since: NOW - 86_400_000, heardAt: NOW - 4_000, rtt: 0.41 },
  ...{ ...QUIET, address: `10.0.1.${index}:31415`, term: index },
  ...more,
});
export const PEERS = {
  sync: SYNC,
  peers: [
    child(1, {}),
    { ...child(2, {}), id: id(5), name: 'kr10' },
    child(3, {
      state: 'dead',
      since: NOW - 65_000,
      heardAt: NOW - 107_000,
      why: 'it was not heard for 40 s, and does not answer',
      behind: 4,
    }),
    child(2, { state: 'probing', since: NOW - 500, heardAt: NOW - 40_500, forged: 3, replayed: 1 }),
    child(4, { behind: 7, heardAt: NOW - 25_000, bytesOutPerSecond: 123_456, rtt: 120.4 }),
  ],
};
export const ORPHAN = {
  sync: { role: 'child', ca: PIN, listen: [], dropped: {} },
  peers: [
    {
      ...{ id: '', name: 'head1:31415, head2:31415', role: 'parent', state: 'trying', since: NOW - 5_000 },
      ...{ ...QUIET, bytesInPerSecond: 0, bytesOutPerSecond: 0, why: 'head1:31415: its token has expired' },
    },
  ],
};
const token = (index: number, text: string): object => ({
  node: id(index),
  name: `kr${index}`,
  until: NOW + 3_600_000,
  ...(text ? { token: text } : {}),
});
export const TOKENS = {
  tokens: [token(1, 'ABCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567'), token(2, 'BBCD-EFGH-IJKL-MNOP-QRST-UVWX-YZ23-4567')],
};
export const TOKENS_LEFT = { tokens: [token(1, ''), token(2, '')] };
export const GRAPH = {
  nodes: [
    { id: 'a', state: { '/physState': 'POWER_OFF' }, mark: 'current' },
    { id: 'b', state: { '/physState': 'POWER_ON' }, mark: 'goal' },
    { id: 'c', state: { '/physState': 'PHYS_HANG' }, mark: 'other' },
  ],
  edges: [
    { id: 'ab', from: 'a', to: 'b', mutation: 'ipmi/powerOn', mark: 'path' },
    { id: 'ca', from: 'c', to: 'a', mutation: 'ipmi/powerOff', mark: 'other' },
  ],
  truncated: false,
};
export const LIMITS = {
  limits: [{ name: 'racks', mutation: 'ipmi/powerOn', selector: '@rack', perLabel: 'rack', atOnce: 4, timeout: 300_000 }],
};
