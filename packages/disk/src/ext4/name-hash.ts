/**
 * The half-MD4 hash of a name, by unsigned characters, that orders indexed directories. Source: Linux,
 * fs/ext4/hash.c; RFC 1320 for the rounds. @param seed four words. @returns the hash with its lowest bit clear.
 */
export function hashName(name: Uint8Array, seed: Uint32Array): number {
  const state = Uint32Array.from(seed);
  const words = new Uint32Array(8);
  for (let at = 0; at < name.length || at === 0; at += 32) {
    packName(name.subarray(at), words);
    halfMd4(state, words);
    if (name.length === 0) break;
  }
  const hash = ((state[1] as number) & ~1) >>> 0;
  // The end-of-directory mark is not a hash that a name may have.
  return hash === 0xffff_fffe ? 0xffff_fffc : hash;
}

/** Up to 32 bytes as eight words, the most significant byte first; the rest filled by the length. */
function packName(name: Uint8Array, words: Uint32Array): void {
  const length = name.length;
  const byte = length & 0xff;
  const pad = (byte | (byte << 8) | (byte << 16) | (byte << 24)) >>> 0;
  const used = Math.min(length, 32);
  let value = pad;
  let word = 0;
  for (let i = 0; i < used; i++) {
    value = ((name[i] as number) + ((value << 8) >>> 0)) >>> 0;
    if (i % 4 === 3) {
      words[word++] = value;
      value = pad;
    }
  }
  if (word < 8) words[word++] = value;
  while (word < 8) words[word++] = pad;
}

const SHIFTS = [
  [3, 7, 11, 19],
  [3, 5, 9, 13],
  [3, 9, 11, 15],
] as const;
const ORDERS = [
  [0, 1, 2, 3, 4, 5, 6, 7],
  [1, 3, 5, 7, 0, 2, 4, 6],
  [3, 7, 2, 6, 1, 5, 0, 4],
] as const;
const CONSTANTS = [0, 0x5a827999, 0x6ed9eba1] as const;

function halfMd4(state: Uint32Array, words: Uint32Array): void {
  // Each step changes one of the four and passes the rôles on: a, d, c, b.
  const s = [state[0] as number, state[1] as number, state[2] as number, state[3] as number];
  for (let round = 0; round < 3; round++) {
    for (let step = 0; step < 8; step++) {
      const a = (4 - (step % 4)) % 4;
      const [b, c, d] = [s[(a + 1) % 4] as number, s[(a + 2) % 4] as number, s[(a + 3) % 4] as number];
      const mixed =
        round === 0 ? d ^ (b & (c ^ d)) : round === 1 ? ((b & c) + ((b ^ c) & d)) >>> 0 : b ^ c ^ d;
      const sum =
        ((s[a] as number) +
          (mixed >>> 0) +
          (words[ORDERS[round]?.[step] ?? 0] as number) +
          (CONSTANTS[round] as number)) >>>
        0;
      const shift = SHIFTS[round]?.[step % 4] ?? 0;
      s[a] = ((sum << shift) | (sum >>> (32 - shift))) >>> 0;
    }
  }
  for (let i = 0; i < 4; i++) state[i] = ((state[i] as number) + (s[i] as number)) >>> 0;
}
