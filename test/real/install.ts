/** The Debian packages that real tests speak to: installed where they are missing. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PLACES = ['/usr/bin', '/usr/sbin', '/bin', '/sbin', '/usr/local/bin', '/usr/local/sbin'];

const isThere = (part: string): boolean =>
  part.startsWith('/') ? existsSync(part) : PLACES.some((place) => existsSync(`${place}/${part}`));

/** `programs`: by program, or by a file's whole path, the package that brings it. Throws an error that says what to do where they cannot be installed. */
export function install(programs: Readonly<Record<string, string>>): void {
  const missing = [...new Set(Object.entries(programs).flatMap(([program, name]) => (isThere(program) ? [] : [name])))];
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=600 ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !isThere('apt-get'))
    throw new Error(`real tests need the Debian packages ${missing.join(', ')}; install them as root: ${command}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const [program = '', ...args] = command.split(' ');
  let last = spawnSync(program, args, { env, encoding: 'utf8' });
  // The lists may be old, or another run beside this one may be fetching them: that has no lock that can be waited for.
  for (let tries = 0; tries < 3 && last.status !== 0; tries++) {
    if (tries > 0) spawnSync('sleep', ['20']);
    spawnSync('apt-get', ['update'], { env });
    last = spawnSync(program, args, { env, encoding: 'utf8' });
  }
  if (last.status !== 0) throw new Error(`${command} failed (${last.status}): ${last.stderr.trim().split('\n').slice(-3).join(' ')}`);
}

/** Where a kernel that was fetched once is kept for the next run. */
const KERNELS = join(tmpdir(), 'kraken-kernel');

/** The .deb of Debian's small kernel for virtual machines: KRAKEN_KERNEL_DEB, or fetched by apt. Throws an error that says what to do. */
export function kernelPackage(): string {
  const named = process.env['KRAKEN_KERNEL_DEB'];
  if (named) return named;
  mkdirSync(KERNELS, { recursive: true });
  const kept = (): string | undefined => readdirSync(KERNELS).find((name) => /^linux-image-.*\.deb$/.test(name));
  const fetched = kept();
  if (fetched !== undefined) return join(KERNELS, fetched);
  const find = (): string | undefined =>
    /Depends: (linux-image-\d\S*)/.exec(
      spawnSync('apt-cache', ['depends', 'linux-image-cloud-amd64'], { encoding: 'utf8' }).stdout ?? '',
    )?.[1];
  if (find() === undefined) spawnSync('apt-get', ['update']);
  const name = find();
  const got = name === undefined ? undefined : spawnSync('apt-get', ['download', name], { cwd: KERNELS, encoding: 'utf8' });
  const file = kept();
  if (file === undefined)
    throw new Error(
      `no kernel could be fetched by apt (${got?.stderr?.trim() || 'there is no package linux-image-cloud-amd64'}): name the .deb of one in KRAKEN_KERNEL_DEB`,
    );
  return join(KERNELS, file);
}
