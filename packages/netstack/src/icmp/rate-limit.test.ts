import { describe, expect, it } from 'vitest';
import { IpAddress } from '../ip/address.ts';
import { RateLimit } from './rate-limit.ts';

const FLOODER = IpAddress.v4(0x0a00_0002);
const OTHER = IpAddress.v4(0x0a00_0003);

describe('RateLimit', () => {
  it('lets a burst go, then so many a second', () => {
    const limit = new RateLimit({ perSecond: 1000, burst: 100 });
    const gone = (now: number) => Array.from({ length: 500 }, () => limit.take(FLOODER, now)).filter(Boolean);
    expect(gone(0)).toHaveLength(100);
    expect(gone(50)).toHaveLength(50);
    expect(gone(10_000)).toHaveLength(100);
  });

  it('leaves what it gives one destination to the others', () => {
    const limit = new RateLimit({ perSecond: 1000, burst: 100 });
    while (limit.take(FLOODER, 0));
    expect(limit.take(OTHER, 0)).toBe(true);
    expect(limit.take(FLOODER, 0)).toBe(false);
  });

  it('keeps no more destinations than it can hold', () => {
    const limit = new RateLimit({ perSecond: 1, burst: 1 });
    for (let i = 0; i < 10_000; i++) expect(limit.take(IpAddress.v4(i), 0)).toBe(true);
    expect(limit.size).toBeLessThanOrEqual(256);
  });
});
