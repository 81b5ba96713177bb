/** From its start to its declaration: what it answers to initialize, and whether a host can use it. */
import { CODES, type Declaration, resultMisfit } from '@kraken-hpc/sdk/wire';
import type { Json, ServiceDeclaration } from '../core/declaration.ts';
import { faultsOf } from '../core/faults.ts';
import { createAjv } from '../modules/ajv.ts';
import { checkConfig } from '../modules/config.ts';
import { declare } from '../modules/declare.ts';
import { isObject } from '../modules/variables.ts';
import type { Answer, Dialogue } from './dialogue.ts';
import { type Drive, initializeParams, type Opened } from './drive.ts';

/** Sends initialize; true = it was answered, whatever with. */
export async function answersInitialize(drive: Drive, dialogue: Dialogue, more?: Parameters<typeof initializeParams>[1]): Promise<Answer> {
  const answer = await dialogue.request('initialize', initializeParams(drive, more), drive.patience.start);
  if (answer.is === 'late') dialogue.fail('init.answers', `it did not answer initialize in ${drive.patience.start / 1000} s`);
  if (answer.is === 'gone') dialogue.fail('init.answers', `${(await dialogue.gone).how} before it had answered initialize`);
  if (answer.is === 'result') dialogue.isInitialized = true;
  return answer;
}

/** What the host makes of the answer of the main process; undefined = there is nothing to go on with. */
export async function opened(drive: Drive, dialogue: Dialogue): Promise<Opened | undefined> {
  const { book, config } = drive;
  const answer = await answersInitialize(drive, dialogue);
  if (answer.is === 'late' || answer.is === 'gone') return undefined;
  book.pass('init.answers');
  if (answer.is === 'error') {
    const given = Object.keys(config).length > 0;
    const todo = given ? 'Correct the config' : 'It needs a config: give one with --config FILE';
    dialogue.fail('init.config', `it refused initialize: ${answer.message} (${answer.code}). ${todo}`);
    return undefined;
  }
  const misfit = resultMisfit('initialize', answer.result);
  const result = answer.result as {
    readonly protocol?: unknown;
    readonly capabilities: readonly string[];
    readonly declaration: Declaration;
  };
  if (isObject(answer.result) && result.protocol !== 1) {
    dialogue.fail('init.version', `it picked protocol ${JSON.stringify(result.protocol)}; 1 was offered`);
    return undefined;
  }
  if (misfit) {
    dialogue.fail('init.shape', `the answer to initialize does not fit: ${misfit.field} ${misfit.message}`);
    return undefined;
  }
  book.pass('init.version', 'init.shape');
  const declaration = declared(drive, dialogue, result.declaration);
  const usable = await configured(drive, dialogue, result.declaration.config as Json | undefined);
  if (!declaration || !usable) return undefined;
  capabilities(drive, dialogue, result);
  return { wire: result.declaration, capabilities: result.capabilities, declaration };
}

/** Its declaration as the host understands it; its permissions are held against the manifest by themselves. */
function declared(drive: Drive, dialogue: Dialogue, wire: Declaration): ServiceDeclaration | undefined {
  const { module, permissions, book } = drive;
  const asked = wire.permissions ?? [];
  const sessions = wire.playsHosts === true ? ['sessions'] : [];
  const beyond = [...asked, ...sessions].find((one) => !permissions.includes(one));
  if (beyond === undefined) book.pass('init.permissions');
  else dialogue.fail('init.permissions', `it asks for the permission "${beyond}"; its manifest names ${permissions.join(', ') || 'none'}`);
  try {
    const instance = { service: module, module, serves: '', permissions: [...new Set([...permissions, ...asked, ...sessions])] };
    const declaration = declare(wire as unknown as Json, instance);
    drive.reports.open(declaration, wire as unknown as { readonly state?: Json });
    const variables = [...drive.reports.variables, ...declaration.variables];
    const faults = faultsOf(declaration, new Map(variables.map((one) => [one.path, one])));
    if (faults.length > 0) throw new Error(faults.join('; '));
    book.pass('init.declaration');
    return declaration;
  } catch (error) {
    dialogue.fail('init.declaration', error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/** Whether the host would take the config by the schema that it declares; what is secret in it is known from here on. */
async function configured(drive: Drive, dialogue: Dialogue, schemas: Json | undefined): Promise<boolean> {
  const { book, module, config, watch } = drive;
  try {
    if (isObject(schemas)) createAjv().compile({ type: 'object', properties: schemas });
  } catch (error) {
    dialogue.fail('init.configSchema', error instanceof Error ? error.message : String(error));
    return false;
  }
  if (isObject(schemas)) book.pass('init.configSchema');
  else book.skip('it declares no config', 'init.configSchema', 'init.badConfig', 'config.update', 'config.refused', 'secret.kept');
  try {
    const secrets = await checkConfig(module, schemas, { config, references: [], read: [] });
    watch.learn(
      secrets.filter((secret) => secret.length >= 4),
      dialogue,
    );
    book.pass('init.config');
    return true;
  } catch (error) {
    dialogue.fail('init.config', `${error instanceof Error ? error.message : String(error)}. Give a config with --config FILE`);
    return false;
  }
}

function capabilities(
  { book }: Drive,
  dialogue: Dialogue,
  result: { readonly capabilities: readonly string[]; readonly declaration: Declaration },
): void {
  const { mutations, pollers, calls, playsHosts = false } = result.declaration;
  const has = (entries: object | undefined): boolean => entries !== undefined && Object.keys(entries).length > 0;
  const pairs: readonly (readonly [string, boolean])[] = [
    ['mutations', has(mutations) || playsHosts],
    ['pollers', has(pollers)],
    ['sessions', playsHosts],
    ['calls', has(calls)],
  ];
  const missing = pairs.find(([name, declares]) => declares && !result.capabilities.includes(name));
  if (missing) dialogue.fail('init.capabilities', `its declaration has ${missing[0]}, which its capabilities do not name`);
  else book.pass('init.capabilities');
}

/** It is offered only a version that it cannot speak. */
export async function noCommonVersion(drive: Drive, dialogue: Dialogue): Promise<void> {
  const answer = await answersInitialize(drive, dialogue, { protocols: [9999] });
  dialogue.isInitialized = false;
  const { book } = drive;
  if (answer.is === 'late' || answer.is === 'gone') return;
  if (answer.is !== 'error') return dialogue.fail('init.noCommonVersion', 'it accepted protocol 9999, which is none that it speaks');
  const { code, data } = answer;
  if (code !== CODES.NoCommonVersion)
    return dialogue.fail('init.noCommonVersion', `it refused protocol 9999 with ${code}, not with -32020`);
  const fits = isObject(data) && Array.isArray(data.offered) && Array.isArray(data.supported);
  if (fits) book.pass('init.noCommonVersion');
  else
    dialogue.fail(
      'init.noCommonVersion',
      `the data of -32020 is ${JSON.stringify(data) ?? 'missing'}; {offered, supported} are lists of versions`,
    );
}
