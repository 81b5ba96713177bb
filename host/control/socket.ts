/** The file of the control socket: nobody may connect to it whom it is not for, and a running host's is never taken away. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { CODES } from '@kraken-hpc/sdk/wire';
import { refusal } from './session.ts';

/** sun_path of unix(7), less its final zero. */
const LONGEST_PATH = 107;
const CANNOT = 'the control socket cannot be opened';

/** Listens there, mode 0600, or 0660 for a group. Rejects with a RefusalError. */
export async function openSocket(server: Server, socket: string, group: string | undefined): Promise<void> {
  const gid = group === undefined ? undefined : groupId(group);
  if (Buffer.byteLength(socket) > LONGEST_PATH) {
    const why = `its path has ${Buffer.byteLength(socket)} bytes, and a socket's may have ${LONGEST_PATH}`;
    throw refusal(CODES.InvalidParams, CANNOT, socket, why, 'Name a shorter one with --socket');
  }
  // Only a directory that is made here is ours to open for the group.
  const made = mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  if (made !== undefined && gid !== undefined) {
    chownSync(dirname(socket), -1, gid);
    chmodSync(dirname(socket), 0o750);
  }
  await removeStale(socket);
  await listen(server, socket);
  if (gid === undefined) return;
  chownSync(socket, -1, gid);
  chmodSync(socket, 0o660);
}

/** The file is made while only we may use what is made: not even between bind and chmod can another connect. */
function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(refusal(CODES.NotReady, CANNOT, socket, error.message, 'Name another with --socket')));
    const umask = process.umask(0o177);
    try {
      server.listen(socket, resolve);
    } finally {
      process.umask(umask);
    }
  });
}

/** What a host that was killed has left is taken away; what answers, or is no socket, is not. */
async function removeStale(socket: string): Promise<void> {
  const found = lstatSync(socket, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket())
    throw refusal(CODES.Conflict, CANNOT, socket, 'there is a file of this name that is no socket', 'Name another with --socket');
  if (await answers(socket))
    throw refusal(
      CODES.Conflict,
      CANNOT,
      socket,
      'another host answers on it',
      'Stop that one (kraken engine stop), or name another with --socket',
    );
  unlinkSync(socket);
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // A host whose queue of connections is full is there all the same.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}

function groupId(group: string): number {
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${group}:`));
  const id = Number((line ?? fromDirectory(group)).split(':')[2] || Number.NaN);
  if (Number.isInteger(id)) return id;
  throw refusal(CODES.NotFound, CANNOT, `group ${group}`, 'there is no such group', 'Create it, or name another with --group');
}

/** Groups of a directory service are not in the file. */
function fromDirectory(group: string): string {
  try {
    return execFileSync('getent', ['group', '--', group], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
