/**
 * The file servers of the pxe plugin as a process of their own, over a folder: so that what they need of memory can be measured, and that
 * they can stand in a namespace. `ADDRESS FOLDER [HTTP-LIMITS]` as arguments; says on its standard output where it listens, and then, for
 * each line of its standard input, what it holds and what became of the requests since.
 */
import { createInterface } from 'node:readline';
import { TestSource } from '../../plugins/pxe/files/test/test-source.ts';
import { HttpService } from '../../plugins/pxe/http/service.ts';
import { TftpService } from '../../plugins/pxe/tftp/service.ts';

export interface Report {
  readonly listens: { readonly tftp: string; readonly http: string };
  readonly held: { readonly tftp: TftpService['held']; readonly http: HttpService['held'] };
  readonly opened: readonly string[];
  readonly finished: readonly { readonly name: string; readonly from: string; readonly bytes: number }[];
  readonly logged: readonly string[];
}

const [address = '127.0.0.1', folder = '', limits = '{}'] = process.argv.slice(2);
const source = new TestSource(folder);
const shared = { addresses: [address], port: 0, source, log: source.log };
const tftp = await TftpService.open({ ...shared, limits: { perAddress: 100 } });
const http = await HttpService.open({ ...shared, limits: JSON.parse(limits) });

function report(): void {
  const line: Report = {
    listens: { tftp: tftp.listens[0] ?? '', http: http.listens[0] ?? '' },
    held: { tftp: tftp.held, http: http.held },
    opened: source.opened.splice(0),
    finished: source.finished.splice(0),
    logged: source.logged.splice(0),
  };
  console.log(JSON.stringify(line));
}

report();
const lines = createInterface({ input: process.stdin });
lines.on('line', report);
lines.on('close', () => process.exit(0));
