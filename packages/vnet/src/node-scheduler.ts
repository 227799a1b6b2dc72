import type { Scheduler } from './scheduler.ts';

/** Node's own loop: timers of milliseconds, and `setImmediate` for "after what is at hand". */
export const nodeScheduler: Scheduler = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(delayMs, 0x7fffffff));
    return () => clearTimeout(timer);
  },
  soon: (callback) => {
    setImmediate(callback);
  },
};

/** The same, but what is to run soon goes by `soon`: a poller's own, which need not wait for a turn of the loop. */
export function schedulerWith(soon: Scheduler['soon']): Scheduler {
  return { ...nodeScheduler, soon };
}
