/**
 * A DHCP service with a book of leases that is given to it (one argument, JSON): the server under test, alone in its process. Prints
 * what it sees as lines of JSON; a line on its standard input has it print what it has counted. It listens where firmware fetches its
 * file, too, and tells what is asked for; nothing is served.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { DhcpService } from '../../plugins/pxe/dhcp/service.ts';
import type { Boot, ClientKind, Lease } from '../../plugins/pxe/dhcp/types.ts';

export interface Program {
  readonly interfaces: readonly string[];
  readonly port?: number;
  readonly proxy?: boolean;
  readonly leases?: readonly Lease[];
  /** As many leases, from this MAC and this address on, with a mask of 16 bits. */
  readonly many?: { readonly mac: string; readonly ip: string; readonly count: number };
  readonly boots?: Partial<Record<ClientKind, Boot>>;
  /** Steps are counted only. */
  readonly isQuiet?: boolean;
  /** Listens for the transfers that follow. */
  readonly serves?: boolean;
}

const {
  interfaces,
  port = 67,
  proxy = false,
  leases = [],
  many,
  boots = {},
  isQuiet = false,
  serves = false,
} = JSON.parse(process.argv[2] ?? '{}') as Program;
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

const byMac = new Map(leases.map((lease) => [lease.mac, lease]));
if (many !== undefined) {
  const first = Number.parseInt(many.mac.replaceAll(':', ''), 16);
  const [a = 0, b = 0, c = 0, d = 0] = many.ip.split('.').map(Number);
  const firstIp = ((a * 256 + b) * 256 + c) * 256 + d;
  for (let i = 0; i < many.count; i++) {
    const mac = (first + i)
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?!$)/g, '$&:');
    const ip = [24, 16, 8, 0].map((shift) => ((firstIp + i) >>> shift) & 255).join('.');
    byMac.set(mac, { node: `n${i}`, name: `kr${i}`, mac, ip, mask: '255.255.0.0', dns: [], seconds: 3600 });
  }
}

let steps = 0;
let worst = 0;
const service = await DhcpService.open({
  interfaces,
  port,
  proxy,
  log: (level, message) => say({ is: 'log', level, message }),
  book: { lease: (mac) => byMac.get(mac), boot: (_lease, kind) => boots[kind] },
  sink: {
    step: ({ name }, kind, step, xid) => {
      steps++;
      if (!isQuiet) say({ is: 'step', name, kind, step, xid });
    },
    stranger: (seen) => say({ is: 'stranger', ...seen }),
    dropped: (why) => say({ is: 'dropped', why }),
  },
});

if (serves)
  for (const address of service.servers) {
    const tftp = createSocket('udp4');
    tftp.on('message', (bytes) => {
      const [file] = bytes.subarray(2).toString('latin1').split('\0');
      say({ is: 'fetch', by: 'tftp', file });
    });
    tftp.bind(69, address);
    createServer((request, response) => {
      say({ is: 'fetch', by: 'http', file: request.url, host: request.headers.host });
      response.writeHead(404).end();
    }).listen(80, address);
  }

setInterval(() => {
  worst = Math.max(worst, process.memoryUsage.rss());
}, 200).unref();
createInterface({ input: process.stdin })
  .on('line', () => say({ is: 'counts', steps, ...service.counts, rss: process.memoryUsage.rss(), worst, cpu: process.cpuUsage() }))
  .on('close', () => process.exit(0));
say({ is: 'open', servers: service.servers });
