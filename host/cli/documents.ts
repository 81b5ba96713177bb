/** Node documents in files, as people write them; what they mean is the host's to say. */
import { readFile } from 'node:fs/promises';
import type { Json } from '@kraken-hpc/sdk/wire';
import { EXIT, Failure, usage } from './failure.ts';
import type { Io } from './io.ts';

type Members = Readonly<Record<string, Json>>;

/** Of all documents together. */
const LARGEST = 256 * 1024 * 1024;

/** What stands in a file; `-` is stdin. */
export async function readWhole(io: Io, file: string): Promise<{ readonly text: string; readonly shown: string }> {
  const shown = file === '-' ? 'stdin' : file;
  const text = file === '-' ? await io.readInput() : await readText(file);
  if (text.length > LARGEST)
    throw new Failure(EXIT.refused, `${shown} is larger than ${LARGEST / 1024 / 1024} MiB`, 'Apply it in several files');
  return { text, shown };
}

/** YAML or JSON: one node, a list, `{nodes: […]}`, or several such documents; `-` is stdin. */
export async function readDocuments(io: Io, file: string): Promise<Members[]> {
  const { text, shown } = await readWhole(io, file);
  const nodes = (await parse(text, shown)).flatMap((data) => nodesOf(data));
  nodes.forEach((node, index) => {
    if (!isObject(node))
      throw usage(`${shown}: node ${index + 1} of ${nodes.length} is no object`, 'Each node is an object with a nodename');
  });
  if (nodes.length === 0) throw usage(`${shown}: there are no nodes in it`, 'Write one node, a list, or {nodes: [...]}');
  return nodes as Members[];
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw cannotRead(file, error as NodeJS.ErrnoException);
  }
}

function cannotRead(file: string, { code, message }: NodeJS.ErrnoException): Failure {
  switch (code) {
    case 'ENOENT':
      return new Failure(EXIT.notFound, `${file}: there is no such file`, 'Name one that exists, or - for stdin');
    case 'EISDIR':
      return usage(`${file} is a directory`, 'Name a file, or - for stdin');
    case 'EACCES':
      return new Failure(EXIT.failed, `${file}: you may not read it`, 'Have it made readable for you, or use sudo');
    default:
      return new Failure(EXIT.failed, `${file} cannot be read: ${message}`);
  }
}

/** JSON is tried first: it is much faster, and loads no library. */
async function parse(text: string, shown: string): Promise<unknown[]> {
  if (/^\s*[[{]/.test(text)) {
    try {
      return [JSON.parse(text)];
    } catch {
      // It may be YAML in flow style, or several documents.
    }
  }
  const { fromYaml } = await import('./yaml.ts');
  const found = fromYaml(text);
  if ('error' in found) throw usage(`${shown}: it is neither YAML nor JSON: ${found.error}`, 'Correct it there');
  return [...found.documents];
}

function nodesOf(data: unknown): unknown[] {
  if (Array.isArray(data)) return data;
  if (isObject(data) && Array.isArray(data['nodes'])) return data['nodes'];
  return [data];
}

function isObject(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

/** What fits into a line of the protocol with room to spare, in order. */
export function inParts(nodes: readonly Members[], most = 1024 * 1024): Members[][] {
  const parts: Members[][] = [[]];
  let size = 0;
  for (const node of nodes) {
    const bytes = JSON.stringify(node).length * 3;
    if (size > 0 && size + bytes > most * 3) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(node);
    size += bytes;
  }
  return parts;
}
