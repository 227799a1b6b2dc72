import type { StreamNetwork } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { ip, testNetwork } from '../testing/test-network.ts';
import { OutboundRoute } from './outbound-route.ts';
import { readProxyConfig } from './proxy-settings.ts';

const NOBODY: StreamNetwork = {
  connect: () => Promise.reject(new Error('nobody is there')),
  listen: () => Promise.reject(new Error('nobody listens')),
};

describe('OutboundRoute', () => {
  it('waits a second for a DNS that is silent where a proxy knows the way, and no longer', async () => {
    const { network, scheduler } = testNetwork();
    const route = new OutboundRoute({
      settings: readProxyConfig({ http: 'http://proxy.test:3128' }),
      resolver: { resolve: () => new Promise(() => {}) },
      addresses: network.addresses,
      policy: network.policy,
      host: NOBODY,
      guests: NOBODY,
      scheduler,
    });
    let way: string | undefined;
    const asked = route
      .proxyTo('http', { host: 'far.test', port: 80, guest: ip('192.168.127.2') })
      .then((proxy) => {
        way = proxy?.host;
      });
    scheduler.advance(999);
    await Promise.resolve();
    expect(way).toBeUndefined();
    scheduler.advance(1);
    await asked;
    expect(way).toBe('proxy.test');
  });

  it.each(['a..b', '.', 'x'.repeat(64), `${'x.'.repeat(130)}test`])(
    'cannot reach what is no name: %s',
    async (host) => {
      const { network, scheduler } = testNetwork();
      const asked: unknown[] = [];
      const route = new OutboundRoute({
        settings: readProxyConfig({}),
        resolver: { resolve: async (query) => void asked.push(query) },
        addresses: network.addresses,
        policy: network.policy,
        ...{ host: NOBODY, guests: NOBODY, scheduler },
      });
      const request = { host, port: 443, guest: ip('192.168.127.2') };
      await expect(route.connect('https', request)).rejects.toMatchObject({ code: 'vnet.proxy-failed' });
    },
  );
});
