import { describe, expect, it } from 'vitest';
import { AdaptiveSpin } from './adaptive-spin.ts';

function loop() {
  let now = 0;
  const waiting: (() => void)[] = [];
  return {
    now: () => now,
    soon: (callback: () => void) => waiting.push(callback),
    /** Turns of the loop, each taking 5 microseconds. */
    turn: (count: number) => {
      for (let i = 0; i < count; i++) {
        now += 0.005;
        for (const callback of waiting.splice(0)) callback();
      }
    },
    sleep: (ms: number) => {
      now += ms;
    },
    isAwake: () => waiting.length > 0,
  };
}

describe('AdaptiveSpin', () => {
  it('stays awake after an event that came right after falling asleep, and for a bounded time', () => {
    const own = loop();
    const spin = new AdaptiveSpin(own);
    own.sleep(10);
    spin.onEvent();
    expect(own.isAwake()).toBe(false);
    own.sleep(0.03);
    spin.onEvent();
    expect(own.isAwake()).toBe(true);
    own.turn(3);
    expect(own.isAwake()).toBe(true);
    own.turn(20);
    expect(own.isAwake()).toBe(false);
  });

  it('leaves a processor alone that others were given meanwhile', () => {
    const own = loop();
    const spin = new AdaptiveSpin(own);
    const exchange = () => {
      own.sleep(0.03);
      spin.onEvent();
    };
    own.sleep(10);
    spin.onEvent();
    exchange();
    expect(own.isAwake()).toBe(true);
    own.sleep(1); // preempted
    own.turn(1);
    expect(own.isAwake()).toBe(false);
    exchange();
    exchange();
    expect(own.isAwake()).toBe(false);
    own.sleep(300);
    spin.onEvent();
    exchange();
    expect(own.isAwake()).toBe(true);
  });

  it('lets an idle network sleep', () => {
    const own = loop();
    const spin = new AdaptiveSpin(own);
    for (let i = 0; i < 10; i++) {
      own.sleep(1);
      spin.onEvent();
      expect(own.isAwake()).toBe(false);
    }
  });
});
