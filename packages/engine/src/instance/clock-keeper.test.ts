import { describe, expect, it } from 'vitest';
import { ClockKeeper } from './clock-keeper.ts';

describe('ClockKeeper', () => {
  it('tells of a sleep of the host and of a clock that was set, once each, and of nothing else', () => {
    let [wall, monotonic] = [1_000_000, 500];
    const jumps: number[] = [];
    const keeper = new ClockKeeper({
      clock: { wallMs: () => wall, monotonicMs: () => monotonic },
      onJump: (jumpMs) => jumps.push(jumpMs),
    });
    const pass = (wallMs: number, monotonicMs = wallMs) => {
      wall += wallMs;
      monotonic += monotonicMs;
      keeper.look();
    };
    pass(1000);
    pass(1400, 1000); // slewed by NTP
    pass(61_000, 1000); // slept for a minute
    pass(1000);
    pass(-9000, 1000); // set back
    pass(1000);
    expect(jumps).toEqual([60_400, -10_000]);
  });
});
