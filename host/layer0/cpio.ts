/**
 * The archive that a kernel unpacks as its first file system: cpio in the format newc
 * (Documentation/driver-api/early-userspace/buffer-format.rst). What is not told apart by the entries themselves is always the same:
 * owner root, time 0, inode by place in the sorted archive.
 */

export type CpioEntry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly bytes: Buffer }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'device'; readonly path: string; readonly mode: number; readonly major: number; readonly minor: number };

/** As the archive is, which may be of others: kinds that we never write are `other`. */
export interface CpioFound {
  readonly path: string;
  readonly mode: number;
  readonly kind: CpioEntry['kind'] | 'other';
  readonly bytes: Buffer;
}

const MAGIC = /^07070[12]$/;
const HEADER = 110;
const TRAILER = 'TRAILER!!!';
/** Of a path with its NUL, as the kernel has it. */
const LONGEST_PATH = 4096;
const MOST_ENTRIES = 100_000;
const LARGEST_FILE = 0x7fff_ffff;
const TYPES = { file: 0o100000, link: 0o120000, folder: 0o040000, device: 0o020000 } as const;
const TYPE_BITS = 0o170000;

/** Sorted by the bytes of the path, so that a folder comes before what is in it. Throws an Error for what a kernel would not unpack. */
export function packCpio(entries: readonly CpioEntry[]): Buffer {
  if (entries.length > MOST_ENTRIES) throw new Error(`${entries.length} entries are too many for an archive: at most ${MOST_ENTRIES}`);
  const sorted = [...entries].sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const parts: Buffer[] = [];
  let last: string | undefined;
  sorted.forEach((entry, index) => {
    checkPath(entry.path);
    if (entry.path === last) throw new Error(`${entry.path} is twice in the archive`);
    last = entry.path;
    write(parts, entry, index + 1);
  });
  write(parts, { kind: 'file', path: TRAILER, mode: 0, bytes: Buffer.alloc(0) }, 0);
  return Buffer.concat(parts);
}

function write(parts: Buffer[], entry: CpioEntry, inode: number): void {
  const name = Buffer.from(`${entry.path}\0`);
  const data = dataOf(entry);
  if (data.length > LARGEST_FILE) throw new Error(`${entry.path} is too large for an archive: ${data.length} bytes`);
  const isTrailer = inode === 0;
  const mode = isTrailer ? 0 : TYPES[entry.kind] | (entry.kind === 'link' ? 0o777 : entry.mode);
  const [major, minor] = entry.kind === 'device' ? [entry.major, entry.minor] : [0, 0];
  const links = entry.kind === 'folder' ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, major, minor, name.length, 0];
  parts.push(Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0').toUpperCase()).join('')}`), name);
  parts.push(Buffer.alloc(padding(HEADER + name.length)), data, Buffer.alloc(padding(data.length)));
}

function dataOf(entry: CpioEntry): Buffer {
  switch (entry.kind) {
    case 'file':
      return entry.bytes;
    case 'link':
      return Buffer.from(entry.target);
    case 'folder':
    case 'device':
      return Buffer.alloc(0);
    default:
      return entry satisfies never;
  }
}

function checkPath(path: string): void {
  const isPlain = path !== '' && !path.includes('\0') && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
  if (!isPlain || path === TRAILER) throw new Error(`"${path.slice(0, 100)}" cannot be a path in an archive`);
  if (Buffer.byteLength(path) >= LONGEST_PATH) throw new Error(`a path of ${Buffer.byteLength(path)} bytes is too long for an archive`);
}

/** To the next multiple of four. */
const padding = (length: number): number => -length & 3;

/** Up to the trailer; `end` is where that ends. Throws an Error that says what is wrong, and where. */
export function readCpio(bytes: Buffer, from = 0): { readonly entries: readonly CpioFound[]; readonly end: number } {
  const entries: CpioFound[] = [];
  let at = from;
  for (;;) {
    const { path, found, next } = readEntry(bytes, at);
    at = next;
    if (path === TRAILER) return { entries, end: at };
    entries.push(found);
    if (entries.length > MOST_ENTRIES) throw new Error(`there are more than ${MOST_ENTRIES} entries in the archive`);
  }
}

function readEntry(bytes: Buffer, at: number): { readonly path: string; readonly found: CpioFound; readonly next: number } {
  const broken = (why: string): Error => new Error(`the archive is broken at byte ${at}: ${why}`);
  const header = bytes.toString('latin1', at, at + HEADER);
  if (header.length < HEADER) throw broken('it ends there, without a trailer');
  if (!MAGIC.test(header.slice(0, 6))) throw broken('no entry of the format newc begins there');
  if (!/^[0-9a-f]{104}$/i.test(header.slice(6))) throw broken('a header that is not hexadecimal');
  const field = (index: number): number => Number.parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
  const [mode, size, nameLength] = [field(1), field(6), field(11)];
  if (nameLength === 0 || nameLength > LONGEST_PATH) throw broken(`a name of ${nameLength} bytes`);
  const nameAt = at + HEADER;
  const dataAt = nameAt + nameLength + padding(HEADER + nameLength);
  const next = dataAt + size + padding(size);
  if (dataAt + size > bytes.length) throw broken('its last file is cut off');
  const path = bytes.toString('utf8', nameAt, nameAt + nameLength - 1);
  return { path, next, found: { path, mode: mode & 0o7777, kind: kindOf(mode), bytes: bytes.subarray(dataAt, dataAt + size) } };
}

function kindOf(mode: number): CpioFound['kind'] {
  const kinds = Object.entries(TYPES) as readonly [CpioEntry['kind'], number][];
  return kinds.find(([, type]) => type === (mode & TYPE_BITS))?.[0] ?? 'other';
}
