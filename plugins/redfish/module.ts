/**
 * Power by DMTF Redfish, for many nodes at once: one session and one kept connection a BMC, so that a sweep costs one GET a node. What
 * power modules share is in `definePower`; here is what Redfish is.
 */
import type { Module } from '@kraken-hpc/sdk';
import { definePower } from '@kraken-hpc/sdk/power';
import { loginOf, systemOf, trustOf } from './bmc.ts';
import { Client } from './client.ts';
import { Exchanges } from './exchange.ts';
import { isOn, read, switchTo, type Tasks } from './power.ts';
import { bootFromNetwork } from './system.ts';
import { readCas } from './trust.ts';

const CONFIG = {
  user: { type: 'string', 'x-optional': true, maxLength: 255, description: "Where a node's /redfish/user is missing." },
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
    description: "Others, by the name that a node's /redfish/secret gives.",
  },
  auth: { type: 'string', enum: ['session', 'basic'], default: 'session' },
  tls: {
    type: 'string',
    enum: ['verify', 'insecure'],
    default: 'verify',
    description: 'insecure: whoever answers is believed, and told the password. A /redfish/fingerprint is checked all the same.',
  },
  caFile: { type: 'string', 'x-optional': true, description: "CAs of the BMCs' certificates, PEM; without it those of this machine." },
  plainHttp: { type: 'boolean', default: false, description: 'Allows /redfish/address of http://, where everybody reads the password.' },
  bootOverride: {
    type: 'string',
    enum: ['none', 'pxe', 'bios', 'uefi', 'uefiHttp'],
    default: 'none',
    description: 'Before a power-on, boot from the network once: by PXE in the mode that is set, in that of BIOS or UEFI, or by HTTP.',
  },
  atOnce: { type: 'integer', minimum: 1, maximum: 4096, default: 128, description: 'BMCs spoken to at once.' },
  answerMs: { type: 'integer', minimum: 100, maximum: 20_000, default: 10_000, description: 'Milliseconds until silence is no answer.' },
  pollEvery: {
    type: 'string',
    pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h)$',
    default: '10s',
    description: 'How often the power of every node is read.',
  },
} as const;

function* warnings({ tls, plainHttp }: { readonly tls: string; readonly plainHttp: boolean }): Generator<string> {
  if (tls === 'insecure')
    yield 'tls is insecure: certificates of BMCs without /redfish/fingerprint are not checked, and whoever answers is told the password';
  if (plainHttp) yield 'plainHttp is set: passwords of BMCs at http:// addresses can be read by all on the way';
}

/** A module with BMCs of its own: a process needs one, a test may want several. */
export function redfish(): Module {
  const tasks: Tasks = new Map();
  let ca: readonly string[] = [];
  return definePower({
    platform: 'redfish',
    config: CONFIG,
    names: ['/redfish/address', '/redfish/system'],
    reads: ['/redfish/user', '/redfish/secret', '/redfish/fingerprint'],
    // BMCs are slow, and some mix up answers to questions asked at the same time.
    atOnceEach: 1,
    check: ({ tls, caFile }) => {
      ca = tls === 'verify' ? readCas(caFile) : [];
    },
    warns: (config) => [...warnings(config)],
    device: systemOf,
    connect: async ({ device, config, signal }) => {
      const client = new Client(new Exchanges(device.origin, trustOf(device, config, ca)), loginOf(device, config));
      try {
        await client.open(signal);
      } catch (error) {
        void client.close();
        throw error;
      }
      return client;
    },
    disconnect: (client, how) => {
      const closed = client.close();
      // Whoever does not answer is not waited for.
      return how === 'lost' ? undefined : closed;
    },
    isOn: (call) => isOn(call, tasks),
    prepare: async (call) => {
      const { bootOverride } = call.config;
      if (bootOverride === 'none') return;
      const { uri, answer } = await read(call);
      await bootFromNetwork(call.link, uri, answer, bootOverride, call.signal);
    },
    switch: (call) => switchTo(call, call.to, tasks),
  });
}

export default redfish();
