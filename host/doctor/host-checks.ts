/** What the running host says of itself, and what can be seen of its process. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { shellWord } from '../core/shell.ts';
import { type Finding, ok, problem, skipped, warning } from './finding.ts';
import { argumentsOf, holderOf, listenerOn, type Process, startOf, variableOf } from './processes.ts';
import { isAnswering, type Site, statOf } from './site.ts';

/** Files that were replaced within it of the start are the ones that were loaded. */
const STARTING = 10_000;
const BEHIND = 30_000;

/** Whether a host answers, which one, and who may ask it. */
export function checkHost(site: Site): Finding {
  const { host, paths } = site;
  const lock = join(paths.dataDir, 'lock');
  if (isAnswering(host)) {
    const found = statOf(paths.socket);
    const who = typeof found === 'string' ? '' : `, ${whoMay(found)}`;
    return ok('host', `answers on ${paths.socket}${who}`);
  }
  const holder = existsSync(lock) ? holderOf(site, realpathSync(lock)) : undefined;
  if (holder)
    return problem(
      'host',
      `process ${holder.pid} (${holder.name}) runs on ${paths.dataDir}, and ${host.why}`,
      'It may listen elsewhere: name its socket with --socket; else look at its log, and start it again',
    );
  return problem('host', host.why, host.todo);
}

/** Others than the owner need the group that `kraken up --group` named. */
function whoMay({ mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number }): string {
  const users = uid === 0 ? 'root' : `user ${uid} and root`;
  return (mode & 0o060) === 0o060 ? `open to ${users} and group ${gid}` : `open to ${users} alone`;
}

/** The host's own process; undefined: none, or it is not shown to this user. */
export function hostProcess(site: Site): Process | undefined {
  return isAnswering(site.host) ? listenerOn(site, site.paths.socket) : undefined;
}

/** The configuration that the running host was started with, where it can be seen and nobody named another. */
export function configOfHost(site: Site, process: Process | undefined): string {
  const { paths, isConfigNamed } = site;
  if (isConfigNamed || process === undefined) return paths.config;
  const words = argumentsOf(site, process.pid);
  const at = words.indexOf('--config');
  return (at < 0 ? undefined : words[at + 1]) || variableOf(site, process.pid, 'KRAKEN_CONFIG') || paths.config;
}

/** An upgrade replaces files; the host runs what it has loaded. */
export function checkVersion(site: Site, process: Process | undefined): Finding {
  if (!isAnswering(site.host)) return skipped('version', 'no host answers');
  const script = process && argumentsOf(site, process.pid).find((word) => /(?:^|\/)kraken(?:\.[jt]s)?$/.test(word));
  if (process === undefined || script === undefined || !existsSync(script))
    return skipped('version', 'the process of the host is not shown to this user: use sudo');
  const file = realpathSync(script);
  const built = join(dirname(file), '../dist/kraken.js');
  const loaded = file.endsWith('.js') && existsSync(built) ? built : file;
  const version = versionAbove(file);
  const start = startOf(site, process.pid);
  if (start !== undefined && statSync(loaded).mtimeMs > start + STARTING)
    return warning(
      'version',
      `the host was started before ${loaded} was replaced: it runs what was there then`,
      'Start it again when it suits',
    );
  if (version !== undefined && version !== site.version)
    return warning(
      'version',
      `the host is ${version} (${file}), this command is ${site.version}`,
      'Use the command of the same installation, or upgrade the other',
    );
  return ok('version', `host and command are ${site.version}`);
}

