import type { Scheduler } from '../scheduler.ts';

interface Task {
  readonly at: number;
  readonly order: number;
  /** Undefined once it is cancelled. */
  callback: (() => void) | undefined;
}

/** An event loop in virtual time: nothing happens but what `run` and `advance` let happen. */
export class VirtualScheduler implements Scheduler {
  #now = 0;
  #order = 0;
  #wallOffsetMs = 0;
  #pending = 0;
  /** A binary heap: what falls due first is at its top. What was cancelled leaves it when it gets there. */
  readonly #tasks: Task[] = [];

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
    const task: Task = { at: this.#now + Math.max(0, delayMs), order: this.#order++, callback };
    this.#push(task);
    this.#pending++;
    return () => {
      if (task.callback !== undefined) this.#pending--;
      task.callback = undefined;
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** Lets time pass and runs what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let steps = 0; ; ) {
      const next = this.#tasks[0];
      if (next === undefined || next.at > end) break;
      this.#pop();
      const { callback } = next;
      if (callback === undefined) continue;
      if (steps++ > 1_000_000) throw new Error('the scheduler never comes to rest');
      next.callback = undefined;
      this.#pending--;
      this.#now = Math.max(this.#now, next.at);
      callback();
    }
    this.#now = end;
  }

  /** Runs what is due now, without letting time pass. */
  run(): void {
    this.advance(0);
  }

  get pending(): number {
    return this.#pending;
  }

  #push(task: Task): void {
    const tasks = this.#tasks;
    let at = tasks.push(task) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = tasks[above];
      if (parent === undefined || isBefore(parent, task)) break;
      tasks[at] = parent;
      at = above;
    }
    tasks[at] = task;
  }

  #pop(): void {
    const tasks = this.#tasks;
    const last = tasks.pop();
    if (last === undefined || tasks.length === 0) return;
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      let child = tasks[below];
      const other = tasks[below + 1];
      if (child === undefined) break;
      if (other !== undefined && isBefore(other, child)) {
        child = other;
        below++;
      }
      if (isBefore(last, child)) break;
      tasks[at] = child;
      at = below;
    }
    tasks[at] = last;
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
