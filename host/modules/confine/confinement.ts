/** Confines the processes of services by what this machine has for it, and says how. */
import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import { refuse } from '../refuse.ts';
import { type ConfinementLine, describeConfinement } from './describe.ts';
import { type Mechanism, probe } from './mechanism.ts';
import { giveDirectory } from './owner.ts';
import { type Confined, type Plan, planOf } from './plan.ts';
import { obstacle } from './reach.ts';
import { bubblewrapWords, setprivWords } from './words.ts';

/** The first file beside stdin, stdout and stderr. */
const FIRST_FILE = 3;
/** No file is this user's. */
const NOBODY = -1;

/** How a service is started. */
export interface Prepared {
  readonly command: readonly string[];
  /** Files that the command reads as 3, 4 …, opened by the host. */
  readonly files: readonly string[];
  /** The program runs in a process that the command started, and in a process namespace. */
  readonly isNamespaced: boolean;
  /** What a person should know: it is confined less than it could be. Said once. */
  readonly said?: string;
}

export class Confinement {
  readonly #dataDir: string;
  readonly #mechanism: Promise<Mechanism>;
  readonly #said = new Map<string, string>();

  constructor(dataDir: string, mechanism: Promise<Mechanism> = probe()) {
    this.#dataDir = dataDir;
    this.#mechanism = mechanism;
  }

  /** By what modules are confined here, as a sentence. */
  async summary(): Promise<string> {
    const { kind, why, ownUsers } = await this.#mechanism;
    const users = ownUsers ? ', each service as a user of its own' : '';
    switch (kind) {
      case 'bubblewrap':
        return `modules are confined by bubblewrap${users}`;
      case 'setpriv':
        return `modules are confined by setpriv alone${users}: ${why}`;
      case 'none':
        return `modules are not confined: ${why}`;
      default:
        return kind satisfies never;
    }
  }

  /** Makes its data directory its user's. Throws a RefusalError where the service is not to be started. */
  async prepare(spec: Confined): Promise<Prepared> {
    return (await this.ready())(spec);
  }

  /** The same, once it is known by what modules are confined here. */
  async ready(): Promise<(spec: Confined) => Prepared> {
    const mechanism = await this.#mechanism;
    return (spec) => {
      demandEnv(spec);
      if (mechanism.kind === 'setpriv' && mechanism.ownUsers) letPass(this.#dataDir);
      const plan = this.#give(spec, planOf(spec, mechanism, this.#dataDir));
      const said = this.#isNews(spec.service, plan?.why ?? '');
      return { ...wrapped(spec, mechanism, plan), ...(said === undefined ? {} : { said }) };
    };
  }

  /** What is enforced for it here, and what is only declared. */
  async describe(spec: Confined): Promise<readonly ConfinementLine[]> {
    const mechanism = await this.#mechanism;
    return describeConfinement(spec, mechanism, planOf(spec, mechanism, this.#dataDir));
  }

  /** Where its directory cannot be given away, it runs as the host's user: better less confined than not at all. */
  #give(spec: Confined, plan: Plan | undefined): Plan | undefined {
    const { cwd } = spec;
    if (cwd === undefined) return plan;
    const host = process.getuid?.() ?? 0;
    try {
      giveDirectory(cwd, plan?.given.user?.uid ?? host);
      return plan;
    } catch (error) {
      if (plan?.given.user === undefined) throw unable(spec.service, cwd, error);
      const why = `${cwd} cannot be given to a user of its own (${String(error)}): it runs as the host's user. Put it on a local disk`;
      giveDirectory(cwd, host);
      return { ...plan, given: { ...plan.given, user: undefined }, copies: [], why };
    }
  }

  #isNews(service: string, why: string): string | undefined {
    const isNew = (this.#said.get(service) ?? '') !== why;
    this.#said.set(service, why);
    return isNew && why !== '' ? `is confined less than it could be: ${why}` : undefined;
  }
}

function wrapped(spec: Confined, mechanism: Mechanism, plan: Plan | undefined): Prepared {
  if (plan === undefined) return { command: spec.command, files: [], isNamespaced: false };
  const copies = plan.copies.map((dest, index) => ({ fd: FIRST_FILE + index, dest }));
  if (plan.kind !== 'bubblewrap')
    return {
      command: setprivWords({ ...mechanism, kind: 'setpriv' }, { ...plan.given, copies: [] }, spec.command),
      files: [],
      isNamespaced: false,
    };
  return { command: bubblewrapWords(mechanism, { ...plan.given, copies }, spec.command), files: plan.copies, isNamespaced: true };
}

function unable(service: string, dir: string, error: unknown): Error {
  const who = `user ${process.getuid?.()}`;
  const todo = `Give ${dir} and all in it to the host's user, ${who} (chown -R), and start the service again`;
  return refuse(CODES.NotReady, service, 'it is not started', `its directory cannot be made its own: ${String(error)}`, todo);
}

/** What a service may see of the host's environment is a permission like others. */
function demandEnv({ service, env = [], permissions }: Confined): void {
  if (env.length === 0 || permissions.includes('env')) return;
  const why = `its configuration gives it ${env.join(', ')} of the host's environment, and it was not granted the permission "env"`;
  throw refuse(CODES.NotPermitted, service, 'it is not started', why, `Add "env" to permissions of ${service}, or take out its env`);
}

/**
 * Without bubblewrap a service gets to its own directory by the host's: everybody may pass, nobody may look. What lies beside it is closed
 * one by one, as the passage is what had closed it. Where nobody gets to the host's directory either, all stays closed.
 */
function letPass(dataDir: string): void {
  if (obstacle(dirname(dataDir), NOBODY, '/', true) !== undefined) return;
  const services = join(dataDir, 'services');
  mkdirSync(services, { recursive: true, mode: 0o711 });
  for (const name of readdirSync(dataDir)) {
    const path = join(dataDir, name);
    const found = lstatSync(path);
    if (name === 'services' || name === 'plugins' || found.isSymbolicLink()) continue;
    if ((found.mode & 0o007) !== 0) chmodSync(path, found.mode & 0o770);
  }
  for (const name of readdirSync(services)) {
    const path = join(services, name);
    const found = lstatSync(path);
    if (!found.isSymbolicLink() && (found.mode & 0o077) !== 0) chmodSync(path, found.mode & 0o700);
  }
  for (const dir of [services, dataDir]) if ((lstatSync(dir).mode & 0o777) !== 0o711) chmodSync(dir, 0o711);
}
