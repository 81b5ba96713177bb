/** Where a value does not fit its schema: the field as a JSON Pointer ('' = the whole), and what is wrong with it. */
export interface Misfit {
  readonly field: string;
  readonly message: string;
}

/** Undefined = it fits. The value comes from outside: nothing is known of it. */
export type Check = (v: any) => Misfit | undefined;

export const isObject = (v: unknown): boolean => typeof v === 'object' && v !== null && !Array.isArray(v);

export const no = (message: string): Misfit => ({ field: '', message });

/** The same misfit, seen from the container. Only built when something is wrong. */
export const under = (key: string | number, misfit: Misfit): Misfit => ({
  field: `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}${misfit.field}`,
  message: misfit.message,
});
