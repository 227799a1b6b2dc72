import { describe, expect, it } from 'vitest';
import { environmentProxies } from './proxy.ts';

describe('environmentProxies', () => {
  const env = {
    HTTPS_PROXY: 'http://secure.invalid:3128',
    http_proxy: 'plain.invalid:8080',
    NO_PROXY: 'internal.invalid, .corp.invalid,host.invalid:5000',
  };

  it.each([
    ['https://registry.invalid/v2/', 'http://secure.invalid:3128/'],
    ['http://registry.invalid/v2/', 'http://plain.invalid:8080/'],
    ['https://internal.invalid/', undefined],
    ['https://a.internal.invalid/', undefined],
    ['https://notinternal.invalid/', 'http://secure.invalid:3128/'],
    ['https://b.corp.invalid/', undefined],
    ['https://host.invalid:5000/', undefined],
    ['https://host.invalid/', 'http://secure.invalid:3128/'],
    ['https://localhost:5000/', undefined],
    ['http://127.0.0.1/', undefined],
  ])('sends %s through %s', (url, proxy) => {
    expect(environmentProxies(env)(new URL(url))?.href).toBe(proxy);
  });

  it('goes directly where nothing is set, or everything is excepted', () => {
    const url = new URL('https://a.invalid');
    expect(environmentProxies({})(url)).toBeUndefined();
    expect(environmentProxies({ ...env, no_proxy: '*' })(url)).toBeUndefined();
  });

  it('refuses proxies of other kinds', () => {
    const find = environmentProxies({ ALL_PROXY: 'socks5://a.invalid:1080' });
    expect(() => find(new URL('https://b.invalid'))).toThrow('"socks5://a.invalid:1080" is no proxy');
  });

  it.each([
    ['https://me:secret@a.invalid', 'https://…@a.invalid'],
    ['http://me:secret%@a.invalid', 'http://…@a.invalid'],
    ['me:secret@[', '…@['],
  ])('refuses %s, and does not say its password', (written, said) => {
    const find = environmentProxies({ ALL_PROXY: written });
    expect(() => find(new URL('https://b.invalid'))).toThrow(
      expect.objectContaining({
        code: 'oci.bad-reference',
        message: `"${said}" is no proxy that can be used: http://HOST:PORT is`,
      }),
    );
  });
});
