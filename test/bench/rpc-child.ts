/** The other end of the rpc bench: `peer` answers through the wire of the SDK, `bare` with nothing but JSON and a Map. */
import { createPeer, createWriter, LineDecoder } from '@kraken-hpc/sdk/wire';
import { BARE, outcomeOf } from './rpc-payload.ts';

const writer = createWriter(process.stdout, { limit: 1 << 28, onOverflow: () => process.exit(1) });
const decoder = new LineDecoder();
const peer = createPeer({
  end: 'module',
  send: writer.send,
  answers: { ping: () => ({}), 'mutation/run': outcomeOf },
  hears: { exit: () => process.exit(0), 'state/changed': () => {} },
  onFault: ({ text }) => {
    throw new Error(text);
  },
});
const receive = process.argv[2] === 'bare' ? BARE(writer.send) : peer.receive;
process.stdin.on('data', (chunk: Buffer) => {
  for (const line of decoder.push(chunk)) receive(line as string);
});
process.stdin.on('end', () => process.exit(0));
