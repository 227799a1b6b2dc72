import { IpPrefix } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { ip } from '../testing/test-network.ts';
import { AddressMap } from './address-map.ts';
import { OutboundPolicy } from './policy.ts';

function map(metadataAccess: boolean): AddressMap {
  return new AddressMap(
    {
      subnet: new IpPrefix(ip('192.168.127.0'), 24),
      subnet6: new IpPrefix(ip('fd00:1:2:3::'), 64),
      gateways: [ip('192.168.127.1'), ip('fd00:1:2:3::1')],
      hostAliases: [],
      metadataAccess,
    },
    new OutboundPolicy({}),
  );
}

const outbound = (to: string, metadataAccess = false) =>
  map(metadataAccess).outbound({
    protocol: 'tcp',
    guest: ip(to.includes(':') ? 'fd00:1:2:3::2' : '192.168.127.2'),
    destination: ip(to),
    port: 80,
  });

describe('AddressMap', () => {
  it.each(['169.254.169.254', 'fe80::a9fe:a9fe', 'fd00:ec2::254', 'fd20:ce::254'])(
    'keeps guests from the metadata service of the host at %s, unless they may reach it',
    (address) => {
      expect(outbound(address)).toEqual({ kind: 'rejected', how: 'prohibited' });
      expect(outbound(address, true)).toEqual({ kind: 'host', address: ip(address) });
    },
  );

  it.each(['fd00:ec2::253', 'fd20:ce::1', '169.253.169.254'])('lets guests reach %s', (address) => {
    expect(outbound(address)).toEqual({ kind: 'host', address: ip(address) });
  });
});
