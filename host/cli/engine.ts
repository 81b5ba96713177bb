/** `kraken engine status|freeze|thaw|stop`. */
import type { EngineStatus } from '../core/answers.ts';
import type { SyncStatus } from '../core/peer-status.ts';
import { withClient } from './client.ts';
import { pairs } from './columns.ts';
import { type Action, type Call, flag } from './io.ts';
import { waitingText } from './node-waiting.ts';
import { type Fold, folder, readNames } from './nodes.ts';
import { printData } from './output.ts';
import { serviceTable } from './service.ts';
import { count, spanText } from './words.ts';

export const status: Action = async (call) => {
  await withClient(call, async (client) => {
    const answer = (await client.ask('engine/status', {})) as EngineStatus;
    if (await printData(call, answer, [answer.frozen ? 'frozen' : 'running'])) return;
    const fold = answer.waiting.length > 0 ? folder(await readNames(client)) : folder(new Map());
    call.io.out(statusText(answer, fold, call));
  });
};

const WALKS: readonly (readonly [walk: keyof EngineStatus['walks'], words: string])[] = [
  ['atGoal', 'at goal'],
  ['running', 'running a step'],
  ['waiting', 'waiting'],
  ['backingOff', 'backing off'],
  ['stuck', 'stuck'],
  ['held', 'held'],
  ['unreachable', 'cannot get there'],
];

/** What is wrong comes first. */
function statusText(one: EngineStatus, fold: Fold, call: Call): string {
  const { style, io } = call;
  const parts: string[] = [];
  if (one.frozen) {
    const { by, why, since } = one.frozen;
    parts.push(`${style.warn('frozen')} by ${by} for ${spanText(io.now() - since)}: ${why}\n    → kraken engine thaw\n`);
  }
  for (const { domain, lost, of, since } of one.brakes)
    parts.push(
      `${style.bad('brake')}  ${domain}: ${lost} of ${count(of, 'node')} lost ${spanText(io.now() - since)} ago; no repair there until half of them are back\n`,
    );
  parts.push(waitingText(one.waiting, fold, call));
  const walks = WALKS.filter(([walk]) => (one.walks[walk] ?? 0) > 0).map(([walk, words]) => `${one.walks[walk]} ${words}`);
  const dropped = Object.entries(one.dropped).filter(([, number]) => number > 0);
  const rows: [string, string][] = [
    ['nodes', walks.length === 0 ? String(one.nodes) : `${one.nodes}: ${walks.join(', ')}`],
    ['in flight', count(one.inFlight, 'step')],
    ['revision', String(one.revision)],
    ...placeRows(one.sync),
  ];
  if (dropped.length > 0) rows.push(['dropped', dropped.map(([what, number]) => `${number} ${what}`).join(', ')]);
  parts.push(pairs(rows));
  if (one.services.length > 0) parts.push(`\n${serviceTable(one.services, call)}`);
  return parts.join('');
}

/** Where this host stands in the tree of hosts. */
function placeRows(sync: SyncStatus | undefined): [string, string][] {
  if (!sync) return [['role', 'alone: neither a CA (kraken init) nor a parent']];
  const dropped = Object.entries(sync.dropped).filter(([, number]) => number > 0);
  return [
    ['role', sync.role === 'root' ? 'root' : 'child; its parent: kraken peers'],
    ...(sync.ca === undefined ? [] : [['CA', sync.ca] satisfies [string, string]]),
    ['listens on', sync.listen.length === 0 ? 'nothing' : sync.listen.join(', ')],
    [
      'from strangers',
      dropped.length === 0 ? 'nothing dropped' : `dropped ${dropped.map(([what, number]) => `${number} ${what}`).join(', ')}`,
    ],
  ];
}

export const freeze: Action = async (call) => {
  const why = flag(call, 'why') ?? 'no reason given';
  const answer = await withClient(call, (client) => client.ask('engine/freeze', { why }));
  if (await printData(call, answer)) return;
  call.io.out('Frozen: no step is sent; steps that run are let finish. End it: kraken engine thaw\n');
};

export const thaw: Action = async (call) => {
  const answer = await withClient(call, (client) => client.ask('engine/thaw', {}));
  if (await printData(call, answer)) return;
  call.io.out('Thawed: steps are sent again.\n');
};

export const stop: Action = async (call) => {
  const why = flag(call, 'why');
  await withClient(call, async (client) => {
    const answer = await client.ask('engine/stop', why === undefined ? {} : { why });
    await client.ended;
    if (await printData(call, answer)) return;
    call.io.out('Stopped.\n');
  });
};
