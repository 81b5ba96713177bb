/** Lines out, to a stream that may be slower than we are: bounded, and many lines in one write. */
/** What is needed of a stream.Writable. */
export interface Sink {
  write(text: string, done: () => void): boolean;
  readonly writableLength: number;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
}

/** The bound, and who is told when it is passed or the stream breaks. */
export interface WriterOptions {
  /** Bytes that may wait for the stream; over it, `onOverflow` is called once and what follows is dropped. */
  readonly limit: number;
  readonly onOverflow: (pendingBytes: number) => void;
  /** The stream broke (EPIPE …). */
  readonly onError?: (error: Error) => void;
}

/** Where lines go out. */
export interface LineWriter {
  /** A whole line, newline included. */
  send(line: string): void;
  /** Bytes that were sent and are not yet with the kernel. */
  readonly pendingBytes: number;
  /** Resolves when nothing is pending (or the stream is gone). */
  drained(): Promise<void>;
}

/** Lines sent in one turn of the event loop go out in one write: a write to a pipe costs more than the line. */
export function createWriter(stream: Sink, options: WriterOptions): LineWriter {
  let queued = '';
  let queuedBytes = 0;
  let open = true;
  let waiting: (() => void)[] = [];
  const pending = (): number => (open ? queuedBytes + stream.writableLength : 0);
  const settle = (): void => {
    if (open && pending() > 0) return;
    const done = waiting;
    waiting = [];
    for (const resolve of done) resolve();
  };
  const close = (): void => {
    open = false;
    queued = '';
    queuedBytes = 0;
    settle();
  };
  const flush = (): void => {
    if (queued === '') return;
    const text = queued;
    queued = '';
    queuedBytes = 0;
    stream.write(text, settle);
  };
  stream.on('error', (error: Error) => {
    if (open) options.onError?.(error);
    close();
  });
  stream.on('close', close);
  return {
    send(line) {
      if (!open) return;
      if (queued === '') setImmediateOrNow(flush);
      queued += line;
      queuedBytes += line.length;
      if (pending() > options.limit) {
        const bytes = pending();
        close();
        options.onOverflow(bytes);
      }
    },
    get pendingBytes() {
      return pending();
    },
    drained() {
      flush();
      return new Promise((resolve) => {
        waiting.push(resolve);
        settle();
      });
    },
  };
}

/** After the promises of this turn have settled: their answers share the write, and nothing waits for I/O. */
function setImmediateOrNow(flush: () => void): void {
  process.nextTick(() => queueMicrotask(flush));
}
