/** How many connections to one service of the gateway each guest has, so that none takes the room of others. */
export class GuestConnections {
  readonly #most: number;
  readonly #countOf = new Map<number | string, number>();

  /** @param most of one guest at once */
  constructor(most: number) {
    this.#most = most;
  }

  /** @returns whether the guest may have one more, which is its own until {@link leave} */
  enter(guest: number | string): boolean {
    const count = this.#countOf.get(guest) ?? 0;
    if (count >= this.#most) return false;
    this.#countOf.set(guest, count + 1);
    return true;
  }

  leave(guest: number | string): void {
    const left = (this.#countOf.get(guest) ?? 1) - 1;
    if (left === 0) this.#countOf.delete(guest);
    else this.#countOf.set(guest, left);
  }
}
