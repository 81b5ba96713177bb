/**
 * A road that takes its time, where the kernel has no netem: `delay-proxy.ts LISTEN TO LEAST MOST` passes datagrams and connections on to
 * TO, each piece of each direction after a time between LEAST and MOST milliseconds. Pieces of one connection keep their order;
 * datagrams do not.
 */
import { createSocket, type Socket as Udp } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';

const [listen = '', to = '', least = '20', most = '50'] = process.argv.slice(2);
const PORT = 31415;
const delay = (): number => Number(least) + Math.random() * (Number(most) - Number(least));

/** Each piece leaves when its time has come and those before it have left. */
function road(from: Socket, into: Socket): void {
  let last = 0;
  const after = (work: () => void): void => {
    last = Math.max(last, performance.now() + delay());
    setTimeout(work, last - performance.now());
  };
  from.on('data', (chunk) => after(() => into.write(chunk)));
  from.on('end', () => after(() => into.end()));
  from.on('error', () => into.destroy());
  from.on('close', () => after(() => into.destroy()));
}

createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ host: to, port: PORT, allowHalfOpen: true, noDelay: true });
  road(near, far);
  road(far, near);
}).listen(PORT, listen);

const front = createSocket('udp4');
const backs = new Map<string, Udp>();
front.on('message', (bytes, { address, port }) => {
  const who = `${address}:${port}`;
  let back = backs.get(who);
  if (!back) {
    back = createSocket('udp4');
    back.on('message', (answer) => setTimeout(() => front.send(answer, port, address), delay()));
    backs.set(who, back);
  }
  const way = back;
  setTimeout(() => way.send(bytes, PORT, to), delay());
});
front.bind(PORT, listen, () => console.log('open'));
