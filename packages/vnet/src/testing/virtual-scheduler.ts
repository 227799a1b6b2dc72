import type { Scheduler } from '../scheduler.ts';

interface Task {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** An event loop in virtual time: nothing happens but what `run` and `advance` let happen. */
export class VirtualScheduler implements Scheduler {
  #now = 0;
  #order = 0;
  #wallOffsetMs = 0;
  #tasks: Task[] = [];

  now(): number {
    return this.#now;
  }

  wallMs(): number {
    return Date.UTC(2026, 0, 1) + this.#now + this.#wallOffsetMs;
  }

  /** Somebody sets the clock of the host. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  after(delayMs: number, callback: () => void): () => void {
    const task = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((one) => one !== task);
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Lets time pass and runs what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let steps = 0; ; steps++) {
      if (steps > 1_000_000) throw new Error('the scheduler never comes to rest');
      const next = this.#next();
      if (next === undefined || next.at > end) break;
      this.#tasks = this.#tasks.filter((one) => one !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
    }
    this.#now = end;
  }

  /** Runs what is due now, without letting time pass. */
  run(): void {
    this.advance(0);
  }

  get pending(): number {
    return this.#tasks.length;
  }

  #next(): Task | undefined {
    let first: Task | undefined;
    for (const task of this.#tasks) {
      if (first === undefined || task.at < first.at || (task.at === first.at && task.order < first.order))
        first = task;
    }
    return first;
  }
}
