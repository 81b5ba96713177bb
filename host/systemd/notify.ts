/** What systemd wants to be told by what it has started (sd_notify(3)): that it is ready, that it ends. */
import { spawn } from 'node:child_process';

const PATIENCE = 10_000;

/**
 * Nothing where nobody wants to know. By `systemd-notify`, which every machine with systemd has: Node.js cannot send datagrams to a Unix
 * socket. Resolves to what went wrong, in words, or to undefined.
 */
export function notifySystemd(env: Readonly<Record<string, string | undefined>>, ...words: readonly string[]): Promise<string | undefined> {
  const { NOTIFY_SOCKET: socket, PATH } = env;
  if (!socket) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const child = spawn('systemd-notify', words, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { NOTIFY_SOCKET: socket, ...(PATH === undefined ? {} : { PATH }) },
      timeout: PATIENCE,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const failed = (why: string): string => `systemd was not told ${words[0]}: ${why}`;
    child.on('error', (error: NodeJS.ErrnoException) =>
      resolve(failed(error.code === 'ENOENT' ? 'there is no systemd-notify; install the package systemd' : error.message)),
    );
    child.on('close', (exit) =>
      resolve(exit === 0 ? undefined : failed(said.trim() || `systemd-notify has ended with ${exit ?? 'a signal'}`)),
    );
  });
}
