import { describe, expect, it } from 'vitest';
import { WorkEnds } from './work-ends.ts';

describe('WorkEnds', () => {
  /** After each look with so many events since the one before: how often it was told. */
  const toldAfter = (events: readonly number[]): number[] => {
    let seen = 0;
    let told = 0;
    const ends = new WorkEnds(
      () => seen,
      () => told++,
    );
    return events.map((more) => {
      seen += more;
      ends.look();
      return told;
    });
  };

  it('tells the end of the start, and not again while nothing happens', () => {
    expect(toldAfter([0, 0, 20, 999])).toEqual([1, 1, 1, 1]);
  });

  it('waits as long as there is work', () => {
    expect(toldAfter([5000, 1000, 5000])).toEqual([0, 0, 0]);
  });

  it('tells each end of work once', () => {
    expect(toldAfter([5000, 3, 0, 8000, 90_000, 12, 0])).toEqual([0, 1, 1, 1, 1, 2, 2]);
  });
});
