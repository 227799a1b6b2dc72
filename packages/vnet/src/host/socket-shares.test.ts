import { describe, expect, it } from 'vitest';
import { ALL_SOCKETS, shareSockets } from './socket-shares.ts';

describe('shareSockets', () => {
  it('gives each kind its whole number where descriptors are no matter', () => {
    expect(shareSockets(Number.POSITIVE_INFINITY)).toEqual(ALL_SOCKETS);
    expect(shareSockets(1_048_576)).toEqual(ALL_SOCKETS);
  });

  it.each([80, 256, 1024, 4096, 20_000])(
    'leaves room for all kinds and the process itself in %i',
    (limit) => {
      const shares = Object.values(shareSockets(limit));
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(limit - 64);
    },
  );
});
