/** A module as a process: stdin and stdout belong to the protocol, stderr is the log. */
import { Console } from 'node:console';
import type { Module } from './define.ts';
import { Session } from './session.ts';
import { createWriter, LineDecoder, type LineWriter } from './wire/index.ts';

/** sysexits.h EX_USAGE: run in a way that it is not meant for. */
const EX_USAGE = 64;
/** The host is gone: everything ends within 2 s, so tasks and `stop` have less. */
const ORPHAN_GRACE = 1200;
const FLUSH_LIMIT = 500;
/** Bytes that the host has not read; a host that reads nothing is not a host any more. */
const OUTPUT_LIMIT = 64 * 1024 * 1024;

/** Whatever prints to stdout would break the protocol: from here on it goes to stderr. */
function ownStdout(): (text: string, done: () => void) => boolean {
  const write = process.stdout.write.bind(process.stdout) as (text: string, done: () => void) => boolean;
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write;
  globalThis.console = new Console({ stdout: process.stderr, stderr: process.stderr });
  return write;
}

function explain(): void {
  const name = process.argv[1] ?? 'this program';
  process.stderr.write(
    `${name} is a Kraken module: the kraken host starts it and speaks with it on stdin and stdout.\n` +
      'Nothing happens when it is run by hand. Start it with the host (kraken up), and look at it with: kraken service list.\n',
  );
}

/** Ends the process when what was said has reached the host, or cannot. */
function exitAfter(writer: LineWriter, code: number): void {
  setTimeout(() => process.exit(code), FLUSH_LIMIT).unref();
  void writer.drained().then(() => process.exit(code));
}

/** Serves the module on stdin and stdout until the host says so or is gone. Called once, by the module's main file. */
export function serve(module: Module): void {
  if (process.stdin.isTTY) {
    explain();
    process.exitCode = EX_USAGE;
    return;
  }
  const write = ownStdout();
  const { stdout, stdin } = process;
  const out = {
    write,
    on: stdout.on.bind(stdout),
    get writableLength() {
      return stdout.writableLength;
    },
  };
  let ending = false;
  /** Nobody asks any more: end what runs, say what came of it to whoever still listens, all within 2 s whatever the module does. */
  const end = (): void => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(0), ORPHAN_GRACE + FLUSH_LIMIT);
    void session.stop(ORPHAN_GRACE).then(() => exitAfter(writer, 0));
  };
  const writer = createWriter(out, {
    limit: OUTPUT_LIMIT,
    onOverflow: (bytes) => {
      process.stderr.write(`the host does not read: ${bytes} bytes are waiting, the limit is ${OUTPUT_LIMIT}; exiting\n`);
      process.exit(1);
    },
    onError: () => {
      session.close('the host has closed the connection');
      end();
    },
  });
  const session = new Session(module, {
    send: writer.send,
    named: (service) => {
      process.title = service;
    },
    complain: (text) => process.stderr.write(`${text}\n`),
    exit: (code) => exitAfter(writer, code),
  });
  const decoder = new LineDecoder();
  stdin.on('data', (chunk: Buffer) => {
    for (const line of decoder.push(chunk)) session.receive(line);
  });
  stdin.on('end', end);
  stdin.on('error', end);
  // Ctrl-C in the host's terminal reaches the whole process group; the host decides what happens then.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', end);
}
