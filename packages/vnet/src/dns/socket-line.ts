type Owner = number | string;

/**
 * Turns at the host's sockets: `max` questions are out at once, at most three quarters of them of one guest. The
 * others wait, in order for each guest, and guests take turns.
 */
export class SocketLine {
  readonly #max: number;
  #busy = 0;
  readonly #busyOf = new Map<Owner, number>();
  readonly #waiting = new Map<Owner, (() => void)[]>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Comes true at the owner's turn; `leave` ends it. */
  enter(owner: Owner): Promise<void> {
    if (this.#hasTurn(owner)) {
      this.#take(owner);
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const own = this.#waiting.get(owner) ?? [];
      own.push(resolve);
      this.#waiting.set(owner, own);
    });
  }

  leave(owner: Owner): void {
    this.#busy--;
    const own = (this.#busyOf.get(owner) ?? 1) - 1;
    if (own === 0) this.#busyOf.delete(owner);
    else this.#busyOf.set(owner, own);
    for (const [next, line] of this.#waiting) {
      if (!this.#hasTurn(next)) continue;
      const begin = line.shift();
      // Behind the other guests, if there is more.
      this.#waiting.delete(next);
      if (line.length > 0) this.#waiting.set(next, line);
      this.#take(next);
      begin?.();
      return;
    }
  }

  #hasTurn(owner: Owner): boolean {
    return this.#busy < this.#max && (this.#busyOf.get(owner) ?? 0) < Math.ceil(this.#max * 0.75);
  }

  #take(owner: Owner): void {
    this.#busy++;
    this.#busyOf.set(owner, (this.#busyOf.get(owner) ?? 0) + 1);
  }
}
