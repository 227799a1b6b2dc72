import { describe, expect, it } from 'vitest';
import { IntColumn } from './int-column.ts';

describe('IntColumn', () => {
  it('gives back what was set, beyond one piece of it, and else its initial value', () => {
    const column = new IntColumn(-1);
    const indexes = [0, 5, 65_535, 65_536, 200_000];
    for (const index of indexes) column.set(index, -index - 2);
    for (const index of indexes) expect(column.get(index)).toBe(-index - 2);
    for (const index of [1, 65_537, 199_999, 200_001, 10_000_000]) expect(column.get(index)).toBe(-1);
    expect(column.size).toBe(200_001);
  });

  it('grows by one with what is pushed', () => {
    const column = new IntColumn();
    for (let i = 0; i < 70_000; i++) expect(column.push(i * 3)).toBe(i);
    expect(column.get(69_999)).toBe(209_997);
  });
});
