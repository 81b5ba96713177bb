/** The unit by which systemd runs a host: ready when it answers, started again when it fails, and shut off from all that it does not need. */
import { dirname } from 'node:path';
import type { Paths } from '../paths.ts';

export interface UnitOptions {
  /** Node.js, its own options, and the script. */
  readonly command: readonly string[];
  readonly paths: Paths;
  /** Whom it runs as. */
  readonly user: string;
}

/** What systemd makes, and gives to the user, where data and socket are where root's are. */
const STATE = '/var/lib/kraken';
const RUNTIME = '/run/kraken';

const yes = (name: string): string => `${name}=yes`;

/** Root without its capabilities: what it could do by itself, and no sandbox could be made. */
const SHUT = [
  ...['ProtectKernelLogs', 'ProtectKernelTunables', 'RestrictNamespaces'].map(yes),
  'ProtectProc=invisible',
  'SystemCallFilter=@system-service',
];

/**
 * What bubblewrap needs to shut modules off from the host: namespaces, mounts within them, and a /proc of which nothing is covered, or the
 * kernel gives nobody one of their own (mount_namespaces(7)). What these would cover is root's alone, which the host is not.
 */
const OPEN = [
  '# Modules are shut off from the host by bubblewrap, which makes namespaces and mounts in them',
  'RestrictNamespaces=user mnt pid net ipc uts',
  'SystemCallFilter=@system-service @mount',
];

/**
 * `Restart=on-failure`, not always: `kraken engine stop` ends a host on purpose. No watchdog: the most that a timer of ours could say is
 * that timers run. No MemoryDenyWriteExecute: V8 compiles while it runs.
 */
export function unitText({ command, paths, user }: UnitOptions): string {
  const { config, dataDir, socket, runDir } = paths;
  const isRoot = user === 'root';
  const writable = [
    ...(dataDir === STATE ? [] : [dataDir]),
    ...(dirname(socket) === RUNTIME || dirname(socket) === dataDir ? [] : [dirname(socket)]),
  ];
  const isHome = command.some((path) => /^\/(?:home|root)\//.test(path));
  return `${[
    '# Written by kraken init --systemd. Changes belong into a drop-in: systemctl edit kraken',
    '[Unit]',
    'Description=Kraken, a distributed state engine for clusters',
    'Wants=network-online.target',
    'After=network-online.target time-sync.target',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    '# Ready is said by systemd-notify, a process of its own: Node.js has no datagrams of this kind',
    'Type=notify',
    'NotifyAccess=all',
    `ExecStart=${[...command, 'up'].map(quoted).join(' ')}`,
    ...Object.entries({ KRAKEN_CONFIG: config, KRAKEN_DATA_DIR: dataDir, KRAKEN_SOCKET: socket, KRAKEN_RUN_DIR: runDir }).map(
      ([name, value]) => `Environment=${quoted(`${name}=${value}`)}`,
    ),
    `User=${user}`,
    'Restart=on-failure',
    'RestartSec=5s',
    '# A large journal takes its time; modules are ended before the host',
    'TimeoutStartSec=15min',
    'TimeoutStopSec=2min',
    'KillMode=mixed',
    '# A module that takes too much memory is started again by the host',
    'OOMPolicy=continue',
    'LimitNOFILE=65536',
    '',
    ...(dataDir === STATE ? ['StateDirectory=kraken', 'StateDirectoryMode=0700'] : []),
    '# Keys of this boot are in it: they outlive a restart of the host',
    'RuntimeDirectory=kraken',
    'RuntimeDirectoryPreserve=yes',
    ...(writable.length === 0 ? [] : [`ReadWritePaths=${writable.map(quoted).join(' ')}`]),
    'UMask=0077',
    '',
    '# Ports 67 and 69 of the pxe service are below 1024',
    'CapabilityBoundingSet=CAP_NET_BIND_SERVICE',
    ...(isRoot ? [] : ['AmbientCapabilities=CAP_NET_BIND_SERVICE']),
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    `ProtectHome=${isHome ? 'read-only' : 'yes'}`,
    ...['PrivateTmp', 'PrivateDevices', 'ProtectClock', 'ProtectHostname', 'ProtectControlGroups', 'ProtectKernelModules'].map(yes),
    ...['LockPersonality', 'RemoveIPC', 'RestrictRealtime', 'RestrictSUIDSGID'].map(yes),
    'KeyringMode=private',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    'SystemCallArchitectures=native',
    ...(isRoot ? SHUT : OPEN),
    'SystemCallErrorNumber=EPERM',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n')}\n`;
}

/** systemd.service(5), "Command lines", and systemd.syntax(7): what has a meaning there stands for itself here. */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /[\s"'\\;]/.test(plain) ? `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : plain;
}
