/** Something with a deadline; the queue keeps the two `queue…` fields. */
export interface TimerEntry {
  /** When it wants to be called, Infinity = never. */
  deadline: number;
  /** The deadline under which it is queued. */
  queuedDeadline: number;
  /** Position in the queue, -1 = not queued. */
  queueIndex: number;
}

/**
 * Deadlines in a binary heap. Moving a deadline later costs nothing: the entry comes up at its old time and is
 * put back; that is what happens to a retransmission timer with each acknowledgement.
 *
 * Invariant: every entry with a finite deadline that was `update`d is queued at or before it.
 */
export class TimerQueue<Entry extends TimerEntry> {
  readonly #heap: Entry[] = [];

  /** To be called after an entry's deadline changed. */
  update(entry: Entry): void {
    if (entry.queueIndex < 0) {
      if (entry.deadline === Number.POSITIVE_INFINITY) return;
      entry.queuedDeadline = entry.deadline;
      entry.queueIndex = this.#heap.length;
      this.#heap.push(entry);
      this.#up(entry.queueIndex);
      return;
    }
    if (entry.deadline >= entry.queuedDeadline) return;
    entry.queuedDeadline = entry.deadline;
    this.#up(entry.queueIndex);
  }

  remove(entry: Entry): void {
    const at = entry.queueIndex;
    if (at < 0) return;
    entry.queueIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    this.#place(last, at);
    this.#up(at);
    this.#down(last.queueIndex);
  }

  /** An entry that is due, taken out of the queue; undefined when there is none. */
  takeDue(now: number): Entry | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.queuedDeadline > now) return undefined;
      this.remove(first);
      if (first.deadline <= now) return first;
      this.update(first);
    }
  }

  /** The earliest time at which something may be due. */
  nextAt(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0].queuedDeadline;
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry;
    entry.queueIndex = index;
  }

  #up(from: number): void {
    const entry = this.#heap[from];
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (this.#heap[parent].queuedDeadline <= entry.queuedDeadline) break;
      this.#place(this.#heap[parent], index);
      index = parent;
    }
    this.#place(entry, index);
  }

  #down(from: number): void {
    const entry = this.#heap[from];
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= this.#heap.length) break;
      const right = child + 1;
      if (right < this.#heap.length && this.#heap[right].queuedDeadline < this.#heap[child].queuedDeadline) {
        child = right;
      }
      if (this.#heap[child].queuedDeadline >= entry.queuedDeadline) break;
      this.#place(this.#heap[child], index);
      index = child;
    }
    this.#place(entry, index);
  }
}
