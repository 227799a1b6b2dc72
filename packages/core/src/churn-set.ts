/** Deletions after which a set of few members begins anew. */
const MIN_DELETIONS = 16;

/**
 * A set whose members come and go all the time, in the order of their coming.
 *
 * A `Set` that does so for long makes the collector's work: V8 gives it a new table every few members, and a table that was
 * left links to the next one. Once one of them has grown old, the collector of young objects takes all that come after it,
 * and all members that they held, for living: each collection copies them, and the heap grows until the next full one.
 * This set takes a new `Set` now and then, to which no link leads.
 */
export class ChurnSet<T> implements Iterable<T> {
  #members = new Set<T>();
  #deletions = 0;

  get size(): number {
    return this.#members.size;
  }

  add(member: T): void {
    if (this.#deletions > Math.max(MIN_DELETIONS, this.#members.size)) {
      this.#members = new Set(this.#members);
      this.#deletions = 0;
    }
    this.#members.add(member);
  }

  /** Whether it was in the set. */
  delete(member: T): boolean {
    if (!this.#members.delete(member)) return false;
    this.#deletions++;
    return true;
  }

  /** Members may be deleted meanwhile; those that are added may be missed. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.values();
  }
}
