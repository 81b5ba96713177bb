/** `kraken init`: what a first host needs. */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EXIT, Failure } from './failure.ts';
import type { Action } from './io.ts';

const CONFIG = `# Configuration of a Kraken host; read when it starts (kraken up).

# Services: one for each instance of a module, by the name that you give it.
services: {}
#  ipmi:
#    module: ipmi
#    serves: "!@role=head"     # which nodes; a node set as in kraken node list
#    config: {}
#  sim:
#    module: simulator         # machines that exist only here

# What the engine's guards go by; times in milliseconds. These are the defaults:
settings: {}
#  graceLeast: 300000          # how long nobody may have heard a node before it is repaired
#  repairAfterUp: 300000       # how long this host must have been up before it repairs
#  stuckCycles: 3              # a node is stuck after so many repair power cycles ...
#  stuckFailures: 5            # ... or so many failures
#  brakeShare: 0.1             # mass failure: no repairs where this share of the nodes is lost at once
#  failureDomains: [rack, pdu, switch, chassis]
#  afterPowerLoss: wait        # nodes found off together: wait for a person, or restore
`;

export const init: Action = async ({ paths, io }) => {
  const { config, dataDir } = paths;
  if (await exists(config))
    throw new Failure(EXIT.refused, `${config} exists already and is left as it is`, 'Edit it, or name another with --config');
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await mkdir(dirname(config), { recursive: true });
    await writeFile(config, CONFIG, { flag: 'wx' });
  } catch (error) {
    throw new Failure(
      EXIT.failed,
      `it cannot be made: ${(error as Error).message}`,
      'Use sudo, or name other places with --data-dir and --config',
    );
  }
  io.out(`data directory  ${dataDir}\nconfiguration   ${config}\n\n`);
  io.out(
    'Next:\n  1. name your services in the configuration\n  2. kraken up\n  3. kraken node create nodes.yaml\n  4. kraken node list\n',
  );
};

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
