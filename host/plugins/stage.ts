/** A plugin made ready beside the others and tried: what it declares, whether it keeps to the protocol, what it would change. */
import { basename, join } from 'node:path';
import type { Json } from '@kraken-hpc/sdk/wire';
import { CODES } from '@kraken-hpc/sdk/wire';
import { type ConformanceReport, checkConformance } from '../conformance/check.ts';
import type { Asker, ServiceEntry, StageOptions } from '../core/installing.ts';
import { RefusalError } from '../core/refusal.ts';
import { resolveConfig } from '../modules/config.ts';
import { declare } from '../modules/declare.ts';
import type { FoundModule } from '../modules/manifest.ts';
import { sweepTrials, trialsDir } from './book.ts';
import { readExtensions } from './extension.ts';
import { fetchPlugin } from './fetch.ts';
import type { Keeper } from './keeper.ts';
import { mustAgree } from './npm.ts';
import { broughtBy, type PluginReport, reportOf } from './report.ts';
import { hashTree } from './tree.ts';

export interface Staged {
  readonly options: StageOptions;
  readonly into: string;
  readonly found: FoundModule;
  readonly report: PluginReport;
  /** The service that is made with it. */
  readonly entry?: { readonly service: string; readonly entry: ServiceEntry };
  /** Of an extension. */
  readonly schemas?: { readonly [member: string]: Json };
}

interface Stage extends StageOptions {
  readonly id: string;
  readonly into: string;
  readonly keeper: Keeper;
  readonly asker: Asker;
}

export async function stagePlugin(stage: Stage): Promise<Staged> {
  const { source, into, keeper, asker } = stage;
  const { ground } = keeper;
  const { signal } = asker;
  const found = await fetchPlugin({ source, into, allowScripts: stage.allowScripts ?? false, signal, progress: asker.progress });
  signal.throwIfAborted();
  await mustBeNew(stage, found);
  const was = keeper.installed(found.module);
  const options: StageOptions = { source, ...(stage.allowScripts ? { allowScripts: true } : {}) };
  if (found.extensions !== undefined) return stageExtension(stage, found, options);
  const existing = keeper.servicesOf(found.module);
  const entry = entryOf(stage, found, existing);
  const service = entry?.service ?? existing[0] ?? found.module;
  const config = (entry?.entry['config'] ?? configOf(stage, service)) as { readonly [key: string]: Json };
  const conformance = await tried(stage, found, (await resolveConfig(service, config)).config);
  const { declaration: wire } = conformance;
  if (!wire) throw notItself(found, conformance);
  const serves = stage.serves ?? servesOf(stage, service);
  const declaration = declare(wire as unknown as Json, { service, module: found.module, serves, permissions: found.permissions });
  const schemas = {
    ...(wire.state ? { state: wire.state as Json } : {}),
    ...(wire.extensions ? { extensions: wire.extensions as Json } : {}),
  };
  const now = ground.declared(service);
  const report = reportOf({
    found,
    replaces: was ?? keeper.builtIn(found.module),
    service: entry?.service,
    conformance,
    brings: broughtBy(declaration, wire),
    before: was && now ? broughtBy(now).map((one) => extensionFree(one, wire.extensions)) : [],
    foreseen: ground.foresee(declaration, schemas, existing),
  });
  return { options, into, found, report, ...(entry ? { entry } : {}) };
}

/** The core knows an extension's paths, not that they are one: they are compared as what they are. */
const extensionFree = (one: string, extensions: unknown): string => {
  const member = /^state \/([^/]+)/.exec(one)?.[1];
  return member !== undefined && Object.hasOwn(Object(extensions), member) ? `extension ${member}` : one;
};

function stageExtension(stage: Stage, found: FoundModule, options: StageOptions): Staged {
  const schemas = readExtensions(found);
  const declaration = declare({ extensions: schemas }, { service: found.module, module: found.module, serves: '', permissions: [] });
  const foreseen = stage.keeper.ground.foresee(declaration, { extensions: schemas }, []);
  const brings = Object.keys(schemas).map((member) => `extension ${member}`);
  const report = reportOf({
    found,
    replaces: stage.keeper.installed(found.module),
    service: undefined,
    conformance: undefined,
    brings,
    before: [],
    foreseen,
  });
  return { options, into: stage.into, found, report, schemas };
}

