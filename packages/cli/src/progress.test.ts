import { describe, expect, it } from 'vitest';
import { drawProgress, formatBytes, progressLine } from './progress.ts';

describe('formatBytes', () => {
  it('uses decimal units with one digit below a hundred', () => {
    expect([0, 999, 1500, 62_300_000, 123_456_789].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.5 kB',
      '62.3 MB',
      '123 MB',
    ]);
  });
});

describe('progressLine', () => {
  it('draws a bar where the total is known', () => {
    expect(progressLine({ task: 'get', done: 5, total: 10, unit: 'items' })).toBe(
      `get  [${'#'.repeat(12)}${'.'.repeat(12)}] 5 of 10`,
    );
  });
});

describe('drawProgress', () => {
  it('prints one line per finished task where there is no terminal', () => {
    const lines: string[] = [];
    let now = 0;
    const report = drawProgress({ write: (text) => lines.push(text) }, () => now);
    report({ task: 'get', done: 0, unit: 'bytes' });
    now = 2000;
    report({ task: 'get', done: 2000, unit: 'bytes' });
    report({ task: 'get', done: 5000, unit: 'bytes', finished: true });
    expect(lines).toEqual(['get: 5.0 kB in 2.0 s\n']);
  });
});
