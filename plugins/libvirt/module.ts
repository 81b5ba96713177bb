/** Power of libvirt's domains by virsh: one process reads all domains of a server, however many nodes they are; another one switches one. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Module, Terminal, Unreachable } from '@kraken-hpc/sdk';
import { type ConsoleProgram, definePower } from '@kraken-hpc/sdk/power';
import { type Domain, domainOf, networkFirst, seenIn } from './domain.ts';
import { type Run, virsh } from './virsh.ts';

const CONFIG = {
  servers: {
    type: 'object',
    additionalProperties: {
      type: 'object',
      properties: { uri: { type: 'string', pattern: '^[a-z][a-z0-9+.-]*://', maxLength: 2048 } },
      additionalProperties: false,
    },
    default: {},
    description:
      'By the name that a node\'s /vm/apiServer gives: {"rack1": {"uri": "qemu+ssh://root@rack1/system"}}. Without a uri, and for nodes without /vm/apiServer: qemu:///system.',
  },
  bootOverride: {
    type: 'string',
    enum: ['none', 'network'],
    default: 'none',
    description: 'network: a machine that is powered on boots from the network first until it is off again; its definition stays as it is.',
  },
  virsh: { type: 'string', minLength: 1, maxLength: 4096, default: 'virsh', description: 'The program, by name or path.' },
  answerMs: {
    type: 'integer',
    minimum: 100,
    maximum: 20_000,
    default: 10_000,
    description: 'Milliseconds until a hypervisor that is silent is given up.',
  },
} as const;

/** UUIDs by what nodes call their domains: virsh takes a name of digits for a running domain's number, a UUID is only that. */
type Known = Map<string, string>;

async function areOn(run: Run, domains: readonly Domain[], known: Known): Promise<Map<string, boolean | Error>> {
  const all = seenIn(await virsh(run, 'domstats --state; list --all --uuid --name'));
  const byId = new Map(all.flatMap((seen) => [[seen.name, seen] as const, [seen.uuid, seen] as const]));
  return new Map(
    domains.map(({ key, id, name, uri }): [string, boolean | Error] => {
      const seen = byId.get(id);
      if (seen === undefined)
        return [key, new Unreachable(`${name} does not exist: define it at ${uri}, or correct /vm/vmName or /vm/uuid`)];
      known.set(id, seen.uuid);
      return [key, seen.isOn];
    }),
  );
}

/** Starts it with another definition for this once; the one that libvirt keeps is not touched. It may hold passwords, so no one else reads it. */
async function startFromNetwork(run: Run, uuid: string): Promise<void> {
  const xml = networkFirst(await virsh(run, 'dumpxml', '--inactive', '--security-info', uuid));
  const folder = await mkdtemp(join(tmpdir(), 'kraken-libvirt-'));
  try {
    const file = join(folder, 'domain.xml');
    await writeFile(file, xml, { mode: 0o600 });
    await virsh(run, 'create', file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The domain's serial console. virsh takes a name of digits for the number of another domain that runs. */
function consoleOf({ device, config }: { readonly device: Domain; readonly config: { readonly virsh: string } }): ConsoleProgram {
  if (/^\d+$/.test(device.id)) throw new Terminal(`virsh takes its name ${device.id} for a number: set its /vm/uuid`);
  return { program: config.virsh, args: ['-c', device.uri, 'console', '--safe', '--domain', device.id], leave: 'Ctrl-]' };
}

export function libvirt(): Module {
  return definePower({
    platform: 'libvirt',
    config: CONFIG,
    names: ['/vm/apiServer', '/vm/vmName', '/vm/uuid'],
    device: domainOf,
    connect: async (): Promise<Known> => new Map(),
    areOn: ({ devices, config, link, signal }) => {
      const uri = devices[0]?.uri ?? '';
      return areOn({ program: config.virsh, uri, signal }, devices, link);
    },
    console: consoleOf,
    switch: async ({ device, to, config, link, signal }) => {
      const run = { program: config.virsh, uri: device.uri, signal };
      const uuid = link.get(device.id);
      if (uuid === undefined) throw new Error(`${device.name} was not read before it was switched`);
      if (to === 'off') await virsh(run, 'destroy', uuid);
      else if (config.bootOverride === 'network') await startFromNetwork(run, uuid);
      else await virsh(run, 'start', uuid);
    },
  });
}

export default libvirt();
