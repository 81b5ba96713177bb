/**
 * Where a host stands in the tree of hosts: what its flags say, else the environment, else the configuration, else the command line of
 * the kernel that booted it.
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { SyncConfig } from '../documents/config.ts';
import type { Address } from '../sync/actions.ts';
import { isPin } from '../sync/edge/certificates.ts';
import { type KernelParameters, parseAddress, readKernelCommandLine, SYNC_PORT } from '../sync/edge/kernel-command-line.ts';
import type { SyncOptions } from '../sync/options.ts';
import { DEFAULT_SYNC, type SyncSettings } from '../sync/settings.ts';
import { type Failure, usage } from './failure.ts';
import { tokenOf } from './token-source.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MOST_ADDRESSES = 16;

/** The flag, the variable, and the member of `sync` in the configuration that say the same. */
const NAMES = {
  parents: ['parent', 'KRAKEN_PARENT'],
  id: ['id', 'KRAKEN_ID'],
  ca: ['ca', 'KRAKEN_CA'],
  listen: ['listen', 'KRAKEN_LISTEN'],
  runDir: ['runDir', 'KRAKEN_RUN_DIR'],
  tokenFile: ['tokenFile', 'KRAKEN_TOKEN_FILE'],
} as const;
type Member = keyof typeof NAMES;

export interface PlaceSources {
  /** As `Call.flags` has them. */
  readonly flags: { readonly [flag: string]: string | true | undefined };
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What KRAKEN_TOKEN was, which is in `env` no more. */
  readonly token?: string | undefined;
  readonly config: SyncConfig;
  /** The file that `config` comes from, for people. */
  readonly file: string;
  /** Of /proc/cmdline; absent: it is not to be looked at. */
  readonly kernel?: string | undefined;
  readonly dataDir: string;
  /** Of this boot, and of nobody else. */
  readonly runDir: string;
}

export interface Place {
  /** Of this host's own node. */
  readonly id?: string;
  readonly sync: SyncOptions;
}

/** What somebody says, and who, as a refusal names it. */
export interface Said<T> {
  readonly value: T;
  readonly by: string;
}

/** Throws a Failure that names where the wrong word stands. */
export function placeOf(from: PlaceSources): Place {
  const kernel = kernelOf(from);
  const { dataDir, config } = from;
  const port = config.port ?? SYNC_PORT;
  const given = pick(from, 'parents');
  const parents = given ? addresses(given, port) : (kernel?.parents ?? []);
  const id = idOf(pick(from, 'id') ?? byKernel(kernel?.id));
  const token = tokenOf(from, pick(from, 'tokenFile'), kernel?.token);
  const isChild = parents.length > 0;
  const pin = isChild ? pinOf(pick(from, 'ca') ?? byKernel(kernel?.ca)) : undefined;
  if (isChild && id === undefined && !existsSync(join(dataDir, 'store')))
    throw usage(
      'a host with a parent must know which node it is',
      'Give the id with --id, KRAKEN_ID, sync.id or kraken.id=; at the parent kraken node list -f name,id shows it',
    );
  if (!isChild) refuseChildsFlags(from);
  const keepsKeys = config.keepKeys ?? (token !== undefined || existsSync(join(dataDir, 'keys', 'host.key')));
  const sync: SyncOptions = {
    listen: listenOf(from, port, isChild),
    parents,
    ...(pin === undefined ? {} : { caPin: pin }),
    ...(isChild && token ? { token } : {}),
    runDir: textOf(pick(from, 'runDir')) ?? (keepsKeys ? join(dataDir, 'keys') : from.runDir),
    keepsKeys,
    ...(isChild && config.selfReboot ? { selfReboot: true } : {}),
    settings: settingsOf(config),
  };
  return { sync, ...(id === undefined ? {} : { id }) };
}

/** Looked at where it was asked for, or where nothing else says what this host is to be. */
function kernelOf(from: PlaceSources): KernelParameters | undefined {
  const isAsked = from.flags['kernel'] === true;
  const hasParents = pick(from, 'parents') !== undefined;
  if (from.kernel === undefined || (!isAsked && hasParents)) return undefined;
  let found: KernelParameters;
  try {
    found = readKernelCommandLine(from.kernel, { trustToken: from.config.trustKernelToken === true });
  } catch (error) {
    throw usage((error as Error).message);
  }
  if (found.parents) return found;
  if (!isAsked || hasParents) return isAsked ? found : undefined;
  throw usage(
    'the kernel command line names no parent',
    'Boot the node with kraken.parent=HOST kraken.id=UUID kraken.ca=PIN, or leave out --kernel',
  );
}

