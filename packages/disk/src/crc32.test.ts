import { crc32 as zlibCrc32 } from 'node:zlib';
import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { crc32, crc32c } from './crc32.ts';

describe('crc32', () => {
  it("agrees with zlib's for every length and start", () => {
    const bytes = new Uint8Array(300);
    seededRandom(1).fill(bytes);
    for (let length = 0; length < 64; length++)
      expect(crc32(bytes.subarray(3, 3 + length))).toBe(zlibCrc32(bytes.subarray(3, 3 + length)));
    expect(crc32(bytes.subarray(100), crc32(bytes.subarray(0, 100)))).toBe(zlibCrc32(bytes));
  });
});

describe('crc32c', () => {
  it("gives RFC 3720's examples", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });
});
