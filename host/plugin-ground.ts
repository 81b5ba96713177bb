/** What the installer of plugins may do to a host: to one that runs, and to one that does not. */
import { foldNames } from '@kraken-hpc/sdk/state';
import { CODES } from '@kraken-hpc/sdk/wire';
import type { Json, ServiceDeclaration } from './core/declaration.ts';
import type { Engine } from './core/engine.ts';
import { previewDeclaration } from './core/preview.ts';
import { RefusalError } from './core/refusal.ts';
import type { HostConfig } from './documents/config.ts';
import type { Schemas } from './documents/schemas.ts';
import type { Installed } from './installed.ts';
import type { HostLog } from './log.ts';
import type { Loop } from './loop.ts';
import type { Confinement } from './modules/confine/confinement.ts';
import { declare } from './modules/declare.ts';
import { parseServices } from './modules/registry.ts';
import type { Supervisor } from './modules/supervisor.ts';
import type { Ground } from './plugins/ground.ts';
import { type Services, servicesDir, unlessAborted } from './services.ts';

/** How long a new version is watched before the old one is given up. */
const PROVE = 5_000;

export interface RunningParts {
  readonly engine: Engine;
  readonly loop: Loop;
  readonly schemas: Schemas;
  readonly services: Services;
  readonly supervisor: Supervisor;
}

/** What both have in common. */
type Common = Pick<Ground, 'now' | 'configured' | 'specs' | 'confinement' | 'trying'>;

/** What a host knows of its services without running them. */
export function commonGround(config: HostConfig, dataDir: string, confinement: Confinement, now: () => number): Common {
  return {
    now,
    configured: config.services,
    specs: (entries, registry) => parseServices(entries, registry, servicesDir(dataDir)),
    confinement: (spec) => confinement.describe(spec),
    trying: async () => {
      const prepare = await confinement.ready();
      // Nobody has agreed to anything yet.
      return ({ command, cwd, config: given }) => prepare({ service: 'trial', command, cwd, config: given, permissions: [] });
    },
  };
}

export function runningGround(common: Common, { engine, loop, schemas, services, supervisor }: RunningParts): Ground {
  return {
    ...common,
    isRunning: true,
    declared: (service) => engine.world.services.get(service)?.declaration,
    foresee: (declaration, declared, replaces) => {
      const refused = refusedSchemas(() => schemas.mustTake(declaration.service, declared));
      if (refused !== undefined) return { conflicts: [refused], ways: [] };
      const { conflicts, served, ways } = previewDeclaration(engine.world, declaration, replaces);
      const name = (id: string): string => engine.world.nodes.get(id)?.name || id;
      const told = ways.map(({ nodes, before, after }) => ({ count: nodes.length, nodes: foldNames(nodes.map(name)), before, after }));
      return { conflicts, served, ways: told };
    },
    run: (specs, signal) => services.run(specs, signal),
    configure: (spec, signal) => services.configure(spec, signal),
    prove: (names, signal) => prove(supervisor, names, signal),
    halt: (specs, why) => services.halt(specs, why),
    forget: async (names) => {
      await services.forget(names);
      for (const service of names) schemas.withdraw(service);
    },
    extend: async (plugin, extensions) => {
      if (extensions === undefined) {
        schemas.withdraw(plugin);
        loop.push({ type: 'withdraw', service: plugin });
      } else await takeExtensions(schemas, loop, plugin, extensions);
    },
  };
}

/** Of a host that does not run: what is written down counts at its next start. */
export function stoppedGround(common: Common, schemas: Schemas): Ground {
  const nothing = async (): Promise<void> => undefined;
  return {
    ...common,
    isRunning: false,
    declared: () => undefined,
    foresee: (declaration, declared) => {
      const refused = refusedSchemas(() => schemas.mustTake(declaration.service, declared));
      return { conflicts: refused === undefined ? [] : [refused], ways: [] };
    },
    run: nothing,
    configure: nothing,
    prove: nothing,
    halt: nothing,
    forget: nothing,
    extend: nothing,
  };
}

function refusedSchemas(take: () => void): string | undefined {
  try {
    take();
    return undefined;
  } catch (error) {
    if (error instanceof RefusalError) return error.message;
    throw error;
  }
}

/** An extension is to the core a service that declares variables, and nothing to do with them. */
async function takeExtensions(
  schemas: Schemas,
  loop: Pick<Loop, 'ask'>,
  plugin: string,
  extensions: { readonly [member: string]: Json },
): Promise<void> {
  const declaration: ServiceDeclaration = declare({ extensions }, { service: plugin, module: plugin, serves: '', permissions: [] });
  schemas.add(plugin, { extensions });
  try {
    await loop.ask((request) => ({ type: 'declare', request, declaration }));
  } catch (error) {
    schemas.withdraw(plugin);
    throw error;
  }
}

/** At a start: one extension that is broken keeps no other from being taken in. */
export async function takeInstalled({ extensions }: Installed, schemas: Schemas, loop: Pick<Loop, 'ask'>, log: HostLog): Promise<void> {
  for (const { plugin, schemas: members } of extensions)
    await takeExtensions(schemas, loop, plugin, members).catch((error: Error) =>
      log('error', `plugin ${plugin} is left out: ${error.message}`),
    );
}

/** A crash counts, although a restart would mend it. */
async function prove(supervisor: Supervisor, names: readonly string[], signal: AbortSignal): Promise<void> {
  const ready = supervisor.list().filter(({ service, state }) => names.includes(service) && state === 'ready');
  const troubles = ready.map(async ({ service }) => {
    const why = await supervisor.trouble(service, PROVE);
    if (why === undefined) return;
    const todo = `The version before runs again. Look: kraken service logs ${service}`;
    throw new RefusalError({ code: CODES.NotReady, what: 'the new version did not show itself', where: `service ${service}`, why, todo });
  });
  await unlessAborted(Promise.all(troubles), signal);
}
