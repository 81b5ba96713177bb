/** Which modules there are, and which services the configuration makes of them. */
import { existsSync, readdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json } from '../core/declaration.ts';
import { RefusalError } from '../core/refusal.ts';
import { ancestors, type FoundModule, readManifest } from './manifest.ts';
import { isPermission } from './permissions.ts';
import { isObject } from './variables.ts';

/** One service as the supervisor starts it. */
export interface ServiceSpec {
  readonly service: string;
  readonly module: string;
  readonly command: readonly string[];
  /** Its own data directory (made 0700), its working directory and HOME. */
  readonly cwd?: string;
  readonly config: Json;
  /** A node-set expression; empty = all nodes. */
  readonly serves: string;
  /** What it was granted. */
  readonly permissions: readonly string[];
  /** Names of the host's environment that it may see. */
  readonly env?: readonly string[];
  /** MiB of memory that its process may use; absent = the limit of all modules. */
  readonly memoryMiB?: number;
  /** Processors that its process may keep busy, over a minute; absent = all. */
  readonly cpus?: number;
}

export interface Registry {
  /** By name (`ipmi`), or the absolute path of its folder. Throws a RefusalError that names the ones there are. */
  find(module: string): FoundModule;
  list(): readonly FoundModule[];
}

const SERVICE = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;
const MEMBERS = ['module', 'serves', 'config', 'permissions', 'env', 'enabled', 'memoryMiB', 'cpus'];

/** Modules in `plugins/*` and `node_modules/@kraken-hpc/*` of the folders given, nearest first; without any, those above the host's own code. */
export function createRegistry(roots: readonly string[] = ancestors(import.meta.url)): Registry {
  const modules = new Map<string, FoundModule>();
  const broken: string[] = [];
  for (const root of roots) {
    for (const parent of [join(root, 'plugins'), join(root, 'node_modules', '@kraken-hpc')]) {
      for (const name of existsSync(parent) ? readdirSync(parent).sort() : []) {
        const module = readOrNote(join(parent, name), broken);
        if (module && !modules.has(module.module)) modules.set(module.module, module);
      }
    }
  }
  const list = [...modules.values()].sort((a, b) => (a.module < b.module ? -1 : 1));
  return {
    list: () => list,
    find(name) {
      const module = isAbsolute(name) ? readManifest(name) : modules.get(name);
      if (module) return module;
      const known = list.map((one) => one.module).join(', ') || 'none';
      throw new RefusalError({
        code: CODES.NotFound,
        what: 'there is no such module',
        where: `module ${name}`,
        why: [`the modules installed are: ${known}`, ...broken].join('; '),
        todo: 'Correct the name, or install it',
      });
    },
  };
}

/** A registry in which what was installed comes before what is beside the host's own code. */
export function withInstalled(own: Registry, installed: readonly FoundModule[]): Registry {
  const byName = new Map(installed.map((found) => [found.module, found]));
  return {
    find: (name) => byName.get(name) ?? own.find(name),
    list: () => [...installed, ...own.list().filter(({ module }) => !byName.has(module))].sort((a, b) => (a.module < b.module ? -1 : 1)),
  };
}

/** One broken folder must not keep all others from running: it is named to whoever misses a module. */
function readOrNote(dir: string, broken: string[]): FoundModule | undefined {
  try {
    return readManifest(dir);
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    broken.push(error.message);
    return undefined;
  }
}

/**
 * The services of a configuration: `{NAME: {module, serves?, config?, permissions?, env?, enabled?}}`. A module's manifest says what it
 * is granted unless the configuration does. `dataDir` gets one folder a service. Throws one RefusalError that names every problem.
 */
export function parseServices(data: unknown, registry: Registry, dataDir: string): readonly ServiceSpec[] {
  const problems: string[] = [];
  const specs: ServiceSpec[] = [];
  if (!isObject(data)) problems.push('the services are not an object by name');
  for (const [service, entry] of isObject(data) ? Object.entries(data) : []) {
    try {
      const spec = parseService(service, entry, registry, dataDir, (what) => problems.push(`${service}: ${what}`));
      if (spec) specs.push(spec);
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error;
      problems.push(`${service}: ${error.message}`);
    }
  }
  if (problems.length === 0) return specs;
  throw new RefusalError({
    code: CODES.InvalidValue,
    what: 'the configuration is refused',
    where: 'services',
    why: problems.join('; '),
    todo: 'Correct what is named',
  });
}

function parseService(
  service: string,
  entry: Json,
  registry: Registry,
  dataDir: string,
  problem: (what: string) => void,
): ServiceSpec | undefined {
  if (!SERVICE.test(service) || service === 'core')
    problem('the name of a service is letters, digits, "-", "_" and ".", begins with a letter, and is not "core"');
  if (!isObject(entry)) {
    problem('is not an object');
    return undefined;
  }
  for (const member of Object.keys(entry)) if (!MEMBERS.includes(member)) problem(`"${member}" is none of ${MEMBERS.join(', ')}`);
  const { module = service, serves = '', config = {}, permissions, env = [], enabled = true, memoryMiB, cpus } = entry;
  if (enabled === false) return undefined;
  if (enabled !== true) problem('enabled is not true or false');
  if (typeof serves !== 'string') problem('serves is not a node set');
  if (!isObject(config)) problem('config is not an object');
  if (memoryMiB !== undefined && !(typeof memoryMiB === 'number' && memoryMiB >= 64)) problem('memoryMiB is not a number of at least 64');
  if (cpus !== undefined && !(typeof cpus === 'number' && cpus >= 0.1)) problem('cpus is not a number of at least 0.1');
  if (!isStrings(env)) problem('env is not a list of names');
  if (permissions !== undefined && !isStrings(permissions)) problem('permissions is not a list');
  const granted = isStrings(permissions) ? permissions : undefined;
  for (const one of granted ?? []) if (!isPermission(one)) problem(`there is no permission "${one}"`);
  if (typeof module !== 'string') {
    problem('module is not a name');
    return undefined;
  }
  const found = registry.find(module);
  if (found.extensions !== undefined) problem(`${found.module} is a plugin of schemas: there is nothing to run`);
  return {
    service,
    module: found.module,
    command: found.command,
    cwd: join(dataDir, service),
    config,
    serves: typeof serves === 'string' ? serves : '',
    permissions: granted ?? found.permissions,
    env: isStrings(env) ? env : [],
    ...(typeof memoryMiB === 'number' ? { memoryMiB } : {}),
    ...(typeof cpus === 'number' ? { cpus } : {}),
  };
}

const isStrings = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((one) => typeof one === 'string');