function pick({ flags, env, config, file }: PlaceSources, member: Member): Said<string | readonly string[]> | undefined {
  const [flag, variable] = NAMES[member];
  const typed = flags[flag];
  if (typeof typed === 'string') return { value: typed, by: `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}` };
  const set = env[variable];
  if (set) return { value: set, by: variable };
  const written = config[member];
  return written === undefined ? undefined : { value: written, by: `${file}: sync.${member}` };
}

function byKernel(value: string | undefined): Said<string> | undefined {
  return value === undefined ? undefined : { value, by: 'kernel command line' };
}

function textOf(said: Said<string | readonly string[]> | undefined): string | undefined {
  return typeof said?.value === 'string' ? said.value : undefined;
}

function idOf(said: Said<string | readonly string[]> | undefined): string | undefined {
  const id = textOf(said)?.toLowerCase();
  if (said && !UUID.test(id ?? '')) throw wrong(said, `${id} is no UUID`, 'Write it as 123e4567-e89b-12d3-a456-426655440000');
  return id;
}

function pinOf(said: Said<string | readonly string[]> | undefined): string {
  const pin = textOf(said);
  const where = 'kraken init printed it, and kraken engine status at the parent shows it';
  if (!said || pin === undefined)
    throw usage(
      'a host with a parent must know the CA of its cluster, or anybody could play the parent',
      `Give the pin with --ca, KRAKEN_CA, sync.ca or kraken.ca=; ${where}`,
    );
  if (!isPin(pin)) throw wrong(said, `"${pin.slice(0, 100)}" is no pin of a CA`, `It is sha256: and 43 characters; ${where}`);
  return pin;
}

function addresses(said: Said<string | readonly string[]>, port: number): readonly Address[] {
  const parts = (typeof said.value === 'string' ? said.value.split(',') : said.value).map((part) => part.trim());
  if (parts.length > MOST_ADDRESSES) throw wrong(said, `${parts.length} addresses are too many`, `Name at most ${MOST_ADDRESSES}`);
  return parts.map((part) => {
    try {
      return parseAddress(part, port);
    } catch (error) {
      throw wrong(said, (error as Error).message, 'Correct it; several are separated by commas');
    }
  });
}

/** The root is found by hosts of this machine alone unless it is told otherwise; a child that has no children by nobody. */
function listenOf(from: PlaceSources, port: number, isChild: boolean): readonly Address[] {
  const said = pick(from, 'listen');
  if (!said) return isChild ? [] : [{ host: '127.0.0.1', port }];
  if (said.value === 'none' || said.value.length === 0) return [];
  const listen = addresses(said, port);
  const named = listen.find(({ host }) => isIP(host) === 0);
  if (named) throw wrong(said, `${named.host} is a name`, 'Name an address of this machine in numbers; 0.0.0.0 and [::] are all of them');
  if (!isChild && !existsSync(join(from.dataDir, 'keys', 'ca.key')))
    throw wrong(said, 'this host is to take children, and has no CA by which they could know it', 'Make one with kraken init');
  return listen;
}

function refuseChildsFlags({ flags }: PlaceSources): void {
  const flag = ['ca', 'tokenFile'].find((name) => flags[name] !== undefined);
  if (flag === undefined) return;
  throw usage(`--${flag === 'ca' ? 'ca' : 'token-file'} is for a host with a parent, and none is named`, 'Name it with --parent HOST');
}

/** Of two times that depend on each other, one that is not configured follows the other. */
function settingsOf(config: SyncConfig): SyncSettings {
  const settings: { -readonly [K in keyof SyncSettings]: SyncSettings[K] } = { ...DEFAULT_SYNC };
  const own = settings as Record<string, number>;
  for (const [name, value] of Object.entries(config)) if (name in DEFAULT_SYNC) own[name] = value as number;
  const pairs = [
    ['hello', 'dead', 4],
    ['resendLeast', 'resendMost', 1],
    ['resendBeside', 'resendMost', 1],
    ['resendLeast', 'resendBeside', 1],
    ['retryFirst', 'retryMost', 1],
  ] as const;
  for (const [low, high, factor] of pairs) {
    if (config[high] === undefined) settings[high] = Math.max(settings[high], settings[low] * factor);
    else if (config[low] === undefined) settings[low] = Math.min(settings[low], Math.max(1, Math.floor(settings[high] / factor)));
  }
  return settings;
}

function wrong({ by }: Said<unknown>, why: string, todo: string): Failure {
  return usage(`${by}: ${why}`, todo);
}
