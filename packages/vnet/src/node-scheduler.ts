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
