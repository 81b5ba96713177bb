/** What the simulator is, as data: its config, and each step less what does it. Limits here are those without a profile; see limits.ts. */
import { FAULTS, PARTS } from './profile.ts';

const SPAN = { type: 'array', items: { type: 'number', minimum: 0 }, minItems: 2, maxItems: 2 } as const;

/** What can be set; the latencies' defaults are in profile.ts. */
export const CONFIG = {
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

export const STATE = {
  '/sim/fault': { type: 'string', enum: FAULTS, description: 'What is wrong with the virtual node; set in cfg, at any time.' },
  '/sim/powerOns': { type: 'integer', minimum: 0, description: 'Commands to switch it on that its BMC has taken.' },
  '/sim/powerOffs': { type: 'integer', minimum: 0, description: 'Commands to switch it off that its BMC has taken.' },
} as const;

const HANG = { timeout: '10s', failTo: { '/physState': 'PHYS_HANG' } } as const;
const BOOT = { ...HANG, requires: { '/physState': 'POWER_ON' } } as const;
const IMAGES = { timeout: '10s', requires: { '/runState': 'SYNC' }, failTo: { '/images/state': 'ERROR' } } as const;
const FATAL = { ...IMAGES, failTo: { '/images/state': 'FATAL' } } as const;

export const STEPS = {
  powerOn: { ...HANG, mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] } },
  powerOff: { ...HANG, mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] }, excludes: { '/runState': 'SYNC' }, disruptive: true },
  unhang: { ...HANG, mutates: { '/physState': ['PHYS_HANG', 'POWER_OFF'] }, disruptive: true },
  wait: { ...BOOT, mutates: { '/pxe/state': ['NONE', 'WAIT'] } },
  boot: { ...BOOT, mutates: { '/pxe/state': ['WAIT', 'INIT'], '/runState': ['UNKNOWN', 'INIT'] }, timeout: '60s' },
  begin: { ...IMAGES, mutates: { '/images/state': ['UNKNOWN', 'IDLE'] } },
  start: { ...IMAGES, mutates: { '/images/state': ['IDLE', 'ACTIVE'] } },
  stop: { ...IMAGES, mutates: { '/images/state': ['ACTIVE', 'IDLE'] }, disruptive: true },
  update: { ...IMAGES, mutates: { '/images/state': ['UPDATE', 'ACTIVE'] }, disruptive: true },
  drop: { ...IMAGES, mutates: { '/images/state': ['UPDATE', 'IDLE'] }, disruptive: true },
  mend: { ...FATAL, mutates: { '/images/state': ['ERROR', 'ACTIVE'] } },
  clear: { ...FATAL, mutates: { '/images/state': ['ERROR', 'IDLE'] }, disruptive: true },
} as const;

export const DISCOVERIES = {
  bootServer: { discovers: ['/pxe/state', '/runState'], requires: { '/physState': 'POWER_ON' } },
  imagesService: { discovers: ['/images/state'], requires: { '/runState': 'SYNC' } },
  counters: { discovers: ['/sim/powerOns', '/sim/powerOffs'] },
} as const;
