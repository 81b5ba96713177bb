/** How many are inside at once. Who waits is let in first come, first served. */
interface Pass {
  /** May be called more than once. */
  leave(): void;
}

export class Gate {
  readonly #most: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  async enter(): Promise<Pass> {
    if (this.#inside >= this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#inside++;
    let isInside = true;
    return {
      leave: () => {
        if (!isInside) return;
        isInside = false;
        const next = this.#waiting.shift();
        if (next === undefined) this.#inside--;
        else next();
      },
    };
  }
}
