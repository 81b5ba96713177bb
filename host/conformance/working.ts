/** The main process, let into the world: what it answers, and what it does by itself. */
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { type Dialogue, isRefusal } from './dialogue.ts';
import type { Drive, Opened } from './drive.ts';
import { nodesFor } from './fake-world.ts';
import { badConfig } from './misconfigured.ts';
import { Steps } from './steps.ts';

/** Of a line; the rest of a message is a few bytes. */
const LARGE = 4 * 1024 * 1024 - 200;
const CALL = 3000;

export async function work(drive: Drive, dialogue: Dialogue, opened: Opened): Promise<void> {
  const { world, patience, book } = drive;
  const until = performance.now() + patience.watched;
  world.open(opened.declaration);
  dialogue.notify('initialized', {});
  await alive(drive, dialogue, opened);
  await unknown(drive, dialogue, opened);
  await Promise.all([
    new Steps(drive, dialogue, opened, 'mutation').all(),
    new Steps(drive, dialogue, opened, 'poller').all(),
    calls(drive, dialogue, opened),
    hosts(drive, dialogue, opened),
  ]);
  await updates(drive, dialogue, opened);
  await large(drive, dialogue);
  await dialogue.endsWithin(Math.max(0, until - performance.now()));
  if (dialogue.isGone) return;
  book.pass(
    'life.stays',
    'wire.json',
    'wire.rpc',
    'wire.utf8',
    'wire.limit',
    'wire.whole',
    'wire.once',
    'wire.stdin',
    'wire.methods',
    'permission.kept',
  );
  drive.watch.pass();
  book.skip(
    'it reported nothing in a world without hardware',
    'report.nodes',
    'report.declared',
    'report.values',
    'report.asOf',
    'report.rate',
  );
}

/** A ping by itself, and one right behind a step. */
async function alive(drive: Drive, dialogue: Dialogue, { declaration }: Opened): Promise<void> {
  const { book, patience } = drive;
  const still = await dialogue.request('ping', {}, patience.ping);
  if (still.is === 'late') dialogue.fail('ping.answers', `a ping was not answered in ${patience.ping / 1000} s`);
  if (still.is === 'error') dialogue.fail('ping.answers', `a ping was refused: ${still.message} (${still.code})`);
  if (still.is !== 'result') return;
  book.pass('ping.answers');
  const [first] = declaration.mutations;
  if (!first) return book.skip('it declares no mutations', 'ping.busy', 'stdin.busy');
  const params = { mutation: first.name, deadline: Date.now() + patience.step, nodes: nodesFor(first, 1) };
  const { answer } = dialogue.call('mutation/run', params, patience.step + patience.grace);
  const busy = await dialogue.request('ping', {}, patience.ping);
  if (busy.is === 'late') {
    dialogue.fail('ping.busy', `a ping was not answered in ${patience.ping / 1000} s while ${first.name} ran`);
    dialogue.kill('SIGKILL');
  } else if (busy.is !== 'gone') book.pass('ping.busy');
  void answer;
}

/** Requests and notifications that it cannot know, and params that do not fit. */
async function unknown(drive: Drive, dialogue: Dialogue, { declaration }: Opened): Promise<void> {
  const { book, patience } = drive;
  const request = await dialogue.request('no/such/method', {}, patience.ping);
  if (isRefusal(request, 'MethodNotFound')) book.pass('request.unknown');
  else if (request.is === 'error') dialogue.fail('request.unknown', `an unknown request was refused with ${request.code}, not with -32601`);
  else if (request.is !== 'gone')
    dialogue.fail(
      'request.unknown',
      request.is === 'late' ? 'an unknown request was not answered' : 'an unknown request was answered with a result',
    );
  dialogue.notify('$/noSuchNotification', { it: 'is dropped' });
  const ping = await dialogue.request('ping', {}, patience.ping);
  if (ping.is === 'result') book.pass('notification.unknown');
  else if (ping.is !== 'gone') dialogue.fail('notification.unknown', 'after an unknown $/ notification it did not answer a ping');
  const method = declaration.mutations.length > 0 ? 'mutation/run' : declaration.pollers.length > 0 ? 'poller/run' : undefined;
  if (method === undefined) return book.skip('it has neither mutations nor pollers', 'request.params');
  const answer = await dialogue.request(method, { nodes: 'all of them' }, patience.ping);
  if (isRefusal(answer, 'InvalidParams')) book.pass('request.params');
  else if (answer.is === 'error')
    dialogue.fail('request.params', `params that do not fit were refused with ${answer.code} (${answer.message}), not with -32602`);
  else if (answer.is !== 'gone')
    dialogue.fail(
      'request.params',
      answer.is === 'late' ? 'params that do not fit were not answered' : 'params that do not fit were taken',
    );
}

