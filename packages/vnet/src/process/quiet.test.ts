import { describe, expect, it } from 'vitest';
import { Quiet } from './quiet.ts';

describe('Quiet', () => {
  /** What it says at each look with so many events since the one before. */
  const looksAfter = (events: readonly number[]): number[] => {
    let seen = 0;
    const quiet = new Quiet(() => seen);
    return events.map((more) => {
      seen += more;
      return quiet.look();
    });
  };

  it('counts from the start on while nothing happens', () => {
    expect(looksAfter([0, 0, 20, 499])).toEqual([1, 2, 3, 4]);
  });

  it('is none as long as there is work', () => {
    expect(looksAfter([5000, 500, 5000])).toEqual([0, 0, 0]);
  });

  it('begins anew after each time of work', () => {
    expect(looksAfter([5000, 3, 0, 8000, 90_000, 12, 0])).toEqual([0, 1, 2, 0, 0, 1, 2]);
  });
});
