import { describe, expect, it } from 'vitest';
import { parseStartTicks } from './process-identity.ts';

const tail = '1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2';

describe('parseStartTicks', () => {
  it('finds field 22 behind a command with spaces and parentheses', () => {
    expect(parseStartTicks(`42 (a) b (c) S ${tail}\n`)).toBe(987654);
  });
  it('takes a process that ended for none', () => {
    expect(parseStartTicks(`42 (qemu) Z ${tail}\n`)).toBeUndefined();
  });
  it('takes what is no stat for none', () => {
    expect(parseStartTicks('')).toBeUndefined();
  });
});
