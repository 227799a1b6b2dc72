import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { KeyedHash } from '../keyed-hash.ts';
import { SynCookies } from './syn-cookie.ts';

const TUPLE = [1, 2, 3];
const PEER = {
  sequence: 77,
  mss: 1460,
  windowScale: 7,
  sackPermitted: true,
  hasTimestamps: true,
  timestampValue: 5,
};

describe('SynCookies', () => {
  const cookies = new SynCookies(new KeyedHash(seededRandom(1)));
  const answer = (cookie: number) => ({ sequence: 78, acknowledgment: (cookie + 1) | 0 });

  it('gives back what the SYN said', () => {
    const cookie = cookies.make(TUPLE, PEER, 1000);
    const timestamps = { value: 9, echo: cookies.stamp(123_456, PEER) };
    expect(cookies.check(TUPLE, answer(cookie), timestamps, 2000)).toEqual({ ...PEER, timestampValue: 9 });
  });

  it('never stamps a time that has not come: what follows would be old to the peer (RFC 7323 §5.3)', () => {
    for (let clock = -64; clock < 64; clock++) {
      const ahead = cookies.stamp(clock, PEER) - clock;
      expect(ahead).toBeLessThanOrEqual(0);
      expect(ahead).toBeGreaterThan(-32);
    }
    expect(cookies.stamp(-0x80000000, PEER) & 31).toBe(7 | 16);
  });

  it('is good for the next period and not for the one after', () => {
    const cookie = cookies.make(TUPLE, PEER, 60_000);
    expect(cookies.check(TUPLE, answer(cookie), undefined, 100_000)).toMatchObject({ mss: 1460 });
    expect(cookies.check(TUPLE, answer(cookie), undefined, 130_000)).toBeUndefined();
  });

  it('does not fit another client, nor another key', () => {
    const cookie = cookies.make(TUPLE, PEER, 0);
    expect(cookies.check([1, 2, 4], answer(cookie), undefined, 0)).toBeUndefined();
    const others = new SynCookies(new KeyedHash(seededRandom(2)));
    expect(others.check(TUPLE, answer(cookie), undefined, 0)).toBeUndefined();
  });
});
