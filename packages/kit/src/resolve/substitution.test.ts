import { OrlopError } from '@orlop/core';
import { describe, expect, it } from 'vitest';
import { parseSubstitution, readSubstitutions, substitute } from './substitution.ts';

const rules = [
  'linuxkit/*=orlop/*',
  'redis=orlop/redis',
  'nginx:1.*=orlop/nginx:stable',
  'ghcr.io/*/*=mirror/*-*',
].map(parseSubstitution);

describe('substitute', () => {
  it.each([
    ['linuxkit/init:8f1e6a07', 'orlop/init:latest'],
    ['docker.io/linuxkit/init@sha256:00', 'orlop/init:latest'],
    ['redis:4.0.5-alpine', 'orlop/redis:latest'],
    ['docker.io/library/redis', 'orlop/redis:latest'],
    ['nginx:1.13.3-alpine', 'orlop/nginx:stable'],
    ['nginx:2', undefined],
    ['nginx', undefined],
    ['ghcr.io/a/b:1', 'mirror/a-b:latest'],
    ['linuxkit/a/b', undefined],
    ['xlinuxkit/a', undefined],
    ['redis.example/x', undefined],
  ])('turns %s into %s', (reference, expected) => {
    expect(substitute(reference, rules)).toBe(expected);
  });
});

describe('parseSubstitution', () => {
  it.each([
    ['a', '"a" is no substitution: it takes the form PATTERN=IMAGE'],
    ['=b', '"=b" is no substitution: it takes the form PATTERN=IMAGE'],
    ['a=b/*', 'the substitution "a=b/*" has more "*" to fill in than it matches'],
    ['a=B', '"B" is no image reference'],
  ])('refuses %s', (text, message) => {
    expect(() => parseSubstitution(text)).toThrowError(OrlopError);
    expect(() => parseSubstitution(text)).toThrowError(message);
  });
});

describe('readSubstitutions', () => {
  it('reads a mapping in its order', () => {
    expect(readSubstitutions('substitutions:\n  a/*: b/*\n  c: d:1\n', 's.yml')).toEqual([
      { pattern: 'a/*', replacement: 'b/*' },
      { pattern: 'c', replacement: 'd:1' },
    ]);
  });

  it('refuses another form with its place', () => {
    expect.assertions(1);
    try {
      readSubstitutions('substitution: {}\n', 's.yml');
    } catch (error) {
      expect(error).toMatchObject({
        problems: [
          {
            message: 'unknown key "substitution": did you mean "substitutions"?',
            position: { line: 1, column: 1 },
          },
          { message: '"substitutions" is missing' },
        ],
      });
    }
  });
});
