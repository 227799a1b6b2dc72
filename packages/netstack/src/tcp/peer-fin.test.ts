import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OPENED_WITH_SACK, PLAIN, type Row, runTable } from '../testing/time-table.ts';

const STREAM = 300;
const piece = fc.record({ from: fc.nat(STREAM - 1), length: fc.nat(100), fin: fc.boolean() });

describe('The FIN of the peer', () => {
  it('is where the stream ends, the first that can be, in whatever order and with whatever overlap segments come', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const rows: Row[] = [...OPENED_WITH_SACK];
        const held = new Set<number>();
        let next = 1;
        let end = Number.POSITIVE_INFINITY;
        const all = [...pieces, { from: 0, length: STREAM, fin: false }];
        for (const [index, { from, length, fin }] of all.entries()) {
          const first = 1 + from;
          const last = first + length;
          rows.push([100 * (index + 1), 'in', `${fin ? 'F.' : '.'} ${first}:${last} ack 1`]);
          // What ends before the next byte expected is an old segment, with its FIN.
          if (fin && last >= next && end === Number.POSITIVE_INFINITY) end = last;
          for (let at = first; at < last; at++) held.add(at);
          while (next < end && held.has(next)) next++;
        }
        const happened = runTable(rows, { stack: PLAIN });
        const acks = happened.flatMap(([, direction, text]) =>
          direction === 'out' ? [Number(/ack (\d+)/.exec(text)?.[1])] : [],
        );
        const ends = happened.filter(([, direction, text]) => direction === 'tell' && text === 'end');
        const ended = next === end;
        expect(Math.max(...acks)).toBe(next + (ended ? 1 : 0));
        expect(ends).toHaveLength(ended ? 1 : 0);
        // Nothing beyond the end is held: no SACK block names it.
        if (!ended) return;
        const blocks = happened.flatMap(([at, , text]) => (at > 100 * pieces.length ? [text] : []));
        expect(blocks.filter((text) => text.includes('sack'))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
