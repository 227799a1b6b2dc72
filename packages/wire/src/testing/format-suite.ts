import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Malformed } from '../malformed.ts';

/** A format as the suite needs it: the functions of one module and where its records come from. */
export interface Format<Fields> {
  readonly arbitrary: fc.Arbitrary<Fields>;
  readonly length: (fields: Fields) => number;
  readonly emit: (fields: Fields, into: Uint8Array, offset: number) => number;
  readonly parse: (bytes: Uint8Array, offset: number, end: number) => Fields | Malformed;
  /** Fewer bytes than these are refused. */
  readonly headerLength: number;
  /** Puts right what a mutation breaks and a receiver would look at first, a checksum say. */
  readonly repair?: (bytes: Uint8Array) => void;
}

const REASONS = [
  'truncated',
  'bad-version',
  'bad-length',
  'bad-checksum',
  'bad-option',
  'bad-value',
  'too-deep',
];
/** Room on both sides, to see what is written where it should not be. */
const MARGIN = 16;

/** The tests that every format passes, under the same titles. */
export function describeFormat<Fields>(name: string, format: Format<Fields>): void {
  const { arbitrary, length, emit, parse } = format;
  const emitted = (fields: Fields): Uint8Array => {
    const into = new Uint8Array(length(fields));
    emit(fields, into, 0);
    return into;
  };

  describe(name, () => {
    it('parse gives the fields that emit was given', () => {
      fc.assert(
        fc.property(arbitrary, (fields) => {
          const bytes = emitted(fields);
          expect(parse(bytes, 0, bytes.length)).toEqual(fields);
        }),
      );
    });

    it('emit writes as many bytes as its length says, at the offset and nowhere else', () => {
      fc.assert(
        fc.property(arbitrary, (fields) => {
          const size = length(fields);
          const into = new Uint8Array(size + 2 * MARGIN).fill(0xa5);
          expect(emit(fields, into, MARGIN)).toBe(MARGIN + size);
          expect(into.subarray(0, MARGIN)).toEqual(new Uint8Array(MARGIN).fill(0xa5));
          expect(into.subarray(MARGIN + size)).toEqual(new Uint8Array(MARGIN).fill(0xa5));
          expect(into.slice(MARGIN, MARGIN + size)).toEqual(emitted(fields));
        }),
      );
    });

    it('parse of a Buffer keeps nothing that changes when the buffer is used again', () => {
      fc.assert(
        fc.property(arbitrary, (fields) => {
          const buffer = Buffer.from(emitted(fields));
          const parsed = parse(buffer, 0, buffer.length);
          buffer.fill(0x5a);
          expect(parsed).toEqual(fields);
        }),
      );
    });

    it('parse refuses what is shorter than the header', () => {
      fc.assert(
        fc.property(arbitrary, fc.nat(format.headerLength - 1), (fields, size) => {
          expect(parse(emitted(fields), 0, size)).toBe('truncated');
        }),
      );
    });

    it('parse of hostile bytes gives a reason, or fields that emit and parse give again', () => {
      const outcomes = { fields: 0, reasons: 0 };
      const look = (bytes: Uint8Array): void => {
        const parsed = parse(bytes, 0, bytes.length);
        outcomes[typeof parsed === 'string' ? 'reasons' : 'fields']++;
        if (typeof parsed === 'string') expect(REASONS).toContain(parsed);
        else {
          const again = emitted(parsed);
          expect(parse(again, 0, again.length)).toEqual(parsed);
        }
      };
      const edit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
      fc.assert(
        fc.property(arbitrary, fc.array(edit, { maxLength: 6 }), fc.nat(40), (fields, edits, cut) => {
          const mutated = emitted(fields);
          for (const [at, value] of edits) mutated[at % mutated.length] = value;
          format.repair?.(mutated);
          look(mutated);
          look(mutated.subarray(0, Math.max(0, mutated.length - cut)));
        }),
        { numRuns: 500 },
      );
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), look), { numRuns: 500 });
      expect(outcomes.fields).toBeGreaterThan(50);
      expect(outcomes.reasons).toBeGreaterThan(50);
    });
  });
}
