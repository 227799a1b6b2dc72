import { describe, expect, it } from 'vitest';
import { withoutSecrets } from './diagnose.ts';

describe('withoutSecrets', () => {
  it.each([
    ['HTTP_PROXY=http://me:hunter2@proxy:3128/', 'hunter2'],
    ['Authorization: Basic aHVudGVyMg==', 'aHVudGVyMg=='],
    ['"registryToken": "hunter2"', 'hunter2'],
    ['MYSQL_PASSWORD=hunter2', 'hunter2'],
    ['-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----', 'abc'],
    ['-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----', 'abc'],
  ])('takes the secret out of %j', (text, secret) => {
    expect(withoutSecrets(text)).not.toContain(secret);
  });

  it('leaves what is none', () => {
    const text = 'docker: 26.1.5, http://proxy:3128/path user=me\n';
    expect(withoutSecrets(text)).toBe(text);
  });
});
