/** The templates as they are on disk: `templates/` in the source tree, beside the bundled host in a package. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CODES } from '@kraken-hpc/sdk/wire';
import { refuse } from './names.ts';

/** Text by path. */
export type Files = ReadonlyMap<string, string>;

const PLACES = ['./templates', '../../templates'];
/** What a source tree has beside a template when somebody has worked in it. */
const LEFT_OUT = new Set(['node_modules', 'dist', '__pycache__']);

export async function readTemplate(name: string): Promise<Files> {
  const places = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const folder = places.map((place) => join(place, name)).find((place) => existsSync(place));
  if (folder === undefined)
    throw refuse(CODES.NotFound, 'nothing was made', `template ${name}`, `it is not in ${places.join(' nor ')}`, 'Install Kraken anew');
  const files = new Map<string, string>();
  await collect(folder, '', files);
  return files;
}

async function collect(folder: string, below: string, files: Map<string, string>): Promise<void> {
  const entries = await readdir(join(folder, below), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory() && !LEFT_OUT.has(entry.name)) await collect(folder, path, files);
    else if (entry.isFile()) files.set(path, await readFile(join(folder, path), 'utf8'));
  }
}
