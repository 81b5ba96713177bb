/** `kraken doctor`: everything that is looked at, in the order in which an administrator would. */
import { checkConfig, checkData, checkKeys, checkModules, checkSecrets, checkWritten } from './file-checks.ts';
import type { Finding } from './finding.ts';
import {
  checkConfinement,
  checkEngine,
  checkHost,
  checkPeers,
  checkServices,
  checkVersion,
  checkWaiting,
  configOfHost,
  hostProcess,
} from './host-checks.ts';
import { checkClock, checkLimits, checkNode, checkPorts, checkPrograms, checkSystemd } from './machine-checks.ts';
import type { Site } from './site.ts';

/** Changes nothing. A check that fails by itself is a defect, and rejects. */
export async function examine(given: Site): Promise<readonly Finding[]> {
  const host = hostProcess(given);
  const site: Site = { ...given, paths: { ...given.paths, config: configOfHost(given, host) } };
  const { config, findings } = checkConfig(site);
  return [
    checkNode(site),
    checkHost(site),
    checkVersion(site, host),
    ...checkData(site),
    checkWritten(site),
    ...findings,
    ...checkModules(config),
    ...checkSecrets(config, site),
    ...checkKeys(site),
    ...checkServices(site),
    checkConfinement(site),
    ...checkEngine(site),
    ...checkWaiting(site),
    ...checkPeers(site),
    ...checkPrograms(config, site),
    ...checkPorts(config, site, host),
    await checkClock(site),
    await checkSystemd(site),
    ...checkLimits(site, host),
  ];
}
