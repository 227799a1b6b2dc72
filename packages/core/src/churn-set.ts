/** Deletions after which a set of few members begins anew. */
const MIN_DELETIONS = 16;

/**
 * A set whose members come and go all the time, in the order of their coming.
 *
 * A `Set` that does so for long burdens the collector. V8 gives it a new table every few members, and the table that was left
 * leads to the new one, for iterators that are on their way. Once one that was left has grown old, the collector of young
 * objects takes all tables after it, and the members that were in them, for living: it copies them each time, and the heap
 * grows until the next full collection. This set changes to a new `Set` now and then, to which no table leads.
 */
export class ChurnSet<T> implements Iterable<T> {
  #members = new Set<T>();
  #deletions = 0;

  get size(): number {
    return this.#members.size;
  }

  /** Of the members, who came first. */
  get oldest(): T | undefined {
    return this.#members.size === 0 ? undefined : this.#members.values().next().value;
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
