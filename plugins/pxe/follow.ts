/**
 * Boots, step by step, as DHCP and the file servers see them: when a new one begins, which packets belong to one that is under way, and
 * what is told of it. Pure: time is an argument, what is to be told is given to a function.
 *
 * A new boot of a node whose old session seems to live is not taken in by the host at once: it asks the old session first, for a
 * second. So what begins a boot is said again until it is seen in the node's state.
 */
import type { ClientKind, Step as DhcpStep } from './dhcp/types.ts';

export type Step = DhcpStep | 'LOADER' | 'SCRIPT' | 'KERNEL' | 'INITRAMFS';

type Level = 'WAIT' | 'INIT';

export interface Told {
  readonly node: string;
  readonly values: {
    readonly '/pxe/step'?: Step;
    readonly '/pxe/state'?: Level;
    readonly '/runState'?: 'UNKNOWN' | 'INIT';
  };
  readonly heard?: 'dhcp';
}

/** What the host has of a node. */
export interface Known {
  readonly state: unknown;
  readonly run: unknown;
}

export interface Following {
  readonly tell: (told: Told) => void;
  readonly known: (node: string) => Known;
}

export interface BootSteps {
  readonly kind: ClientKind;
  readonly since: number;
  readonly steps: readonly { readonly step: Step; readonly kind?: ClientKind; readonly at: number }[];
}

interface Boot {
  readonly first: ClientKind;
  /** Of the exchange that is under way or was the last. */
  kind: ClientKind;
  xid: number;
  acked: boolean;
  readonly since: number;
  lastAt: number;
  level: Level;
  /** The host has taken in that this boot has begun; that it is at its level. */
  begun: boolean;
  taken: boolean;
  saidAt: number;
  /** How often what was not taken was said again by the clock. */
  again: number;
  readonly steps: { step: Step; kind?: ClientKind; at: number }[];
}

/** Milliseconds in which packets can belong to a boot that is under way, and a loader of ours to become iPXE. */
const TOGETHER = 120_000;
/** In which a packet may come a second time, through another relay. */
const DUPLICATE = 3_000;
/** Pauses after which a boot that was not taken in is said again; the host asks an old session for a second. */
const AGAIN = [1_300, 2_600, 5_000, 10_000];
/** A client that asks without pause is not said to have been heard more often. */
const SAID_EVERY = 1_000;
/** How long a boot may be under way. */
const LONGEST = 20 * 60_000;
/** Steps kept of one boot, for people to look at. */
const MOST_STEPS = 32;

const ORDER: Readonly<Record<Step, number>> = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  ACK: 4,
  LOADER: 5,
  SCRIPT: 6,
  KERNEL: 7,
  INITRAMFS: 8,
};

const last = ({ steps }: Boot): Boot['steps'][number] | undefined => steps.at(-1);
const isIpxe = (kind: ClientKind): boolean => kind.startsWith('ipxe-');

/** Whether this DISCOVER goes on with what is under way: a retry, or our own loader that has become iPXE. */
function isSame(boot: Boot, kind: ClientKind, xid: number, now: number): boolean {
  if (now - boot.lastAt > TOGETHER) return false;
  // Many a firmware takes the same xid in every boot, so that it says little.
  if (kind === boot.kind && (!boot.acked || (xid === boot.xid && now - boot.lastAt < DUPLICATE && last(boot)?.step === 'ACK'))) return true;
  return isIpxe(kind) && !isIpxe(boot.first) && !boot.steps.some(({ step }) => ORDER[step] >= ORDER.SCRIPT);
}

export class Follower {
  readonly #around: Following;
  readonly #boots = new Map<string, Boot>();
  /** Boots of which something was said that the host has not taken in. */
  readonly #open = new Set<string>();

  constructor(around: Following) {
    this.#around = around;
  }

  /** A step of a DHCP exchange. `complete`: all that it is to be given is there. */
  dhcp(
    node: string,
    kind: ClientKind,
    { step, xid, complete, now }: { step: DhcpStep; xid: number; complete: boolean; now: number },
  ): void {
    if (kind === 'other') return;
    const boot = this.#boots.get(node);
    if (step === 'DISCOVER') return this.#discover(node, boot, kind, xid, now);
    // No DISCOVER of it was seen: a renewal, or this service was restarted in between.
    if (boot === undefined || now - boot.lastAt > TOGETHER) {
      if (step === 'ACK') this.#join(node, { kind, xid, step, complete, now });
      return;
    }
    if (boot.acked) return;
    boot.acked = step === 'ACK';
    if (boot.acked && complete) this.#raise(boot);
    this.#step(node, boot, step, now, boot.acked && !boot.taken);
  }

