/** A file that was promised and cannot be read: in words for the client, who may not know paths, and for the person who mends it. */
import { FileChanged } from './file-table.ts';

export interface Unreadable {
  readonly client: string;
  readonly person: string;
  /** Whether it is likely to go by itself. */
  readonly isPassing: boolean;
}

export function unreadable(error: unknown, name: string): Unreadable {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof FileChanged || code === 'ENOENT')
    return { client: `${name} is just being replaced; ask again`, person: `${name}: ${text}`, isPassing: true };
  if (code === 'EACCES' || code === 'EPERM')
    return {
      client: `the server may not read ${name}`,
      person: `${name}: ${text}; let the user of this process read it (chmod, chown)`,
      isPassing: false,
    };
  if (code === 'EMFILE' || code === 'ENFILE')
    return {
      client: 'the server has too many files open; ask again',
      person: `${name}: ${text}; raise the limit of open files (ulimit -n, LimitNOFILE=)`,
      isPassing: true,
    };
  return { client: `the server failed to read ${name}`, person: `${name}: ${text}`, isPassing: false };
}
