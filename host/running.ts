/** A host that runs on one data directory: store, engine, loop, module processes. Restoring a backup makes a new one. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Declaration } from '@kraken-hpc/sdk/wire';
import { readBooted } from './booted.ts';
import { checkpointing } from './checkpoints.ts';
import type { Api } from './control/api.ts';
import type { ApiSession } from './control/session.ts';
import { Questions } from './core/ask.ts';
import type { Json, ServiceDeclaration } from './core/declaration.ts';
import { Engine } from './core/engine.ts';
import { CODES } from './core/failures.ts';
import type { Millis, NodeId, Turn } from './core/record.ts';
import { RefusalError } from './core/refusal.ts';
import type { HostConfig } from './documents/config.ts';
import { Schemas } from './documents/schemas.ts';
import { type Installed, installedRegistry, installedServices } from './installed.ts';
import type { HostLog } from './log.ts';
import { Loop } from './loop.ts';
import type { Confinement } from './modules/confine/confinement.ts';
import type { ModuleSession } from './modules/hooks.ts';
import { createRegistry, type ServiceSpec } from './modules/registry.ts';
import { Supervisor } from './modules/supervisor.ts';
import { performers } from './performers.ts';
import { commonGround, runningGround, takeInstalled } from './plugin-ground.ts';
import { pluginsDir, readBook } from './plugins/book.ts';
import { Plugins } from './plugins/plugins.ts';
import { Services, servicesDir } from './services.ts';
import { type OpenedStore, openStore, type Store } from './store/store.ts';
import type { SyncOptions } from './sync/options.ts';
import { openPlace, type SyncPlace } from './sync-place.ts';
import { Syncing } from './syncing.ts';

export interface RunningOptions {
  readonly dataDir: string;
  readonly config: HostConfig;
  readonly self: string;
  /** A person said who this host is. */
  readonly isGiven: boolean;
  /** The data must be of this node, or of none. */
  readonly mustBe?: NodeId;
  readonly name: string;
  readonly seed: number;
  readonly acceptLoss: boolean;
  readonly confinement: Confinement;
  readonly log: HostLog;
  /** Its neighbours, where it is to have any. */
  readonly sync?: SyncOptions;
  /** Answers what modules ask beyond their own calls. */
  api(): Api;
}

const VERSION = '0.1.0';

export interface Running {
  readonly engine: Engine;
  readonly questions: Questions;
  readonly store: Store;
  readonly loop: Loop;
  readonly supervisor: Supervisor;
  readonly syncing: Syncing | undefined;
  readonly schemas: Schemas;
  readonly plugins: Plugins;
  readonly now: () => Millis;
  /** With the schemas of extensions before them. */
  startServices(): Promise<void>;
  /** Modules, then the loop, then everything stored. */
  stop(): Promise<void>;
}

export async function startRunning(options: RunningOptions): Promise<Running> {
  const installed = installedOn(options);
  const opened = await openStore(options.dataDir, { now: Date.now, log: options.log, acceptLoss: options.acceptLoss });
  try {
    const turns = [...opened.tail];
    // Before a key is touched and a socket opened: neither is this host's to use with the data of another.
    if (options.mustBe !== undefined) refuseOther(options, selfOf(opened, turns), options.mustBe);
    const place = await openPlace(options.sync, options.dataDir);
    try {
      return await compose(options, opened, turns, installed, place);
    } catch (error) {
      place?.lock.release();
      throw error;
    }
  } catch (error) {
    await opened.store.close();
    throw error;
  }
}

async function compose(
  options: RunningOptions,
  { store, engine: record, nodes }: OpenedStore,
  turns: Turn[],
  installed: Installed,
  place: SyncPlace | undefined,
): Promise<Running> {
  const { log } = options;
  const schemas = new Schemas();
  const now = steadyClock(turns.at(-1)?.at ?? 0);
  const engine = new Engine(
    {
      settings: options.config.settings,
      variables: schemas.variables(),
      self: options.self,
      seed: options.seed,
      now: now(),
      given: options.isGiven,
      ...(place ? { hosts: true, root: place.isRoot, boot: place.keys.boot, booted: readBooted() } : {}),
    },
    { engine: record, nodes, tail: turns },
  );
  engine.world.seq = store.lastSeq;
  let loop: Loop | undefined;
  const getLoop = (): Loop => mustHave(loop);
  const { confinement } = options;
  void confinement.summary().then((text) => log('info', text));
  const supervisor = supervise(options, { engine, schemas, confinement, now, loop: getLoop, place: () => syncing?.told ?? {} });
  const syncing = place && new Syncing({ place, engine, loop: getLoop, store, now, log });
  loop = new Loop(engine, store, performers(supervisor, syncing, getLoop, log), now);
  // No turn may run that cannot be stored; the modules are still to be stopped, and go on reporting meanwhile.
  store.onFailed((error) => getLoop().stop(error));
  const stopCheckpoints = checkpointing(loop, engine, store, turns, (message) => log('error', message));
  await makeSelf(loop, engine, options.name);
  const services = new Services(loop, engine, supervisor, installed.services);
  const ground = runningGround(commonGround(options.config, options.dataDir, confinement, now), {
    engine,
    loop,
    schemas,
    services,
    supervisor,
  });
  const registry = createRegistry();
  const plugins = new Plugins({
    dataDir: options.dataDir,
    ground,
    registry: (book) => installedRegistry(registry, book, options.dataDir),
  });
  await syncing?.open();
  return {
    engine,
    questions: new Questions(engine.world),
    store,
    loop,
    supervisor,
    syncing,
    schemas,
    plugins,
    now,
    startServices: async () => {
      await takeInstalled(installed, schemas, getLoop(), log);
      services.start();
    },
    stop: async () => {
      await supervisor.stopAll('the host is stopping');
      await syncing?.stop();
      getLoop().stop();
      await stopCheckpoints();
      await store.close();
      place?.lock.release();
    },
  };
}

