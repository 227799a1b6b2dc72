import { describe, expect, it } from 'vitest';
import { withoutSecrets } from './diagnose.ts';

describe('withoutSecrets', () => {
  it.each([
    ['HTTP_PROXY=http://me:hunter2@proxy:3128/', 'hunter2'],
    ['Authorization: Basic aHVudGVyMg==', 'aHVudGVyMg=='],
    ['"registryToken": "hunter2"', 'hunter2'],
    ['MYSQL_PASSWORD=hunter2', 'hunter2'],
    ['http: http://me:hunt@er2@proxy:3128', 'er2'],
    ['http: http://me:hunt/er2@proxy:3128', 'er2'],
    ['{"auths":{"r.example":{"auth":"aHVudGVyMg=="}}}', 'aHVudGVyMg=='],
    ['X-Registry-Auth: aHVudGVyMg==', 'aHVudGVyMg=='],
    ["password: 'hunter2 and more'", 'more'],
    ['{"password":"a\\"hunter2"}', 'hunter2'],
    ['passphrase: hunter2', 'hunter2'],
    ['"accessKey": "hunter2"', 'hunter2'],
    ['private_key=hunter2', 'hunter2'],
    ['credential: hunter2', 'hunter2'],
    ['https://r.example/x?token=hunter2&signature=hunter3', 'hunter3'],
    ['registry-token:\n  hunter2', 'hunter2'],
    ['{"password":["hunter2"]}', 'hunter2'],
    ['cookie: session=hunter2', 'hunter2'],
    ['Authorization: Digest username="me", response="hunter2"', 'hunter2'],
    ['-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----', 'abc'],
    ['-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----', 'abc'],
    ['-----BEGIN PRIVATE KEY-----\nhunter\nkey', 'hunter'],
  ])('takes the secret out of %j', (text, secret) => {
    expect(withoutSecrets(text)).not.toContain(secret);
  });

  it('leaves what is none', () => {
    const text = 'docker: 26.1.5, http://proxy:3128/path user=me, authority: x, author: y\n';
    expect(withoutSecrets(text)).toBe(text);
  });

  it.each(['x', 'a.', 'a://', '-----BEGIN PRIVATE KEY-----', 'token=', '"auth": "', 'a://b@'])(
    'is soon done with a megabyte of %j',
    { timeout: 60_000 },
    (word) => {
      const text = word.repeat(1_000_000 / word.length);
      expect(withoutSecrets(text).length).toBeLessThanOrEqual(2 * text.length);
    },
  );
});
