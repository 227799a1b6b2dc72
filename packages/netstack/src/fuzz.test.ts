import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { fuzzStack } from './testing/fuzz.ts';

describe('Stack under mutated frames', () => {
  it.each([1, 2])('neither throws nor grows beyond its limits over 50,000 frames (seed %i)', (seed) => {
    const result = fuzzStack(seededRandom(seed), 50_000);
    expect({ seed, ...result }).toMatchObject({ seed, frames: 50_000 });
    expect(result.connections).toBeLessThanOrEqual(result.limits.connections);
    expect(result.neighbours).toBeLessThanOrEqual(1024);
    expect(result.reassemblyBytes).toBeLessThanOrEqual(2 << 20);
    expect(result.bufferedBytes).toBeLessThanOrEqual(result.limits.bufferedBytes);
    // Most mutations are noticed; and enough pass to reach the inside.
    expect(result.dropped).toBeGreaterThan(5000);
    expect(result.delivered).toBeGreaterThan(1000);
    expect(result.stillServes).toBe(true);
  });
});