interface Supervised {
  readonly engine: Engine;
  readonly schemas: Schemas;
  readonly confinement: Confinement;
  now(): Millis;
  loop(): Loop;
  /** Where this host stands among the hosts. */
  place(): { readonly ca?: string; readonly listens?: readonly string[] };
}

/** The module processes, and what becomes of what they say. */
function supervise(options: RunningOptions, { engine, schemas, confinement, now, loop, place }: Supervised): Supervisor {
  const { log } = options;
  const supervisor: Supervisor = new Supervisor({
    now,
    confinement,
    random: Math.random,
    host: { name: options.name, version: VERSION, node: engine.world.self },
    place,
    declared: (spec, declaration, wire) =>
      besideOthers(
        () => takeDeclaration(schemas, loop(), spec, declaration, wire),
        () => supervisor.list().some(({ service, state }) => service !== spec.service && state === 'starting'),
      ),
    state: (service, state, why) => loop().push({ type: 'service', service, state, ...(why === undefined ? {} : { why }) }),
    observed: (service, items) => loop().ask((request) => ({ type: 'observed', request, service, items })),
    handle: (service, method, params, session) => options.api().handle(method, params, moduleSession(service, session)),
    late: (service, items) => loop().push({ type: 'observed', service, items }),
    knows: (node) => engine.world.nodes.has(node),
    log: ({ level, service, message }) => log(level, message, { service }),
  });
  return supervisor;
}

/** What its configuration and its list of plugins come to. Throws a RefusalError. */
function installedOn({ config, dataDir, log }: RunningOptions): Installed {
  const book = readBook(pluginsDir(dataDir));
  const registry = installedRegistry(createRegistry(), book, dataDir, (text) => log('error', text));
  return installedServices(config.services, book, registry, { dataDir, services: servicesDir(dataDir) }, log);
}

/** Whose data it is; undefined: nobody's yet. */
function selfOf({ engine }: OpenedStore, turns: readonly Turn[]): Json | undefined {
  return turns.reduce((self, turn) => turn.engine?.['self'] ?? self, engine?.['self']);
}

/** The data of one host with the identity of another: neither would be right. */
function refuseOther({ dataDir }: RunningOptions, found: Json | undefined, mustBe: NodeId): void {
  if (found === undefined || found === mustBe) return;
  const why = `it holds the data of node ${String(found)}, and this host is to be ${mustBe}`;
  const todo = 'Name another with --data-dir, or leave out the id';
  throw new RefusalError({ code: CODES.conflict, what: 'the host cannot start', where: dataDir, why, todo });
}

/** A new host's own node. */
async function makeSelf(loop: Loop, engine: Engine, name: string): Promise<void> {
  const { self, nodes } = engine.world;
  if (nodes.has(self)) return;
  const change = { nodes: [{ mode: 'create' as const, id: self, doc: { nodename: name } }] };
  await loop.ask((request) => ({ type: 'apply', request, author: { user: 'core' }, change }));
}

/** A module's session, kept one and the same for the control API, which knows watches by it. */
const sessions = new WeakMap<ModuleSession, ApiSession>();

function moduleSession(service: string, session: ModuleSession): ApiSession {
  let known = sessions.get(session);
  if (!known) {
    known = {
      author: { user: `service:${service}` },
      permissions: session.permissions,
      get paths() {
        return session.paths;
      },
      sendRaw: (line) => session.sendRaw(line),
      get pendingBytes() {
        return session.pendingBytes;
      },
      drained: () => session.drained(),
      onClose: (listener) => session.onClose(listener),
    };
    sessions.set(session, known);
  }
  return known;
}

/** Wall-clock milliseconds that never jump while the host runs, and never fall behind what is stored. */
function steadyClock(stored: Millis): () => Millis {
  const base = Math.max(Date.now(), stored) - performance.now();
  return () => Math.round(base + performance.now());
}

/** How long a declaration that is refused is held up for the services that are still starting, and how often it is tried. */
const OTHERS_LIMIT = 5_000;
const OTHERS_PAUSE = 100;

/** What is a contradiction alone may be none beside a service that starts at the same time (a boot plugin beside the power plugin). */
async function besideOthers(declare: () => Promise<void>, othersStart: () => boolean): Promise<void> {
  for (const end = performance.now() + OTHERS_LIMIT; ; await sleep(OTHERS_PAUSE)) {
    const mayHelp = othersStart() && performance.now() < end;
    try {
      return await declare();
    } catch (error) {
      if (!mayHelp) throw error;
    }
  }
}

/** The schemas first, as the graph speaks of their paths; neither stays if the other is refused. */
async function takeDeclaration(
  schemas: Schemas,
  loop: Loop,
  spec: ServiceSpec,
  declaration: ServiceDeclaration,
  wire: Declaration,
): Promise<void> {
  const { state, extensions } = wire as { state?: Json; extensions?: Json };
  schemas.add(spec.service, { ...(state === undefined ? {} : { state }), ...(extensions === undefined ? {} : { extensions }) });
  try {
    await loop.ask((request) => ({ type: 'declare', request, declaration }));
  } catch (error) {
    schemas.withdraw(spec.service);
    throw error;
  }
}

function mustHave<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('the host is not composed yet');
  return part;
}
