/** Command lines, and the host that they meet. What comes of each stands in transcript.txt. A space inside a word is written ␣. */
import { EXPLAINED, GRAPH, id, LIMITS, LISTED, NAMES, PLAN, SERVICES, SMALL_PLAN, STATUS, WAITING, WHOLE } from './answers.ts';
import { NOW, refused, type Script } from './fake.ts';

export type Case = readonly [line: string, script?: Omit<Script, 'args'>];

const list = { answers: { 'state/read': LISTED } };
const whole = { answers: { 'state/read': WHOLE } };
const long = {
  answers: { 'state/read': { revision: 1, nodes: [{ id: id(1), name: 'kr1', cfg: { labels: { note: 'word '.repeat(20) } }, facts: {} }] } },
};
const none = { answers: { 'state/read': { nodes: [], revision: 1 } } };
const applied = { answers: { 'node/apply': { revision: 10, created: 1, changed: 2, unchanged: 3 } } };
const plan = {
  answers: { 'node/plan': PLAN, 'state/read': NAMES, 'node/power': { nodes: 4, revision: 12 }, 'node/reboot': { nodes: 4, revision: 12 } },
};
const small = {
  answers: { ...plan.answers, 'node/plan': SMALL_PLAN, 'node/power': { nodes: 1, revision: 12 }, 'node/reboot': { nodes: 1 } },
};
const done = { nodes: 3, revision: 11 };
const orders = {
  answers: {
    'node/set': done,
    'node/delete': done,
    'node/cancel': done,
    'node/hold': done,
    'node/release': done,
    'node/busy': done,
    'node/retry': done,
  },
};
const engine = {
  answers: {
    'engine/status': STATUS,
    'state/read': NAMES,
    'engine/freeze': {},
    'engine/thaw': {},
    'engine/stop': {},
    'engine/limits': LIMITS,
  },
};
const services = {
  answers: {
    'service/list': { services: SERVICES },
    'service/start': {},
    'service/stop': {},
    'service/restart': {},
    'service/logs': { lines: ['one', 'two'] },
  },
};
const change = { node: id(1), path: '/physState', view: 'dsc', from: 'POWER_OFF', to: 'POWER_ON', rev: 12, by: 'ipmi', at: NOW - 1_000 };
const changes = [
  change,
  { ...change, view: 'cfg', from: undefined, by: 'ada', why: 'night shift', rev: 11, at: NOW - 60_000 },
  { node: id(1), path: 'sent', view: 'note', to: 'ipmi/powerOn', rev: 10, by: 'core', at: NOW - 61_000 },
  {
    node: id(2),
    path: 'failed',
    view: 'note',
    to: { mutation: 'ipmi/powerOn', kind: 'unreachable', text: 'BMC 10.0.0.7 did not answer' },
    rev: 10,
    by: 'core',
    at: NOW - 62_000,
  },
  { node: id(2), path: 'held', view: 'note', to: NOW + 3_600_000, why: 'a disk', rev: 10, by: 'ada', at: NOW - 63_000 },
  { node: id(2), path: '', view: 'cfg', to: {}, rev: 9, by: 'ada', at: NOW - 86_400_000 },
  { node: id(9), path: '', view: 'cfg', from: {}, rev: 8, by: 'ada', at: NOW - 86_400_000 },
];
/** Two pages. */
const page = ({ before }: { before?: number }): object =>
  before === undefined ? { changes: changes.slice(0, 2), next: 11 } : { changes: changes.slice(2) };
