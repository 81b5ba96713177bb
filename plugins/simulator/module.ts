/** The simulator as a module: BMCs, boot server, hosts and images of virtual nodes (platform `sim`). The machines themselves are in cluster.ts. */
import { Busy, defineModule, type Life, LoginRefused, type Module, Unreachable } from '@kraken-hpc/sdk';
import type { Trouble } from './bmc.ts';
import { follow, PLATFORM } from './follow.ts';
import { declared } from './limits.ts';
import type { HostAction, ImagesAction } from './node-host.ts';
import { profileOf } from './profile.ts';
import { type Act, type Batch, Simulation } from './simulation.ts';
import { CONFIG, DISCOVERIES, STATE, STEPS } from './words.ts';

type Config = Life<typeof CONFIG, object, object>['config'];

const profile = ({ pollEvery: _pollEvery, persist: _persist, ...given }: Config) => profileOf(given);

/** Names are read only where the profile needs them: they would be sent with every node of every task. */
const readsOf = ({ faults, parts }: Config): string[] => [
  ...(faults.some(({ nodes }) => nodes !== undefined) ? ['/nodename'] : []),
  ...(parts.includes('images') ? ['/images/images/'] : []),
  ...(parts.includes('power') ? [] : ['/physState']),
];

function errorOf({ trouble, text }: Trouble): Error {
  switch (trouble) {
    case 'unreachable':
      return new Unreachable(text);
    case 'login':
      return new LoginRefused(text);
    case 'busy':
      return new Busy(text);
    case 'failed':
      return new Error(text);
    default:
      throw new Error(`no such trouble: ${trouble satisfies never}`);
  }
}

/** What is done for one batch of nodes, by what each of them is asked for. */
const power =
  (action: 'on' | 'off'): Act =>
  (cluster, node, now, done) =>
    cluster.power(node, action, now, done);
const host =
  (action: HostAction): Act =>
  (cluster, node, now, done) =>
    cluster.host(node, action, now, done);
const images =
  (to: ImagesAction): Act =>
  (cluster, node, now, done) =>
    cluster.images(node, to, now, done);

/** Most BMCs answer at once, all in one reply; those in trouble take their time. */
const look: Act = (cluster, node, now, done) => {
  const seen = cluster.glance(node, now);
  if (seen === undefined) cluster.power(node, 'read', now, done);
  else done(seen);
};

/** A module of its own virtual cluster: a process needs one, a test may want several. */
export function simulator(): Module {
  let running: Simulation | undefined;
  const simulation = (): Simulation => {
    if (running === undefined) throw new Error('the simulator is not running');
    return running;
  };
  const each =
    (act: Act) =>
    (batch: Batch): Promise<void> =>
      simulation().each(batch, act, errorOf);
  return defineModule({
    config: CONFIG,
    state: STATE,
    requires: { '/platform': PLATFORM },
    mutations: {
      powerOn: { ...STEPS.powerOn, runMany: each(power('on')) },
      powerOff: { ...STEPS.powerOff, runMany: each(power('off')) },
      unhang: { ...STEPS.unhang, runMany: each(power('off')) },
      wait: { ...STEPS.wait, runMany: each((cluster, node, now, done) => cluster.prepareBoot(node, now, done)) },
      // There is nothing to do but to wait for the node's own DHCP client, which is reported when it is heard.
      boot: { ...STEPS.boot, runMany: () => {} },
      begin: { ...STEPS.begin, runMany: each(images('begin')) },
      start: { ...STEPS.start, runMany: each(images('ACTIVE')) },
      stop: { ...STEPS.stop, runMany: each(images('IDLE')) },
      update: { ...STEPS.update, runMany: each(images('ACTIVE')) },
      drop: { ...STEPS.drop, runMany: each(images('IDLE')) },
      mend: { ...STEPS.mend, runMany: each(images('ACTIVE')) },
      clear: { ...STEPS.clear, runMany: each(images('IDLE')) },
    },
    pollers: { power: { discovers: ['/physState'], every: '5s', timeout: '10s', pollMany: each(look) } },
    discoveries: DISCOVERIES,
    quiet: { '/images/state': 'IDLE' },
    hosts: {
      sync: { runMany: each(host('sync')) },
      quiesce: { runMany: each(host('quiesce')) },
      probe: (node) => simulation().touch((cluster, now) => cluster.answers(node, now)),
    },
    declares: (declaration, config) => declared(declaration, profile(config), config.pollEvery, readsOf(config)),
    start: async ({ config, host: kraken, log }) => {
      running = new Simulation({
        profile: profile(config),
        ...(config.persist && { folder: process.cwd() }),
        send: (reports) => kraken.discover(reports),
        log,
      });
      // Beside real BMCs it has no platform of its own, and may not ask for it.
      const paths = [...(config.parts.includes('power') ? ['/platform'] : []), '/sim/fault', ...readsOf(config)];
      await kraken.watch({ paths: paths as never, view: config.parts.includes('power') ? 'cfg' : 'both' }, follow(running));
    },
    stop: () => running?.end(),
    update: () => {
      throw new Error('the virtual cluster keeps its profile while it runs; restart the service');
    },
  });
}

export default simulator();
