import { describe, expect, it } from 'vitest';
import { VirtualScheduler } from '../testing/virtual-scheduler.ts';
import { IdleSweep } from './idle-sweep.ts';

describe('IdleSweep', () => {
  it('sweeps while something is left, from when there is any, and not after it was stopped', () => {
    const scheduler = new VirtualScheduler();
    const sweeps: number[] = [];
    let left = 0;
    const idle = new IdleSweep({
      scheduler,
      intervalMs: 10,
      sweep: (nowMs) => {
        sweeps.push(nowMs);
        return --left > 0;
      },
    });
    scheduler.advance(100);
    left = 2;
    idle.start();
    scheduler.advance(5);
    idle.start();
    scheduler.advance(95);
    expect(sweeps).toEqual([110, 120]);
    idle.start();
    scheduler.advance(10);
    expect(sweeps).toEqual([110, 120, 210]);
    idle.start();
    idle.stop();
    scheduler.advance(100);
    expect(sweeps).toHaveLength(3);
  });
});
