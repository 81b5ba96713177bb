/** Plugins: what the host answers about them, and the command lines. */
import type { Case } from './cases.ts';
import { NOW, refused, type Script } from './fake.ts';

const pdu = {
  ...{ plugin: 'pdu', package: '@site/pdu', version: '1.0.0', kind: 'module', isBuiltIn: false, enabled: true },
  ...{ permissions: ['net', 'env'], services: ['pdu'], source: '@site/pdu', installedAt: NOW - 86_400_000, installedBy: 'ann' },
};
const rack = {
  ...{ plugin: 'rack', package: 'rack', version: '2.0.0', kind: 'extension', isBuiltIn: false, enabled: true, permissions: [] },
  ...{ services: [], source: '/srv/rack', installedAt: NOW - 60_000, installedBy: 'ada' },
};
const ipmi = {
  ...{ plugin: 'ipmi', package: '@kraken-hpc/ipmi', version: '0.1.0', kind: 'module', isBuiltIn: true, enabled: true },
  ...{ permissions: ['net'], services: ['ipmi', 'ipmi-row2'] },
};
const lost = {
  ...pdu,
  plugin: 'daq',
  package: 'daq',
  services: ['daq'],
  source: '/srv/daq',
  problem: 'its folder store/daq is gone: install it again',
};
const off = { ...pdu, enabled: false };
const PLUGINS = [lost, { ...pdu, plugin: 'door', package: 'door', enabled: false, services: [] }, pdu, rack, ipmi];

const good = {
  ...{ plugin: 'pdu', package: '@site/pdu', version: '1.0.0', kind: 'module', service: 'pdu', served: 4, removes: [], conflicts: [] },
  permissions: [
    { permission: 'net', isNew: true },
    { permission: 'root', isNew: true },
  ],
  checks: { passed: 40, notApplicable: 5, failed: [] },
  adds: ['state /outlet/number', 'mutation pdu/powerOn: /physState POWER_OFF → POWER_ON', 'poller pdu/power: /physState every 5 s'],
  ways: [{ count: 4, nodes: 'kr[1-4]', before: 'no way: nothing leads to POWER_ON', after: 'pdu/powerOn' }],
};
const { service: _service, ...rest } = good;
const later = {
  ...{ ...rest, version: '1.1.0', replaces: '1.0.0', removes: ['poller pdu/all: /physState every 60 s'], ways: [] },
  permissions: [
    { permission: 'net', isNew: false },
    { permission: 'state:read *', isNew: true },
  ],
};
const schemas = {
  ...{ plugin: 'rack', package: 'rack', version: '1.0.0', kind: 'extension', permissions: [], removes: [], ways: [], conflicts: [] },
  ...{ checks: { passed: 0, notApplicable: 0, failed: [] }, adds: ['extension rack'], served: 0 },
};
const broken = {
  ...good,
  checks: {
    ...{ passed: 39, notApplicable: 5 },
    failed: [{ id: 'end.stdin', sentence: 'It ends when its input ends.', why: 'it ran on for 2 s' }],
  },
};
const clash = { ...good, ways: [], conflicts: ['services ipmi and pdu serve the same node for /physState'] };

type Meets = Omit<Script, 'args'>;
type Answers = NonNullable<Script['answers']>;

/** A host that has said how far it is before it answers. */
function staging(report: object, more: Answers = {}, script: Omit<Meets, 'answers'> = {}): Meets {
  const { plugin, version, kind } = report as typeof good;
  const commit = { plugin, version, services: kind === 'module' ? [plugin] : [] };
  return {
    answers: {
      'plugin/list': { plugins: PLUGINS },
      'plugin/stage': () => late({ stage: '7f3a', report }),
      'plugin/commit': () => late(commit),
      ...more,
    },
    follows: {
      'plugin/stage': [said('fetching @site/pdu with npm'), said('trying pdu 1.0.0')],
      'plugin/commit': [said('writing it to disk'), said('starting pdu')],
    },
    ...script,
  };
}

