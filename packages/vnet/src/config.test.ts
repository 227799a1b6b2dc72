import { describe, expect, it } from 'vitest';
import { type NetworkConfig, readNetworkConfig } from './config.ts';
import { NETWORK_SCHEMA } from './network-schema.ts';
import { validateSchema } from './schema/json-schema.ts';

function pathsOf(config: NetworkConfig): unknown[] {
  try {
    readNetworkConfig(config);
    return [];
  } catch (error) {
    return (error as { problems: { path: unknown }[] }).problems.map((problem) => problem.path);
  }
}

describe('readNetworkConfig', () => {
  it('says where each problem is', () => {
    const config: NetworkConfig = {
      subnet: '10.0.0.0/31',
      mtu: 100,
      dns: ['1.1.1.1', 'x'],
      names: { a: ['10.0.0.1', 'y'] },
      leases: [{ mac: 'zz', address: '10.0.0.9' }],
      forwards: ['8080:80', 'nonsense'],
      zones: [{ name: 'own.test', records: [{ name: 'w', type: 'A', value: 'z' }] }],
      policy: { rules: [{ action: 'deny', to: 'q' }] },
      proxy: { http: 'ftp://x' },
    };
    const expected = [
      ['subnet'],
      ['mtu'],
      ['dns', 1],
      ['names', 'a'],
      ['leases', 0, 'mac'],
      ['forwards', 1],
      ['zones', 0, 'records', 0],
      ['policy', 'rules', 0, 'to'],
      ['proxy', 'http'],
    ];
    expect(pathsOf(config)).toEqual(expect.arrayContaining(expected));
    expect(pathsOf(config)).toHaveLength(expected.length);
  });
});

describe('what readNetworkConfig refuses', () => {
  const [one, other] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
  const rows: [NetworkConfig, unknown[]][] = [
    [{ subnet: '127.0.0.0/8' }, [['subnet']]],
    [{ subnet: '224.0.0.0/24' }, [['subnet']]],
    [{ subnet: '10.0.0.7/24' }, []],
    [{ ipv6: 'fe80::/64' }, [['ipv6']]],
    [{ ipv6: 'ff02::/64' }, [['ipv6']]],
    [
      { dns: ['1.1.1.1#0', '1.1.1.1#65536', '1.1.1.1#5353'] },
      [
        ['dns', 0],
        ['dns', 1],
      ],
    ],
    [{ gatewayMac: '01:00:5e:00:00:01' }, [['gatewayMac']]],
    [{ boot: { file: 'x'.repeat(128) } }, [['boot', 'file']]],
    [{ boot: { file: 'x', server: 'fd00::1' } }, [['boot', 'server']]],
    [
      { search: ['example.com', 'two words', ''], domain: '' },
      [
        ['search', 1],
        ['search', 2],
      ],
    ],
    [{ domain: 'a b' }, [['domain']]],
    [
      {
        leases: [
          { mac: one, address: '192.168.127.7' },
          { mac: other, address: '192.168.127.7' },
        ],
      },
      [['leases', 1, 'address']],
    ],
    [
      {
        leases: [
          { mac: one, address: '192.168.127.7' },
          { mac: one, address: '192.168.127.8' },
        ],
      },
      [['leases', 1, 'mac']],
    ],
    [
      {
        leases: [
          { mac: one, address: '10.0.0.7' },
          { mac: other, address: '192.168.127.1' },
        ],
      },
      [
        ['leases', 0, 'address'],
        ['leases', 1, 'address'],
      ],
    ],
    [{ forwards: ['8080:80', '8081:80', '127.0.0.1:8079-8080:90-91', '8080:80/udp'] }, [['forwards', 2]]],
    [{ forwards: ['0:80', '0:81'] }, []],
  ];
  it.each(rows)('%j', (config, paths) => {
    expect(pathsOf(config)).toEqual(paths);
  });
});

describe('routes of readNetworkConfig', () => {
  it.each([
    [{ to: '172.17.0.0/16', via: '192.168.127.2' }, []],
    [{ to: 'fd00:88::/64', via: 'fd00:77::2' }, []],
    [{ to: '172.17.0.0', via: '192.168.127.2' }, [['routes', 0, 'to']]],
    [{ to: '0.0.0.0/0', via: '192.168.127.2' }, [['routes', 0, 'to']]],
    [{ to: '192.168.127.128/25', via: '192.168.127.2' }, [['routes', 0, 'to']]],
    [{ to: '172.17.0.0/16', via: '10.0.0.2' }, [['routes', 0, 'via']]],
    [{ to: 'fd00:88::/64', via: '192.168.127.2' }, [['routes', 0]]],
  ])('has the problems of %j at their places', (route, paths) => {
    expect(pathsOf({ routes: [route] })).toEqual(paths);
  });
});

describe('NETWORK_SCHEMA', () => {
  it('accepts every key of a configuration', () => {
    const config: Required<NetworkConfig> = {
      name: 'lab',
      subnet: '10.0.0.0/24',
      gateway: '10.0.0.1',
      host: false,
      ipv6: false,
      mtu: 1500,
      domain: 'lab.internal',
      search: ['corp.example'],
      dns: ['1.1.1.1#5353'],
      resolver: 'host',
      zones: [{ name: 'own.test', records: [{ name: '@', type: 'MX', value: '10 mail' }] }],
      names: { nas: '10.0.0.7' },
      boot: { file: 'pxelinux.0', server: '10.0.0.9' },
      leaseSeconds: 3600,
      leases: [{ mac: '52:54:00:00:00:02', address: '10.0.0.2', name: 'web' }],
      routes: [{ to: '172.17.0.0/16', via: '10.0.0.2' }],
      forwards: ['8080:web:80,proxy=2'],
      policy: { default: 'deny', rules: [{ action: 'allow', name: '*.example.com', ports: '443' }] },
      proxy: { http: 'http://proxy:3128', exclude: ['*.local'], transparent: true },
      metadataAccess: false,
      hostAddresses: false,
      spoofGuard: false,
      gatewayMac: '5a:94:ef:00:00:01',
    };
    expect(validateSchema(NETWORK_SCHEMA, config)).toEqual([]);
    expect(pathsOf(config)).toEqual([]);
  });

  it('tells what is of another type, what is unknown and what is missing', () => {
    const config = { mtu: 'big', colour: 'red', leases: [{ mac: '52:54:00:00:00:02' }], host: true };
    expect(
      validateSchema(NETWORK_SCHEMA, config).map(({ path, message }) => [path.join('.'), message]),
    ).toEqual([
      ['mtu', 'mtu is "big", not a whole number'],
      ['colour', expect.stringMatching(/^unknown key "colour"; there are name, subnet/)],
      ['leases.0', 'leases[0] has no "address"'],
      ['host', 'host is true, not a text or false'],
    ]);
  });
});
