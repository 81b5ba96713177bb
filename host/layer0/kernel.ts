/** The kernel and the folder of its modules: of this machine, of files that were named, or of a Debian package. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { execa, execaSync } from 'execa';
import { DEFAULT_MODULES, type ModuleFile, moduleName, type PickedModule, parseBuiltin, parseModulesDep, pickModules } from './modules.ts';
import { missing, unfit, wordsOf } from './trouble.ts';

export interface KernelOptions {
  /** A file; `none`: an initramfs without modules, for a kernel that has all built in; absent = that of `modules`, or the newest in /boot. */
  readonly kernel?: string;
  /** A folder lib/modules/VERSION, or a Debian package of a kernel. */
  readonly modules?: string;
  readonly addModules: readonly string[];
}

export interface Kernel {
  readonly bytes: Buffer;
  readonly version: string;
  readonly modules: readonly PickedModule[];
}

const PACKAGE = 'Debian package linux-image-amd64, or linux-image-arm64';
const LARGEST_MODULE = 256 << 20;

export async function readKernel(options: KernelOptions): Promise<Kernel | undefined> {
  if (options.kernel === 'none') {
    const [added] = options.addModules;
    if (added !== undefined)
      throw unfit(`the module ${added} has no kernel`, '--add-module', '--kernel none takes no modules', 'Name a kernel, or leave it out');
    return undefined;
  }
  const isPackage = options.modules?.endsWith('.deb') === true;
  const unpacked = isPackage ? await unpackPackage(options.modules ?? '') : undefined;
  try {
    return findKernel(unpacked === undefined ? options : withinPackage(options, unpacked));
  } finally {
    if (unpacked !== undefined) rmSync(unpacked, { recursive: true, force: true });
  }
}

async function unpackPackage(file: string): Promise<string> {
  if (!existsSync(file))
    throw missing(
      'there is no such package',
      file,
      'the file does not exist',
      'apt-get download linux-image-amd64 fetches the name of one',
    );
  const dir = mkdtempSync(join(tmpdir(), 'kraken-kernel-'));
  const result = await execa('dpkg-deb', ['-x', file, dir], { reject: false });
  if (!result.failed) return dir;
  rmSync(dir, { recursive: true, force: true });
  if (result.code === 'ENOENT')
    throw missing(
      'dpkg-deb is not installed',
      file,
      'no program of this name is in PATH',
      'apt install dpkg; or unpack the package, and name its files',
    );
  throw unfit('the package cannot be unpacked', file, result.stderr.trim() || (result.shortMessage ?? ''), 'Fetch it again');
}

function withinPackage(options: KernelOptions, dir: string): KernelOptions {
  const [boot, lib] = [join(dir, 'boot'), ['usr/lib/modules', 'lib/modules'].map((path) => join(dir, path)).find(existsSync)];
  const image = namesIn(boot).find((name) => /^(?:vmlinuz|vmlinux|Image)/.test(name));
  const [version] = lib === undefined ? [] : namesIn(lib);
  const named = options.modules ?? '';
  if (lib === undefined || version === undefined)
    throw unfit('there are no modules in the package', named, 'it has no lib/modules/VERSION', `Take a ${PACKAGE}`);
  if (options.kernel === undefined && image === undefined)
    throw unfit('there is no kernel in the package', named, 'it has no boot/vmlinuz-VERSION', 'Name one with --kernel');
  return { ...options, kernel: options.kernel ?? join(boot, image ?? ''), modules: join(lib, version) };
}

