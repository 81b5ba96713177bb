/** One request that this end is answering: its id, and whether the caller has given it up. */
export interface CallContext {
  readonly id: string | number;
  /** Aborted when the call is cancelled as a whole or the other end is gone; the reason is a sentence. */
  readonly signal: AbortSignal;
  /** Called when some nodes of the call are cancelled: the rest goes on. */
  onNodesCancelled(listener: (nodes: readonly string[], reason: string) => void): void;
}

/** Most calls are never cancelled: what only a cancelled one needs is made when it is asked for. */
export class Call implements CallContext {
  readonly id: string | number;
  #reason: string | undefined;
  #controller: AbortController | undefined;
  #listener: ((nodes: readonly string[], reason: string) => void) | undefined;

  constructor(id: string | number) {
    this.id = id;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(new Error(this.#reason));
    }
    return this.#controller.signal;
  }

  /** Why it was cancelled; undefined = it was not. */
  get cancelled(): string | undefined {
    return this.#reason;
  }

  onNodesCancelled(listener: (nodes: readonly string[], reason: string) => void): void {
    this.#listener = listener;
  }

  cancel(nodes: readonly string[] | undefined, reason: string): void {
    if (nodes !== undefined) {
      this.#listener?.(nodes, reason);
      return;
    }
    this.#reason ??= reason;
    this.#controller?.abort(new Error(this.#reason));
  }
}
