/** Pieces of work that take turns, in the order in which they were asked for. A failure is its caller's alone. */
export class Turns {
  /** The last of those that wait. */
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => undefined);
    return next;
  }
}