function findKernel({ kernel, modules, addModules }: KernelOptions): Kernel {
  const named = modules === undefined ? undefined : versionOfFolder(modules);
  const file = kernel ?? newestKernel(named);
  if (!existsSync(file))
    throw missing('there is no such kernel', file, 'the file does not exist', `Name another with --kernel; a ${PACKAGE} has one`);
  const bytes = readFileSync(file);
  const version = kernelVersion(bytes) ?? named ?? versionOfName(file);
  if (version === undefined)
    throw unfit('the version of this kernel is not known', file, 'neither the file nor its name say it', 'Name its modules with --modules');
  const dir = modules ?? ['/lib/modules', '/usr/lib/modules'].map((lib) => join(lib, version)).find(existsSync);
  if (dir === undefined || !existsSync(dir))
    throw missing(
      `the modules of ${version} are missing`,
      dir ?? file,
      `looked for in /lib/modules/${version}`,
      'Name their folder or package with --modules, or take --kernel none',
    );
  if (named !== undefined && named !== version)
    throw unfit(
      'kernel and modules do not belong together',
      file,
      `the kernel is ${version}, the modules are of ${named}`,
      'Name those of the kernel',
    );
  return { bytes, version, modules: modulesIn(dir, addModules) };
}

function modulesIn(dir: string, wanted: readonly string[]): readonly PickedModule[] {
  const text = (name: string): string => (existsSync(join(dir, name)) ? readFileSync(join(dir, name), 'utf8') : '');
  const dep = text('modules.dep');
  const builtin = parseBuiltin(text('modules.builtin'));
  try {
    return pickModules({
      files: modulesBelow(dir),
      builtin,
      welcome: DEFAULT_MODULES,
      wanted,
      ...(dep !== '' && { needs: parseModulesDep(dep) }),
      read: (one) => readModule(join(dir, one.path)),
    });
  } catch (error) {
    throw unfit('the kernel modules cannot be gathered', dir, wordsOf(error), 'Correct --add-module, or name other modules with --modules');
  }
}

function modulesBelow(dir: string): ModuleFile[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ko(?:\.(?:xz|zst|gz))?$/.test(entry.name))
    .map((entry) => ({ name: moduleName(entry.name), path: relative(dir, join(entry.parentPath, entry.name)) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Always plain: whether the kernel unpacks modules is its own configuration, and the whole archive is compressed better than they are. */
function readModule(file: string): Buffer {
  const bytes = readFileSync(file);
  const ending = file.split('.').at(-1);
  if (ending === 'gz') return gunzipSync(bytes, { maxOutputLength: LARGEST_MODULE });
  if (ending !== 'xz' && ending !== 'zst') return bytes;
  const program = ending === 'xz' ? 'xz' : 'zstd';
  const result = execaSync(program, ['-q', '-d', '-c'], { input: bytes, encoding: 'buffer', maxBuffer: LARGEST_MODULE, reject: false });
  if (result.failed)
    throw new Error(
      `${file} is not unpacked by ${program} (Debian package ${program === 'xz' ? 'xz-utils' : 'zstd'}): ${result.shortMessage}`,
    );
  return Buffer.from(result.stdout);
}

/** The newest in /boot: numbers count as numbers. */
function newestKernel(version: string | undefined): string {
  const found = namesIn('/boot')
    .filter((name) => (version === undefined ? name.startsWith('vmlinuz-') : name === `vmlinuz-${version}`))
    .map((name) => join('/boot', name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  if (found[0] !== undefined) return found[0];
  const looked = `/boot/vmlinuz-${version ?? '*'} was looked for`;
  throw missing(
    'there is no kernel',
    'layer 0',
    looked,
    `Install the ${PACKAGE}, or name its .deb with --modules; --kernel none makes an initramfs without modules`,
  );
}

function versionOfFolder(dir: string): string | undefined {
  return /(\d+\.\d+[^/]*)\/*$/.exec(dir)?.[1];
}

function versionOfName(file: string): string | undefined {
  return /(?:vmlinuz|vmlinux|Image)-(\d+\.\d+[^/]*)$/.exec(file)?.[1];
}

/** Of a bzImage (Documentation/arch/x86/boot.rst, kernel_version); others do not say it. */
function kernelVersion(bytes: Buffer): string | undefined {
  if (bytes.length < 0x210 || bytes.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
  const at = bytes.readUInt16LE(0x20e) + 0x200;
  return /^(\d+\.\d+\S*)/.exec(bytes.toString('latin1', at, Math.min(at + 200, bytes.length)))?.[1];
}

function namesIn(dir: string): readonly string[] {
  return existsSync(dir) ? readdirSync(dir).sort() : [];
}
