/** `kraken init`: what a first host needs. */
import { access, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { EXIT, Failure } from './failure.ts';
import { type Action, type Call, flag } from './io.ts';
import { printData } from './output.ts';

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

const UNIT = '/etc/systemd/system/kraken.service';
const USER = 'kraken';

/** Each is made where it is not there yet; nothing that is there is touched. */
export const init: Action = async (call) => {
  const { paths, io } = call;
  const { config, dataDir } = paths;
  const keys = join(dataDir, 'keys');
  const unit = unitOf(call);
  const hasConfig = await exists(config);
  const hasCa = await exists(join(keys, 'ca.key'));
  const hasUnit = unit !== undefined && (await exists(unit));
  const { makeCa } = await import('../sync/edge/ca.ts');
  let pin = hasCa ? await pinIn(keys) : undefined;
  if (hasConfig && pin !== undefined && (unit === undefined || hasUnit)) throw allThere(config, keys, pin, unit);
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await mkdir(dirname(config), { recursive: true });
    if (!hasConfig) await writeFile(config, CONFIG, { flag: 'wx' });
    pin ??= makeCa(keys).pin;
    if (unit !== undefined && !hasUnit) await writeFile(unit, await textOfUnit(call), { flag: 'wx', mode: 0o644 });
  } catch (error) {
    throw new Failure(
      EXIT.failed,
      `it cannot be made: ${(error as Error).message}`,
      'Use sudo, or name other places with --data-dir and --config',
    );
  }
  if (await printData(call, { dataDir, config, ca: pin, ...(unit === undefined ? {} : { unit }) }, [pin])) return;
  const left = (isThere: boolean): string => (isThere ? ' (was there already)' : '');
  io.out(`data directory  ${dataDir}\nconfiguration   ${config}${left(hasConfig)}\nCA              ${pin}${left(hasCa)}\n`);
  if (unit !== undefined) io.out(`unit            ${unit}${left(hasUnit)}\n`);
  io.out(unit === undefined ? nextByHand() : nextBySystemd(call, unit));
  io.out(forNodes(pin, keys));
};

function unitOf(call: Call): string | undefined {
  const named = flag(call, 'unit');
  return named ?? (call.flags['systemd'] === true ? UNIT : undefined);
}

async function pinIn(keys: string): Promise<string | undefined> {
  const { openCa } = await import('../sync/edge/ca.ts');
  try {
    return openCa(keys)?.pin;
  } catch (error) {
    throw new Failure(
      EXIT.failed,
      `the CA in ${keys} cannot be read: ${(error as Error).message}`,
      'Put ca.key and ca.crt back from a copy: every host of the cluster knows this CA, and no other',
    );
  }
}

function allThere(config: string, keys: string, pin: string, unit: string | undefined): Failure {
  return new Failure(
    EXIT.refused,
    `${config}${unit === undefined ? '' : `, ${unit}`} and the CA in ${keys} exist already and are left as they are; its pin is ${pin}`,
    'Edit the one; keep the other: the hosts of a cluster know it. Name other places with --config and --data-dir',
  );
}

async function textOfUnit(call: Call): Promise<string> {
  const { unitText } = await import('../systemd/unit.ts');
  const { execPath, execArgv, argv } = process;
  return unitText({ command: [execPath, ...execArgv, argv[1] ?? ''], paths: call.paths, user: flag(call, 'user') ?? USER });
}

function nextByHand(): string {
  return '\nNext:\n  1. name your services in the configuration\n  2. kraken up\n  3. kraken node create nodes.yaml\n  4. kraken node list\n\n';
}

function nextBySystemd(call: Call, unit: string): string {
  const user = flag(call, 'user') ?? USER;
  const make =
    user === 'root'
      ? ''
      : `  2. useradd --system --home-dir ${call.paths.dataDir} --shell /usr/sbin/nologin ${user}, where it is not there\n`;
  const own =
    user === 'root'
      ? ''
      : `  3. chown ${user} the files of passwords that the configuration names, and chown -R ${user} ${call.paths.dataDir}\n`;
  return (
    `\nNext:\n  1. name your services in the configuration\n${make}${own}` +
    `  ${user === 'root' ? 2 : 4}. systemctl daemon-reload; systemctl enable --now ${basename(unit, '.service')}\n  ${user === 'root' ? 3 : 5}. kraken doctor\n\n`
  );
}

function forNodes(pin: string, keys: string): string {
  return (
    'For hosts on the nodes:\n  1. kraken up --listen ADDRESS, or sync.listen in the configuration, here\n  2. kraken token create NODE, here\n' +
    `  3. kraken up --parent ADDRESS --id ID --ca ${pin} --token-file FILE, on the node\n\n` +
    `The pin is no secret. Who has ${join(keys, 'ca.key')} can play any host of this cluster: keep a copy of that folder where\nnobody else gets at it.\n`
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
