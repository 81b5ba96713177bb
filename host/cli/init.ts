/** `kraken init`: what a first host needs. */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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

# The hosts on the nodes. No secret stands here.
sync: {}
#  listen: [10.0.0.1]          # where they find this host; 127.0.0.1 without it
#  port: 31415                 # TCP and UDP
#  hello: 10000                # from one hello to the next
#  dead: 40000                 # a host that was not heard for so long is probed, then dead
#  parents: [head1, head2]     # of a host that is not the root: the best first ...
#  id: UUID                    # ... its node ...
#  ca: sha256:...              # ... and the pin that kraken init printed at the root
`;

/** Each is made where it is not there yet; nothing that is there is touched. */
export const init: Action = async ({ paths, io }) => {
  const { config, dataDir } = paths;
  const keys = join(dataDir, 'keys');
  const hasConfig = await exists(config);
  const hasCa = await exists(join(keys, 'ca.key'));
  const { makeCa, openCa } = await import('../sync/edge/ca.ts');
  let pin: string | undefined;
  try {
    pin = hasCa ? openCa(keys)?.pin : undefined;
  } catch (error) {
    throw new Failure(
      EXIT.failed,
      `the CA in ${keys} cannot be read: ${(error as Error).message}`,
      'Put ca.key and ca.crt back from a copy: every host of the cluster knows this CA, and no other',
    );
  }
  if (hasConfig && pin !== undefined)
    throw new Failure(
      EXIT.refused,
      `${config} and the CA in ${keys} exist already and are left as they are; its pin is ${pin}`,
      'Edit the one; keep the other: the hosts of a cluster know it. Name other places with --config and --data-dir',
    );
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await mkdir(dirname(config), { recursive: true });
    if (!hasConfig) await writeFile(config, CONFIG, { flag: 'wx' });
    pin ??= makeCa(keys).pin;
  } catch (error) {
    throw new Failure(
      EXIT.failed,
      `it cannot be made: ${(error as Error).message}`,
      'Use sudo, or name other places with --data-dir and --config',
    );
  }
  const left = (isThere: boolean): string => (isThere ? ' (was there already)' : '');
  io.out(`data directory  ${dataDir}\nconfiguration   ${config}${left(hasConfig)}\nCA              ${pin}${left(hasCa)}\n\n`);
  io.out(
    'Next:\n  1. name your services in the configuration\n  2. kraken up\n  3. kraken node create nodes.yaml\n  4. kraken node list\n\n' +
      'For hosts on the nodes:\n  1. kraken up --listen ADDRESS, here\n  2. kraken token create NODE, here\n' +
      `  3. kraken up --parent ADDRESS --id ID --ca ${pin} --token-file FILE, on the node\n\n` +
      `The pin is no secret. Who has ${join(keys, 'ca.key')} can play any host of this cluster: keep a copy of that folder where\nnobody else gets at it.\n`,
  );
};

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
