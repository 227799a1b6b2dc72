import { describe, expect, it } from 'vitest';
import { givenCredentials } from './cache-options.ts';

describe('givenCredentials', () => {
  const other = { kind: 'password', username: 'other', password: 'x' } as const;
  const find = givenCredentials(
    ['r.example:5000=me:a:b=c', 't.example=TOKEN', 'docker.io=u:p'],
    async () => other,
  );

  it.each([
    ['r.example:5000', { kind: 'password', username: 'me', password: 'a:b=c' }],
    ['t.example', { kind: 'bearer', token: 'TOKEN' }],
    ['index.docker.io', { kind: 'password', username: 'u', password: 'p' }],
    ['elsewhere.example', other],
  ])('gives %s its own', async (host, credentials) => {
    expect(await find(host)).toEqual(credentials);
  });

  it.each(['nothing', '=u:p', 'r.example='])('refuses %j without repeating the secret', (text) => {
    expect(() => givenCredentials([text], async () => other)).toThrow(
      '--registry-creds is not REGISTRY=USER:PASSWORD',
    );
  });
});
