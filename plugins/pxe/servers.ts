/** The servers of the module: DHCP, TFTP, HTTP, opened together or not at all. */
import { networkInterfaces } from 'node:os';
import { linksOf } from './dhcp/interfaces.ts';
import { DhcpService } from './dhcp/service.ts';
import type { Book, Sink } from './dhcp/types.ts';
import { HttpService } from './http/service.ts';
import type { Log, Source } from './served.ts';
import { TftpService } from './tftp/service.ts';

export interface ServerOptions {
  readonly mode: 'dhcp' | 'proxy' | 'off';
  readonly interfaces: readonly string[];
  readonly ports: { readonly dhcp: number; readonly tftp: number; readonly http: number };
  readonly book: Book;
  readonly sink: Sink;
  readonly source: Source;
  readonly log: Log;
}

interface Closable {
  close(): Promise<void>;
}

export interface Servers extends Closable {
  /** The addresses that they are on. */
  readonly addresses: readonly string[];
}

export type OpenServers = (options: ServerOptions) => Promise<Servers>;

/** Rejects with what a person can do about what it cannot have; then nothing is left open. */
export const openServers: OpenServers = async ({ mode, interfaces, ports, book, sink, source, log }) => {
  const open: Closable[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  };
  try {
    const addresses = linksOf(interfaces, networkInterfaces()).map(({ address }) => address);
    open.push(await HttpService.open({ addresses, port: ports.http, source, log }));
    open.push(await TftpService.open({ addresses, port: ports.tftp, source, log }));
    // Last: who is given an address asks for its files at once.
    if (mode !== 'off') open.push(await DhcpService.open({ interfaces, port: ports.dhcp, proxy: mode === 'proxy', book, sink, log }));
    return { addresses, close };
  } catch (error) {
    await close();
    throw error;
  }
};
