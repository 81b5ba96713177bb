/** `definePower`: a power module in one literal. */
import { type Call, defineModule, type Module } from '../define.ts';
import type { ConfigLiterals } from '../infer.ts';
import { COMMON } from './config.ts';
import { type Conversation, look, switching } from './conversation.ts';
import type { ConsoleProgram, Device, PowerConfig, PowerDefinition } from './definition.ts';
import { Fleet, pathsOf } from './fleet.ts';

/** What the device says now, never what it was asked for. */
type Power = { readonly '/physState': 'POWER_ON' | 'POWER_OFF' };

interface Batch {
  readonly nodes: readonly { readonly id: string; readonly cfg: object }[];
  signalOf(node: string): AbortSignal;
  observed(node: string, values: Power): void;
  failed(node: string, error: unknown): void;
}

/** Milliseconds before each look after a command. */
const LOOKS = [50, 250, 700, 1000, 2000];
const HANG = { '/physState': 'PHYS_HANG' } as const;

/** The fleet of a module that runs. */
class Running<C extends ConfigLiterals, D extends Device, L> {
  readonly #definition: PowerDefinition<C, D, L>;
  #fleet: Fleet<C, D, L> | undefined;
  warn: (text: string) => void = () => {};

  constructor(definition: PowerDefinition<C, D, L>) {
    this.#definition = definition;
  }

  get fleet(): Fleet<C, D, L> {
    if (this.#fleet === undefined) throw new Error('the module is not running');
    return this.#fleet;
  }

  /** Begins, or goes on with another config. Throws where the config cannot be, and goes on with the old one. */
  async use(config: PowerConfig<C>): Promise<void> {
    const before = this.#fleet;
    this.#fleet = new Fleet(this.#definition, config, before);
    for (const text of this.#definition.warns?.(config) ?? []) this.warn(text);
    await before?.close();
  }

  async stop(): Promise<void> {
    await this.#fleet?.close();
    await this.#definition.stop?.();
  }

  /** Every node is answered as soon as its own device has answered: the slow and the dead hold up nobody. */
  async each(batch: Batch, patient: boolean, conversationFor: (node: string) => Conversation): Promise<void> {
    const { fleet } = this;
    // All of them before the first is spoken to: two of one batch may name the same device.
    for (const { id, cfg } of batch.nodes) fleet.roster.say(id, { ...cfg, '/platform': this.#definition.platform });
    await Promise.all(
      batch.nodes.map(async ({ id, cfg }) => {
        try {
          const isOn = await fleet.talk(id, cfg as Readonly<Record<string, unknown>>, conversationFor(id), patient);
          batch.observed(id, { '/physState': isOn ? 'POWER_ON' : 'POWER_OFF' });
        } catch (error) {
          batch.failed(id, error);
        }
      }),
    );
  }
}

/** What `kraken node console` asks. */
const consoleCall = (programOf: (node: string) => ConsoleProgram): Call => ({
  description: 'The program by which a person gets to the console of a node; no secret is in it.',
  params: { node: { type: 'string', minLength: 1, maxLength: 64, description: 'Its id.' } },
  call: ({ node }) => ({ ...programOf(String(node)) }) as never,
});

/**
 * Defines a power module for the nodes of one platform: mutations `powerOn`, `powerOff` (not while runState is SYNC) and `unhang`, and the
 * poller `power`. Of its devices it need only say how one is found from a node's cfg, read and switched; the rest is here, for all alike:
 *
 * - Reported is what was read, never what was asked for. After a command it is looked for four seconds; what takes longer the engine finds.
 * - A command is given only where it is needed, and once: where its answer stays out, it is looked before anything is sent again.
 * - A batch is answered node by node. `atOnce` devices are spoken to at once; one that is silent makes room for the others at a fifth of
 *   `answerMs`, and is left alone after that: sweeps are told at once what is known, it is tried again after 2 s, then 4, 8, 15.
 *   A login that was refused is tried once a minute by sweeps. Commands are always tried.
 * - A device that two nodes name is switched for neither until that is corrected.
 *
 * Errors: what a module throws as `Terminal`, `Busy`, `LoginRefused`, `TryLater` or `Unreachable` means what it means everywhere; `NoAnswer`, errors of
 * the network and calls that outlast `answerMs` (milliseconds) become NodeUnreachable; anything else is a failed attempt (StepFailed).
 *
 * ```ts
 * export default definePower({
 *   platform: 'pdu',
 *   config: { url: { type: 'string', format: 'uri' } },
 *   names: ['/power/nodeName'],
 *   device: (cfg, { url }) => ({ key: `${cfg['/power/nodeName']}`, name: `outlet ${cfg['/power/nodeName']}`, via: { key: url, name: `PDU ${url}` } }),
 *   isOn: async ({ device, config, signal }) => (await (await fetch(`${config.url}/${device.key}`, { signal })).text()) === 'on',
 *   switch: async ({ device, config, to, signal }) => void (await fetch(`${config.url}/${device.key}/${to}`, { method: 'PUT', signal })),
 * });
 * ```
 */
export function definePower<const C extends ConfigLiterals = Record<never, never>, D extends Device = Device, L = undefined>(
  definition: PowerDefinition<C, D, L>,
): Module {
  const { platform, version, config = {}, looks = LOOKS, permissions = ['net'] } = definition;
  const running = new Running(definition);
  const command = (to: 'on' | 'off') => ({
    timeout: to === 'on' ? ('120s' as const) : ('300s' as const),
    failTo: HANG,
    disruptive: to === 'off',
    runMany: (batch: Batch) => running.each(batch, false, (node) => switching(to, looks, batch.signalOf(node))),
  });
  const paths = pathsOf(definition);
  return defineModule({
    ...(version !== undefined && { version }),
    config: { ...COMMON, ...config } as ConfigLiterals,
    requires: { '/platform': platform },
    reads: paths.filter((path) => path !== '/platform') as never,
    permissions,
    mutations: {
      powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, ...command('on') },
      powerOff: { mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] }, excludes: { '/runState': 'SYNC' }, ...command('off') },
      unhang: { mutates: { '/physState': ['PHYS_HANG', 'POWER_OFF'] }, ...command('off') },
    },
    pollers: {
      power: { discovers: ['/physState'], every: '5s', timeout: '30s', pollMany: (batch: Batch) => running.each(batch, true, () => look) },
    },
    ...(definition.console !== undefined && { calls: { console: consoleCall((node) => running.fleet.console(node)) } }),
    declares: (declaration, given) => {
      const { pollEvery } = given as PowerConfig<C>;
      const pollers = Object.entries(declaration.pollers ?? {}).map(([name, poller]) => [name, { ...poller, every: pollEvery }]);
      return { ...declaration, pollers: Object.fromEntries(pollers) };
    },
    start: async ({ config: given, host, log }) => {
      running.warn = (text) => log('warn', text);
      await running.use(given as PowerConfig<C>);
      await host.watch(
        { paths: paths as never, view: 'cfg' },
        {
          nodes: (nodes) => {
            for (const { id, cfg = {} } of nodes) running.fleet.roster.say(id, cfg);
          },
          changes: (changes) => {
            for (const change of changes) {
              running.fleet.roster.change(change);
              if (change.path === '/platform' || (change.path === '' && change.to === undefined)) running.fleet.leave(change.node);
            }
          },
          resync: () => running.fleet.roster.forget(),
        },
      );
    },
    update: (given) => running.use(given as PowerConfig<C>),
    stop: () => running.stop(),
  });
}
