import { describe, expect, it } from 'vitest';
import { OwnerShares } from './owner-shares.ts';

describe('OwnerShares', () => {
  it('lets in as many as the limits say, of each owner and of all', () => {
    const shares = new OwnerShares({ total: 3, perOwner: 2 });
    const enter = (...owners: (number | string)[]) => owners.map((owner) => shares.enter(owner));
    expect(enter(1, 1, 1, '10.0.0.1', '10.0.0.1', 2)).toEqual([true, true, false, true, false, false]);
    shares.leave(1);
    expect([shares.hasRoom(1), shares.hasRoom('10.0.0.1'), shares.hasRoom(2)]).toEqual([true, true, true]);
    expect(enter(2, 1)).toEqual([true, false]);
  });
});