const said = (text: string): object => ({ method: 'plugin/progress', params: { text } });
const late = (answer: object): Promise<object> => new Promise((resolve) => setTimeout(resolve, 30, answer));
const never = (): Promise<never> => new Promise(() => undefined);

const all: Answers = {
  'plugin/list': { plugins: PLUGINS },
  ...{
    'plugin/remove': {},
    'plugin/enable': {},
    'plugin/disable': {},
    'service/restart': {},
    'service/create': {},
    'service/set': {},
    'service/remove': {},
  },
  'service/logs': { lines: ['one', 'two'] },
};
const having = (...plugins: object[]): Meets => ({ answers: { ...all, 'plugin/list': { plugins } } });
const INFO = {
  status: pdu,
  ...{ dir: '/var/lib/kraken/plugins/store/pdu-1.0.0-7f3a', integrity: 'sha256-AAAA', changed: false },
  confinement: ['pdu', 'pdu-row2'].flatMap((service) => [
    { service, what: 'own user', state: 'enforced', how: 'user 61001, which no other service has' },
    { service, what: 'network', state: 'granted', how: 'open: it was granted net' },
    { service, what: 'files', state: 'declared', how: 'it reads what everybody can (there is no bubblewrap)' },
  ]),
  declares: ['state /outlet/number', 'mutation pdu/powerOn: /physState POWER_OFF → POWER_ON'],
};
const noPlugin = refused(
  -32018,
  'there is no such plugin',
  'plugin pud',
  'it is neither installed nor part of the host',
  'Did you mean pdu? kraken plugin list shows all',
);
/** Nobody answers on the socket of this data directory. */
const alone = { env: { KRAKEN_SOCKET: '', KRAKEN_DATA_DIR: '' } };

