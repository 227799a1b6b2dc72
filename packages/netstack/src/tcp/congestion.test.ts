import { describe, expect, it } from 'vitest';
import { initialWindow } from './congestion.ts';
import { Cubic } from './cubic.ts';
import { Reno } from './reno.ts';
import { RttEstimator } from './rtt.ts';

const MSS = 1000;

describe('initialWindow', () => {
  it.each([
    [500, 5000],
    [1460, 14_600],
    [8960, 17_920],
    [65_480, 130_960],
  ])('of segments of %i bytes is %i bytes (RFC 6928)', (segment, window) => {
    expect(initialWindow(segment)).toBe(window);
  });
});

describe('Reno', () => {
  it('doubles in slow start, halves on loss, then grows by a segment a window', () => {
    const reno = new Reno(MSS);
    reno.onAcknowledged(10_000);
    expect(reno.windowBytes).toBe(20_000);
    reno.onLoss(20_000);
    expect([reno.windowBytes, reno.thresholdBytes]).toEqual([10_000, 10_000]);
    for (let segment = 0; segment < 10; segment++) reno.onAcknowledged(MSS);
    expect(reno.windowBytes).toBe(11_000);
  });

  it('begins again with one segment after a time-out, and halves the threshold once only', () => {
    const reno = new Reno(MSS);
    reno.onTimeout(10_000, 0, false);
    reno.onTimeout(1000, 0, true);
    expect([reno.windowBytes, reno.thresholdBytes]).toEqual([MSS, 5000]);
  });

  it('undo takes the reduction back', () => {
    const reno = new Reno(MSS);
    reno.onAcknowledged(10_000);
    reno.onLoss(20_000);
    reno.undo();
    expect(reno.windowBytes).toBe(20_000);
  });
});

describe.each([Reno, Cubic])('%o', (Algorithm) => {
  it('begins with ten segments as the peer takes them, not as the path could carry', () => {
    const congestion = new Algorithm(65_480);
    congestion.setSegmentSize(MSS);
    expect(congestion.windowBytes).toBe(initialWindow(MSS));
  });
});

describe('Cubic', () => {
  it('begins a new curve after a time-out, where it stands (RFC 9438 §4.8)', () => {
    const cubic = new Cubic(MSS);
    cubic.onAcknowledged(90_000, 0, 100);
    cubic.onTimeout(100_000, 0, false);
    cubic.onAcknowledged(69_000, 0, 100);
    expect(cubic.windowBytes).toBe(70_000);
    for (let now = 0; now <= 2000; now += 100) cubic.onAcknowledged(cubic.windowBytes, now, 100);
    // 0.4 · 2³ more by the cubic, 20 · 0.53 by Reno's estimate; the old peak would have drawn it to 95.
    expect(Math.abs(cubic.windowBytes / MSS - 80)).toBeLessThan(3);
  });

  it('keeps seven tenths on loss and is back at the old window after K seconds (RFC 9438 §4.2)', () => {
    const cubic = new Cubic(MSS);
    cubic.onAcknowledged(90_000, 0, 100); // slow start to 100 segments
    expect(cubic.windowBytes).toBe(100_000);
    cubic.onLoss(100_000);
    expect(cubic.windowBytes).toBe(70_000);
    // K = cbrt(30 / 0.4) = 4.2 s; each round trip of 100 ms acknowledges one window.
    const windowAt: Record<number, number> = {};
    for (let now = 0; now <= 8000; now += 100) {
      cubic.onAcknowledged(cubic.windowBytes, now, 100);
      windowAt[now] = cubic.windowBytes / MSS;
    }
    expect(windowAt[2000]).toBeGreaterThan(90);
    expect(Math.abs((windowAt[4200] ?? 0) - 100)).toBeLessThan(2);
    expect(windowAt[8000]).toBeGreaterThan(115);
  });

  it('aims lower when losses follow on one another (fast convergence, RFC 9438 §4.7)', () => {
    const peakAfter = (losses: number): number => {
      const cubic = new Cubic(MSS);
      cubic.onAcknowledged(90_000, 0, 100);
      for (let loss = 0; loss < losses; loss++) cubic.onLoss(cubic.windowBytes);
      for (let now = 0; now < 4000; now += 100) cubic.onAcknowledged(cubic.windowBytes, now, 100);
      return cubic.windowBytes;
    };
    expect(peakAfter(2)).toBeLessThan(peakAfter(1) * 0.9);
  });
});

describe('RttEstimator', () => {
  const options = { minTimeoutMs: 200, maxTimeoutMs: 60_000, initialTimeoutMs: 1000 };

  it('follows RFC 6298 §2: first sample, then an eighth and a quarter of each', () => {
    const rtt = new RttEstimator(options);
    expect(rtt.timeoutMs).toBe(1000);
    rtt.sample(400);
    expect([rtt.smoothedMs, rtt.timeoutMs]).toEqual([400, 400 + 4 * 200]);
    rtt.sample(800);
    // variation 200 + (400 - 200) / 4 = 250, smoothed 400 + 400 / 8 = 450
    expect([rtt.smoothedMs, rtt.timeoutMs]).toEqual([450, 450 + 4 * 250]);
  });

  it('doubles up to the bound, and a sample ends that', () => {
    const rtt = new RttEstimator(options);
    rtt.sample(1);
    expect(rtt.timeoutMs).toBe(200);
    for (let time = 0; time < 20; time++) rtt.backOff();
    expect(rtt.timeoutMs).toBe(60_000);
    rtt.sample(1);
    expect(rtt.timeoutMs).toBe(200);
  });
});
