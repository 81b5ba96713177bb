import type { Refusal } from './effect.ts';

/** An answer that says no: what, where, why, what to do. Thrown at the edges, an effect (`refuse`) in the core. */
export class RefusalError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(`${refusal.where ? `${refusal.where}: ` : ''}${refusal.what}: ${refusal.why}. ${refusal.todo}`);
    this.name = 'RefusalError';
    this.refusal = refusal;
  }
}
