/** The machine that the host runs on: Node.js, programs, ports, the clock, systemd, limits. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../core/declaration.ts';
import { type Finding, ok, problem, skipped, warning } from './finding.ts';
import { holderOf, isBelow, type Process, portInodes } from './processes.ts';
import { type Config, isAnswering, type Site, textOf } from './site.ts';

const NET_BIND_SERVICE = 10;
const SYNC_PORT = 31_415;
const UNIT = 'kraken.service';

export function checkNode({ node, engines }: Site): Finding {
  if (satisfies(node, engines)) return ok('node', `Node.js ${node}`);
  return problem('node', `Node.js is ${node}, and Kraken needs ${engines}`, 'Install another: 24 is good');
}

/** Of semver what package.json's `engines` need: `^1.2.3`, `>=1.2.3`, and `||` between. */
export function satisfies(version: string, range: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.replace(/^v/, '').split('.').map(Number);
  return range.split('||').some((part) => {
    const [, kind, a = '0', b = '0', c = '0'] = /^\s*(\^|>=)(\d+)\.(\d+)\.(\d+)\s*$/.exec(part) ?? [];
    const isLater = major !== Number(a) ? major > Number(a) : minor !== Number(b) ? minor > Number(b) : patch >= Number(c);
    return kind === '>=' ? isLater : kind === '^' && major === Number(a) && isLater;
  });
}

interface Service {
  readonly name: string;
  readonly module: string;
  readonly config: Readonly<Record<string, Json>>;
}

function servicesOf(config: Config): readonly Service[] {
  return Object.entries(config?.services ?? {}).flatMap(([name, entry]) => {
    const { module = name, config: own = {}, enabled } = entry as { module?: string; config?: Service['config']; enabled?: boolean };
    return enabled === false ? [] : [{ name, module, config: own }];
  });
}

const textIn = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** Each `[program, who needs it, Debian package, without it nothing of theirs works]`. */
function needed(services: readonly Service[]): readonly (readonly [program: string, who: string, debian: string, isHard: boolean])[] {
  return services.flatMap(({ name, module, config }) => {
    const needs: (readonly [string, string, string, boolean])[] = [];
    if (module === 'libvirt') {
      needs.push([textIn(config['virsh']) || 'virsh', `service ${name}`, 'libvirt-clients', true]);
      if (JSON.stringify(config['servers'] ?? {}).includes('+ssh://')) needs.push(['ssh', `service ${name}`, 'openssh-client', true]);
    }
    if (module === 'ipmi') needs.push(['ipmitool', 'kraken node console', 'ipmitool', false]);
    if (module === 'pxe')
      for (const [program, debian] of [
        ['zstd', 'zstd'],
        ['busybox', 'busybox-static'],
        ['dpkg-deb', 'dpkg'],
      ] as const)
        needs.push([program, 'kraken layer0 build', debian, false]);
    return needs;
  });
}

export function checkPrograms(config: Config, site: Site): readonly Finding[] {
  const all = [['flock', 'the host', 'util-linux', true] as const, ...needed(servicesOf(config))];
  const missing = all.filter(([program]) => site.program(program) === undefined);
  const findings = missing.map(([program, who, debian, isHard]) =>
    (isHard ? problem : warning)('programs', `${program} is not there, and ${who} needs it`, `Install the Debian package ${debian}`),
  );
  for (const { name, module, config: own } of servicesOf(config)) {
    const root = textIn(own['root']);
    if (module === 'pxe' && root !== '' && !existsSync(root))
      findings.push(
        problem(
          'programs',
          `service ${name} has its boot files in ${root}, which is not there`,
          `kraken layer0 build --out ${join(root, 'amd64')}`,
        ),
      );
  }
  return findings.length > 0 ? findings : [ok('programs', [...new Set(all.map(([program]) => program))].join(', '))];
}

/** Ports that others hold, and ports below 1024 that the host may not open. */
export function checkPorts(config: Config, site: Site, host: Process | undefined): readonly Finding[] {
  const pxe = servicesOf(config).filter(({ module, config: own }) => module === 'pxe' && own['mode'] !== 'off');
  const wanted = pxe.flatMap(({ name, config: own }) => {
    const { dhcp = 67, tftp = 69 } = (own['ports'] ?? {}) as { dhcp?: number; tftp?: number };
    return [dhcp, tftp].map((port) => ['udp', port, `service ${name}`] as const);
  });
  const sync = config?.sync.port ?? SYNC_PORT;
  const ports = [...wanted, ['udp', sync, 'the host'] as const, ['tcp', sync, 'the host'] as const];
  const findings = ports.flatMap(([kind, port, who]): Finding[] => {
    const by = foreignHolder(site, host, kind, port);
    if (by === undefined) return [];
    const found = `${kind.toUpperCase()} ${port} is held by ${by}, and ${who} needs it`;
    return [problem('ports', found, 'End that one, or give either another port')];
  });
  const low = wanted.filter(([, port]) => port < 1024);
  if (low.length > 0 && !mayBind(site, host, Math.min(...low.map(([, port]) => port))))
    findings.push(
      problem(
        'ports',
        `the host may not open ${low.map(([, port]) => port).join(' and ')}`,
        'Run it as root, or with CAP_NET_BIND_SERVICE, as the unit of kraken init --systemd does',
      ),
    );
  return findings.length > 0 ? findings : [ok('ports', 'no other process holds what the host needs')];
}

