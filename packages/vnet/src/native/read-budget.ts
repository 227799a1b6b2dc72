/** Reads at one event before others get their turn: enough to share an acknowledgement, few enough to stay in cache. */
const MAX_READS = 64;

/**
 * How many reads a descriptor gets at one event. A lone frame (request, answer) should not cost a second call that
 * finds nothing; a stream of them should come in large batches. A stream is what leaves the descriptor readable from
 * one look for events to the next; in an exchange something else happens between.
 */
export class ReadBudget {
  #reads = 1;
  #lastLook = Number.NEGATIVE_INFINITY;
  #follows = false;

  /** How many reads to make at an event of this look for events, a number that grows by one with each. */
  begin(look: number): number {
    this.#follows = look === this.#lastLook + 1;
    this.#lastLook = look;
    return this.#reads;
  }

  /** So many of them brought something. */
  end(count: number): void {
    if (count < this.#reads) this.#reads = Math.max(count, 1);
    else if (this.#follows) this.#reads = Math.min(this.#reads * 4, MAX_READS);
  }
}
