/** What the file servers (TFTP and HTTP) ask of the module that knows the nodes. They know names, addresses and bytes; it knows why. */

export type Protocol = 'tftp' | 'http';

/**
 * What may be fetched under a name by an address. `etag` is quoted, as RFC 9110 8.8.3 writes it, and the same exactly as long as the
 * bytes are. `path` is absolute; a file that is not of `size` and `mtimeMs` any more when it is read ends the transfer with an error.
 * A refusal says why in one sentence, for the log and for the client's error text (so nothing that the client may not know).
 */
export type Served =
  | { readonly kind: 'bytes'; readonly type: string; readonly bytes: Buffer; readonly etag: string }
  | {
      readonly kind: 'file';
      readonly type: string;
      readonly path: string;
      readonly size: number;
      readonly mtimeMs: number;
      readonly etag: string;
    }
  | { readonly kind: 'refused'; readonly status: 403 | 404 | 503; readonly why: string };

export interface Source {
  /** `name` is relative, `/`-separated, without empty parts, `.`, `..` or control characters, 1 to 512 bytes (all else never gets here). */
  open(name: string, from: string, by: Protocol): Promise<Served>;
  /**
   * All bytes of it went out to that address in one transfer (not for a HEAD, nor for a part by HTTP), in `ms` milliseconds. By TFTP the
   * client has acknowledged them; by HTTP the kernel has taken them, up to some megabytes of which may still be on their way.
   */
  done(name: string, from: string, by: Protocol, bytes: number, ms: number): void;
}

/** Where a person reads what happened; the module's own log. */
export type Log = (level: 'debug' | 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>) => void;
