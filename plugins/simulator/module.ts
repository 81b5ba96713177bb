/** The simulator as a module: BMCs, boot server, hosts and images of virtual nodes (platform `sim`). The machines themselves are in cluster.ts. */
import { Busy, defineModule, type Life, LoginRefused, type Module, Unreachable } from '@kraken-hpc/sdk';
import type { Trouble } from './bmc.ts';
import type { Cluster, Done } from './cluster.ts';
import { follow, PLATFORM } from './follow.ts';
import { declared } from './limits.ts';
import type { HostAction, ImagesAction } from './node-host.ts';
import { FAULTS, PARTS, profileOf } from './profile.ts';
import { type Batch, Simulation } from './simulation.ts';

const SPAN = { type: 'array', items: { type: 'number', minimum: 0 }, minItems: 2, maxItems: 2 } as const;

/** What can be set; the latencies' defaults are in profile.ts. */
const CONFIG = {
  seed: { type: 'integer', default: 1 },
  scale: { type: 'number', minimum: 0, default: 1, description: 'Multiplied with every latency.' },
  start: { type: 'string', enum: ['off', 'on', 'running'], default: 'off', description: 'What a node is when it is first seen.' },
  parts: { type: 'array', items: { type: 'string', enum: PARTS }, minItems: 1, default: PARTS },
  pollEvery: { type: 'string', pattern: '^[0-9.]+(ms|s|m|h)$', default: '5s' },
  persist: { type: 'boolean', default: true, description: 'The machines outlive this process.' },
  latencies: {
    type: 'object',
    default: {},
    description: 'Milliseconds, from and to.',
    additionalProperties: false,
    properties: {
      bmcMs: SPAN,
      bmcTimeoutMs: SPAN,
      powerMs: SPAN,
      postMs: SPAN,
      dhcpMs: SPAN,
      dhcpRetryMs: SPAN,
      loadMs: SPAN,
      hostMs: SPAN,
      imageMs: SPAN,
      silenceMs: SPAN,
      flapMs: SPAN,
      rebootEveryMs: SPAN,
    },
  },
  faults: {
    type: 'array',
    default: [],
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['fault'],
      properties: {
        fault: { type: 'string', enum: FAULTS },
        share: { type: 'number', minimum: 0, maximum: 1 },
        nodes: { type: 'array', items: { type: 'string' } },
        at: { type: 'number', minimum: 0 },
        for: { type: 'number', minimum: 0 },
      },
    },
  },
} as const;

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
const power = (action: 'on' | 'off') => (cluster: Cluster, node: string, now: number, done: Done) => cluster.power(node, action, now, done);
const host = (action: HostAction) => (cluster: Cluster, node: string, now: number, done: Done) => cluster.host(node, action, now, done);
const images = (to: ImagesAction) => (cluster: Cluster, node: string, now: number, done: Done) => cluster.images(node, to, now, done);

/** Most BMCs answer at once, all in one reply; those in trouble take their time. */
function look(cluster: Cluster, node: string, now: number, done: Done): void {
  const seen = cluster.glance(node, now);
  if (seen === undefined) cluster.power(node, 'read', now, done);
  else done(seen);
}

/** A module of its own virtual cluster: a process needs one, a test may want several. */
export function simulator(): Module {
  let running: Simulation | undefined;
  const simulation = (): Simulation => {
    if (running === undefined) throw new Error('the simulator is not running');
    return running;
  };
  const each =
    (act: (cluster: Cluster, node: string, now: number, done: Done) => void) =>
    (batch: Batch): Promise<void> =>
      simulation().each(batch, act, errorOf);
  const phys = { '/physState': 'PHYS_HANG' } as const;
  return defineModule({
    config: CONFIG,
    state: {
      '/sim/fault': { type: 'string', enum: FAULTS, description: 'What is wrong with the virtual node; set in cfg, at any time.' },
      '/sim/powerOns': { type: 'integer', minimum: 0, description: 'Commands to switch it on that its BMC has taken.' },
      '/sim/powerOffs': { type: 'integer', minimum: 0, description: 'Commands to switch it off that its BMC has taken.' },
    },
    requires: { '/platform': PLATFORM },
    mutations: {
      powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '10s', failTo: phys, runMany: each(power('on')) },
      powerOff: {
        mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] },
        excludes: { '/runState': 'SYNC' },
        timeout: '10s',
        failTo: phys,
        disruptive: true,
        runMany: each(power('off')),
      },
      unhang: {
        mutates: { '/physState': ['PHYS_HANG', 'POWER_OFF'] },
        timeout: '10s',
        failTo: phys,
        disruptive: true,
        runMany: each(power('off')),
      },
      wait: {
        mutates: { '/pxe/state': ['NONE', 'WAIT'] },
        requires: { '/physState': 'POWER_ON' },
        timeout: '10s',
        failTo: phys,
        runMany: each((cluster, node, now, done) => cluster.prepareBoot(node, now, done)),
      },
      boot: {
        mutates: { '/pxe/state': ['WAIT', 'INIT'], '/runState': ['UNKNOWN', 'INIT'] },
        requires: { '/physState': 'POWER_ON' },
        timeout: '60s',
        failTo: phys,
        // There is nothing to do but to wait for the node's own DHCP client, which is reported when it is heard.
        runMany: () => {},
      },
      begin: { mutates: { '/images/state': ['UNKNOWN', 'IDLE'] }, ...ON_THE_NODE, runMany: each(images('begin')) },
      start: { mutates: { '/images/state': ['IDLE', 'ACTIVE'] }, ...ON_THE_NODE, runMany: each(images('ACTIVE')) },
      stop: { mutates: { '/images/state': ['ACTIVE', 'IDLE'] }, ...ON_THE_NODE, disruptive: true, runMany: each(images('IDLE')) },
      update: { mutates: { '/images/state': ['UPDATE', 'ACTIVE'] }, ...ON_THE_NODE, disruptive: true, runMany: each(images('ACTIVE')) },
      drop: { mutates: { '/images/state': ['UPDATE', 'IDLE'] }, ...ON_THE_NODE, disruptive: true, runMany: each(images('IDLE')) },
      mend: { mutates: { '/images/state': ['ERROR', 'ACTIVE'] }, ...ON_THE_NODE, ...OR_FATAL, runMany: each(images('ACTIVE')) },
      clear: {
        mutates: { '/images/state': ['ERROR', 'IDLE'] },
        ...ON_THE_NODE,
        ...OR_FATAL,
        disruptive: true,
        runMany: each(images('IDLE')),
      },
    },
    pollers: { power: { discovers: ['/physState'], every: '5s', timeout: '10s', pollMany: each(look) } },
    discoveries: {
      bootServer: { discovers: ['/pxe/state', '/runState'], requires: { '/physState': 'POWER_ON' } },
      imagesService: { discovers: ['/images/state'], requires: { '/runState': 'SYNC' } },
      counters: { discovers: ['/sim/powerOns', '/sim/powerOffs'] },
    },
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
      const paths = ['/platform', '/sim/fault', ...readsOf(config)] as const;
      await kraken.watch({ paths: paths as never, view: config.parts.includes('power') ? 'cfg' : 'both' }, follow(running));
    },
    stop: () => running?.end(),
    update: () => {
      throw new Error('the virtual cluster keeps its profile while it runs; restart the service');
    },
  });
}

const ON_THE_NODE = { requires: { '/runState': 'SYNC' }, timeout: '10s', failTo: { '/images/state': 'ERROR' } } as const;
const OR_FATAL = { failTo: { '/images/state': 'FATAL' } } as const;

export default simulator();