async function mustBeNew(
  { upgrade, keeper, into, source }: Stage,
  { module, version, extensions, package: name }: FoundModule,
): Promise<void> {
  const was = keeper.installed(module);
  const no = (code: number, what: string, why: string, todo: string): RefusalError =>
    new RefusalError({ code, what, where: `plugin ${module}`, why, todo });
  const builtIn = keeper.builtIn(module);
  const other = was?.package ?? builtIn?.package;
  if (other !== undefined && other !== name)
    throw no(
      CODES.Conflict,
      'it is not installed',
      `there is another plugin of that name, ${other}, and this is ${name}`,
      was ? `Remove that first: kraken plugin remove ${module}` : 'It came with the host: this one needs another name',
    );
  if (!was && upgrade && !builtIn)
    throw no(CODES.NotFound, 'there is nothing to upgrade', 'it is not installed', `kraken plugin install ${source}`);
  const kind = was?.kind ?? (builtIn ? 'module' : undefined);
  if (kind !== undefined && kind !== (extensions === undefined ? 'module' : 'extension'))
    throw no(
      CODES.Conflict,
      'it is not installed',
      `version ${was?.version ?? builtIn?.version} is a plugin of another kind`,
      `Remove that first: kraken plugin remove ${module}`,
    );
  if (!was) return;
  mustAgree(join(keeper.dir, ...was.dir.split('/').slice(0, 2)), into);
  if (was.integrity === (await hashTree(into)))
    throw no(
      CODES.Conflict,
      'it is installed already',
      `version ${version} with these very files`,
      extensions === undefined ? `To start it anew: kraken plugin restart ${module}` : 'There is nothing to do',
    );
}

/** A first plugin gets a service of its name, unless somebody has made services of the module already. */
function entryOf({ service, serves, config, keeper }: Stage, { module }: FoundModule, existing: readonly string[]): Staged['entry'] {
  if (existing.length > 0) return undefined;
  const name = service ?? module.replaceAll(/[^A-Za-z0-9_.-]/g, '-');
  if (Object.hasOwn(keeper.ground.configured, name) || Object.hasOwn(keeper.book.services, name))
    throw new RefusalError({
      code: CODES.Conflict,
      what: 'it is not installed',
      where: `service ${name}`,
      why: 'another module has a service of that name',
      todo: 'Name the one that is made with it: --service NAME',
    });
  return { service: name, entry: { module, ...(serves === undefined ? {} : { serves }), ...(config === undefined ? {} : { config }) } };
}

const given = ({ keeper: { book, ground } }: Stage, service: string): { readonly [member: string]: unknown } =>
  (ground.configured[service] ?? book.services[service] ?? {}) as { readonly [member: string]: unknown };
const configOf = (stage: Stage, service: string): unknown => stage.config ?? given(stage, service)['config'] ?? {};
const servesOf = (stage: Stage, service: string): string => String(given(stage, service)['serves'] ?? '');

/** Every requirement of the protocol, tried on it in a folder of its own, confined as if it had been granted nothing of the machine. */
async function tried(
  { into, keeper, asker }: Stage,
  found: FoundModule,
  config: { readonly [key: string]: Json },
): Promise<ConformanceReport> {
  asker.progress(`trying ${found.module} ${found.version}`);
  const { dir, ground } = keeper;
  const { command, module, permissions } = found;
  const folder = (name: string): string => join(trialsDir(dir), `.${basename(into)}-${name}`);
  try {
    return await checkConformance({ command, module, folder, config, permissions, confine: await ground.trying(), signal: asker.signal });
  } finally {
    sweepTrials(dir);
  }
}

/** No handshake, no install. */
function notItself({ module }: FoundModule, { verdicts }: ConformanceReport): RefusalError {
  const first = verdicts.find(({ verdict }) => verdict === 'fail');
  return new RefusalError({
    code: CODES.InvalidValue,
    what: 'it is not installed',
    where: `plugin ${module}`,
    why: `it did not come through the handshake: ${first?.why ?? first?.sentence ?? 'it said nothing'}`,
    todo: 'If it needs a config, give it with --config; else: kraken plugin check',
  });
}
