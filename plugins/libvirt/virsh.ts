/** Runs virsh, and puts what it fails with into errors that the engine knows. */
import { Busy, LoginRefused } from '@kraken-hpc/sdk';
import { NoAnswer } from '@kraken-hpc/sdk/power';
import { execa } from 'execa';

/** Bytes: 10,000 domains take 1 MB. */
const LONGEST = 32 * 1024 * 1024;

export interface Run {
  readonly program: string;
  readonly uri: string;
  readonly signal: AbortSignal;
}

/** What it printed. Rejects with NoAnswer, LoginRefused, Busy, or an Error in libvirt's words. Arguments reach virsh as they are, no shell. */
export async function virsh({ program, uri, signal }: Run, ...args: readonly string[]): Promise<string> {
  const done = await execa(program, ['-q', '-c', uri, ...args], {
    stdin: 'ignore',
    env: { LC_ALL: 'C' },
    maxBuffer: LONGEST,
    cancelSignal: signal,
    forceKillAfterDelay: 500,
    reject: false,
  });
  if (signal.aborted) throw signal.reason;
  if (done.code === 'ENOENT') throw new Error(`${program} was not found: install libvirt's clients (Debian: libvirt-clients) on this host`);
  if (!done.failed) return done.stdout;
  throw refused(uri, done.stderr.trim() || done.shortMessage || 'virsh failed');
}

function refused(uri: string, said: string): Error {
  const text = said
    .split('\n')
    .map((line) => line.replace(/^error: /, ''))
    .filter((line) => line !== '')
    .join('; ')
    .slice(0, 500);
  if (/authentication (failed|unavailable)|access denied|permission denied/i.test(text))
    return new LoginRefused(`libvirt at ${uri} refused us: ${text}; give the user of this host access to it`);
  if (/cannot acquire state change lock/i.test(text)) return new Busy(`libvirt at ${uri} is busy: ${text}`);
  if (/failed to connect to the hypervisor|connection (reset|refused|closed)|end of file while reading/i.test(text))
    return new NoAnswer(`libvirt at ${uri} did not answer: ${text}`);
  return new Error(`libvirt at ${uri}: ${text}`);
}
