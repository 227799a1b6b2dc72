import type { Random } from '@orlop/core';

/** A repeatable source of chance (mulberry32). Print `seed` when a test that uses it fails. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const u32 = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    u32,
    fill(into) {
      for (let i = 0; i < into.length; i++) into[i] = u32() & 0xff;
    },
  };
}
