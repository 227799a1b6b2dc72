import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { xzContentSize } from './xz-size.ts';

describe('xzContentSize', () => {
  it.each([0, 1, 4096, 300_000])('reads that a file of xz holds %i bytes', (size) => {
    const packed = execFileSync('xz', ['--stdout', '--block-size=65536'], { input: Buffer.alloc(size, 'x') });
    expect(xzContentSize(packed)).toBe(size);
  });
});
