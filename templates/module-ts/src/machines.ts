/** The hardware: machines that are switched over HTTP, or, until there are any, simulated ones that are files. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Busy, LoginRefused, Terminal, Unreachable } from '@kraken-hpc/sdk';

export type Power = 'on' | 'off';

/** Both resolve to what the machine then reports: seen, never assumed. */
export interface Machines {
  look(name: string, signal: AbortSignal): Promise<Power>;
  switch(name: string, wanted: Power, signal: AbortSignal): Promise<Power>;
}

export interface Place {
  readonly url?: string;
  readonly token?: string;
  readonly folder: string;
}

/** The real machines where there is a URL, else simulated ones. */
export function machinesAt({ url, token, folder }: Place): Machines {
  return url === undefined ? simulatedMachines(folder) : httpMachines(url, token);
}

/** `GET URL/NAME` answers `on` or `off`; `PUT URL/NAME` with one of these switches, and answers in the same way. */
function httpMachines(url: string, token: string | undefined): Machines {
  const ask = async (name: string, request: RequestInit): Promise<Power> => {
    const where = `${url.replace(/\/$/, '')}/${encodeURIComponent(name)}`;
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const reply = await fetch(where, { ...request, headers }).catch((error: Error) => {
      // Nobody answers: that says nothing about the machine, and nothing has failed.
      throw new Unreachable(`${where} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`);
    });
    const text = (await reply.text()).trim();
    if (reply.ok && (text === 'on' || text === 'off')) return text;
    const said = `${where} answered ${reply.status} ${text.slice(0, 200)}`.trim();
    switch (reply.status) {
      case 401:
      case 403:
        throw new LoginRefused(`${said}. Correct "token" in the config of this service`);
      case 404:
        throw new Terminal(`${said}. It knows no machine ${name}: correct the name of this node`);
      case 429:
      case 503:
        throw new Busy(said);
      default:
        throw new Error(said);
    }
  };
  return {
    look: (name, signal) => ask(name, { signal }),
    switch: (name, wanted, signal) => ask(name, { method: 'PUT', body: wanted, signal }),
  };
}

/** So long a simulated machine takes to switch, in milliseconds. */
const SWITCHING = 100;

/**
 * Every machine is a file, NAME.txt, which says `on` or `off`: it keeps its power when this module is started again, and writing into
 * the file is pulling the plug.
 */
function simulatedMachines(folder: string): Machines {
  const fileOf = (name: string): string => join(folder, `${encodeURIComponent(name)}.txt`);
  const look = async (name: string): Promise<Power> => {
    const text = await readFile(fileOf(name), 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 'off';
      throw error;
    });
    return text.trim() === 'on' ? 'on' : 'off';
  };
  return {
    look,
    async switch(name, wanted, signal) {
      await wait(SWITCHING, undefined, { signal });
      await mkdir(folder, { recursive: true });
      // Written beside and renamed: whoever looks meanwhile sees the old power or the new one.
      const beside = `${fileOf(name)}.${randomUUID()}`;
      await writeFile(beside, `${wanted}\n`);
      await rename(beside, fileOf(name));
      // The machine answers in the moment in which it has switched.
      return wanted;
    },
  };
}