/** Of the nearest package.json above a file. */
function versionAbove(file: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    try {
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version?: unknown };
      return typeof version === 'string' ? version : undefined;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

/** One finding for each service that does not run, or one for all. */
export function checkServices({ host }: Site): readonly Finding[] {
  if (!isAnswering(host)) return [skipped('services', 'no host answers')];
  const { services } = host.status;
  const bad = services.flatMap(({ service, state, why, restarts = 0 }): Finding[] => {
    const name = `service ${service}`;
    const because = why === undefined ? '' : `: ${why}`;
    switch (state) {
      case 'failed':
      case 'rejected':
        return [
          problem(
            name,
            `is ${state}${because}`,
            `Correct what it says, then: kraken service restart ${shellWord(service)}; its log: kraken service logs ${shellWord(service)}`,
          ),
        ];
      case 'crashed':
      case 'unresponsive':
        return [
          problem(
            name,
            `is ${state}, and was started ${restarts + 1} times${because}`,
            `Look at its log: kraken service logs ${shellWord(service)}`,
          ),
        ];
      case 'stopped':
        return [warning(name, `is stopped${because}`, `Start it where that is not meant: kraken service start ${shellWord(service)}`)];
      default:
        return [];
    }
  });
  if (bad.length > 0) return bad;
  return [
    services.length === 0
      ? ok('services', 'there are none yet')
      : ok('services', `running: ${services.map(({ service }) => service).join(', ')}`),
  ];
}

/** Modules that are not shut off from the host could write its store and read its keys. */
export function checkConfinement({ host }: Site): Finding {
  if (!isAnswering(host)) return skipped('confinement', 'no host answers');
  const { open, status } = host;
  const [first] = open;
  if (first === undefined)
    return ok(
      'confinement',
      status.services.length === 0
        ? 'there is no service yet'
        : 'services are shut off from the host, but for those that were granted root or ports',
    );
  const names = open.map(({ service }) => service).join(', ');
  return warning(
    'confinement',
    `not shut off from the host: ${names}; ${first.how}`,
    'Mend what it says, start the host again, then: kraken plugin info NAME',
  );
}

export function checkEngine({ host }: Site): readonly Finding[] {
  if (!isAnswering(host)) return [skipped('engine', 'no host answers')];
  const { frozen, brakes } = host.status;
  const findings: Finding[] = [];
  if (frozen?.by === 'core')
    findings.push(
      problem('engine', `is frozen: ${frozen.why}`, 'Look what would be done (kraken node explain all), then: kraken engine thaw'),
    );
  else if (frozen)
    findings.push(warning('engine', `is frozen by ${frozen.by}: ${frozen.why}`, 'No step is sent until: kraken engine thaw'));
  for (const { domain, lost, of } of brakes)
    findings.push(
      problem(
        'brake',
        `${lost} of ${of} nodes of ${domain} were lost at once: none is repaired there`,
        'See to what they share; the brake ends when half of them are back, or by: kraken node retry --disruptive SET',
      ),
    );
  return findings.length > 0 ? findings : [ok('engine', 'is not frozen, and no brake holds')];
}

export function checkWaiting({ host }: Site): readonly Finding[] {
  if (!isAnswering(host)) return [skipped('nodes', 'no host answers')];
  const { waiting, nodes } = host.status;
  if (waiting.length === 0) return [ok('nodes', `none of ${nodes} waits for a person`)];
  return waiting.map(({ text, nodes: ids, command }) =>
    problem(
      'nodes',
      `${ids.length} wait${ids.length === 1 ? 's' : ''} for a person: ${text}`,
      `kraken node waiting names them${command === '' ? '' : `; then: ${command}`}`,
    ),
  );
}

export function checkPeers({ host, now }: Site): readonly Finding[] {
  if (!isAnswering(host)) return [skipped('hosts', 'no host answers')];
  const findings = host.peers.flatMap((peer): Finding[] => {
    const name = `host ${peer.name || peer.id || 'above'}`;
    const because = peer.why === undefined ? '' : `: ${peer.why}`;
    const found: Finding[] = [];
    if (peer.state === 'trying')
      found.push(problem(name, `no parent is found${because}`, 'See to the parent and the network between; this host runs on meanwhile'));
    if (peer.state === 'dead') found.push(problem(name, `is dead${because}`, `kraken node explain ${shellWord(peer.name || peer.id)}`));
    if (peer.state === 'probing')
      found.push(warning(name, `is silent, and is being asked${because}`, 'Wait; kraken peers shows what comes of it'));
    if (peer.state === 'connected' && peer.behind > 0 && now - (peer.heardAt ?? 0) > BEHIND)
      found.push(warning(name, `is behind by ${peer.behind} changes`, 'See to the network between; kraken peers shows more'));
    if (peer.forged > 0)
      found.push(warning(name, `${peer.forged} forged messages in its name were dropped`, 'Look who is on that network'));
    return found;
  });
  return findings.length > 0
    ? findings
    : [ok('hosts', host.peers.length === 0 ? 'there are none beside this one' : `${host.peers.length} beside this one, in sync`)];
}
