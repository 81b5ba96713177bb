/** What this host's machine was booted with, as it can see it itself: kernel, layer 0, command line. */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import type { Booted } from './core/self.ts';

/** What `kraken layer0 build` wrote into the initramfs. */
const LAYER0 = '/etc/kraken/layer0.json';
const LONGEST = 4096;

/** Reads the machine's own files. The command line is told only where it is one of ours (`kraken.id=`), and without what is ours. */
export function readBooted(read: (file: string) => string = (file) => readFileSync(file, 'utf8')): Booted {
  return { kernel: release(), ...bootedFrom(textOf(read, '/proc/cmdline'), textOf(read, LAYER0)) };
}

function bootedFrom(commandLine: string, layer0: string): Booted {
  const words = commandLine.trim().split(/\s+/);
  const id = words.findLast((word) => word.startsWith('kraken.boot='))?.slice('kraken.boot='.length);
  const isOurs = words.some((word) => word.startsWith('kraken.id='));
  const args = words.filter((word) => word !== '' && !word.startsWith('kraken.')).join(' ');
  const built = idOf(layer0);
  return {
    ...(id !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(id) && { id }),
    ...(isOurs && { args: args.slice(0, LONGEST) }),
    ...(built !== undefined && { layer0: built }),
  };
}

function idOf(text: string): string | undefined {
  if (text === '') return undefined;
  try {
    const { id } = JSON.parse(text) as { readonly id?: unknown };
    return typeof id === 'string' && id.length <= 64 ? id : undefined;
  } catch {
    return undefined;
  }
}

function textOf(read: (file: string) => string, file: string): string {
  try {
    return read(file);
  } catch {
    return '';
  }
}
