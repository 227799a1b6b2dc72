import { type Owner, OwnerShares } from '../gateway/owner-shares.ts';

/**
 * Turns at the host's sockets: `max` questions are out at once, at most three quarters of them of one guest. The
 * others wait, in order for each guest, and guests take turns.
 */
export class SocketLine {
  readonly #busy: OwnerShares;
  readonly #waiting = new Map<Owner, (() => void)[]>();

  constructor(max: number) {
    this.#busy = new OwnerShares({ total: max, perOwner: Math.ceil(max * 0.75) });
  }

  /** Comes true at the owner's turn; `leave` ends it. */
  enter(owner: Owner): Promise<void> {
    if (this.#busy.enter(owner)) return Promise.resolve();
    return new Promise((resolve) => {
      const own = this.#waiting.get(owner) ?? [];
      own.push(resolve);
      this.#waiting.set(owner, own);
    });
  }

  leave(owner: Owner): void {
    this.#busy.leave(owner);
    for (const [next, line] of this.#waiting) {
      if (!this.#busy.enter(next)) continue;
      const begin = line.shift();
      // Behind the other guests, if there is more.
      this.#waiting.delete(next);
      if (line.length > 0) this.#waiting.set(next, line);
      begin?.();
      return;
    }
  }
}
