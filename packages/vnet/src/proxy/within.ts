import type { Scheduler } from '../scheduler.ts';

/** What comes of `work`, or of `whenLate` where that takes longer: nobody waits for it any more. */
export function within<T, L>(
  scheduler: Pick<Scheduler, 'after'>,
  timeMs: number,
  work: Promise<T>,
  whenLate: () => L,
): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const cancel = scheduler.after(timeMs, () => resolve(whenLate()));
    work.then(resolve, reject).finally(cancel);
  });
}
