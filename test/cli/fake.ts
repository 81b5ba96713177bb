/** A host that answers what a test says, on a real Unix socket, and a terminal that remembers what was printed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { createPeer, encodeLine, LineDecoder, METHODS, RpcError } from '@kraken-hpc/sdk/wire';
import type { Io } from '../../host/cli/io.ts';
import { run } from '../../host/cli/run.ts';

/** 2026-07-01 12:00:00 UTC. */
export const NOW = Date.UTC(2026, 6, 1, 12);
process.env['TZ'] = 'UTC';

export interface Script {
  readonly args: readonly string[];
  /** By method: the result, an RpcError, or a function of the params. */
  readonly answers?: Readonly<Record<string, unknown>>;
  /** Messages that follow the answer to a method. */
  readonly follows?: Readonly<Record<string, readonly object[]>>;
  /** The host goes away instead of answering this. */
  readonly dies?: string;
  readonly input?: string;
  /** What a person types when asked; present = on a terminal. */
  readonly typed?: string | null;
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Ctrl-C when nothing was said or printed for so many milliseconds, once the command listens for it. */
  readonly interruptAfter?: number;
  readonly uid?: number;
  /** How a program ends that is given the terminal; absent = there is none. */
  readonly attached?: number;
}

export interface Outcome {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  readonly asked: readonly (readonly [method: string, params: Record<string, unknown>])[];
}

export class FakeHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'kraken-cli-'));
  readonly socket = join(this.folder, 'control.sock');
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** What the last program that was given the terminal had in its environment. */
  attached: Readonly<Record<string, string>> = {};
  #script: Script = { args: [] };
  #asked: [string, Record<string, unknown>][] = [];
  /** Times that anything was said or printed. */
  #stirs = 0;

  constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(this.socket, resolve));
    return this;
  }

  async stop(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What it answers to commands that run as processes of their own. */
  answer(script: Omit<Script, 'args'>): void {
    this.#script = { ...script, args: [] };
    this.#asked = [];
  }

  /** The folder of this test is shown as DIR, pins of a CA as PIN. */
  async run(script: Script): Promise<Outcome> {
    this.#script = script;
    this.#asked = [];
    const printed = { out: '', err: '' };
    const exit = await run(
      script.args.map((arg) => arg.replace('DIR', this.folder)),
      {
        io: this.#io(script, printed),
        uid: script.uid ?? 1000,
        userPaths: () => ({ config: join(this.folder, 'config'), data: join(this.folder, 'data') }),
        userName: () => 'nobody',
        version: '1.2.3',
      },
    );
    const clean = (text: string): string => text.replaceAll(this.folder, 'DIR').replaceAll(/sha256:[A-Za-z0-9_-]{43}/g, 'sha256:PIN');
    return { exit, out: clean(printed.out), err: clean(printed.err), asked: JSON.parse(clean(JSON.stringify(this.#asked))) };
  }

  #io(script: Script, printed: { out: string; err: string }): Io {
    const isTerminal = script.typed !== undefined;
    return {
      out: (text) => {
        printed.out += text;
        this.#stirs++;
      },
      err: (text) => {
        printed.err += text;
      },
      readInput: () => Promise.resolve(script.input ?? ''),
      ask: (question) => {
        printed.err += `${question}${script.typed ?? ''}\n`;
        return Promise.resolve(script.typed ?? undefined);
      },
      onInterrupt: (listener) => {
        const ended = new AbortController();
        void this.#quiet(script.interruptAfter ?? 60_000, ended.signal).then(listener, () => undefined);
        return () => ended.abort();
      },
      attach: (program, args, env) => {
        printed.out += `(${[program, ...args].join(' ')} with ${Object.keys(env).join(', ') || 'nothing more'})\n`;
        this.attached = { ...env };
        return Promise.resolve(script.attached);
      },
      terminal: { input: isTerminal, output: isTerminal },
      columns: script.columns,
      token: script.env?.['KRAKEN_TOKEN'],
      env: { KRAKEN_SOCKET: this.socket, USER: 'ada', NO_COLOR: '1', ...script.env },
      now: () => NOW,
    };
  }

  /** On a busy machine a message may lie unread when the time is over: it is read before that counts. */
  async #quiet(ms: number, signal: AbortSignal): Promise<void> {
    for (let before = -1; before !== this.#stirs; ) {
      before = this.#stirs;
      await sleep(ms, undefined, { signal });
      for (let turn = 0; turn < 5; turn++) await nextTurn(undefined, { signal });
    }
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#connections.delete(socket));
    const methods = Object.entries(METHODS).filter(([, { control, kind }]) => control && kind === 'request');
    const peer = createPeer({
      end: 'control',
      send: (line) => void socket.write(line),
      answers: Object.fromEntries(methods.map(([method]) => [method, (params: unknown) => this.#answer(method, params, socket)])),
      hears: {},
      onFault: ({ text }) => {
        throw new Error(`the command broke the protocol: ${text}`);
      },
    });
    const decoder = new LineDecoder();
    socket.on('data', (chunk) => {
      for (const line of decoder.push(chunk)) if (typeof line === 'string') peer.receive(line);
    });
  }

  #answer(method: string, params: unknown, socket: Socket): never {
    const { answers = {}, dies, follows = {} } = this.#script;
    const given = params as Record<string, unknown>;
    this.#asked.push([method, given]);
    this.#stirs++;
    if (method === dies) socket.destroy();
    const answer = answers[method];
    const result: unknown = typeof answer === 'function' ? answer(given) : answer;
    if (result instanceof RpcError) throw result;
    if (result === undefined) throw new RpcError(-32603, `the test has no answer to ${method}`);
    setTimeout(() => {
      this.#stirs++;
      for (const message of follows[method] ?? []) socket.write(encodeLine({ jsonrpc: '2.0', ...message }) ?? '');
      if (method === 'engine/stop') socket.destroy();
    }, 5);
    return result as never;
  }
}

export function refused(code: number, what: string, where: string, why: string, todo: string): RpcError {
  return new RpcError(code, `${where}: ${what}: ${why}`, { what, where, why, todo });
}
