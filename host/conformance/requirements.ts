/** What a module must hold to: each an id that never changes, and a sentence. The order is that of a module's life. */

/** Never changes its meaning: scripts and fixtures name it. */
export type RequirementId =
  | 'wire.json'
  | 'wire.rpc'
  | 'wire.utf8'
  | 'wire.limit'
  | 'wire.whole'
  | 'wire.once'
  | 'wire.stdin'
  | 'wire.large'
  | 'wire.methods'
  | 'init.answers'
  | 'init.config'
  | 'init.shape'
  | 'init.version'
  | 'init.noCommonVersion'
  | 'init.declaration'
  | 'init.permissions'
  | 'init.configSchema'
  | 'init.capabilities'
  | 'init.badConfig'
  | 'init.silence'
  | 'life.stays'
  | 'ping.answers'
  | 'ping.busy'
  | 'request.unknown'
  | 'request.params'
  | 'notification.unknown'
  | 'mutation.answers'
  | 'mutation.shape'
  | 'mutation.idempotent'
  | 'mutation.many'
  | 'mutation.late'
  | 'mutation.cancel'
  | 'mutation.unknown'
  | 'poller.answers'
  | 'poller.shape'
  | 'poller.many'
  | 'poller.late'
  | 'poller.unknown'
  | 'core.steps'
  | 'session.probe'
  | 'call.answers'
  | 'call.unknown'
  | 'report.nodes'
  | 'report.declared'
  | 'report.values'
  | 'report.asOf'
  | 'report.rate'
  | 'permission.kept'
  | 'config.update'
  | 'config.refused'
  | 'secret.kept'
  | 'log.rate'
  | 'memory.limit'
  | 'shutdown.answers'
  | 'exit.ends'
  | 'stdin.ends'
  | 'stdin.busy'
  | 'sigterm.ends'
  | 'end.children'
  | 'terminal.explains';

export interface Requirement {
  readonly sentence: string;
  /** Where one of these failed, this one says nothing of its own: it would only fail for the same reason. */
  readonly after?: readonly RequirementId[];
}

const WIRE: readonly RequirementId[] = ['wire.utf8', 'wire.limit', 'wire.stdin'];
const STEP: readonly RequirementId[] = ['mutation.answers', 'ping.busy', ...WIRE];
const POLL: readonly RequirementId[] = ['poller.answers', 'ping.busy', ...WIRE];

