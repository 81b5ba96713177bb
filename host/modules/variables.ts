/** What this folder uses of the core to read schemas that modules declare. */
export { isObject } from '@kraken-hpc/sdk/state';
export { isScalar, type Problem, variablesOf } from '../core/variables.ts';
