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
