import { describe, expect, it } from 'vitest';
import { LayeredSettings } from '../settings/layered-settings.ts';
import type { SettingName, SettingValue } from '../settings/schema.ts';
import { guestConfiguration, parseShares } from './guest-configuration.ts';

const credentials = {
  authority: 'CA',
  server: { certificate: 'SERVER', key: 'KEY' },
  client: { certificate: 'CLIENT', key: 'CLIENT KEY' },
};

function of(
  values: readonly (readonly [SettingName, SettingValue])[],
  hostAddress: string | undefined = '10.0.0.9',
) {
  const settings = new LayeredSettings({
    host: { cpus: 2, memoryBytes: 2 ** 32 },
    locked: [],
    layers: { instance: new Map(values) },
  });
  return guestConfiguration({ name: 'dev', settings, credentials, hostAddress, gatewayAddress: '10.0.0.1' });
}

describe('guestConfiguration', () => {
  it("hands the server's key over and nothing of the client's", async () => {
    const configuration = await of([]);
    expect(configuration.tls).toEqual({ ca: 'CA', certificate: 'SERVER', key: 'KEY' });
    expect(JSON.stringify(configuration)).not.toContain('CLIENT');
    expect(configuration).toMatchObject({ version: 1, hostname: 'orlop-dev', port: 2376 });
  });

  it("rewrites proxies on the host's loopback to where the machine finds it", async () => {
    const { environment } = await of([
      ['proxy.http', 'http://me:secret@localhost:3128'],
      ['proxy.https', 'http://proxy.example:80'],
      ['proxy.no', ['a', '.b']],
    ]);
    expect(environment).toMatchObject({
      HTTP_PROXY: 'http://me:secret@10.0.0.9:3128',
      https_proxy: 'http://proxy.example:80',
      NO_PROXY: 'a,.b,10.0.0.1,10.0.0.9,host.docker.internal',
    });
    expect((await of([['proxy.http', 'http://127.0.0.1:1']])).environment['HTTP_PROXY']).toBe(
      'http://10.0.0.9:1',
    );
    expect((await of([['proxy.http', 'http://localhost.example:1']])).environment['HTTP_PROXY']).toBe(
      'http://localhost.example:1',
    );
  });

  it("puts the home's registry and the mirrors over what docker.daemon says", async () => {
    const { daemon } = await of([
      ['docker.daemon', { debug: true, 'registry-mirrors': ['http://old'] }],
      ['docker.mirrors', ['http://new']],
    ]);
    expect(daemon).toEqual({
      'host-gateway-ip': '10.0.0.9',
      'userland-proxy': false,
      debug: true,
      'registry-mirrors': ['http://10.0.0.1:5000', 'http://new'],
      'insecure-registries': ['10.0.0.1:5000'],
    });
  });
});

describe('the name host-gateway', () => {
  it('means the host where containers reach it, and what docker.daemon says where that says something', async () => {
    const named = async (...words: Parameters<typeof of>) => (await of(...words)).daemon['host-gateway-ip'];
    expect(await named([])).toBe('10.0.0.9');
    expect(await named([['docker.daemon', { 'host-gateway-ip': '10.1.1.1' }]])).toBe('10.1.1.1');
  });
});

describe('parseShares', () => {
  it('reads paths with and without a mode', () => {
    expect(parseShares(['/home/me/', '/srv:ro', '/data:rw'])).toEqual([
      { tag: 'share0', path: '/home/me', readOnly: false },
      { tag: 'share1', path: '/srv', readOnly: true },
      { tag: 'share2', path: '/data', readOnly: false },
    ]);
  });

  it('refuses a path that is not absolute', () => {
    expect(() => parseShares(['src'])).toThrow('is no absolute path');
  });
});
