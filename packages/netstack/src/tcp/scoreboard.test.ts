import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Scoreboard } from './scoreboard.ts';

/** Sequence numbers around the place where they become negative, and around zero. */
const BASES = [0x7ffffff0, -20, 1000] as const;

describe('Scoreboard', () => {
  it.each(BASES)('agrees with a set of bytes, also where sequence numbers wrap (base %i)', (base) => {
    const block = fc.tuple(fc.nat(80), fc.integer({ min: 1, max: 15 }), fc.nat(3));
    fc.assert(
      fc.property(fc.array(block, { maxLength: 25 }), (blocks) => {
        const board = new Scoreboard();
        const model = new Set<number>();
        const seq = (at: number): number => (base + at) | 0;
        let una = 0;
        for (const [start, length, advance] of blocks) {
          const left = Math.max(start, una);
          const right = start + length;
          if (right > left) {
            let news = 0;
            for (let at = left; at < right; at++) if (!model.has(at)) news++;
            expect(board.mark(seq(left), seq(right))).toBe(news);
            for (let at = left; at < right; at++) model.add(at);
          }
          una += advance;
          board.advance(seq(una));
          for (const at of model) if (at < una) model.delete(at);
          expect(board.sackedBytes).toBe(model.size);
          let unsacked = 0;
          for (let at = una; at < 100; at++) if (!model.has(at)) unsacked++;
          expect(board.unsackedBetween(seq(una), seq(100))).toBe(unsacked);
          let next = una;
          while (model.has(next)) next++;
          expect(board.nextUnsacked(seq(una))).toBe(seq(next));
        }
      }),
    );
  });

  it('counts as lost what lies below three ranges, or below more than two segments (RFC 6675 IsLost)', () => {
    const board = new Scoreboard();
    board.mark(1000, 1100);
    board.mark(3000, 3100);
    expect(board.lostBelow(0, 1000)).toBe(0);
    board.mark(5000, 5100);
    expect(board.lostBelow(0, 1000)).toBe(1000);
    const other = new Scoreboard();
    other.mark(2000, 4000);
    expect(other.lostBelow(0, 1000)).toBe(0);
    other.mark(4000, 4001);
    expect(other.lostBelow(0, 1000)).toBe(2000);
  });
});
