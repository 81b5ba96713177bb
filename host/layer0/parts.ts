/** What an initramfs of ours consists of, by where things lie in it. */
export interface Part {
  readonly name: string;
  readonly files: number;
  readonly bytes: number;
}

const PLACES: readonly (readonly [place: RegExp, name: string | ((found: RegExpExecArray) => string)])[] = [
  [/^usr\/bin\/node$/, 'node'],
  [/^kraken\/plugins\/([^/]+)/, (found) => `plugin ${found[1]}`],
  [/^kraken\/node_modules\//, 'npm packages'],
  [/^(?:kraken\/|usr\/bin\/kraken$)/, 'host'],
  [/^s?bin\//, 'busybox'],
  [/^usr\/bin\/flock$/, 'flock'],
  [/^(?:usr\/)?lib\/modules\//, 'kernel modules'],
  [/^(?:usr\/)?lib\/firmware\//, 'firmware'],
  [/^(?:usr\/)?(?:local\/)?lib(?:64)?\//, 'libraries'],
];

/** Largest first. Folders count for nothing. */
export function partsOf(entries: readonly { readonly path: string; readonly kind: string; readonly bytes?: Buffer }[]): readonly Part[] {
  const parts = new Map<string, { files: number; bytes: number }>();
  for (const { path, kind, bytes } of entries) {
    if (kind === 'folder') continue;
    const name = partName(path);
    const part = parts.get(name) ?? { files: 0, bytes: 0 };
    part.files += 1;
    part.bytes += bytes?.length ?? 0;
    parts.set(name, part);
  }
  return [...parts].map(([name, part]) => ({ name, ...part })).sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
}

function partName(path: string): string {
  for (const [place, name] of PLACES) {
    const found = place.exec(path);
    if (found) return typeof name === 'string' ? name : name(found);
  }
  return 'init and configuration';
}
