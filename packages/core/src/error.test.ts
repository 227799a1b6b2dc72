import { describe, expect, it } from 'vitest';
import { defineErrors, formatProblem, OrlopError } from './error.ts';

describe('defineErrors', () => {
  const boatError = defineErrors({ 'boat.sunk': 'failed', 'boat.unknown': 'not-found' });

  it('gives each code the kind of its table', () => {
    expect(boatError('boat.unknown', 'no boat "a"').kind).toBe('not-found');
    expect(boatError('boat.sunk', 'boat "a" sank').kind).toBe('failed');
  });

  it('keeps hint, cause and problems', () => {
    const cause = new Error('leak');
    const error = boatError('boat.sunk', 'boat "a" sank', {
      hint: 'bail',
      cause,
      problems: [{ message: 'hole' }],
    });
    expect(error).toBeInstanceOf(OrlopError);
    expect([error.code, error.hint, error.cause, error.problems]).toEqual([
      'boat.sunk',
      'bail',
      cause,
      [{ message: 'hole' }],
    ]);
  });
});

describe('formatProblem', () => {
  it('puts file, line and column first', () => {
    const position = { file: 'a.yml', line: 2, column: 7 };
    expect(formatProblem({ message: 'unknown key "foo"', position })).toBe('a.yml:2:7: unknown key "foo"');
  });
});
