/** What a simulated host has on disk: the journal up to the last fsync, behind a snapshot, and its keys. All of it as bytes, as on a real one. */
import type { Remembered } from '../../../host/core/engine.ts';
import type { EngineRecord, NodeRecord, Turn } from '../../../host/core/record.ts';
import type { SavedUplink } from '../../../host/sync/search.ts';
import type { Statement } from './station.ts';

/** Turns after which a snapshot is made of them. */
const TAIL_MOST = 300;

export class Disk {
  durableSeq = 0;
  lastAt = 0;
  #snapshot: string | undefined;
  #tail: string[] = [];
  /** Appended, and not fsynced. */
  #fresh: { readonly seq: number; readonly at: number; readonly text: string }[] = [];

  append(turn: Turn): void {
    this.#fresh.push({ seq: turn.seq, at: turn.at, text: JSON.stringify(turn) });
  }

  get lastSeq(): number {
    return this.#fresh.at(-1)?.seq ?? this.durableSeq;
  }

  sync(): void {
    for (const { seq, at, text } of this.#fresh) {
      this.#tail.push(text);
      this.durableSeq = seq;
      this.lastAt = at;
    }
    this.#fresh = [];
  }

  get wantsSnapshot(): boolean {
    return this.#tail.length > TAIL_MOST && this.#fresh.length === 0;
  }

  snapshot(engine: EngineRecord, nodes: readonly NodeRecord[]): void {
    this.#snapshot = JSON.stringify({ engine, nodes });
    this.#tail = [];
  }

  /** What was not fsynced is gone with the process. */
  crash(): void {
    this.#fresh = [];
  }

  read(): Remembered | undefined {
    if (!this.#snapshot && this.#tail.length === 0) return undefined;
    const tail = this.#tail.map((text) => JSON.parse(text) as Turn);
    if (!this.#snapshot) return { engine: undefined, nodes: [], tail };
    const { engine, nodes } = JSON.parse(this.#snapshot) as { engine: EngineRecord; nodes: NodeRecord[] };
    return { engine, nodes, tail };
  }
}

/** As `edge/host-keys.ts` has them. */
export class Keys {
  boot = '';
  key = '';
  master: Uint8Array = new Uint8Array(0);
  generation = 0;
  statement: Statement | undefined;
  session: SavedUplink | undefined;
  /** It has a certificate that children can check. */
  chain = false;
  readonly #bytes: () => Uint8Array;

  constructor(bytes: () => Uint8Array) {
    this.#bytes = bytes;
  }

  /** Another key, as the one before was revoked; what was certified of that one is worth nothing. */
  renew(): void {
    this.key = Buffer.from(this.#bytes()).toString('base64url');
    this.statement = undefined;
    this.session = undefined;
  }

  /** At every start; `outliveBoot`: of a host with a disk of its own. */
  open(boot: string, outliveBoot: boolean): this {
    this.generation++;
    if (this.boot !== boot) {
      this.session = undefined;
      if (!outliveBoot || this.boot === '') {
        this.key = Buffer.from(this.#bytes()).toString('base64url');
        this.master = this.#bytes();
        this.statement = undefined;
        this.chain = false;
      }
      this.boot = boot;
    }
    return this;
  }
}
