/** What the rpc bench sends and answers, and the bare dispatcher that it is measured against. */
import type { Outcome, Params } from '@kraken-hpc/sdk/wire';

/** About 300 bytes as a line. */
export const PARAMS: Params<'mutation/run'> = {
  mutation: 'powerOn',
  deadline: 1_790_000_000_000,
  nodes: [
    {
      id: '5b1c7e8e-8f0a-4a52-9c3d-0a1b2c3d4e5f',
      cfg: { '/physState': 'POWER_ON', '/ipmi/address': '10.0.0.17' },
      dsc: { '/physState': 'POWER_OFF' },
      revision: 1_234_567,
    },
  ],
};

export function outcomeOf({ nodes }: Params<'mutation/run'>): Outcome {
  return { observed: nodes.map(({ id, revision }) => ({ node: id, values: { '/physState': 'POWER_ON' }, asOf: revision })), failed: [] };
}

/** No types, no checks, no cancelling, no limits: parse, look up, answer. */
export function BARE(send: (line: string) => void): (line: string) => void {
  const handlers = new Map<string, (params: Params<'mutation/run'>) => unknown>([['mutation/run', outcomeOf]]);
  return (line) => {
    const { id, method, params } = JSON.parse(line) as { id: number; method: string; params: Params<'mutation/run'> };
    const handler = handlers.get(method);
    if (handler !== undefined) send(`${JSON.stringify({ jsonrpc: '2.0', id, result: handler(params) })}\n`);
  };
}