async function calls({ book }: Drive, dialogue: Dialogue, { wire }: Opened): Promise<void> {
  const names = Object.keys(wire.calls ?? {});
  if (names.length === 0) return book.skip('it declares no calls', 'call.answers', 'call.unknown');
  const stranger = await dialogue.request('module/call', { call: 'noSuchCall', params: {} }, CALL);
  if (stranger.is === 'error') book.pass('call.unknown');
  else if (stranger.is !== 'gone')
    dialogue.fail('call.unknown', `a call noSuchCall, which it did not declare, was ${stranger.is === 'late' ? 'not answered' : 'taken'}`);
  const answers = await Promise.all(
    names.slice(0, 20).map(async (call) => ({ call, ...(await dialogue.request('module/call', { call, params: {} }, CALL)) })),
  );
  const late = answers.find(({ is }) => is === 'late');
  if (late) dialogue.fail('call.answers', `its call ${late.call} was not answered in ${CALL / 1000} s`);
  else if (!dialogue.isGone) book.pass('call.answers');
}

/** What only a module that speaks for the nodes' own hosts is asked. */
async function hosts({ book, patience }: Drive, dialogue: Dialogue, { declaration }: Opened): Promise<void> {
  if (!declaration.playsHosts) return book.skip('it does not play hosts', 'core.steps', 'session.probe');
  const probe = await dialogue.request('session/probe', { node: 'n1' }, patience.ping);
  if (probe.is === 'result' || probe.is === 'error') book.pass('session.probe');
  else if (probe.is === 'late') dialogue.fail('session.probe', 'a probe was not answered');
  for (const mutation of ['core/sync', 'core/quiesce']) {
    const params = { mutation, deadline: Date.now() + patience.step, nodes: nodesFor({ requires: { '/physState': 'POWER_ON' } }, 1) };
    const answer = await dialogue.request('mutation/run', params, patience.step + patience.grace);
    const isUnknown = answer.is === 'error' && (answer.code === CODES.NotFound || answer.code === CODES.MethodNotFound);
    if (answer.is === 'late' || isUnknown)
      dialogue.fail('core.steps', `${mutation} was ${isUnknown ? 'refused as unknown' : 'not answered'}`);
    else if (answer.is !== 'gone') book.pass('core.steps');
  }
}

async function updates(drive: Drive, dialogue: Dialogue, opened: Opened): Promise<void> {
  const { book, patience, config } = drive;
  if (!opened.capabilities.includes('config'))
    return book.skip('it has no capability config: a new one restarts it', 'config.update', 'config.refused');
  const taken = await dialogue.request('config/update', { config }, patience.ping);
  if (taken.is === 'result' || isRefusal(taken, 'InvalidParams')) book.pass('config.update');
  else if (taken.is === 'error') dialogue.fail('config.update', `the config that it has was refused with ${taken.code} (${taken.message})`);
  else if (taken.is === 'late') dialogue.fail('config.update', 'config/update was not answered');
  const bad: { readonly [key: string]: Json } | undefined = badConfig(drive, opened);
  if (!bad) return book.skip('its config has no key that could be wrong', 'config.refused');
  const refused = await dialogue.request('config/update', { config: bad }, patience.ping);
  const ping = await dialogue.request('ping', {}, patience.ping);
  if (refused.is === 'error' && refused.code !== CODES.InvalidParams)
    dialogue.fail('config.refused', `a config that does not fit was refused with ${refused.code} (${refused.message}), not with -32602`);
  else if (refused.is === 'late' || ping.is === 'late')
    dialogue.fail('config.refused', 'it does not answer after a config that does not fit');
  else if (ping.is === 'result') book.pass('config.refused');
}

/** As much as a line can hold, in a notification that it drops. */
async function large({ book, patience }: Drive, dialogue: Dialogue): Promise<void> {
  dialogue.notify('$/large', { padding: 'x'.repeat(LARGE) });
  const ping = await dialogue.request('ping', {}, patience.ping);
  if (ping.is === 'result') book.pass('wire.large');
  else if (ping.is === 'late') dialogue.fail('wire.large', 'after a line of nearly 4 MiB it did not answer a ping');
}
