/** The core's effects on module processes; every call is answered with an event. */
import type { HostLog } from './log.ts';
import type { Loop, Performers } from './loop.ts';
import type { Supervisor } from './modules/supervisor.ts';
import type { Syncing } from './syncing.ts';

/** The core's own steps are for the nodes' own hosts: the sync layer knows them. */
const CORE = 'core';

export function performers(supervisor: Supervisor, syncing: Syncing | undefined, loop: () => Loop, log: HostLog): Performers {
  return {
    run: (effect) => {
      if (syncing && effect.service === CORE) return syncing.run(effect);
      const { run, service, mutation, deadline, nodes } = effect;
      void supervisor
        .run({ service, mutation, deadline, nodes }, run)
        .then(({ observed, failed, lost }) => loop().push({ type: 'ran', run, observed, failed, ...(lost ? { lost } : {}) }));
    },
    poll: ({ poll, service, poller, deadline, nodes }) =>
      void supervisor
        .poll({ service, poller, deadline, nodes }, poll)
        .then(({ observed, failed, lost }) => loop().push({ type: 'polled', poll, observed, failed, ...(lost ? { lost } : {}) })),
    cancel: ({ run, service, nodes, why }) => {
      // A host that was asked into sync comes or does not: there is nothing to call off.
      if (service !== CORE) supervisor.cancel(service, run, nodes, why);
    },
    probe: (effect) => {
      if (syncing && effect.service === CORE) return syncing.probe(effect);
      const { node, service, timeout } = effect;
      void supervisor.probe(service, node, timeout).then((answered) => loop().push({ type: 'probed', node, answered }));
    },
    log: ({ level, message, node, service }) => log(level, message, { ...(node ? { node } : {}), ...(service ? { service } : {}) }),
  };
}