/** Who holds a port and is neither the host nor a module of it; what cannot be told is not said. */
function foreignHolder(site: Site, host: Process | undefined, kind: 'udp' | 'tcp', port: number): string | undefined {
  for (const inode of portInodes(site, kind, port)) {
    const holder = holderOf(site, `socket:[${inode}]`);
    const isOurs = holder && host ? isBelow(site, holder.pid, host.pid) : isAnswering(site.host);
    if (!isOurs) return holder ? `process ${holder.pid} (${holder.name})` : 'another process';
  }
  return undefined;
}

/** Undefined host: what the unit says, and else who asks. */
function mayBind(site: Site, host: Process | undefined, port: number): boolean {
  if (Number(textOf(site, 'proc/sys/net/ipv4/ip_unprivileged_port_start') ?? 1024) <= port) return true;
  if (host === undefined) return /^AmbientCapabilities=.*CAP_NET_BIND_SERVICE/m.test(unitText(site) ?? '') || site.uid === 0;
  const held = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf(site, `proc/${host.pid}/status`) ?? '')?.[1] ?? '0';
  return ((BigInt(`0x${held}`) >> BigInt(NET_BIND_SERVICE)) & 1n) === 1n;
}

/** Certificates, leases and who was heard when go by the clock. */
export async function checkClock(site: Site): Promise<Finding> {
  const asked = await site.run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  if (asked?.exit !== 0) return skipped('clock', 'timedatectl does not say whether it is set by NTP');
  if (asked.out.trim() === 'yes') return ok('clock', 'set by NTP');
  return warning(
    'clock',
    'it is not set by NTP',
    'timedatectl set-ntp true, or see to chrony: the histories of hosts are compared by their clocks',
  );
}

function unitText(site: Site): string | undefined {
  const folders = ['etc/systemd/system', 'usr/lib/systemd/system', 'lib/systemd/system'];
  return folders.map((folder) => textOf(site, join(folder, UNIT))).find((text) => text !== undefined);
}

export async function checkSystemd(site: Site): Promise<Finding> {
  const check = 'systemd';
  if (!existsSync(join(site.root, 'run/systemd/system'))) return skipped(check, 'this machine was not started by systemd');
  if (unitText(site) === undefined)
    return warning(check, `there is no ${UNIT}: nothing starts the host after a reboot`, 'kraken init --systemd writes it');
  const enabled = (await site.run('systemctl', ['is-enabled', UNIT]))?.out.trim();
  if (enabled !== 'enabled')
    return warning(check, `${UNIT} is ${enabled || 'not enabled'}: nothing starts the host after a reboot`, `systemctl enable ${UNIT}`);
  const active = (await site.run('systemctl', ['is-active', UNIT]))?.out.trim();
  if (isAnswering(site.host) && active !== 'active')
    return warning(
      check,
      `a host runs, and ${UNIT} is ${active || 'inactive'}: it was started by hand`,
      `kraken engine stop, then: systemctl start ${UNIT}`,
    );
  if (!isAnswering(site.host) && active === 'failed') return problem(check, `${UNIT} has failed`, `journalctl -u ${UNIT} says why`);
  return ok(check, `${UNIT} is enabled, and ${active}`);
}

const MIB = 1024 * 1024;
/** Of a host without nodes; of each node; of each module. Twice what 10,000 and 100,000 nodes at rest were measured to take. */
const MEMORY = { host: 150 * MIB, node: 12 * 1024, service: 128 * MIB } as const;
/** Of a host without nodes; of each node a connection. */
const FILES = { host: 256, node: 1 } as const;

/** Open files and memory, for as many nodes as there are. */
export function checkLimits(site: Site, host: Process | undefined): readonly Finding[] {
  if (!isAnswering(site.host)) return [skipped('limits', 'no host answers: it is not known how many nodes there are')];
  const { nodes, services } = site.host.status;
  const findings: Finding[] = [];
  const files = FILES.host + nodes * FILES.node;
  const open = host && /^Max open files\s+(\d+)/m.exec(textOf(site, `proc/${host.pid}/limits`) ?? '')?.[1];
  if (open !== undefined && Number(open) < files)
    findings.push(
      problem(
        'limits',
        `the host may open ${open} files, and what there is may need ${files}`,
        'ulimit -n before kraken up, or LimitNOFILE= of its unit',
      ),
    );
  const memory = MEMORY.host + nodes * MEMORY.node + services.length * MEMORY.service;
  const most = memoryOf(site, host);
  if (most !== undefined && most.bytes < memory)
    findings.push(
      warning(
        'limits',
        `${most.what} is ${Math.round(most.bytes / MIB)} MiB, and what there is may need ${Math.round(memory / MIB)}`,
        'Give it more',
      ),
    );
  const shown = open === undefined ? '' : `, and ${open} open files`;
  return findings.length > 0 ? findings : [ok('limits', `memory${shown}: enough for ${nodes === 1 ? 'one node' : `${nodes} nodes`}`)];
}

/** The smaller of what the machine has and what the host's control group may take. */
function memoryOf(site: Site, host: Process | undefined): { readonly what: string; readonly bytes: number } | undefined {
  const total = Number(/^MemTotal:\s+(\d+) kB$/m.exec(textOf(site, 'proc/meminfo') ?? '')?.[1] ?? Number.NaN) * 1024;
  const group = host && /^0::(.*)$/m.exec(textOf(site, `proc/${host.pid}/cgroup`) ?? '')?.[1];
  const most = group === undefined ? Number.NaN : Number(textOf(site, join('sys/fs/cgroup', group, 'memory.max')) ?? Number.NaN);
  if (most < total) return { what: `the memory of the host's control group`, bytes: most };
  return Number.isNaN(total) ? undefined : { what: 'the memory of this machine', bytes: total };
}
