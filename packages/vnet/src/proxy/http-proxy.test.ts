import { IpPrefix } from '@orlop/netstack';
import { expect, it } from 'vitest';
import { ip, record, testNetwork } from '../testing/test-network.ts';
import { HttpProxy } from './http-proxy.ts';
import { newProxyCounters } from './proxy-counters.ts';
import { readProxyConfig } from './proxy-settings.ts';

it.each([
  ['explicit', '192.168.127.1', 3128],
  ['transparent', '203.0.113.5', 80],
])(
  'HttpProxy counts %s connections of one guest together, whatever addresses they are from',
  async (...to) => {
    const [, address, port] = to;
    let proxy: HttpProxy | undefined;
    const net = testNetwork({}, { intercept: (attempt) => proxy?.intercept(attempt) === true });
    const counters = newProxyCounters();
    proxy = await HttpProxy.start(net.network, {
      settings: readProxyConfig({ http: 'http://192.0.2.1:3128', transparent: true }),
      scheduler: net.scheduler,
      counters,
      maxConnections: 4,
    });
    const [guest, other] = [net.plug(2), net.plug(3)];
    const sources = [20, 21, 22].map((host) => ip(`192.168.127.${host}`));
    for (const source of sources) guest.stack.host.ip.addresses.add(new IpPrefix(source, 24));
    const remote = { address: ip(address), port };
    const open = (stack: typeof guest.stack, source: (typeof sources)[number]) => {
      const { handler, events } = record();
      stack.tcp.connect({ remote, local: { address: source } }, handler);
      net.scheduler.advance(50);
      return events;
    };
    const heard = sources.map((source) => open(guest.stack, source));
    expect(open(other.stack, other.address)).toEqual(['open']);
    expect(heard).toEqual([['open'], ['open'], ['open', 'close reset']]);
    expect(counters.overLimit).toBe(1);
    proxy.close();
  },
);