const history = { answers: { 'node/history': page, 'state/read': NAMES } };
const longHistory = { answers: { 'node/history': { changes, next: 8 }, 'state/read': NAMES } };
const changed = (params: object): object => ({ method: 'state/changed', params: { watch: 1, revision: 13, changes: [], ...params } });
const watch: Case[1] = {
  answers: { 'state/watch': { watch: 1, revision: 9, nodes: NAMES.nodes, more: false } },
  follows: {
    'state/watch': [
      changed({ changes }),
      changed({ nodes: [{ id: id(7), name: 'kr7' }] }),
      changed({ nodes: [{ id: id(7), name: 'kr7' }] }),
      changed({ changes: [{ node: id(7), path: '', view: 'cfg', by: 'core', why: 'it is not in the watched set any more' }] }),
      changed({ nodes: [{ id: id(7), name: 'kr7' }] }),
      changed({ resync: true, nodes: [], more: true }),
    ],
  },
  interruptAfter: 40,
};
const event = { kind: 'mutation', at: NOW, text: 'kr1: sent ipmi/powerOn', node: id(1) };
const events: Case[1] = {
  answers: { 'events/watch': { watch: 2 } },
  follows: { 'events/watch': [{ method: 'events/happened', params: { watch: 2, events: [event], dropped: 7 } }] },
  interruptAfter: 40,
};

