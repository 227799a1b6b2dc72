import { describe, expect, it } from 'vitest';
import { readProxyConfig } from './proxy-settings.ts';

describe('readProxyConfig', () => {
  it('reads proxies with and without scheme, port and credentials', () => {
    expect(readProxyConfig({ http: 'proxy.corp', https: 'socks5://u:p%3A@[fd00::1]:9' })).toMatchObject({
      http: { kind: 'http', host: 'proxy.corp', port: 3128, credentials: undefined },
      https: { kind: 'socks5', host: 'fd00::1', port: 9, credentials: { user: 'u', password: 'p:' } },
    });
  });

  it('takes the rest from the environment when asked, lower case first', () => {
    const environment = {
      http_proxy: 'http://a:1',
      HTTP_PROXY: 'http://b:1',
      NO_PROXY: 'x.test, 10.0.0.0/8 y.test',
    };
    expect(readProxyConfig({}, environment).http).toBeUndefined();
    const settings = readProxyConfig({ environment: true }, environment);
    expect(settings).toMatchObject({ http: { host: 'a' }, https: { host: 'a' } });
    expect(settings.isExcluded('10.1.2.3')).toBe(true);
    expect(settings.isExcluded('sub.x.test')).toBe(true);
    expect(settings.isExcluded('y.test')).toBe(true);
  });

  it.each([
    ['*.local', 'printer.local', true],
    ['.local', 'printer.local', true],
    ['local', 'local', true],
    ['local', 'notlocal', false],
    ['*', 'anything', true],
    ['fd00::/8', 'fd00::5', true],
    ['[fd00::5]', 'fd00::5', true],
    ['10.0.0.0/8', 'ten.example', false],
    ['192.168.1.1', '192.168.1.2', false],
  ])('excludes by %s the host %s: %s', (pattern, host, excluded) => {
    expect(readProxyConfig({ exclude: [pattern] }).isExcluded(host)).toBe(excluded);
  });

  it.each(['constructor://host', 'http://50%:secret@host', 'http://user:%zz@host', 'host:70000', 'host:0'])(
    'refuses %s',
    (http) => {
      expect(() => readProxyConfig({ http })).toThrow(
        expect.objectContaining({
          code: 'vnet.proxy-invalid',
          message: expect.not.stringContaining('secret'),
        }),
      );
    },
  );

  it('hides the password of what it cannot read', () => {
    expect(() => readProxyConfig({ http: 'ftp://user:secret@host' })).toThrow(/ftp:\/\/…@host/);
  });
});
