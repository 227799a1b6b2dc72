import { performance } from 'node:perf_hooks';
import type { Scheduler } from './scheduler.ts';

/** Node's own loop: timers of milliseconds, and `setImmediate` for "after what is at hand". */
export const nodeScheduler: Scheduler = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => {
    // Node cuts fractions off: a timer would come before what it is for is due.
    const timer = setTimeout(callback, Math.min(Math.ceil(delayMs), 0x7fffffff));
    return () => clearTimeout(timer);
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};

/** The same, but time and what is to run soon are a poller's own, which need not wait for a turn of the loop. */
export function schedulerOf(poller: Pick<Scheduler, 'now' | 'soon'>): Scheduler {
  return {
    ...nodeScheduler,
    now: () => poller.now(),
    soon: (callback) => poller.soon(callback),
  };
}
