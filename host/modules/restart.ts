/**
 * The life of a module process as a pure function: what happened in, what to do out.
 *
 *     stopped ─start→ starting ─declared→ declared ─ready→ ready ─stop→ stopping ─exit→ stopped
 *     any of these ─exit→ crashed ─retry→ starting, or failed after too many · declared refused → rejected · ping unanswered → unresponsive ─exit→ crashed
 */
import type { ServiceState } from '../core/event.ts';
import type { Millis } from '../core/record.ts';

export type Phase = ServiceState | 'unresponsive';

/** First restart at once, then 1 s · 2ⁿ up to a minute, half of it jitter; a run of `forgive` forgets what was before. */
export const backoff = { first: 1000, cap: 60_000, window: 300_000, crashes: 3, forgive: 300_000 } as const;

export interface Life {
  readonly phase: Phase;
  readonly since: Millis;
  readonly why?: string;
  /** A process is there. */
  readonly alive: boolean;
  /** Start again when the process is gone. */
  readonly again: boolean;
  /** When it crashed, in the window. */
  readonly crashes: readonly Millis[];
  /** Crashes since it last ran well: what the backoff counts. */
  readonly streak: number;
  /** Processes started, ever. */
  readonly starts: number;
  /** crashed: when it starts again. */
  readonly retryAt?: Millis;
  /** When it became ready, in this run. */
  readonly readyAt?: Millis;
}

export type LifeEvent =
  /** An operator or a change of config wants it to run. */
  | { readonly type: 'start' }
  | { readonly type: 'restart'; readonly why: string }
  | { readonly type: 'stop'; readonly why: string }
  /** `initialize` was answered and the engine took the declaration; then the module was told. */
  | { readonly type: 'declared' }
  | { readonly type: 'ready' }
  | { readonly type: 'rejected'; readonly why: string }
  /** It broke a rule or a limit, and must go: a crash of our making. */
  | { readonly type: 'broke'; readonly why: string }
  | { readonly type: 'hung'; readonly why: string }
  | { readonly type: 'exit'; readonly why: string }
  /** `retryAt` has come. */
  | { readonly type: 'retry' };

/** spawn: start a process · stop: walk the stop ladder · kill: SIGKILL · wait: send `retry` at `retryAt`. */
export type LifeAct = 'spawn' | 'stop' | 'kill' | 'wait' | 'none';

export interface Step {
  readonly life: Life;
  readonly act: LifeAct;
}

/** `why`: it is not to be started. */
export function newborn(now: Millis, why?: string): Life {
  return {
    phase: 'stopped',
    since: now,
    ...(why === undefined ? {} : { why }),
    alive: false,
    again: false,
    crashes: [],
    streak: 0,
    starts: 0,
  };
}

/** Milliseconds until the restart after the `streak`-th crash in a row; `random` in [0, 1). */
export function restartDelay(streak: number, random: number): number {
  if (streak <= 1) return 0;
  const whole = Math.min(backoff.cap, backoff.first * 2 ** Math.min(streak - 2, 20));
  return Math.round(whole * (0.5 + random / 2));
}

export function next(life: Life, event: LifeEvent, now: Millis, random: number): Step {
  switch (event.type) {
    case 'start':
      return start(life, now);
    case 'restart':
      return life.alive ? stopping(life, event.why, true, now) : start(life, now);
    case 'stop':
      return stop(life, event.why, now);
    case 'declared':
      return life.phase === 'starting' ? to(life, 'declared', now) : none(life);
    case 'ready':
      return life.phase === 'declared' ? { life: { ...bare(life), phase: 'ready', since: now, readyAt: now }, act: 'none' } : none(life);
    case 'rejected':
      return running(life) ? { life: { ...bare(life), phase: 'rejected', since: now, why: event.why }, act: 'stop' } : none(life);
    case 'broke':
      return running(life) ? { life: { ...life, why: event.why }, act: 'kill' } : none(life);
    case 'hung':
      return running(life) ? { life: { ...keepReady(life), phase: 'unresponsive', since: now, why: event.why }, act: 'kill' } : none(life);
    case 'exit':
      return exit(life, event.why, now, random);
    case 'retry':
      return life.phase === 'crashed' && !life.alive ? spawn(life, now) : none(life);
    default:
      return event satisfies never;
  }
}

const none = (life: Life): Step => ({ life, act: 'none' });
const running = (life: Life): boolean => life.phase === 'starting' || life.phase === 'declared' || life.phase === 'ready';
const to = (life: Life, phase: Phase, now: Millis): Step => ({ life: { ...bare(life), phase, since: now }, act: 'none' });

/** Without what belongs to one phase only. */
function bare(life: Life): Life {
  const { alive, again, crashes, streak, starts, phase, since } = life;
  return { alive, again, crashes, streak, starts, phase, since };
}

const keepReady = (life: Life): Life => (life.readyAt === undefined ? bare(life) : { ...bare(life), readyAt: life.readyAt });

function spawn(life: Life, now: Millis): Step {
  return { life: { ...bare(life), phase: 'starting', since: now, alive: true, again: false, starts: life.starts + 1 }, act: 'spawn' };
}

/** Somebody wants it: what went wrong before does not count any more. */
function start(life: Life, now: Millis): Step {
  if (running(life)) return none(life);
  const fresh: Life = { ...life, crashes: [], streak: 0 };
  if (life.alive) return { life: { ...fresh, phase: 'stopping', since: now, again: true }, act: 'none' };
  return spawn(fresh, now);
}

function stopping(life: Life, why: string, again: boolean, now: Millis): Step {
  const act: LifeAct = running(life) ? 'stop' : 'none';
  return { life: { ...bare(life), phase: 'stopping', since: now, why, again, crashes: [], streak: 0 }, act };
}

function stop(life: Life, why: string, now: Millis): Step {
  if (life.alive) return stopping(life, why, false, now);
  if (life.phase === 'stopped') return none(life);
  return { life: { ...bare(life), phase: 'stopped', since: now, why, crashes: [], streak: 0 }, act: 'none' };
}

function exit(life: Life, why: string, now: Millis, random: number): Step {
  if (!life.alive) return none(life);
  const gone: Life = { ...life, alive: false };
  if (life.phase === 'rejected') return none(gone);
  if (life.phase === 'stopping') {
    if (life.again) return spawn(gone, now);
    return { life: { ...bare(gone), phase: 'stopped', since: now, ...(life.why === undefined ? {} : { why: life.why }) }, act: 'none' };
  }
  const reason = life.why ?? why;
  const crashes = [...life.crashes.filter((at) => now - at < backoff.window), now];
  const ranWell = life.readyAt !== undefined && now - life.readyAt >= backoff.forgive;
  const streak = ranWell ? 1 : life.streak + 1;
  const dead: Life = { ...bare(gone), since: now, why: reason, crashes, streak };
  if (crashes.length >= backoff.crashes) {
    const often = `it crashed ${backoff.crashes} times in ${backoff.window / 60_000} minutes, at last: ${reason}`;
    return { life: { ...dead, phase: 'failed', why: often }, act: 'none' };
  }
  return { life: { ...dead, phase: 'crashed', retryAt: now + restartDelay(streak, random) }, act: 'wait' };
}
