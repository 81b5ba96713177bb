/** A plugin of a few lines in a folder of its own, in any version: lamps that are switched on and off, with a ledger of every switch. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const FRAME = fileURLToPath(new URL('../fixtures/bad/frame.mjs', import.meta.url));

export interface LampOptions {
  readonly version?: string;
  readonly permissions?: readonly string[];
  /** Statements of its own, before it serves. */
  readonly body?: string;
  /** What a lamp's switch does beside switching. */
  readonly onStep?: string;
  /** Beside on and off. */
  readonly mutations?: object;
}

const MAIN = ({ body = '', onStep = '', mutations = {} }: LampOptions): string => `
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { send, serve } from './frame.mjs';
const step = (from, to) => ({ mutates: { '/physState': [from, to] }, timeout: '2s' });
const declaration = {
  config: { lamps: { type: 'string', 'x-optional': true } },
  mutations: { on: step('POWER_OFF', 'POWER_ON'), off: step('POWER_ON', 'POWER_OFF'), ...${JSON.stringify(mutations)} },
  pollers: { power: { discovers: ['/physState'], every: '1s' } },
};
${body}
const lit = new Map(existsSync('ledger') ? readFileSync('ledger', 'utf8').split('\\n').filter(Boolean).map((line) => line.split(' ')) : []);
const told = (nodes) => ({ observed: nodes.map(({ id, revision }) => ({ node: id, values: { '/physState': lit.get(id) ?? 'POWER_OFF' }, asOf: revision })), failed: [] });
const turn = ({ mutation, nodes }) => {
  for (const { id } of nodes) {
    ${onStep}
    lit.set(id, mutation === 'on' ? 'POWER_ON' : 'POWER_OFF');
    appendFileSync('ledger', id + ' ' + lit.get(id) + '\\n');
  }
  return told(nodes);
};
const asked = (kind, names, work) => (params, id) => {
  const isRight = typeof params?.[kind] === 'string' && Array.isArray(params.nodes);
  if (isRight && Object.hasOwn(names, params[kind])) return work(params);
  send({ id, error: isRight ? { code: -32018, message: 'there is no ' + kind + ' ' + params[kind] } : { code: -32602, message: kind + ' and nodes are needed' } });
};
serve(
  {
    initialize: () => ({ protocol: 1, module: { name: 'lamp' }, capabilities: ['mutations', 'pollers'], declaration }),
    'config/update': ({ config }, id) => (config.lamps === 'square' ? void send({ id, error: { code: -32602, message: 'no lamp is square' } }) : {}),
    'mutation/run': asked('mutation', declaration.mutations, turn),
    'poller/run': asked('poller', declaration.pollers, ({ nodes }) => told(nodes)),
  },
  { anything: true },
);
`;

/** Writes it in place of what is there. The plugin is called `lamp`. */
export function writeLamp(dir: string, options: LampOptions = {}): string {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const { version = '1.0.0', permissions = [] } = options;
  const kraken = { protocol: 1, main: 'main.mjs', permissions };
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ name: '@site/lamp', version, type: 'module', kraken }));
  writeFileSync(join(dir, 'main.mjs'), MAIN(options));
  cpSync(FRAME, join(dir, 'frame.mjs'));
  return dir;
}
