/** `kraken sim`, `kraken sim fault|clear`. */
import { shellWord } from '../core/shell.ts';
import { withClient } from './client.ts';
import { stoppedBy } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';
import { parseAmount, parseCount } from './values.ts';
import { count } from './words.ts';

const MOST_NODES = 100_000;

export const sim: Action = async (call) => {
  if (flag(call, 'vm') !== undefined) return (await import('./sim-vm.ts')).simVm(call);
  const nodes = parseCount(flag(call, 'nodes'), '--nodes', 16, MOST_NODES);
  const seed = parseCount(flag(call, 'seed'), '--seed', 1, 2 ** 31);
  const scale = parseAmount(flag(call, 'scale'), '--scale', 1);
  const http = flag(call, 'http');
  const httpPort = http === '0' ? 0 : parseCount(http, '--http', 3141, 65_535);
  const kept = flag(call, 'dataDir') !== undefined || Boolean(call.io.env['KRAKEN_DATA_DIR']);
  const { runSim } = await import('../sim.ts');
  const failure = await runSim({
    nodes,
    seed,
    scale,
    httpPort,
    socket: call.paths.socket,
    ...(kept ? { dataDir: call.paths.dataDir } : {}),
  });
  if (failure) throw stoppedBy(failure);
};

/** The kinds are the simulator's to know: a wrong one is refused by its schema, which names them. */
export const fault: Action = (call) => set(call, call.args[1] ?? '', 'broken');

export const clear: Action = (call) => set(call, 'none', 'mended');

async function set(call: Call, kind: string, done: string): Promise<undefined> {
  const [nodes = ''] = call.args;
  const answer = await withClient(call, (client) => client.ask('node/set', { set: nodes, values: { '/sim/fault': kind } }));
  if (await printData(call, answer)) return;
  call.io.out(
    `${count(answer.nodes ?? 0, 'node')} ${done}${kind === 'none' ? '' : `: ${kind}`}. Look: kraken node explain ${shellWord(nodes)}\n`,
  );
}
