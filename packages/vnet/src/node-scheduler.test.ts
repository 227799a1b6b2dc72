import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodeScheduler } from './node-scheduler.ts';

describe('nodeScheduler', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('calls no earlier than asked, though Node counts whole milliseconds', () => {
    vi.useFakeTimers();
    let called = 0;
    nodeScheduler.after(3.4, () => called++);
    vi.advanceTimersByTime(3);
    expect(called).toBe(0);
    vi.advanceTimersByTime(1);
    expect(called).toBe(1);
  });
});
