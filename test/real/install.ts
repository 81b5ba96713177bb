/** The Debian packages that real tests speak to: installed where they are missing. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const PLACES = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];

const isThere = (program: string): boolean => PLACES.some((place) => existsSync(`${place}/${program}`));

/** `programs`: by program, the package that brings it. Throws an error that says what to do where they cannot be installed. */
export function install(programs: Readonly<Record<string, string>>): void {
  const missing = [...new Set(Object.entries(programs).flatMap(([program, name]) => (isThere(program) ? [] : [name])))];
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !isThere('apt-get'))
    throw new Error(`real tests need the Debian packages ${missing.join(', ')}; install them as root: ${command}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const [program = '', ...args] = command.split(' ');
  let last = spawnSync(program, args, { env, encoding: 'utf8' });
  if (last.status !== 0) {
    spawnSync('apt-get', ['update'], { env });
    last = spawnSync(program, args, { env, encoding: 'utf8' });
  }
  if (last.status !== 0) throw new Error(`${command} failed (${last.status}): ${last.stderr.trim().split('\n').slice(-3).join(' ')}`);
}
