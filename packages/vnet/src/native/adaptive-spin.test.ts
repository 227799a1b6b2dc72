import { describe, expect, it } from 'vitest';
import { AdaptiveSpin } from './adaptive-spin.ts';

/** A loop that takes 5 microseconds for each look. */
function loop() {
  const spin = new AdaptiveSpin();
  let now = 1000;
  return {
    sleep: (ms: number) => {
      now += ms;
    },
    /** One event, and looks until sleep: how long that was, in microseconds. */
    event: (preemptedMs = 0): number => {
      spin.onWake(now);
      spin.onEvents(now);
      const start = now;
      now += preemptedMs;
      while (spin.staysAwake(now)) now += 0.005;
      spin.onSleep(now);
      return Math.round((now - start - preemptedMs) * 1000);
    },
  };
}

describe('AdaptiveSpin', () => {
  it('stays awake after an event that came right after falling asleep, longer each time, up to 50 µs', () => {
    const own = loop();
    expect(own.event()).toBe(0);
    const stays: number[] = [];
    for (let i = 0; i < 4; i++) {
      own.sleep(0.03);
      stays.push(own.event());
    }
    expect(stays).toEqual([20, 40, 50, 50]);
  });

  it('sleeps where somebody else was given the processor meanwhile, and looks again after the next event', () => {
    const own = loop();
    own.event();
    own.sleep(0.03);
    expect(own.event()).toBe(20);
    own.sleep(0.03);
    expect(own.event(1)).toBe(0);
    own.sleep(0.03);
    expect(own.event()).toBe(20);
  });

  it('lets an idle network sleep', () => {
    const own = loop();
    for (let i = 0; i < 10; i++) {
      own.sleep(1);
      expect(own.event()).toBe(0);
    }
  });
});