  /** It has got one of its files whole. */
  fetched(node: string, step: Exclude<Step, DhcpStep>, complete: boolean, now: number): void {
    const boot = this.#boots.get(node);
    if (boot === undefined || now - boot.since > LONGEST) return this.#join(node, { kind: 'other', xid: 0, step, complete, now });
    // A site's own DHCP server may have given the address: then this is the first sign that it has one.
    boot.acked = true;
    if (complete) this.#raise(boot);
    this.#step(node, boot, step, now, false);
  }

  /** All that it is to be given is there now. */
  ready(node: string, now: number): void {
    const boot = this.#boots.get(node);
    if (boot === undefined || !boot.acked || boot.level === 'INIT' || now - boot.lastAt > TOGETHER) return;
    this.#raise(boot);
    this.#say(node, boot, undefined, now);
  }

  /** State or runState of a node were seen to change. */
  seen(node: string): void {
    const boot = this.#boots.get(node);
    if (boot === undefined || boot.taken) return;
    const { state = 'NONE', run = 'UNKNOWN' } = this.#around.known(node);
    if (state === 'WAIT' && run === 'UNKNOWN') boot.begun = true;
    const isHere = state === boot.level && run === (boot.level === 'WAIT' ? 'UNKNOWN' : 'INIT');
    if (!isHere && !(boot.begun && boot.level === 'INIT' && state === 'INIT' && run === 'SYNC')) return;
    boot.begun = true;
    boot.taken = true;
    this.#open.delete(node);
  }

  /** To be called every few hundred milliseconds: says again what was not taken in. Returns whether anything is left to say. */
  tick(now: number): boolean {
    for (const node of [...this.#open]) {
      const boot = this.#boots.get(node);
      const pause = boot && AGAIN[boot.again];
      if (boot === undefined || pause === undefined) this.#open.delete(node);
      else if (now - boot.saidAt >= pause) {
        boot.again++;
        this.#say(node, boot, undefined, now);
      }
    }
    return this.#open.size > 0;
  }

  forget(node: string): void {
    this.#boots.delete(node);
    this.#open.delete(node);
  }

  /** The last boot that was seen of a node. */
  of(node: string): BootSteps | undefined {
    const boot = this.#boots.get(node);
    return boot && { kind: boot.first, since: boot.since, steps: boot.steps };
  }

  #discover(node: string, boot: Boot | undefined, kind: ClientKind, xid: number, now: number): void {
    if (boot !== undefined && isSame(boot, kind, xid, now)) {
      const isRetry = boot.kind === kind && !boot.acked;
      Object.assign(boot, { kind, xid, acked: false });
      return this.#step(node, boot, 'DISCOVER', now, isRetry && !boot.taken && now - boot.saidAt >= SAID_EVERY);
    }
    this.#begin(node, kind, xid, 'WAIT', now);
    this.#step(node, this.#boots.get(node) as Boot, 'DISCOVER', now, true);
  }

  /** A boot that is waited for, and whose beginning was not seen. All else, a running system may do as well. */
  #join(node: string, seen: { kind: ClientKind; xid: number; step: Step; complete: boolean; now: number }): void {
    if (this.#around.known(node).state !== 'WAIT') return;
    const boot = this.#begin(node, seen.kind, seen.xid, seen.complete ? 'INIT' : 'WAIT', seen.now);
    Object.assign(boot, { acked: true, begun: true });
    this.#step(node, boot, seen.step, seen.now, true);
  }

  #begin(node: string, kind: ClientKind, xid: number, level: Level, now: number): Boot {
    const fresh = { acked: false, level, begun: false, taken: false, saidAt: now, again: 0, steps: [] };
    const boot: Boot = { first: kind, kind, xid, since: now, lastAt: now, ...fresh };
    this.#boots.set(node, boot);
    return boot;
  }

  #raise(boot: Boot): void {
    if (boot.level === 'INIT') return;
    Object.assign(boot, { level: 'INIT', taken: false, again: 0 });
  }

  #step(node: string, boot: Boot, step: Step, now: number, says: boolean): void {
    boot.lastAt = now;
    const before = last(boot);
    const isNew = before?.step !== step || before.kind !== boot.kind;
    if (isNew && boot.steps.length < MOST_STEPS) boot.steps.push({ step, kind: boot.kind, at: now });
    if (says || (!boot.taken && boot.level === 'INIT' && ORDER[step] > ORDER.ACK)) this.#say(node, boot, step, now);
    else this.#around.tell({ node, values: { '/pxe/step': step } });
  }

  #say(node: string, boot: Boot, step: Step | undefined, now: number): void {
    const { level } = boot;
    boot.saidAt = now;
    if (!boot.taken) this.#open.add(node);
    const values = { ...(step && { '/pxe/step': step }), '/pxe/state': level, '/runState': level === 'WAIT' ? 'UNKNOWN' : 'INIT' } as const;
    this.#around.tell({ node, values, heard: 'dhcp' });
    // It may be so already.
    this.seen(node);
  }
}
