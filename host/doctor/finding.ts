/** What the doctor says of one thing that it looked at. */
export type Status = 'ok' | 'warning' | 'problem' | 'skipped';

export interface Finding {
  readonly check: string;
  /** problem: something does not work, or somebody may do what he must not; warning: it will not stay well, or somebody should know. */
  readonly status: Status;
  /** A sentence less its full stop. */
  readonly found: string;
  /** What to do, a whole sentence less its full stop; empty where there is nothing to do. */
  readonly todo: string;
}

/** What is well. */
export function ok(check: string, found: string): Finding {
  return { check, status: 'ok', found, todo: '' };
}

/** What was not looked at, and why. */
export function skipped(check: string, found: string): Finding {
  return { check, status: 'skipped', found, todo: '' };
}

export function warning(check: string, found: string, todo: string): Finding {
  return { check, status: 'warning', found, todo };
}

export function problem(check: string, found: string, todo: string): Finding {
  return { check, status: 'problem', found, todo };
}
