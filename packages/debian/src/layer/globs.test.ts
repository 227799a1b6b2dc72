import { describe, expect, it } from 'vitest';
import { compileExactGlob, compileGlob } from './globs.ts';

describe('compileGlob', () => {
  it.each([
    ['usr/bin', 'usr/bin', true],
    ['usr/bin', 'usr/bin/x', true],
    ['usr/bin', 'usr/binary', false],
    ['usr/*/x', 'usr/a/x', true],
    ['usr/*/x', 'usr/a/b/x', false],
    ['usr/**/x', 'usr/x', true],
    ['usr/**/x', 'usr/a/b/x/y', true],
    ['**', 'anything/at/all', true],
    ['a/**', 'a/b', true],
    ['lib?.so.*', 'lib1.so.2', true],
    ['a.b', 'axb', false],
    ['[', '[', true],
  ])('%s on %s: %s', (pattern, path, matches) => {
    expect(compileGlob(pattern).test(path)).toBe(matches);
  });
});

describe('compileExactGlob', () => {
  it('does not reach under the paths that it names', () => {
    const test = compileExactGlob('var/*');
    expect([test('var'), test('var/a'), test('var/a/b')]).toEqual([false, true, false]);
  });
});
