/** Behaves, but for the one rule that its argument names. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { DECLARATION, line, on, send, serve } from '../fixtures/bad/frame.mjs';

const rule = process.argv[2];
const text = { type: 'string', 'x-optional': true };
const initialize = (more = {}, declaration = {}) => ({
  initialize: () => ({
    protocol: 1,
    module: { name: 'breaker' },
    capabilities: ['mutations', 'pollers'],
    declaration: { ...DECLARATION, ...declaration },
    ...more,
  }),
});
const hosts = initialize({ capabilities: ['mutations', 'pollers', 'sessions'] }, { playsHosts: true });
const calls = initialize({ capabilities: ['mutations', 'pollers', 'calls'] }, { calls: { show: {} } });
const config = (update) => ({
  ...initialize({ capabilities: ['mutations', 'pollers', 'config'] }, { config: { greeting: text } }),
  'config/update': update,
});
const refuse = (code) => (_, id) => void send({ id, error: { code, message: 'no' } });
const asks = (method, params) => ({ initialized: () => void send({ id: 1, method, params }) });
const reports = (item) => ({
  'mutation/run': (params) => ({ observed: params.nodes.map(({ id }) => ({ node: id, ...item })), failed: [] }),
});
let turn = 0;

const silentOn = (kind, when) => ({ [`${kind}/run`]: (params) => (when(params) ? undefined : on(params)) });
const past = ({ deadline }) => deadline < Date.now();
const far = ({ deadline }) => deadline > Date.now() + 30_000;
const crowd = ({ nodes }) => nodes.length === 100;

const BREAKS = {
  'wire.rpc': {
    initialized: () => void process.stdout.write('{"jsonrpc":"1.0","method":"$/log","params":{"level":"info","message":"x"}}\n'),
  },
  'wire.methods': asks('state/know', {}),
  'init.config': { initialize: refuse(-32602) },
  'init.shape': initialize({ module: 'breaker' }),
  'init.permissions': initialize({}, { permissions: ['operate'] }),
  'init.configSchema': initialize({}, { config: { greeting: { type: 'no type' } } }),
  'init.capabilities': initialize({ capabilities: [] }),
  'init.badConfig': {
    initialize: ({ config: given }, id) =>
      typeof given.greeting === 'object' ? refuse(-32603)({}, id) : initialize({}, { config: { greeting: text } }).initialize(),
  },
  'ping.answers': { ping: refuse(-32603) },
  'mutation.shape': { 'mutation/run': () => ({ observed: 'all of them' }) },
  'mutation.idempotent': {
    'mutation/run': ({ nodes }) => {
      const values = { '/physState': turn++ % 2 === 0 ? 'POWER_ON' : 'POWER_OFF' };
      return { observed: nodes.map(({ id }) => ({ node: id, values })), failed: [] };
    },
  },
  'mutation.many': silentOn('mutation', crowd),
  'mutation.late': silentOn('mutation', past),
  'mutation.cancel': silentOn('mutation', far),
  'poller.answers': { 'poller/run': () => undefined },
  'poller.shape': { 'poller/run': () => ({ failed: 7 }) },
  'poller.many': silentOn('poller', crowd),
  'poller.late': silentOn('poller', past),
  'core.steps': { ...hosts, 'session/probe': () => ({ answered: true }) },
  'session.probe': { ...hosts, 'session/probe': () => undefined, 'mutation/run': on },
  'call.answers': { ...calls, 'module/call': ({ call }, id) => (call === 'show' ? undefined : refuse(-32018)({}, id)) },
  'call.unknown': { ...calls, 'module/call': () => ({ result: 'done' }) },
  'report.values': reports({ values: { '/physState': 'HALF_ON' } }),
  'permission.kept': asks('state/read', { paths: ['/pxe/state'] }),
  'config.update': config(refuse(-32603)),
  'config.refused': config(({ config: given }, id) => (given.greeting === undefined ? {} : refuse(-32603)({}, id))),
  'secret.kept': {
    initialize: (params) => {
      if (params.config.password) process.stderr.write(`my password is ${params.config.password}\n`);
      return initialize({}, { config: { password: { ...text, 'x-secret': true } } }).initialize();
    },
  },
  'shutdown.answers': { shutdown: refuse(-32603) },
  'exit.ends': { exit: () => process.exit(3) },
};

/** What the frame does by itself, and is done here before it can. */
const RAW = {
  'init.noCommonVersion': { method: 'initialize', when: ({ protocols }) => !protocols.includes(1), error: { code: -32603, message: 'no' } },
  'request.unknown': { method: 'no/such/method', error: { code: -32603, message: 'no' } },
  'request.params': { method: 'mutation/run', when: ({ nodes }) => !Array.isArray(nodes), error: { code: -32603, message: 'no' } },
  'mutation.unknown': { method: 'mutation/run', when: ({ mutation }) => mutation === 'noSuchThing', result: { observed: [], failed: [] } },
  'poller.unknown': { method: 'poller/run', when: ({ poller }) => poller === 'noSuchThing', result: { observed: [], failed: [] } },
  'notification.unknown': { method: '$/noSuchNotification', deaf: true },
  'wire.large': { method: '$/large', deaf: true },
};

function intercept({ method, when = () => true, deaf, ...answer }) {
  const { parse } = JSON;
  JSON.parse = (words) => {
    const message = parse(words);
    if (message.method !== method || !when(message.params)) return message;
    if (deaf) for (const one of ['ping', 'mutation/run', 'poller/run']) delete handlers[one];
    if (deaf) handlers.isDeaf = true;
    else process.stdout.write(line({ id: message.id, ...answer }));
    return { method: '$/dropped' };
  };
}

const handlers = { ...BREAKS[rule] };
if (RAW[rule]) intercept(RAW[rule]);
if (RAW[rule]?.deaf) {
  const { parse } = JSON;
  JSON.parse = (words) => {
    const message = parse(words);
    return handlers.isDeaf && message.method === 'ping' ? { method: '$/dropped' } : message;
  };
}
if (rule === 'init.silence' && !process.stdin.isTTY) send({ id: 1, method: 'state/read', params: {} });
if (rule === 'sigterm.ends') process.on('SIGTERM', () => {});
if (rule === 'terminal.explains' && process.stdin.isTTY) process.exit(0);
if (rule === 'stdin.busy') {
  let isBusy = false;
  handlers['mutation/run'] = (params) => {
    isBusy = far(params);
    return on(params);
  };
  handlers.end = () => (isBusy ? spawnSync('sleep', ['3']) : process.exit(0));
}
serve(handlers, { plays: rule === 'session.probe' });
