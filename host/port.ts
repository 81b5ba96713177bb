/** What the control surface is given of the running host, whichever one that is just now. */

import { toOriginal } from '@kraken-hpc/sdk/state';
import type { HostPort } from './control/port.ts';
import type { Json } from './core/declaration.ts';
import { idOfName, parseNode, parsePatch } from './documents/parse.ts';
import type { Running } from './running.ts';
import { makeToken } from './sync/edge/token.ts';
import { syncStatus } from './sync-status.ts';

export function createPort(running: () => Running, owner: Pick<HostPort, 'restore' | 'stop'>): HostPort {
  const stored = (id: string): { readonly [member: string]: Json } | undefined => running().engine.world.nodes.get(id)?.cfg;
  return {
    get engine() {
      return running().questions;
    },
    now: () => running().now(),
    ask: (make) => running().loop.ask(make),
    onTurn: (listener) => running().loop.onTurn(listener),
    history: (node, options) => running().store.history({ ...options, ...(node === undefined ? {} : { nodes: new Set([node]) }) }),
    services: {
      list: () => running().supervisor.list(),
      start: (service) => running().supervisor.resume(service),
      stop: (service) => running().supervisor.stop(service, 'an operator stopped it'),
      restart: (service) => running().supervisor.restart(service, 'an operator restarted it'),
      call: (service, call, params) => running().supervisor.call(service, call, params),
      logs: (service, lines, follow) => running().supervisor.logs(service, lines, follow),
    },
    get plugins() {
      return running().plugins;
    },
    peers: () => running().syncing?.peers() ?? [],
    sync: () => {
      const { syncing } = running();
      return syncing && syncStatus(syncing);
    },
    makeToken,
    parseNode: (doc, where) => parseNode(running().schemas, doc, where, stored),
    parsePatch: (doc, where) => parsePatch(running().schemas, doc, where),
    checkDocument: (doc, where, id) => running().schemas.check(doc, where, id === undefined ? undefined : stored(id)),
    checkValues: (values, where, observed) => running().schemas.checkValues(values, where, observed),
    idOfName,
    schemas: () => running().schemas.described(),
    toOriginal: (doc) => toOriginal(doc, running().schemas),
    // The store counts what is in its snapshot; a person wants to know how many nodes there are.
    backup: async (file) => ({ ...(await running().store.backup(file)), nodes: running().engine.world.nodes.size }),
    ...owner,
  };
}
