/** What this folder uses of the core to read schemas that modules declare. */
export { isObject } from '../core/pointer.ts';
export { isScalar, type Problem, variablesOf } from '../core/variables.ts';
