/** Modules that break rules of the protocol, and the ids of exactly those: every requirement is broken by one of them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CheckOptions, type ConformanceReport, checkConformance } from '../../host/conformance/check.ts';
import { REQUIREMENTS } from '../../host/conformance/requirements.ts';
import { commandOf } from '../fixtures/bad/index.ts';
import { LONG } from '../long.ts';

const MIB = 1024 * 1024;
const breaker = fileURLToPath(new URL('./breaker.mjs', import.meta.url));

/** All of them where there is time, else every fourth fixture and each eighth of the breakers: which, the day says. */
const [EVERY_FIXTURE, EVERY] = LONG ? [1, 1] : [4, 8];
const DAY = Math.floor(Date.now() / 86_400_000);

type More = Pick<CheckOptions, 'bounds' | 'patience' | 'permissions'>;

/** Each fixture with the rules that it breaks. */
const FIXTURES: Readonly<Record<string, readonly [ids: readonly string[], more?: Partial<More>]>> = {
  'answers-late': [['mutation.answers']],
  'answers-twice': [['wire.once']],
  'blocked-loop': [['ping.busy']],
  'closes-stdin': [['wire.stdin']],
  contradiction: [['init.declaration']],
  'crash-at-start': [['init.answers']],
  'crash-in-the-middle': [['life.stays']],
  'floods-events': [['report.rate'], { bounds: { eventsPerSecond: 2000 } }],
  'floods-log': [['log.rate']],
  'garbage-on-stdout': [['wire.json']],
  'half-a-line': [['wire.whole', 'life.stays']],
  'ignores-sigterm': [['shutdown.answers', 'exit.ends', 'stdin.ends', 'sigterm.ends']],
  'invalid-utf8': [['wire.utf8']],
  'leaks-memory': [['memory.limit'], { bounds: { memory: 160 * MIB } }],
  'leaves-a-child': [['life.stays', 'end.children']],
  'lies-about-nodes': [['report.nodes']],
  'long-line': [['wire.limit']],
  'never-answers': [['mutation.answers']],
  'silent-start': [['init.answers'], { patience: { start: 1500 } }],
  'stale-observation': [['report.asOf']],
  'undeclared-paths': [['report.declared']],
  'wrong-version': [['init.version']],
};

/** Each broken by `breaker.mjs` with its id. */
const BROKEN = [
  'wire.rpc',
  'wire.large',
  'wire.methods',
  'init.config',
  'init.shape',
  'init.noCommonVersion',
  'init.permissions',
  'init.configSchema',
  'init.capabilities',
  'init.badConfig',
  'init.silence',
  'ping.answers',
  'request.unknown',
  'request.params',
  'notification.unknown',
  'mutation.shape',
  'mutation.idempotent',
  'mutation.many',
  'mutation.late',
  'mutation.cancel',
  'mutation.unknown',
  'poller.answers',
  'poller.shape',
  'poller.many',
  'poller.late',
  'poller.unknown',
  'core.steps',
  'session.probe',
  'call.answers',
  'call.unknown',
  'report.values',
  'permission.kept',
  'config.update',
  'config.refused',
  'secret.kept',
  'shutdown.answers',
  'exit.ends',
  'stdin.busy',
  'sigterm.ends',
  'terminal.explains',
];

async function checked(command: readonly string[], more: Partial<More> = {}): Promise<ConformanceReport> {
  const cwd = mkdtempSync(join(tmpdir(), 'kraken-conformance-'));
  const patience = { ping: 4000, shutdown: 1500, end: 2500, ...more.patience };
  try {
    return await checkConformance({
      command,
      module: 'tried',
      folder: (name) => join(cwd, name),
      config: {},
      permissions: [],
      ...more,
      patience,
    });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

async function check(command: readonly string[], ids: readonly string[], more?: Partial<More>): Promise<void> {
  const { verdicts, failed } = await checked(command, more);
  const broken = verdicts.filter(({ verdict }) => verdict === 'fail');
  assert.deepEqual(broken.map(({ id }) => id).sort(), [...ids].sort(), JSON.stringify(broken, null, 1));
  assert.equal(failed, ids.length);
  for (const { why, transcript } of broken) assert.ok(why && transcript, 'a failure says why, and shows what was said');
}

test('each misbehaving module fails with the ids of exactly the rules that it breaks', { concurrency: 3 }, async (t) => {
  const bad = Object.entries(FIXTURES)
    .filter((_, number) => number % EVERY_FIXTURE === DAY % EVERY_FIXTURE)
    .map(([name, [ids, more]]) => t.test(name, () => check(commandOf(name), ids, more)));
  const broken = BROKEN.filter((_, index) => index % EVERY === DAY % EVERY).map((id) => {
    const permissions = ['core.steps', 'session.probe'].includes(id) ? ['sessions'] : [];
    return t.test(id, () => check([process.execPath, breaker, id], [id], { permissions }));
  });
  await Promise.all([...bad, ...broken]);
});

test('every requirement is broken by a module', () => {
  const broken = new Set([...BROKEN, ...Object.values(FIXTURES).flatMap(([ids]) => ids)]);
  assert.deepEqual(
    Object.keys(REQUIREMENTS).filter((id) => !broken.has(id)),
    [],
  );
});
