/** What planning answers. Variables and codes are those of the graph. */
import type { Mutation } from '../declaration.ts';

export interface PlanStep {
  readonly mutation: Mutation;
  /** The earlier steps that it must wait for, by their place in the plan; empty = it may run now. */
  readonly after: readonly number[];
}

/** What depends on the answer, where the plan begins with an ask: the plan if `variable` turns out to be `code`. */
export interface Branch {
  readonly variable: number;
  readonly code: number;
  readonly plan: Plan;
}

export interface Steps {
  readonly kind: 'plan';
  readonly steps: readonly PlanStep[];
  readonly cost: number;
  /** The variables whose goals were left out, as another goal makes them unknowable. */
  readonly moot: readonly number[];
  /** One for every other answer to every ask that may run now. Worked out when read. */
  readonly branches: readonly Branch[];
}

export interface Blocked {
  readonly kind: 'blocked';
  readonly moot: readonly number[];
  /** At least one for every goal that is blocked (`goal`: its variable). */
  readonly reasons: readonly Blocker[];
  /** The plan for the goals that are neither moot nor blocked: what can be done is not kept back by what cannot. */
  readonly rest: Steps;
}

export type Plan = Steps | Blocked;

export type Blocker =
  /** No applicable mutation leads to the value. */
  | { readonly kind: 'noMutationTo'; readonly goal: number; readonly variable: number; readonly code: number }
  /** The mutation requires `wanted`, but it is `seen`, and nothing can change that (in time). `imagined`: seen on the way, not now. */
  | {
      readonly kind: 'requires';
      readonly goal: number;
      readonly mutation: Mutation;
      readonly variable: number;
      readonly wanted: number;
      readonly seen: number;
      readonly imagined: boolean;
    }
  /** The mutation is excluded by a value that nothing can change (in time). */
  | {
      readonly kind: 'excluded';
      readonly goal: number;
      readonly mutation: Mutation;
      readonly variable: number;
      readonly code: number;
      readonly imagined: boolean;
    }
  /** It can be reached, but not together with what else is wanted. */
  | { readonly kind: 'together'; readonly goal: number; readonly with: readonly number[] }
  /** The search was given up. */
  | { readonly kind: 'tooLarge'; readonly goal: number; readonly expanded: number };
