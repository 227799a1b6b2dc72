import { CallbackSink } from '@orlop/netstack';
import { ETHERNET_HEADER_LEN, IPV6_HEADER_LEN, parseIcmpv6 } from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { RouterAdvertiser } from './router-advertiser.ts';

const SOURCE = { a: 0xfe80_0000, b: 0, c: 0, d: 1 };
const PREFIX = { a: 0xfd00_0000, b: 0, c: 0, d: 0 };

/** The packet's length, and the search domains that it tells. */
function advertised(options: { readonly mtu: number; readonly searchDomains: readonly string[] }) {
  const advertiser = new RouterAdvertiser({
    mac: 2,
    source: SOURCE,
    prefix: PREFIX,
    dnsServers: [PREFIX],
    ...options,
  });
  let length = 0;
  let domains: readonly string[] = [];
  const sink = new CallbackSink((frame) => {
    length = frame.length - ETHERNET_HEADER_LEN;
    const message = parseIcmpv6(frame, ETHERNET_HEADER_LEN + IPV6_HEADER_LEN, frame.length);
    if (typeof message === 'string' || message.kind !== 'router-advertisement') return;
    for (const option of message.options) if (option.kind === 'dns-search') domains = option.domains;
  });
  advertiser.poll(0, sink);
  return { length, domains };
}

describe('RouterAdvertiser', () => {
  it.each([1280, 1500, 65_520])(
    'tells with MTU %i as many search domains as one Ethernet packet holds',
    (mtu) => {
      const searchDomains = Array.from({ length: 60 }, (_, i) => `${'x'.repeat(50)}${i}.example`);
      const { length, domains } = advertised({ mtu, searchDomains });
      const most = Math.min(mtu, 1500);
      expect(length).toBeLessThanOrEqual(most);
      expect(length).toBeGreaterThan(most - 75);
      expect(domains).toEqual(searchDomains.slice(0, domains.length));
      expect(domains.length).toBeGreaterThan(10);
    },
  );

  it('tells all of a few', () => {
    expect(advertised({ mtu: 1500, searchDomains: ['a.test', 'b.test'] }).domains).toEqual([
      'a.test',
      'b.test',
    ]);
  });
});
