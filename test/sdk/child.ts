/** A module as a real process, with the test as its host. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createPeer, LineDecoder, type Params, type Peer, type PeerFault } from '@kraken-hpc/sdk/wire';

export interface Child {
  readonly process: ChildProcess;
  readonly peer: Peer<'host'>;
  readonly faults: PeerFault[];
  readonly log: Params<'$/log'>[];
  readonly stderr: () => string;
  /** Resolves to exit code or signal, and the milliseconds since `from`. */
  ended(from?: number): Promise<{ readonly how: number | string; readonly ms: number }>;
}

export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

export function start([command = '', ...args]: readonly string[]): Child {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const faults: PeerFault[] = [];
  const log: Params<'$/log'>[] = [];
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.on('error', () => {});
  const peer = createPeer({
    end: 'host',
    send: (line) => child.stdin.write(line),
    answers: { 'state/discover': () => ({ revision: 1 }) },
    hears: { '$/log': (line) => log.push(line) },
    onFault: (fault) => faults.push(fault),
  });
  const decoder = new LineDecoder();
  child.stdout.on('data', (chunk: Buffer) => {
    for (const line of decoder.push(chunk)) {
      if (typeof line === 'string') peer.receive(line);
      else faults.push({ kind: 'notJson', text: line.fault });
    }
  });
  const exited = once(child, 'close') as Promise<[number | null, string | null]>;
  return {
    process: child,
    peer,
    faults,
    log,
    stderr: () => stderr,
    async ended(from = performance.now()) {
      const [code, signal] = await exited;
      return { how: code ?? signal ?? '', ms: performance.now() - from };
    },
  };
}

export const initialize = (more: Partial<Params<'initialize'>> = {}): Params<'initialize'> => ({
  protocols: [1],
  host: { name: 'test', version: '0' },
  node: 'self',
  service: 'unruly-1',
  module: 'unruly',
  config: {},
  capabilities: [],
  now: Date.now(),
  ...more,
});