export const PLUGIN_CASES: readonly Case[] = [
  ['plugin list', having(...PLUGINS)],
  ['plugin list -o wide', having(...PLUGINS)],
  ['plugin list -o name', having(...PLUGINS)],
  ['plugin list -o json', having(rack)],
  ['plugin list -o yaml', having(rack)],
  ['plugin list', having()],
  ['plugin info pdu', { answers: { 'plugin/info': INFO } }],
  ['plugin info pdu', { answers: { 'plugin/info': { ...INFO, status: off, changed: true, confinement: [], declares: [] } } }],
  ['plugin info ipmi', { answers: { 'plugin/info': { status: ipmi, dir: '/usr/lib/ipmi', confinement: [], declares: ['call console'] } } }],
  ['plugin info daq', { answers: { 'plugin/info': { status: lost, dir: '/gone', confinement: [], declares: [] } } }],
  ['plugin info rack', { answers: { 'plugin/info': { ...INFO, status: rack, confinement: [], declares: [] } } }],
  ['plugin info pdu -o json', { answers: { 'plugin/info': { status: ipmi, dir: '/usr/lib/ipmi', confinement: [], declares: [] } } }],
  ['plugin info pud', { answers: { 'plugin/info': noPlugin } }],
  // Installing: shown, asked, done; or not.
  ['plugin install @site/pdu --yes', staging(good)],
  ['plugin install @site/pdu', staging(good)],
  ['plugin install @site/pdu', staging(good, {}, { typed: 'n' })],
  ['plugin install @site/pdu', staging(good, {}, { typed: 'yes' })],
  ['plugin install DIR/elsewhere --service pdu --serves @rack=r3 --config DIR/kraken-empty.yaml --allow-scripts -y', staging(good)],
  ['plugin install @site/pdu --yes -o json', staging(good)],
  ['plugin install @site/pdu --yes -o name', staging(good)],
  ['plugin install @site/pdu -o json', staging(good, {}, { typed: 'y' })],
  ['plugin install rack -y', staging(schemas)],
  ['plugin install ~/rack -y', staging(schemas, {}, { env: { HOME: '/srv/ada' } })],
  ['plugin install @site/pdu -y', staging({ ...good, permissions: [], ways: [], adds: [], served: 1 })],
  ['plugin install @site/pdu -y', staging(broken)],
  ['plugin install /srv/pdu -y', staging(broken)],
  ['plugin install @site/pdu -y', staging(clash)],
  ['plugin install @site/pdu -y -o json', staging(clash)],
  ['plugin install @site/pdu --serves @rack=r3 -y', staging(later)],
  ['plugin install rack --config DIR/kraken-empty.yaml -y', staging(schemas)],
  ['plugin install @site/pdu --config DIR/list.json'],
  ['plugin install @site/pdu --config DIR/missing.yaml'],
  ['plugin install @site/pdu --config DIR/broken.yaml'],
  ['plugin install @site/pdu --config DIR/nodes.yaml'],
  [
    'plugin install pud -y',
    {
      answers: { 'plugin/stage': refused(-32018, 'it cannot be installed', 'pud', 'the registry has no such package', 'Correct the name') },
    },
  ],
  ['plugin install @site/pdu', staging(good, { 'plugin/stage': never }, { interruptAfter: 400 })],
  [
    'plugin install @site/pdu -y',
    staging(good, { 'plugin/stage': { stage: '7f3a', report: good }, 'plugin/commit': never }, { interruptAfter: 400 }),
  ],
  ['plugin install @site/pdu -y', staging(good, {}, { dies: 'plugin/commit' })],
  [
    'plugin install @site/pdu -y',
    staging(good, {
      'plugin/commit': refused(-32019, 'it did not start', 'service pdu', 'it crashed: no address', 'Look: kraken service logs pdu'),
    }),
  ],
  ['plugin add @site/pdu -y', staging({ ...good, plugin: 'pdu\u001b[2J', adds: ['state /a\u001b[2J\nChecks: all hold'] })],
  ['plugin install'],
  ['plugin install ./pdu --upgrade'],
  // Upgrading.
  ['plugin upgrade pdu --yes', staging(later)],
  ['plugin upgrade pdu DIR/elsewhere', staging(later, {}, { typed: 'y' })],
  ['plugin upgrade pdu', staging({ ...later, version: '1.0.0' }, {}, { typed: 'n' })],
  ['plugin upgrade pdu -y', staging(later, { 'plugin/list': { plugins: [{ ...pdu, services: ['pdu', 'pdu-row2'] }] } })],
  ['plugin upgrade pdu -y', staging(later, { 'plugin/list': { plugins: [off] } })],
  ['plugin upgrade pdu -y', staging(later, { 'plugin/list': { plugins: [{ ...pdu, source: '@site/pdu@1.0.0' }] } })],
  ['plugin upgrade pdu rack -y', staging(schemas)],
  ['plugin upgrade pud', staging(later)],
  ['plugin upgrade @site/pdu', staging(later)],
  ['plugin upgrade ipmi', staging(later)],
  [
    'plugin upgrade pdu -y',
    staging(later, {
      'plugin/commit': refused(
        -32019,
        'the new version did not show itself',
        'service pdu',
        'it crashed 3 times',
        'The version before runs again; look at its log: kraken service logs',
      ),
    }),
  ],
  // The rest of a plugin's life.
  ['plugin remove pdu', { answers: all }],
  ['plugin remove pdu', { answers: all, typed: 'n' }],
  ['plugin remove pdu', { answers: all, typed: 'y' }],
  ['plugin remove rack --yes', { answers: all }],
  ['plugin remove pdu --yes -o json', { answers: all }],
  ['plugin remove ipmi --yes', { answers: all }],
  ['plugin uninstall pduu --yes', { answers: all }],
  [
    'plugin remove pdu --yes',
    {
      answers: {
        ...all,
        'plugin/remove': refused(
          -32016,
          'it is not removed',
          'plugin pdu',
          'the configuration makes pdu of it',
          'Take that out of the configuration first, and restart the host',
        ),
      },
    },
  ],
  ['plugin disable pdu', { answers: all, typed: 'yes' }],
  ['plugin disable pdu', { answers: all }],
  ['plugin disable rack', { answers: all, typed: 'y' }],
  ['plugin enable pdu', having(off)],
  ['plugin enable rack -o name', { answers: all }],
  ['plugin enable rakc', { answers: all }],
  ['plugin restart pdu', { answers: all }],
  ['plugin restart ipmi -o json', { answers: all }],
  ['plugin restart ipmi', { answers: all }],
  ['plugin restart door', { answers: all }],
  ['plugin restart rack', { answers: all }],
  ['plugin restart pdu', having({ ...pdu, services: [] })],
  ['plugin restart pud', { answers: all }],
  ['plugin logs pdu -n 2', { answers: all }],
  [
    'plugin logs ipmi -f --service ipmi-row2',
    {
      answers: all,
      follows: { 'service/logs': [{ method: 'service/logged', params: { service: 'ipmi-row2', lines: ['three'] } }] },
      interruptAfter: 40,
    },
  ],
  ['plugin logs ipmi', { answers: all }],
  ['plugin logs ipmi --service pdu', { answers: all }],
  // Services.
  ['service create pdu-row2 pdu', { answers: all }],
  [
    'service create pdu-row2 pdu --serves @row=2 --config DIR/kraken-empty.yaml --permissions net,env --env PDU_SITE,PDU_KEY --memory 128',
    { answers: all },
  ],
  ['service create pdu-row2 pdu --permissions none -o name', { answers: all }],
  ['service create pdu-row2 pdu --memory 12'],
  ['service create pdu-row2'],
  [
    'service create pdu-row2 pud',
    {
      answers: {
        'service/create': refused(-32018, 'there is no module pud', 'service pdu-row2', 'there are ipmi and pdu', 'Did you mean pdu?'),
      },
    },
  ],
  ['service set pdu-row2 --config DIR/kraken-empty.yaml', { answers: all }],
  ['service set pdu-row2 --serves @row=3 --memory 128 -o name', { answers: all }],
  ['service set pdu-row2'],
  [
    'service set pdu-row2 --serves n1',
    {
      answers: {
        'service/set': refused(
          -32017,
          'it is not changed',
          'service pdu-row2',
          'the configuration makes it',
          'Change it there, and restart the host',
        ),
      },
    },
  ],
  ['service remove pdu-row2', { answers: all }],
  ['service remove pdu-row2', { answers: all, typed: 'n' }],
  ['service remove pdu-row2', { answers: all, typed: 'y' }],
  ['service delete pdu-row2 --yes -o json', { answers: all }],
  // No host.
  ['plugin list --socket DIR/nowhere.sock', { env: { KRAKEN_SOCKET: '' } }],
  ['plugin list', alone],
  ['plugin restart pdu', alone],
  ['plugin logs pdu', alone],
  ['plugin install @site/pdu', staging(good, {}, { dies: 'plugin/stage' })],
  // Help and completion.
  ['plugin'],
  ['plugin instal ./pdu'],
  ['plugin --help'],
  ['plugin install --help'],
  ['plugin check --help'],
  ['plugin new --help'],
  ['service create --help'],
  ['completion fish -- plugin '],
  ['completion fish -- plugin upgrade d', { answers: all }],
  ['completion fish -- service create pdu2 p', { answers: all }],
  ['completion bash -- plugin install '],
  ['completion bash -- plugin new pdu --template module-'],
];

/** After kraken init, on the host that was made by it and never started: nobody is asked but its files. */
export const STOPPED_CASES: readonly Case[] = [
  ['plugin new rack --template extension --dir DIR/rack --yes -o name', alone],
  ['plugin install DIR/rack --yes', alone],
  ['plugin install DIR/rack --yes', alone],
  ['plugin disable rack --yes', alone],
  ['plugin enable rack', alone],
  ['plugin enable rakc', alone],
  ['plugin info rakc', alone],
  ['plugin remove rack', { ...alone, typed: 'y' }],
  ['plugin remove ipmi --yes', alone],
  ['service create strips ipmi --serves @row=2', alone],
  ['service create strips ipmi --config DIR/kraken-empty.yaml', { env: { ...alone.env, KRAKEN_CONFIG: '/nowhere/kraken.yaml' } }],
  ['service set strips --serves @row=3', alone],
  ['service set strip --serves @row=3', alone],
  ['service remove strips --yes', alone],
  ['plugin list --socket DIR/nowhere.sock', alone],
];
