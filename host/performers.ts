/** The core's effects on module processes; every call is answered with an event. */
import type { HostLog } from './log.ts';
import type { Loop, Performers } from './loop.ts';
import type { Supervisor } from './modules/supervisor.ts';

export function performers(supervisor: Supervisor, loop: () => Loop, log: HostLog): Performers {
  return {
    run: ({ run, service, mutation, deadline, nodes }) =>
      void supervisor
        .run({ service, mutation, deadline, nodes }, run)
        .then(({ observed, failed, lost }) => loop().push({ type: 'ran', run, observed, failed, ...(lost ? { lost } : {}) })),
    poll: ({ poll, service, poller, deadline, nodes }) =>
      void supervisor
        .poll({ service, poller, deadline, nodes }, poll)
        .then(({ observed, failed, lost }) => loop().push({ type: 'polled', poll, observed, failed, ...(lost ? { lost } : {}) })),
    cancel: ({ run, service, nodes, why }) => supervisor.cancel(service, run, nodes, why),
    probe: ({ node, service, timeout }) =>
      void supervisor.probe(service, node, timeout).then((answered) => loop().push({ type: 'probed', node, answered })),
    log: ({ level, message, node, service }) => log(level, message, { ...(node ? { node } : {}), ...(service ? { service } : {}) }),
  };
}
