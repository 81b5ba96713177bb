/** What the simulator declares under its config: only the parts that it plays, with limits in proportion to the profile's latencies. */
import type { Declaration } from '@kraken-hpc/sdk';
import { type Latency, limitFor, type Part, type Profile, SLOW } from './profile.ts';

/** To which part each entry belongs, and what it takes at worst. */
const ENTRIES: Readonly<Record<string, { readonly part: Part; readonly takes: readonly Latency[] }>> = {
  powerOn: { part: 'power', takes: ['bmcMs', 'powerMs', 'bmcTimeoutMs'] },
  powerOff: { part: 'power', takes: ['bmcMs', 'powerMs', 'bmcTimeoutMs'] },
  unhang: { part: 'power', takes: ['bmcMs', 'powerMs', 'bmcTimeoutMs'] },
  power: { part: 'power', takes: ['bmcMs', 'bmcTimeoutMs'] },
  wait: { part: 'pxe', takes: ['hostMs'] },
  boot: { part: 'pxe', takes: ['postMs', 'dhcpMs', 'dhcpRetryMs', 'loadMs'] },
  begin: { part: 'images', takes: ['hostMs'] },
  start: { part: 'images', takes: ['imageMs'] },
  stop: { part: 'images', takes: ['imageMs'] },
  update: { part: 'images', takes: ['imageMs'] },
  drop: { part: 'images', takes: ['imageMs'] },
  mend: { part: 'images', takes: ['imageMs'] },
  clear: { part: 'images', takes: ['imageMs'] },
  bootServer: { part: 'pxe', takes: [] },
  imagesService: { part: 'images', takes: [] },
  counters: { part: 'power', takes: [] },
};

/** A slow disk is meant to be late, not lost. */
const PATIENT = SLOW * 1.5;

export function declared(declaration: Declaration, profile: Profile, pollEvery: string, reads: readonly string[]): Declaration {
  const { requires, quiet, playsHosts, ...rest } = declaration;
  const plays = (part: Part): boolean => profile.parts.includes(part);
  const kept = <T>(table: Readonly<Record<string, T>> | undefined, change: (entry: T, name: string) => T): Record<string, T> =>
    Object.fromEntries(
      Object.entries(table ?? {}).flatMap(([name, entry]) => (plays(ENTRIES[name]?.part ?? 'hosts') ? [[name, change(entry, name)]] : [])),
    );
  const limit = (name: string): string => {
    const { part, takes } = ENTRIES[name] ?? { part: 'hosts', takes: [] };
    return `${limitFor(profile, takes, part === 'images' ? PATIENT : 3)}ms`;
  };
  return {
    ...rest,
    // Without its own BMCs it plays beside real ones: which nodes it plays, `serves` says.
    ...(requires !== undefined && plays('power') && { requires }),
    ...(quiet !== undefined && plays('images') && { quiet }),
    ...(playsHosts !== undefined && plays('hosts') && { playsHosts }),
    reads,
    mutations: kept(declaration.mutations, (entry, name) => ({ ...entry, timeout: limit(name) })),
    pollers: kept(declaration.pollers, (entry, name) => ({ ...entry, every: pollEvery, timeout: limit(name) })),
    discoveries: kept(declaration.discoveries, (entry) => entry),
  };
}
