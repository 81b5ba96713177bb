/** What a host would refuse in the declaration of a definition: found by the same code, before there is a module. */
import { isObject } from '@kraken-hpc/sdk/state';
import { manifestMisfit } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { faultsOf } from '../core/faults.ts';
import { RefusalError } from '../core/refusal.ts';
import { Schemas } from '../documents/schemas.ts';
import { createAjv } from '../modules/ajv.ts';
import { declare } from '../modules/declare.ts';
import type { Definition } from './definition.ts';

/** Sentences, each with its place; none = it can be loaded. */
export function faultsIn({ declaration, permissions }: Definition, module: string): string[] {
  const wire = declaration as unknown as { readonly [member: string]: Json };
  const wrong = permissions === undefined ? undefined : permissionFault(permissions);
  const found = [...(wrong === undefined ? [] : [wrong]), ...configFaults(wire['config'])];
  try {
    const declared = declare(wire, { service: module, module, serves: '', permissions: [] });
    const schemas = new Schemas();
    const { state, extensions } = wire;
    schemas.add(module, { ...(state === undefined ? {} : { state }), ...(extensions === undefined ? {} : { extensions }) });
    const variables = [...schemas.variables(), ...declared.variables];
    found.push(...faultsOf(declared, new Map(variables.map((one) => [one.path, one]))));
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    found.push(error.refusal.why);
  }
  return found;
}

/** Why these are not permissions, or undefined. */
export function permissionFault(permissions: readonly string[]): string | undefined {
  const wrong = permissions.find((one) => manifestMisfit({ protocol: 1, main: 'main.js', permissions: [one] }) !== undefined);
  return wrong === undefined ? undefined : `there is no permission "${wrong}"; ${PERMISSIONS}`;
}

const PERMISSIONS = 'there are net, state:read *, cfg:write, dsc:write, operate, sessions, env and root';

/** Besides being JSON Schema, a test must find a value for each key that is needed. */
function configFaults(config: Json | undefined): string[] {
  if (config === undefined) return [];
  if (!isObject(config)) return ['config: it is not an object of schemas by key'];
  return Object.entries(config).flatMap(([key, schema]) => {
    if (!isObject(schema)) return [`config/${key}: it is not a JSON Schema object`];
    try {
      createAjv().compile(schema);
    } catch (error) {
      return [`config/${key}: ${error instanceof Error ? error.message : String(error)}`];
    }
    const isNeeded = !('default' in schema) && schema['x-optional'] !== true;
    const isClear = !('pattern' in schema) || 'examples' in schema;
    return isNeeded && !isClear
      ? [`config/${key}: it has a pattern, and neither a default nor examples: no test could give it a value`]
      : [];
  });
}
