/** What a plugin is called: as a package, as a module with its service, as a member of a node. */
import { builtinModules } from 'node:module';
import { CODES } from '@kraken-hpc/sdk/wire';
import { RefusalError } from '../core/refusal.ts';
import { CORE_MEMBERS } from '../documents/declared.ts';
import { Schemas } from '../documents/schemas.ts';

export interface PluginName {
  /** Of the package: `@site/pdu`. */
  readonly package: string;
  /** Its last part, of the module and its service: `pdu`. */
  readonly module: string;
}

const PART = /^[a-z][a-z0-9_-]{0,63}$/;
const SCOPE = /^@[a-z0-9][a-z0-9._-]*$/;
const LONGEST = 214;
/** Kraken's own: a second one would be in the way of the first. */
const OURS = ['core', 'ipmi', 'redfish', 'libvirt', 'pxe', 'simulator', 'restapi', 'dashboard'];
const RESERVED = new Set(['node_modules', ...builtinModules]);

export function refuse(code: number, what: string, where: string, why: string, todo: string): RefusalError {
  return new RefusalError({ code, what, where, why, todo });
}

/** Throws a RefusalError for what npm or Kraken could not use. */
export function pluginName(text: string): PluginName {
  const no = (why: string, todo: string): RefusalError => refuse(CODES.InvalidParams, 'it cannot be a name', text || "''", why, todo);
  const parts = text.split('/');
  const module = parts.at(-1) ?? '';
  if (parts.length > 2 || (parts.length === 2 && !SCOPE.test(parts[0] ?? '')))
    throw no('before the slash stands a scope, which begins with @', 'Write NAME or @SCOPE/NAME');
  if (!PART.test(module)) {
    const near = module.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, '-');
    throw no(
      'it has small letters, digits, - and _, begins with a letter, and is at most 64 long',
      PART.test(near) ? `Try ${[...parts.slice(0, -1), near].join('/')}` : 'Try something like rack-pdu',
    );
  }
  if (text.length > LONGEST) throw no(`npm takes at most ${LONGEST} characters`, 'Choose a shorter one');
  if (OURS.includes(module)) throw no('Kraken brings a module of this name', `Try my-${module}`);
  if (parts.length === 1 && RESERVED.has(text)) throw no('npm does not take it: Node.js has something of this name', `Try my-${module}`);
  return { package: text, module };
}

/** `rack-pdu` → `rackPdu`: how a member of a node is called. */
export function memberOf(module: string): string {
  return module.replaceAll(/[-_]+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()).replaceAll(/[-_]/g, '');
}

/** Why a node cannot hold something under this name, or undefined. */
export function memberFault(member: string): string | undefined {
  if (!/^[a-z][A-Za-z0-9_]{0,63}$/.test(member)) return 'it has letters, digits and _, begins with a small letter, and is at most 64 long';
  const isTaken = CORE_MEMBERS.includes(member) || new Schemas().member(member) !== undefined;
  return isTaken ? 'nodes have a member of this name already' : undefined;
}
