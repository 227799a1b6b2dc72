import { describe, expect, it } from 'vitest';
import { ReadBudget } from './read-budget.ts';

/** Events of one descriptor at these looks, each with as much to read as said; what it was given to read. */
function budgets(events: readonly { readonly look: number; readonly there: number }[]): number[] {
  const budget = new ReadBudget();
  return events.map(({ look, there }) => {
    const reads = budget.begin(look);
    budget.end(Math.min(reads, there));
    return reads;
  });
}

describe('ReadBudget', () => {
  it('stays at one read while other events come between', () => {
    const exchange = [0, 2, 4, 7, 9].map((look) => ({ look, there: 1 }));
    expect(budgets(exchange)).toEqual([1, 1, 1, 1, 1]);
  });

  it('grows up to 64 while the descriptor stays readable from look to look', () => {
    const stream = [0, 1, 2, 3, 4, 5].map((look) => ({ look, there: 1000 }));
    expect(budgets(stream)).toEqual([1, 1, 4, 16, 64, 64]);
  });

  it('falls to what was there', () => {
    const burst = [0, 1, 2, 3, 4, 6].map((look) => ({ look, there: look < 4 ? 1000 : look === 4 ? 5 : 0 }));
    expect(budgets(burst)).toEqual([1, 1, 4, 16, 64, 5]);
    expect(budgets([...burst, { look: 7, there: 1 }]).at(-1)).toBe(1);
  });
});