export const CASES: readonly Case[] = [
  ['node list', list],
  ['node list -o wide', list],
  ['node list -o name', list],
  ['node list @rack=r3 -t cfg', list],
  ['node list --type=dsc', list],
  ['node list -t dsc -j', whole],
  ['node list -t cfg -j', whole],
  ['node list -t mixed -o yaml', whole],
  ['node list -f name,id,physState', list],
  [
    'node list -f nodename,/physState,labels',
    {
      answers: { 'state/read': { revision: 1, nodes: [{ id: id(1), name: 'kr1', cfg: { '/labels/rack': 'r1', '/labels/role': 'io' } }] } },
    },
  ],
  ['node list', { ...list, columns: 30 }],
  ['node list', { ...list, typed: 'n', columns: 120 }],
  ['--socket DIR/control.sock node -o name list', { ...list, env: { KRAKEN_SOCKET: '' } }],
  ['node list', none],
  ['node list @rack=r9', none],
  ['node list -t real'],
  ['node list -o xml'],
  ['node list -o dot'],
  ['node list -f ..'],
  ['node get kr1', whole],
  ['node info kr1 -t dsc', whole],
  ['node get kr1', long],
  ['node get kr1 -o wide', long],
  ['node get kr1 -o yaml', whole],
  ['node get kr1 -o json', whole],
  ['node get kr1 -o yaml -t dsc', whole],
  ['node get @rack=r9', none],
  [
    'node get kr99',
    {
      answers: {
        'state/read': refused(
          -32011,
          'no node is named kr99',
          '',
          'neither a name nor an id is so',
          'Nearest: kr9; kraken node list shows all',
        ),
      },
    },
  ],
  ['node create DIR/nodes.yaml', applied],
  ['node create --name kr17 physState=POWER_ON labels.rack=r2 labels.slot=0011', applied],
  ['node create --name kr17 labels.n=12 labels.b=true labels.s="12" ipv4.x=1.10', applied],
  ['node create'],
  ['node create --name kr17 nodes.yaml'],
  ['node create nodes.yaml physState=POWER_ON'],
  ['node apply DIR/nodes.yaml', applied],
  ['node apply DIR/nodes.yaml -o json --why night --force because', applied],
  ['node apply DIR/list.json --dry-run', applied],
  ['node apply --merge -', { ...applied, input: 'nodename: kr1\nlabels: {rack: r1}\n' }],
  ['node update DIR/original.json', applied],
  ['node apply DIR/missing.yaml'],
  ['node apply DIR'],
  ['node apply DIR/broken.yaml'],
  ['node apply DIR/empty.yaml'],
  ['node apply DIR/scalars.yaml'],
  ['node apply -', { input: '{"nodes": [1]}' }],
  [
    'node apply DIR/nodes.yaml',
    {
      answers: {
        'node/apply': refused(
          -32013,
          'refused, and nothing of it was applied',
          'node 2 of 3 /physState',
          '"ON" is none of POWER_OFF, POWER_ON',
          'Use one of these',
        ),
      },
    },
  ],
  ['node set kr[1-3] physState=POWER_OFF /images/state=IDLE labels.rack- busy=null', orders],
  ['node set kr1 a=1 a=2'],
  ['node set kr1 physState'],
  ['node set kr1 =x'],
  ['node set kr1 a..b=x'],
  ['node set kr1'],
  [
    'node delete kr1 --why scrapped',
    { answers: { 'state/read': { revision: 1, nodes: [{ id: id(1), name: 'kr1' }] }, 'node/delete': { nodes: 1, revision: 11 } } },
  ],
  ['node delete all', { answers: { ...list.answers, ...orders.answers } }],
  ['node delete all', { answers: { ...list.answers, ...orders.answers }, typed: 'n' }],
  ['node delete all', { answers: { ...list.answers, ...orders.answers }, typed: 'yes' }],
  ['node delete all -y', orders],
  ['node watch', watch],
  ['node watch kr1 -t dsc -o json', watch],
  ['node watch', { ...watch, dies: 'state/watch' }],
  ['node explain kr2', { answers: { 'node/explain': EXPLAINED } }],
  ['node explain kr2 -o name', { answers: { 'node/explain': EXPLAINED } }],
  ['node explain @rack=r9', { answers: { 'node/explain': { nodes: [] } } }],
  ['node plan', plan],
  ['node plan kr[1-4] physState=POWER_OFF', plan],
  ['node plan kr[1-4] --reboot', plan],
  ['node plan --cycle', plan],
  ['node plan --file DIR/list.json', plan],
  ['node plan kr1 --reboot --cycle'],
  ['node plan kr1 physState=POWER_OFF --reboot'],
  ['node plan physState=POWER_OFF', plan],
  ['node plan kr1 -o name', small],
  ['node history', history],
  ['node history kr1 --since 2h -n 5', longHistory],
  ['node history kr1 -n 2 -o name', history],
  ['node history --limit 0'],
  ['node history --since yesterday'],
  ['node power on kr1', small],
  ['node power off kr[1-4]', plan],
  ['node power off kr[1-4]', { ...plan, typed: 'n' }],
  ['node power off kr[1-4]', { ...plan, typed: 'Y' }],
  ['node power off kr[1-4]', { ...plan, typed: null }],
  ['node power off kr[1-4] --yes --why PDU --force drill', plan],
  ['node power up kr1'],
  ['node reboot kr1', small],
  ['node reboot kr[1-4] --cycle', plan],
  ['node reboot -y kr[1-4] --cycle', plan],
  ['node cancel kr[1-3]', orders],
  ['node hold kr[1-3] --why new␣DIMM --for 2h', orders],
  ['node hold kr1 --why x --for 2'],
  ['node hold kr1'],
  ['node release kr[1-3]', orders],
  ['node release kr[1-3] --busy -o json', orders],
  ['node busy kr[1-3]', orders],
  ['node busy kr[1-3] --owner slurm --for 1.5h', orders],
  ['node retry kr[1-3]', orders],
  ['node retry kr[1-3] --disruptive', orders],
  ['node waiting', { answers: { 'node/waiting': { waiting: WAITING }, 'state/read': NAMES } }],
  ['node waiting kr1', { answers: { 'node/waiting': { waiting: [] } } }],
  ['engine status', engine],
  ['sme status', { answers: { 'engine/status': { ...STATUS, frozen: undefined, waiting: [], brakes: [], services: [], dropped: {} } } }],
  ['engine status -o name', engine],
  ['sme freeze', engine],
  ['engine freeze --why maintenance -o json', engine],
  ['sme thaw', engine],
  ['engine stop --why upgrade', engine],
  ['limits', engine],
  ['limits list', { answers: { 'engine/limits': { limits: [] } } }],
  ['limits set racks --mutation ipmi/powerOn --nodes @rack --per-label rack --at-once 4 --per-second 0.5 --timeout 5m', engine],
  ['limits set racks'],
  ['limits set racks --at-once few'],
  ['limits set racks --per-second -1'],
  ['limits remove racks', { answers: { 'engine/limits': { limits: [] } } }],
  ['graph', { answers: { 'graph/get': GRAPH } }],
  ['graph kr1 -o dot', { answers: { 'graph/get': { ...GRAPH, truncated: true } } }],
  ['graph', { answers: { 'graph/get': { nodes: [], edges: [], truncated: false } } }],
  ['events', events],
  ['events --kinds all --nodes kr1 -o json', events],
  ['events --kinds mutatoin'],
  ['service list', services],
  ['service list', { answers: { 'service/list': { services: [] } } }],
  ['service start ipmi', services],
  ['service stop ipmi', services],
  ['service restart ipmi -o name', services],
  ['service logs ipmi -n 2', services],
  ['service logs ipmi -o json', services],
  [
    'service logs ipmi -f',
    {
      ...services,
      follows: { 'service/logs': [{ method: 'service/logged', params: { service: 'ipmi', lines: ['three'], dropped: 1 } }] },
      interruptAfter: 40,
    },
  ],
  ['service logs ipmi --lines 1e9'],
  ['backup DIR/b.kraken', { answers: { 'engine/backup': { nodes: 4, bytes: 123_456, revision: 12 } } }],
  ['restore DIR/b.kraken', { answers: { 'engine/restore': { nodes: 4, revision: 12 } } }],
  ['restore DIR/b.kraken', { answers: { 'engine/restore': { nodes: 4, revision: 12 } }, typed: 'y' }],
  [
    'restore DIR/b.kraken --yes',
    {
      answers: {
        'engine/restore': refused(
          -32018,
          'the backup cannot be taken',
          'b.kraken',
          'there is no such file',
          'Name a file that kraken backup wrote',
        ),
      },
    },
  ],
  ['sim fault kr[1-3] panic', orders],
  ['sim clear kr[1-3]', orders],
  ['sim --nodes many'],
  ['sim --scale slow'],
  ['up --id 7'],
  ['up --config DIR/missing.yaml'],
  ['init'],
  ['init'],
  ['init --config DIR/file/k.yaml'],
  // The host is not there, or goes, or says what nobody expected.
  ['node list', { env: { KRAKEN_SOCKET: '', KRAKEN_DATA_DIR: '' } }],
  ['node list --data-dir DIR/elsewhere', { env: { KRAKEN_SOCKET: '' } }],
  ['node list --socket DIR/file', {}],
  ['node list', { dies: 'state/read' }],
  ['node set kr1 a=b', { dies: 'node/set' }],
  ['engine status', { answers: { 'engine/status': { nodes: 'many' } } }],
  [
    'engine status',
    {
      answers: {
        'engine/status': refused(-32019, 'engine/status is refused', '', 'this host is stopping', 'Wait a moment and send it again'),
      },
    },
  ],
  // What is mistyped.
  [''],
  ['--version'],
  ['-o json'],
  ['node'],
  ['nod list'],
  ['node lsit'],
  ['nodes list'],
  ['noed'],
  ['explain kr1'],
  ['xyzzy'],
  ['node get'],
  ['node get kr1 kr2'],
  ['node list kr1 kr2 kr3'],
  ['node power on kr1 kr2'],
  ['node list --outptu json'],
  ['node list -x'],
  ['node list --output'],
  ['node list -o json -o yaml'],
  ['node delete kr1 --yes=maybe'],
  ['node apply - --dry-run=no'],
  ['node set kr1 -- --a=b', orders],
  ['service restart'],
  ['sme melt'],
  ['node power on'],
  // Help.
  ['--help'],
  ['help'],
  ['node --help'],
  ['sme --help'],
  ['node set --help'],
  ['limits set -h'],
];
