/**
 * Power by IPMI 2.0 over LAN, for many nodes at once. RMCP+ is spoken here (session.ts) and not by ipmipower or ipmitool: a session
 * is kept with every BMC, so a sweep costs one datagram a node and no process; ipmipower takes one user and one cipher suite a call and
 * prints hosts without their ports, and ipmitool starts 55 to 94 times a second.
 */
import type { Module } from '@kraken-hpc/sdk';
import { definePower } from '@kraken-hpc/sdk/power';
import { bmcOf, loginOf } from './bmc.ts';
import { bootFromNetwork, control, isOn } from './chassis.ts';
import { consoleOf } from './console.ts';
import { Session } from './session.ts';
import { suiteOf } from './suite.ts';
import { resolveEndpoint, Transport } from './transport.ts';

/** BMCs end a session after 60 s of silence (6.12.15); one that may have ended is not tried. */
const SESSION_IDLE = 45_000;
/** How the time is shared among the tries. */
const TRIES = [0.2, 0.4, 0.4];

const CONFIG = {
  user: { type: 'string', 'x-optional': true, maxLength: 16, description: "Where a node's /ipmi/user is missing." },
  password: {
    type: 'string',
    'x-optional': true,
    'x-secret': true,
    description: 'By reference: {"file": "/etc/kraken/bmc.password"} or {"env": "BMC_PASSWORD"}.',
  },
  passwords: {
    type: 'object',
    additionalProperties: { type: 'string' },
    default: {},
    'x-secret': true,
    description: "Others, by the name that a node's /ipmi/secret gives.",
  },
  cipherSuite: { type: 'integer', minimum: 0, maximum: 17, default: 17 },
  port: { type: 'integer', minimum: 1, maximum: 65_535, default: 623 },
  privilege: { type: 'string', enum: ['operator', 'admin'], default: 'admin' },
  bootOverride: {
    type: 'string',
    enum: ['none', 'bios', 'uefi'],
    default: 'none',
    description: 'Before a power-on, tell the firmware of this kind to boot from the network once.',
  },
  atOnce: { type: 'integer', minimum: 1, maximum: 4096, default: 256, description: 'BMCs spoken to at once.' },
} as const;

/** A module with BMCs of its own: a process needs one, a test may want several. */
export function ipmi(): Module {
  const transport = new Transport();
  return definePower({
    platform: 'ipmi',
    config: CONFIG,
    names: ['/ipmi/address', '/ipmi/port'],
    reads: ['/ipmi/user', '/ipmi/secret', '/ipmi/cipherSuite'],
    // One request at a time in a session.
    atOnceEach: 1,
    check: ({ cipherSuite }) => void suiteOf(cipherSuite),
    device: bmcOf,
    connect: async ({ device, config }) => {
      const login = loginOf(device, config);
      const endpoint = await resolveEndpoint(device.host, device.port);
      const tries = TRIES.map((share) => Math.round(share * config.answerMs));
      return Session.open({ transport, endpoint, name: device.name, tries }, login);
    },
    isAlive: (session) => performance.now() - session.lastAnswer < SESSION_IDLE,
    disconnect: (session, how) => (how === 'lost' ? session.forget() : session.close()),
    isOn: ({ device, link }) => isOn(link, device.name),
    prepare: async ({ device, link, config: { bootOverride } }) => {
      if (bootOverride !== 'none') await bootFromNetwork(link, device.name, bootOverride);
    },
    switch: ({ device, link, to }) => control(link, device.name, to),
    console: consoleOf,
    stop: () => transport.close(),
  });
}

export default ipmi();
