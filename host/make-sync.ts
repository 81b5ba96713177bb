/** The pure sync layer of this host, made of its keys and its place. */
import type { Engine } from './core/engine.ts';
import { sessionKeys } from './sync/edge/session-keys.ts';
import { peekSid, Seal } from './sync/seal.ts';
import { Sync } from './sync/sync.ts';
import type { SyncSurroundings } from './syncing.ts';

export function makeSync({ place, engine, now }: Pick<SyncSurroundings, 'place' | 'engine' | 'now'>): Sync {
  const { options, keys } = place;
  const { generation, boot, session } = keys;
  return new Sync({
    world: engine.world,
    settings: options.settings,
    generation,
    now: now(),
    random: Math.random,
    seal: (session) => new Seal({ ...session, generation }),
    peekSid,
    keys: sessionKeys(keys.master),
    parents: options.parents,
    ...(session ? { saved: session } : {}),
    boot,
    runs: () => runsSomething(engine),
  });
}

/** What a reboot would end: a service of this node that is not at rest. */
export function runsSomething({ world }: Engine): boolean {
  const own = world.nodes.get(world.self);
  for (const { declaration } of world.services.values()) {
    for (const [path, rest] of Object.entries(declaration.quiet)) {
      const seen = own?.seen(path);
      if (seen !== undefined && seen !== rest) return true;
    }
  }
  return false;
}
