/** The shell and the small tools: one static program, and a link for each name that it knows. */
import { existsSync, readFileSync } from 'node:fs';
import type { CpioEntry } from './cpio.ts';
import { type Machine, readElf } from './elf.ts';
import { missing, unfit, wordsOf } from './trouble.ts';

const PLACES = ['/usr/bin/busybox', '/bin/busybox', '/usr/lib/busybox/busybox-static'];
const PACKAGE = 'Debian package busybox-static';
/** What /init cannot do without. */
const NEEDED = [
  'sh',
  'mount',
  'mkdir',
  'cat',
  'ip',
  'hostname',
  'modprobe',
  'find',
  'sort',
  'setsid',
  'sleep',
  'kill',
  'reboot',
  'poweroff',
  'sync',
  'stty',
];

export interface Busybox {
  readonly version: string;
  readonly entries: readonly CpioEntry[];
}

export function readBusybox(file: string | undefined, machine: Machine): Busybox {
  const path = file ?? PLACES.find((place) => existsSync(place));
  if (path === undefined)
    throw missing(
      'there is no busybox',
      'layer 0',
      `it is none of ${PLACES.join(', ')}`,
      `Install the ${PACKAGE}, or name it with --busybox`,
    );
  const wrong = (why: string): Error => unfit('this cannot be the busybox of layer 0', path, why, `Take that of the ${PACKAGE}`);
  const bytes = read(path);
  let elf: ReturnType<typeof readElf>;
  try {
    elf = readElf(bytes);
  } catch (error) {
    throw wrong(wordsOf(error));
  }
  if (elf.interpreter !== undefined) throw wrong('it is not linked statically');
  if (elf.machine !== machine) throw wrong(`it is for ${elf.machine}, and Node.js is for ${machine}`);
  const applets = appletsOf(bytes);
  const lacks = NEEDED.filter((name) => !applets.includes(name));
  if (lacks.length > 0) throw wrong(applets.length === 0 ? 'it has no list of applets' : `it lacks ${lacks.join(', ')}`);
  const links = applets
    .filter((name) => name !== 'busybox')
    .map((name): CpioEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }));
  return {
    version: /BusyBox v([0-9][0-9.]*)/.exec(bytes.toString('latin1'))?.[1] ?? 'unknown',
    entries: [{ kind: 'file', path: 'bin/busybox', mode: 0o755, bytes }, ...links],
  };
}

/** Its table of names, NUL after each and after the last: it cannot be asked where it is for another machine. */
function appletsOf(bytes: Buffer): readonly string[] {
  const from = bytes.indexOf('[\0[[\0', 0, 'latin1');
  if (from < 0) return [];
  const end = bytes.indexOf('\0\0', from, 'latin1');
  const names = bytes.toString('latin1', from, end < 0 ? from : end).split('\0');
  return names.length < 1000 && names.every((name) => /^[\w.[-]{1,32}$/.test(name)) ? names : [];
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw missing('busybox cannot be read', path, wordsOf(error), `Install the ${PACKAGE}, or name another with --busybox`);
  }
}
