import { type RpcError, refusal } from './fault.ts';
import type { Misfit } from './misfit.ts';
import { checkManifest, VALIDATORS } from './validators.ts';

const of = (method: string) => (Object.hasOwn(VALIDATORS, method) ? VALIDATORS[method] : undefined);

/** What is wrong with the params of a method; undefined = nothing. A method that the protocol does not know has nothing to check. */
export function paramsMisfit(method: string, params: unknown): Misfit | undefined {
  return of(method)?.params(params);
}

/** What is wrong with the result of a method; undefined = nothing. */
export function resultMisfit(method: string, result: unknown): Misfit | undefined {
  return of(method)?.result?.(result);
}

/** What is wrong with the `kraken` key of a package.json, or a module.json. */
export function manifestMisfit(manifest: unknown): Misfit | undefined {
  return checkManifest(manifest);
}

/** The -32602 that names the field. */
export function invalidParams(method: string, misfit: Misfit): RpcError {
  return refusal('InvalidParams', `${method} refused`, misfit.field === '' ? 'params' : misfit.field, misfit.message);
}
