import { seededRandom } from '@orlop/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Assembler } from './assembler.ts';
import { BufferPool } from './buffer-pool.ts';
import { ReceiveQueue } from './receive-queue.ts';
import { SendQueue } from './send-queue.ts';

const newPool = (): BufferPool => new BufferPool({ keepBytes: 1 << 16, budgetBytes: 1 << 20 });

/** A text in which every position is told from its neighbours. */
const TEXT = new Uint8Array(200_000);
seededRandom(5).fill(TEXT);

/** Quicker than `toEqual` on arrays of this size. */
function isText(bytes: Uint8Array, from: number): boolean {
  return bytes.every((byte, index) => byte === TEXT[from + index]);
}

describe('Assembler', () => {
  it('agrees with a set of positions, whatever ranges are added in whatever order', () => {
    const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), (ranges) => {
        const assembler = new Assembler(100);
        const model = new Set<number>();
        for (const [start, length] of ranges) {
          assembler.add(start, start + length);
          for (let at = start; at < start + length; at++) model.add(at);
        }
        let runs = 0;
        for (const at of model) if (!model.has(at - 1)) runs++;
        let reached = 0;
        while (model.has(reached)) reached++;
        expect(assembler.rangeCount).toBe(runs);
        expect(assembler.takeContiguous(0)).toBe(reached);
      }),
    );
  });

  it('refuses the range that would be one too many, but takes one that joins', () => {
    const assembler = new Assembler(2);
    expect([assembler.add(10, 20), assembler.add(30, 40), assembler.add(50, 60)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(assembler.add(20, 30)).toBe(true);
    expect(assembler.recentRange(0)).toEqual({ start: 10, end: 40 });
  });
});

describe('ReceiveQueue', () => {
  it('gives the stream back in order, however it was cut, repeated and shuffled', () => {
    const piece = fc.tuple(fc.nat(30_000), fc.integer({ min: 1, max: 9000 }), fc.nat(3000));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const queue = new ReceiveQueue(newPool());
        for (const [ahead, length, consume] of pieces) {
          // As input does: nothing before the next byte, the rest anywhere behind it.
          queue.insert(
            ahead % 7 === 0 ? 0 : ahead,
            TEXT,
            queue.received + (ahead % 7 === 0 ? 0 : ahead),
            length,
          );
          const view = queue.peek(0);
          expect(isText(view, queue.consumed)).toBe(true);
          queue.consume(consume);
        }
        expect(queue.readable).toBe(queue.received - queue.consumed);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves a view as it is until its bytes are consumed, even while the queue grows', () => {
    const queue = new ReceiveQueue(newPool());
    queue.insert(0, TEXT, 0, 4000);
    const view = queue.peek(0);
    queue.insert(0, TEXT, 4000, 60_000);
    expect([view.length, isText(view, 0)]).toEqual([4000, true]);
    const rest = queue.peek(4000);
    expect([rest.length, isText(rest, 4000)]).toEqual([60_000, true]);
  });

  it('takes room for what it held of late at once, and for less when that was less', () => {
    const pool = newPool();
    const queue = new ReceiveQueue(pool);
    const usedAfter = (length: number) => {
      queue.insert(0, TEXT, 0, 1000);
      const first = pool.usedBytes;
      if (length > 1000) queue.insert(0, TEXT, 1000, length - 1000);
      queue.consume(length);
      return first;
    };
    expect([60_000, 1000, 1000, 1000, 1000, 1000].map(usedAfter)).toEqual([
      4096, 65_536, 32_768, 16_384, 8192, 4096,
    ]);
  });

  it('gives its memory back as soon as it is empty', () => {
    const pool = newPool();
    const queue = new ReceiveQueue(pool);
    queue.insert(0, TEXT, 0, 100_000);
    expect(pool.usedBytes).toBe(131_072);
    queue.consume(100_000);
    expect(pool.usedBytes).toBe(0);
  });
});

describe('SendQueue', () => {
  it('releases each lease once: with the last byte acknowledged, at the end, or at once for what it copies', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(9000), fc.nat(12_000)), { maxLength: 40 }), (steps) => {
        const queue = new SendQueue(newPool());
        const held: { readonly end: number; released: number }[] = [];
        let written = 0;
        let acknowledged = 0;
        for (const [length, acknowledge] of steps) {
          if (length > 0) {
            written += length;
            const lease = { end: length < 2048 ? 0 : written, released: 0, release: () => lease.released++ };
            held.push(lease);
            queue.append(new Uint8Array(length), lease);
          }
          const done = Math.min(acknowledge, queue.length);
          queue.discard(done);
          acknowledged += done;
          expect(held.map((lease) => lease.released)).toEqual(
            held.map((lease) => (lease.end <= acknowledged ? 1 : 0)),
          );
        }
        queue.clear();
        expect(held.every((lease) => lease.released === 1)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  it('copies any part of what was written and is not acknowledged', () => {
    const step = fc.record({
      write: fc.oneof(fc.nat(300), fc.nat(5000)),
      from: fc.nat(),
      length: fc.nat(),
      acknowledge: fc.option(fc.nat()),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = newPool();
        const queue = new SendQueue(pool);
        let written = 0;
        let acknowledged = 0;
        const into = new Uint8Array(200_000);
        for (const { write, from, length, acknowledge } of steps) {
          const count = Math.min(write, TEXT.length - written);
          queue.append(TEXT.slice(written, written + count + 9), undefined, count);
          written += count;
          const offset = queue.length === 0 ? 0 : from % queue.length;
          const size = queue.length === offset ? 0 : length % (queue.length - offset);
          queue.copy(offset, size, into, 7);
          const start = acknowledged + offset;
          expect(isText(into.subarray(7, 7 + size), start)).toBe(true);
          const done = acknowledge === null ? queue.length : acknowledge % (queue.length + 1);
          queue.discard(done);
          acknowledged += done;
          expect(queue.length).toBe(written - acknowledged);
          expect(pool.usedBytes).toBe(queue.length);
        }
      }),
      { numRuns: 50 },
    );
  });
});
