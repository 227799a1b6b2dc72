import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TimerEntry, TimerQueue } from './timer-queue.ts';

describe('TimerQueue', () => {
  it('takes entries when they are due, in spite of any changes before', () => {
    const change = fc.tuple(fc.nat(9), fc.integer({ min: 0, max: 100 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const queue = new TimerQueue<TimerEntry>();
        const entries = Array.from({ length: 10 }, () => ({
          deadline: Number.POSITIVE_INFINITY,
          queuedDeadline: Number.POSITIVE_INFINITY,
          queueIndex: -1,
        }));
        for (const [index, deadline, remove] of changes) {
          const entry = entries[index];
          entry.deadline = remove ? Number.POSITIVE_INFINITY : deadline;
          if (remove) queue.remove(entry);
          else queue.update(entry);
        }
        for (let now = 0; now <= 100; now++) {
          expect(queue.nextAt()).toBeLessThanOrEqual(Math.min(...entries.map((entry) => entry.deadline)));
          for (let due = queue.takeDue(now); due !== undefined; due = queue.takeDue(now)) {
            expect(due.deadline).toBe(now);
            due.deadline = Number.POSITIVE_INFINITY;
          }
          expect(entries.every((entry) => entry.deadline > now)).toBe(true);
        }
      }),
    );
  });
});