export const REQUIREMENTS: Readonly<Record<RequirementId, Requirement>> = {
  'wire.json': { sentence: 'Every line on stdout is one JSON object, and nothing else is ever printed there.' },
  'wire.rpc': { sentence: 'Every message is one of JSON-RPC 2.0: a call, a notification or an answer.' },
  'wire.utf8': { sentence: 'Every line is UTF-8.' },
  'wire.limit': { sentence: 'No line is longer than 4 MiB.' },
  'wire.whole': { sentence: 'It never ends in the middle of a line.', after: ['wire.limit'] },
  'wire.once': { sentence: 'Every call is answered once, and nothing is answered that was not asked.' },
  'wire.stdin': { sentence: 'Its input stays open as long as it lives.' },
  'wire.large': { sentence: 'It reads lines of up to 4 MiB.', after: ['notification.unknown', 'ping.answers', ...WIRE] },
  'wire.methods': { sentence: 'It calls only methods of the protocol, with params that fit their schemas.' },
  'init.answers': { sentence: 'It answers initialize within 10 s.', after: WIRE },
  'init.config': { sentence: 'It takes the config that it is given.' },
  'init.shape': { sentence: 'The answer to initialize fits its schema.' },
  'init.version': { sentence: 'It picks a version of the protocol that the host offers.' },
  'init.noCommonVersion': {
    sentence: 'Without a common version it refuses initialize with -32020 and data {offered, supported}.',
    after: ['init.answers', ...WIRE],
  },
  'init.declaration': { sentence: 'Its declaration can be used: durations, paths and values are right and do not contradict each other.' },
  'init.permissions': { sentence: 'It asks for no permission that its manifest does not name.' },
  'init.configSchema': { sentence: 'What it declares of its config is JSON Schema.' },
  'init.capabilities': { sentence: 'Its capabilities name what it declares: mutations, pollers, sessions, calls.' },
  'init.badConfig': {
    sentence: 'A config that does not fit is refused with -32602, or left to the host to refuse: it is always answered.',
    after: ['init.answers', ...WIRE],
  },
  'init.silence': { sentence: 'It asks nothing of the host before initialized.' },
  'life.stays': { sentence: 'It does not end before it is asked to.' },
  'ping.answers': { sentence: 'It answers ping.', after: ['ping.busy', ...WIRE] },
  'ping.busy': { sentence: 'It answers ping within 5 s while a step runs.', after: WIRE },
  'request.unknown': { sentence: 'An unknown request is refused with -32601.', after: WIRE },
  'request.params': { sentence: 'Params that do not fit are refused with -32602, and it lives on.', after: STEP },
  'notification.unknown': { sentence: 'Unknown notifications that begin with $/ are dropped.', after: ['ping.answers', ...WIRE] },
  'mutation.answers': { sentence: 'Each mutation is answered by its deadline, or within 1 s of it.', after: ['ping.busy', ...WIRE] },
  'mutation.shape': { sentence: 'The answer to mutation/run fits its schema.', after: STEP },
  'mutation.idempotent': { sentence: 'A mutation that is sent twice ends in the same state.', after: STEP },
  'mutation.many': { sentence: 'A mutation takes 100 nodes in one call.', after: STEP },
  'mutation.late': { sentence: 'A mutation whose deadline has passed is answered at once.', after: STEP },
  'mutation.cancel': { sentence: 'A mutation that is cancelled is still answered, within 1 s.', after: STEP },
  'mutation.unknown': { sentence: 'A mutation that it did not declare is refused.', after: STEP },
  'poller.answers': { sentence: 'Each poller is answered by its deadline, or within 1 s of it.', after: ['ping.busy', ...WIRE] },
  'poller.shape': { sentence: 'The answer to poller/run fits its schema.', after: POLL },
  'poller.many': { sentence: 'A poller takes 100 nodes in one call.', after: POLL },
  'poller.late': { sentence: 'A poller whose deadline has passed is answered at once.', after: POLL },
  'poller.unknown': { sentence: 'A poller that it did not declare is refused.', after: POLL },
  'core.steps': { sentence: 'A module that plays hosts answers core/sync and core/quiesce.', after: ['ping.busy', ...WIRE] },
  'session.probe': { sentence: 'A module that plays hosts answers session/probe.', after: ['ping.busy', ...WIRE] },
  'call.answers': { sentence: 'Each call that it declares is answered.', after: ['ping.busy', ...WIRE] },
  'call.unknown': { sentence: 'A call that it did not declare is refused.', after: ['ping.busy', ...WIRE] },
  'report.nodes': { sentence: 'It reports only nodes that it was asked about, or that the host has.' },
  'report.declared': { sentence: 'It reports only paths that it declared.' },
  'report.values': { sentence: 'What it reports fits the schemas of its paths.' },
  'report.asOf': { sentence: 'What it reports is as of a revision that the host had told it.' },
  'report.rate': { sentence: 'It reports at most 50,000 observations a second.' },
  'permission.kept': { sentence: 'It asks of the host only what its permissions and its declaration allow.' },
  'config.update': { sentence: 'A new config is taken, or refused with -32602.', after: ['ping.busy', ...WIRE] },
  'config.refused': {
    sentence: 'After a config that does not fit it works on with the old one.',
    after: ['config.update', 'ping.busy', ...WIRE],
  },
  'secret.kept': { sentence: 'What its config schema marks as secret is in no log, error or message.' },
  'log.rate': { sentence: 'It logs at most 64 KiB a second.' },
  'memory.limit': { sentence: 'It stays below 512 MiB of memory.' },
  'shutdown.answers': { sentence: 'It answers shutdown within the grace.', after: ['ping.busy', ...WIRE] },
  'exit.ends': { sentence: 'After exit it ends within 2 s, with code 0.', after: ['ping.busy', ...WIRE] },
  'stdin.ends': { sentence: 'When its input ends it is gone within 2 s.', after: WIRE },
  'stdin.busy': { sentence: 'When its input ends while a step runs it is gone within 2 s.', after: ['stdin.ends', 'ping.busy', ...WIRE] },
  'sigterm.ends': { sentence: 'SIGTERM ends it within 2 s.' },
  'end.children': { sentence: 'It leaves no process behind that holds its pipes.' },
  'terminal.explains': { sentence: 'Run by hand on a terminal it explains itself and exits with 64.', after: ['init.answers'] },
};
