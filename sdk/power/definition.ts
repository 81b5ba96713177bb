/** What a power module says: where a node's power is switched, how it is read, how it is switched. */
import type { ConfigLiterals, ConfigOf } from '../infer.ts';
import type { Permission } from '../wire/index.ts';
import type { COMMON } from './config.ts';

/** A node's cfg by path: `/platform`, `/nodename` and what the definition `names` and `reads`. */
export type PowerCfg = Readonly<Record<string, unknown>>;

/** What switches the power of one node: a BMC, an outlet, a virtual machine. A module adds members of its own (an address, a port). */
export interface Device {
  /** Two nodes whose devices have the same key name one device: nothing is done through it. */
  readonly key: string;
  /** The key of a whole whose part it is (the only system of a BMC, one of its systems): a node that names the whole names this, too. */
  readonly within?: string;
  /** For people, with its kind: `BMC 10.0.0.7`, `domain vm7 of rack1`. */
  readonly name: string;
  /** Who is spoken to, where that is not the device itself: a hypervisor, a service. Devices of one `via` share link, patience and limits. */
  readonly via?: { readonly key: string; readonly name: string };
}

/**
 * A program by which a person gets to a node's console, run on the machine of the host by whoever asks. No secret stands in it: what goes
 * over the control socket may be read by more people than the passwords of BMCs.
 */
export interface ConsoleProgram {
  readonly program: string;
  /** Given as they are, no shell. */
  readonly args: readonly string[];
  /** Variables whose values are secrets of this service's config, as pointers into it: `{IPMI_PASSWORD: '/password'}`. Who asks reads them himself. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** For people: what to type to leave it. */
  readonly leave: string;
}

/** The config as a power module sees it: its own keys, and the ones that all have. */
export type PowerConfig<C> = ConfigOf<C> & ConfigOf<typeof COMMON>;

interface Call<C> {
  readonly config: PowerConfig<C>;
  /** Aborted after `answerMs` milliseconds, and when the module stops. What pays no heed to it is given up after five times as long. */
  readonly signal: AbortSignal;
}
interface Linked<L> {
  /** What `connect` made; undefined where there is no `connect`. */
  readonly link: L;
}
/** What a function for one device is given: the config, the device, what `connect` made, and a signal. */
export type DeviceCall<C, D, L> = Call<C> & Linked<L> & { readonly device: D };
/** What `areOn` is given: all devices of one `via` that are asked now. */
export type DevicesCall<C, D, L> = Call<C> & Linked<L> & { readonly devices: readonly D[] };

/** One of the two: `isOn` asks one device, `areOn` all devices of one `via` in one call. */
type Reads<C, D, L> =
  | { readonly isOn: (call: DeviceCall<C, D, L>) => Promise<boolean>; readonly areOn?: never }
  | {
      /** By the device's key: true = on, or an Error for that device alone. One left out is a failed attempt. */
      readonly areOn: (call: DevicesCall<C, D, L>) => Promise<ReadonlyMap<string, boolean | Error>>;
      readonly isOn?: never;
    };

/** A power module in one literal: C are the schemas of its own config, D its devices, L what `connect` makes. */
export type PowerDefinition<C extends ConfigLiterals, D extends Device, L> = Reads<C, D, L> & {
  /** Nodes with this /platform are its own. */
  readonly platform: string;
  /** Shown to operators. */
  readonly version?: string;
  /** Keys of its own. `pollEvery`, `atOnce` and `answerMs` are there for all (config.ts); one of the same name replaces it. */
  readonly config?: C;
  /** The paths that name the device: a person is told to correct these where two nodes name the same. No subtrees. */
  readonly names: readonly `/${string}`[];
  /** Other paths of the node's cfg that `device` wants to see. No subtrees. */
  readonly reads?: readonly `/${string}`[];
  /** Default: net. */
  readonly permissions?: readonly Permission[];
  /** Calls to one `via` at the same time; default 4. */
  readonly atOnceEach?: number;
  /** Milliseconds before each look after a command; default [50, 250, 700, 1000, 2000]. */
  readonly looks?: readonly number[];
  /** Throws, in words, where a config cannot be: it is refused, the old one stays. */
  readonly check?: (config: PowerConfig<C>) => void;
  /** What a person should know of a config that can be, a sentence each: logged as warnings when it is taken up. */
  readonly warns?: (config: PowerConfig<C>) => readonly string[];
  /** The device of a node, from its cfg; pure, and cheap: called for every node. Throws `Terminal` where cfg does not say enough. */
  readonly device: (cfg: PowerCfg, config: PowerConfig<C>) => D;
  /** Opens what is kept between calls (a session, a token): one for each `via`, and another one where an answer stayed out. */
  readonly connect?: (call: Call<C> & { readonly device: D }) => Promise<L>;
  /** False = it may have ended by itself and is not used again; asked before each conversation. */
  readonly isAlive?: (link: L) => boolean;
  /** `lost`: an answer stayed out in it. */
  readonly disconnect?: (link: L, how: 'lost' | 'ended') => Promise<void> | void;
  /** Before a power-on: the boot device, say. May be done twice. */
  readonly prepare?: (call: DeviceCall<C, D, L>) => Promise<void>;
  /**
   * Gives the command, hard (off = at once, whatever runs); need not wait for its effect, for that is read afterwards. Called only where
   * the device is not so already, and never again before it was looked, for some seconds, what has come of the last one.
   */
  readonly switch: (call: DeviceCall<C, D, L> & { readonly to: 'on' | 'off' }) => Promise<void>;
  /** Answers `kraken node console`; without it nodes of this platform have none. Pure. Throws `Terminal` where cfg or config do not say enough. */
  readonly console?: (call: { readonly device: D; readonly config: PowerConfig<C> }) => ConsoleProgram;
  /** Called when the module stops, all links ended: give back what is left. */
  readonly stop?: () => Promise<void> | void;
};
