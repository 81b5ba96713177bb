/**
 * The DHCP server's sockets. One is bound to each own address: it hears what is sent to it, and what it broadcasts leaves by the
 * interface that has the address. One more, bound to the broadcast address, hears clients that know no server yet, on all interfaces:
 * Node tells nobody on which of them a datagram came.
 */
import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import type { Log } from '../served.ts';
import { linksOf } from './interfaces.ts';
import type { Arrival, Link, Reply } from './links.ts';
import { type Counts, DhcpServer } from './server.ts';
import { Told } from './told.ts';
import type { Book, Sink } from './types.ts';

export interface DhcpOptions {
  /** Names or IPv4 addresses of this machine's interfaces. */
  readonly interfaces: readonly string[];
  /** 67, or one above 1024 for tests; clients listen at the next one. */
  readonly port: number;
  /** Gives no addresses: only says to boot clients what to boot, beside the site's own DHCP server, also at port 4011. */
  readonly proxy: boolean;
  readonly book: Book;
  readonly sink: Sink;
  readonly log: Log;
}

const EVERYBODY = '255.255.255.255';
const DHCP_PORT = 67;
const BOOT_SERVER_PORT = 4011;
/** What a rack sends when it gets its power back, while this process is busy with something else; the system allows less. */
const RECEIVE_BYTES = 4 << 20;
/** Beyond that the network takes nothing at the moment, and clients ask again. */
const MOST_QUEUED_BYTES = 1 << 20;

interface Door {
  readonly socket: Socket;
  readonly port: number;
  /** undefined = that of everybody. */
  readonly link?: Link;
  readonly isBootServer: boolean;
}

export class DhcpService {
  /** The own addresses that answer. */
  readonly servers: readonly string[];
  readonly #server: DhcpServer;
  readonly #log: Log;
  readonly #told = new Told();
  readonly #doors: Door[] = [];
  /** By own address, to send from. */
  readonly #senders = new Map<string, Socket>();

  /** Rejects with an error that says what is lacking: an interface, an address, a right, a port that is free. */
  static async open(options: DhcpOptions): Promise<DhcpService> {
    const links = linksOf(options.interfaces, networkInterfaces());
    const service = new DhcpService(options, links);
    try {
      await service.#bindAll(links, options);
    } catch (error) {
      await service.close();
      throw error;
    }
    return service;
  }

  private constructor({ port, proxy, book, sink, log }: DhcpOptions, links: readonly Link[]) {
    this.servers = links.map(({ address }) => address);
    this.#log = log;
    this.#server = new DhcpServer({ links, clientPort: port + 1, proxy, book, sink });
  }

  get counts(): Readonly<Counts> {
    return this.#server.counts;
  }

  async close(): Promise<void> {
    await Promise.all(this.#doors.splice(0).map(({ socket }) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  async #bindAll(links: readonly Link[], { port, proxy }: DhcpOptions): Promise<void> {
    for (const link of links) {
      const socket = await this.#bind({ link, port, isBootServer: false });
      socket.setBroadcast(true);
      this.#senders.set(link.address, socket);
      // Away from the real port, in tests, that of boot servers is as far away.
      if (proxy) await this.#bind({ link, port: port - DHCP_PORT + BOOT_SERVER_PORT, isBootServer: true });
    }
    // Last: by then everything is there to answer from.
    await this.#bind({ port, isBootServer: false });
  }

  async #bind(where: Omit<Door, 'socket'>): Promise<Socket> {
    const { link, port } = where;
    const address = link?.address ?? EVERYBODY;
    const socket = createSocket({
      type: 'udp4',
      // Beside servers for other interfaces, such as libvirt's dnsmasq.
      reuseAddr: true,
      recvBufferSize: RECEIVE_BYTES,
      // Every address is one already: at once, not on a later turn of the loop.
      lookup: (host, _options, callback) => callback(null, host, 4),
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close();
        reject(new Error(explain(error, where), { cause: error }));
      });
      socket.bind({ address, port, exclusive: true }, resolve);
    });
    const door = { ...where, socket };
    this.#doors.push(door);
    socket.removeAllListeners('error');
    socket.on('error', (error) => this.#complain(`receives on ${address}:${port}: ${error.message}`));
    socket.on('message', (bytes, { address: from, port: fromPort }) => this.#take(bytes, arrivalAt(door, from, fromPort)));
    return socket;
  }

  #take(bytes: Buffer, arrival: Arrival): void {
    try {
      for (const reply of this.#server.take(bytes, arrival, Date.now())) this.#send(reply, arrival);
    } catch (error) {
      this.#complain(`fails on a message from ${arrival.from}:${arrival.port}: ${error instanceof Error ? error.stack : error}`);
    }
  }

  /** What cannot be sent is lost, as any datagram may be: the client asks again. */
  #send({ bytes, link, address, port }: Reply, arrival: Arrival): void {
    const door = arrival.isBootServer && this.#doors.find((one) => one.isBootServer && one.link?.address === arrival.to);
    const socket = door ? door.socket : this.#senders.get(link.address);
    if (socket === undefined || socket.getSendQueueSize() > MOST_QUEUED_BYTES) return;
    socket.send(bytes, port, address, (error) => {
      if (error) this.#complain(`cannot send from ${link.address} (${link.iface}) to ${address}:${port}: ${error.message}`);
    });
  }

  #complain(what: string): void {
    if (this.#told.may(what, Date.now())) this.#log('warn', `DHCP ${what}`);
  }
}

const arrivalAt = ({ link, isBootServer }: Door, from: string, port: number): Arrival => ({
  from,
  port,
  isBootServer,
  ...(link !== undefined && { to: link.address }),
});

function explain(error: NodeJS.ErrnoException, { link, port }: Omit<Door, 'socket'>): string {
  const where = `UDP port ${port} on ${link ? `${link.address} (${link.iface})` : EVERYBODY}`;
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return `DHCP may not open ${where}: ports below 1024 take a right that this process lacks; grant the service the permission ports, and run the host with CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or allow it on this machine (sysctl net.ipv4.ip_unprivileged_port_start=${port})`;
    case 'EADDRINUSE':
      return `DHCP cannot open ${where}: another program has it for itself; find it (ss -lunp sport = :${port}) and stop it, or have it serve other interfaces only`;
    case 'EADDRNOTAVAIL':
      return `DHCP cannot open ${where}: this machine does not have the address any more; look at ip address`;
    default:
      return `DHCP cannot open ${where}: ${error.message}`;
  }
}
