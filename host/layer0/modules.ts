/** Kernel modules: which are wanted, what they need, and the tables by which modprobe finds them on the node (depmod(8)). */
import { readModinfo } from './elf.ts';

/** A module in the kernel's folder. */
export interface ModuleFile {
  /** With _ for -. */
  readonly name: string;
  /** Relative to the folder of the version. */
  readonly path: string;
}

/** What of a module is in layer 0. */
export interface PickedModule extends ModuleFile {
  readonly needs: readonly string[];
  readonly aliases: readonly string[];
  readonly bytes: Buffer;
}

/** Network cards of servers and of virtual machines, and what brings their buses; those that the kernel does not have are passed by. */
export const DEFAULT_MODULES: readonly string[] = [
  ...['virtio_pci', 'virtio_mmio', 'virtio_net', 'virtio_rng', 'vmxnet3', 'hv_netvsc', 'xen_netfront', 'ena', 'gve'],
  ...['e1000', 'e1000e', 'igb', 'igc', 'ixgbe', 'i40e', 'iavf', 'ice'],
  ...['tg3', 'bnxt_en', 'r8169', 'mlx4_en', 'mlx5_core', 'sfc', 'qede', 'atlantic', 'be2net'],
];

const MOST_MODULES = 500;

/** `/lib/modules/V/kernel/net/net-failover.ko.xz` → net_failover. */
export const moduleName = (path: string): string =>
  (path.split('/').at(-1) ?? '').replace(/\.ko(?:\.(?:xz|zst|gz))?$/, '').replaceAll('-', '_');

export interface Picking {
  readonly files: readonly ModuleFile[];
  /** Of modules.builtin. */
  readonly builtin: ReadonlySet<string>;
  /** Passed by where the kernel has none. */
  readonly welcome: readonly string[];
  /** Refused where the kernel has none. */
  readonly wanted: readonly string[];
  /** By name, of modules.dep; absent: what the modules say themselves counts. */
  readonly needs?: ReadonlyMap<string, readonly string[]>;
  readonly read: (file: ModuleFile) => Buffer;
}

/** In the order of loading: what a module needs comes before it. Throws an Error that names what there is none of. */
export function pickModules(from: Picking): readonly PickedModule[] {
  const files = new Map(from.files.map((file) => [file.name, file]));
  const picked = new Map<string, PickedModule>();
  const open = new Set<string>();
  const pick = (name: string, by: string): void => {
    if (picked.has(name) || from.builtin.has(name)) return;
    const file = files.get(name);
    if (!file) throw new Error(`there is no module ${name}${by === '' ? '' : `, which ${by} needs`}`);
    if (open.has(name)) throw new Error(`the modules ${[...open].join(', ')} need each other`);
    if (picked.size >= MOST_MODULES) throw new Error(`more than ${MOST_MODULES} modules would be needed`);
    open.add(name);
    const bytes = from.read(file);
    const info = infoOf(bytes, file.path);
    const needs = from.needs?.get(name) ?? info.needs;
    for (const need of needs) pick(need, name);
    for (const first of info.softly) if (files.has(first)) pick(first, name);
    open.delete(name);
    picked.set(name, { ...file, needs: needs.filter((need) => picked.has(need)), aliases: info.aliases, bytes });
  };
  for (const name of from.wanted.map(normal)) pick(name, '');
  for (const name of from.welcome.map(normal)) if (files.has(name)) pick(name, '');
  return [...picked.values()];
}

const normal = (name: string): string => name.replaceAll('-', '_');

function infoOf(bytes: Buffer, path: string): { readonly needs: string[]; readonly softly: string[]; readonly aliases: string[] } {
  try {
    const info = readModinfo(bytes);
    const all = (name: string): string[] => info.flatMap(([key, value]) => (key === name && value !== '' ? [value] : []));
    const softly = all('softdep').flatMap((text) => /\bpre:\s*([^:]*)(?:\s\w+:|$)/.exec(text)?.[1]?.trim().split(/\s+/) ?? []);
    return {
      needs: all('depends')
        .flatMap((list) => list.split(','))
        .map(normal),
      softly: softly.map(normal),
      aliases: all('alias'),
    };
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`);
  }
}

/** By name, all that a module needs, directly or not: `PATH: PATH…`, the one to be loaded first last. Nearest first is kept. */
export function parseModulesDep(text: string): ReadonlyMap<string, readonly string[]> {
  const needs = new Map<string, readonly string[]>();
  for (const line of text.split('\n')) {
    const [path = '', rest = ''] = line.split(':', 2);
    // The last is loaded first.
    if (path.includes('.ko')) needs.set(moduleName(path), rest.trim().split(/\s+/).filter(Boolean).map(moduleName).reverse());
  }
  return needs;
}

/** `kernel/drivers/net/e1000.ko`, one a line. */
export function parseBuiltin(text: string): ReadonlySet<string> {
  return new Set(
    text
      .split('\n')
      .filter((line) => line.includes('.ko'))
      .map(moduleName),
  );
}

/** modules.dep and modules.alias of what was picked; every module lies in the folder itself. */
export function moduleTables(modules: readonly PickedModule[]): { readonly dep: string; readonly alias: string } {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const allOf = (name: string): string[] => [...new Set((byName.get(name)?.needs ?? []).flatMap((need) => [need, ...allOf(need)]))];
  const sorted = [...modules].sort((a, b) => (a.name < b.name ? -1 : 1));
  const order = new Map(modules.map(({ name }, index) => [name, index]));
  const later = (a: string, b: string): number => (order.get(b) ?? 0) - (order.get(a) ?? 0);
  return {
    dep: sorted
      .map(
        ({ name }) =>
          `${[
            `${name}.ko:`,
            ...allOf(name)
              .sort(later)
              .map((need) => `${need}.ko`),
          ].join(' ')}\n`,
      )
      .join(''),
    alias: sorted.flatMap(({ name, aliases }) => [...aliases].sort().map((alias) => `alias ${alias} ${name}\n`)).join(''),
  };
}
