import type { Random } from '@orlop/core';

/**
 * HalfSipHash-2-4 with a 64-bit key and 32-bit result over 32-bit words: unpredictable to who does not know the
 * key, and made of 32-bit operations only. Sequence numbers, SYN cookies and ports come from it.
 */
export class KeyedHash {
  readonly #k0: number;
  readonly #k1: number;

  constructor(random: Random) {
    this.#k0 = random.u32() | 0;
    this.#k1 = random.u32() | 0;
  }

  /** Signed 32-bit, of the words and `last` behind them. */
  hash(words: readonly number[], last?: number): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c796765 ^ this.#k0;
    let v3 = 0x74656462 ^ this.#k1;
    const rounds = (count: number): void => {
      for (let round = 0; round < count; round++) {
        v0 = (v0 + v1) | 0;
        v1 = rotate(v1, 5) ^ v0;
        v0 = rotate(v0, 16);
        v2 = (v2 + v3) | 0;
        v3 = rotate(v3, 8) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = rotate(v3, 7) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = rotate(v1, 13) ^ v2;
        v2 = rotate(v2, 16);
      }
    };
    const length = words.length + (last === undefined ? 0 : 1);
    for (let index = 0; index < length; index++) {
      const word = words[index] ?? last ?? 0;
      v3 ^= word;
      rounds(2);
      v0 ^= word;
    }
    const end = (length << 26) | 0;
    v3 ^= end;
    rounds(2);
    v0 ^= end;
    v2 ^= 0xff;
    rounds(4);
    return v1 ^ v3;
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
