import { describe, expect, it } from 'vitest';
import { parseChallenges } from './challenge.ts';

describe('parseChallenges', () => {
  const flat = (header: string) =>
    parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

  it('reads quoted and bare parameters, with commas inside quotes', () => {
    expect(flat('Bearer realm="https://a/token",service=reg,scope="repository:a/b:pull,push"')).toEqual([
      ['bearer', { realm: 'https://a/token', service: 'reg', scope: 'repository:a/b:pull,push' }],
    ]);
  });

  it('reads several challenges of one header', () => {
    expect(flat('Basic realm="x \\"y\\"", Bearer realm="z"')).toEqual([
      ['basic', { realm: 'x "y"' }],
      ['bearer', { realm: 'z' }],
    ]);
  });

  it('stops at what is no challenge', () => {
    expect(flat('"nonsense"')).toEqual([]);
  });
});
