import { describe, expect, it } from 'vitest';
import {
  type ContainerSummary,
  containerSubnets,
  containersOnMachineNetwork,
  portKey,
  publishedPorts,
  publishingNetworks,
  servicePorts,
} from './published-ports.ts';

const GUEST = '192.168.127.2';
const NETWORKS = [
  { Id: 'n0', Driver: 'bridge' },
  { Id: 'n1', Driver: 'bridge', Internal: true },
  { Id: 'n2', Driver: 'macvlan' },
  { Id: 'n3', Driver: 'overlay' },
];
const REACHED = { guestAddress: GUEST, networks: publishingNetworks(NETWORKS) };

function container(part: Partial<ContainerSummary>): ContainerSummary {
  return {
    Id: '0123456789abcdef',
    Names: ['/web'],
    NetworkSettings: { Networks: { bridge: { NetworkID: 'n0', IPAddress: '172.17.0.2' } } },
    ...part,
  };
}

function texts(containers: readonly ContainerSummary[]): string[] {
  return publishedPorts(containers, REACHED).map(
    (port) => `${portKey(port)} → ${port.target.address}:${port.target.port}`,
  );
}

describe('publishedPorts', () => {
  it('leads a port to the address of its container, with the bind address that was asked for', () => {
    const Ports = [
      { IP: '127.0.0.1', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '192.168.1.5', PrivatePort: 53, PublicPort: 53, Type: 'udp' },
      { IP: '::1', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    ];
    expect(texts([container({ Ports })])).toEqual([
      'tcp 127.0.0.1:8080 → 172.17.0.2:80',
      'udp 192.168.1.5:53 → 172.17.0.2:53',
      'tcp [::1]:8080 → 172.17.0.2:80',
    ]);
  });

  it('passes over ports that are not published and protocols that cannot be', () => {
    const Ports = [
      { PrivatePort: 80, Type: 'tcp' },
      { IP: '0.0.0.0', PrivatePort: 9, PublicPort: 9, Type: 'sctp' },
    ];
    expect(texts([container({ Ports })])).toEqual([]);
  });

  it('listens on IPv6 too where no address was asked for, and not where 0.0.0.0 was', () => {
    const Ports = [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }];
    expect(texts([container({ Ports, bindings: { '80/tcp': [{ HostIp: '' }] } })])).toEqual([
      'tcp 0.0.0.0:8080 → 172.17.0.2:80',
      'tcp [::]:8080 → 172.17.0.2:80',
    ]);
    expect(texts([container({ Ports, bindings: { '80/tcp': [{ HostIp: '0.0.0.0' }] } })])).toEqual([
      'tcp 0.0.0.0:8080 → 172.17.0.2:80',
    ]);
  });

  it('listens on all addresses for what `-P` publishes', () => {
    const Ports = [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 32_768, Type: 'tcp' }];
    expect(texts([container({ Ports, bindings: {} })])).toHaveLength(2);
    expect(texts([container({ Ports })])).toHaveLength(1); // what was asked for is not known
  });

  it('leads an address of IPv6 to a container that has none, where Docker lists nothing', () => {
    const Ports = [{ PrivatePort: 80, Type: 'tcp' }];
    const bindings = {
      '80/tcp': [
        { HostIp: '::1', HostPort: '8080' },
        { HostIp: '127.0.0.1', HostPort: '' },
      ],
    };
    expect(texts([container({ Ports, bindings })])).toEqual(['tcp [::1]:8080 → 172.17.0.2:80']);
    expect(texts([container({ Ports, bindings, NetworkSettings: {} })])).toEqual([]);
  });

  it('leaves a port of IPv6 that Docker does not choose to the host, any or one of a range', () => {
    const bindings = {
      '80/tcp': [{ HostIp: '::1' }, { HostIp: '::', HostPort: '8000-8009' }],
      '53/udp': [
        { HostIp: '::1', HostPort: '0' },
        { HostIp: '::1', HostPort: '9-8' },
      ],
    };
    const ports = publishedPorts(
      [container({ Ports: [{ PrivatePort: 80, Type: 'tcp' }], bindings })],
      REACHED,
    );
    expect(
      ports.map(({ protocol, hostAddress, hostPort, choice }) => [protocol, hostAddress, hostPort, choice]),
    ).toEqual([
      ['tcp', '::1', 0, { from: 60_999, to: 32_768 }],
      ['tcp', '::', 0, { from: 8000, to: 8009 }],
      ['udp', '::1', 0, { from: 60_999, to: 32_768 }],
    ]);
    const Ports = [
      { IP: '::1', PrivatePort: 80, PublicPort: 32_768, Type: 'tcp' },
      { IP: '::', PrivatePort: 80, PublicPort: 8000, Type: 'tcp' },
      { IP: '::1', PrivatePort: 53, PublicPort: 32_768, Type: 'udp' },
    ];
    expect(texts([container({ Ports, bindings })])).toEqual([
      'tcp [::1]:32768 → 172.17.0.2:80',
      'tcp [::]:8000 → 172.17.0.2:80',
      'udp [::1]:32768 → 172.17.0.2:53',
    ]);
  });

  it('does not confuse ports that two containers leave to the host', () => {
    const bindings = { '80/tcp': [{ HostIp: '::1' }] };
    const one = container({ Ports: [], bindings });
    expect(publishedPorts([one, { ...one, Names: ['/other'] }], REACHED)).toHaveLength(2);
  });

  it('counts what Docker lists for both families once', () => {
    const Ports = [
      { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    ];
    expect(texts([container({ Ports, bindings: { '80/tcp': [{ HostIp: '' }] } })])).toHaveLength(2);
  });

  it('falls back to the port of the machine where a container has no address', () => {
    const Ports = [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }];
    expect(texts([container({ Ports, NetworkSettings: {} })])).toEqual([`tcp 0.0.0.0:8080 → ${GUEST}:8080`]);
  });
});

describe('publishingNetworks', () => {
  it('leaves out networks that the gateway does not reach, whatever their names', () => {
    const Ports = [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }];
    const shut = {
      back: { NetworkID: 'n1', IPAddress: '172.18.0.2' },
      lan: { NetworkID: 'n2', IPAddress: '192.168.127.9' },
      cluster: { NetworkID: 'n3', IPAddress: '10.0.1.2' },
    };
    const on = (Networks: Readonly<Record<string, { NetworkID: string; IPAddress: string }>>) =>
      texts([container({ Ports, NetworkSettings: { Networks } })]);
    expect(on({ ...shut, web: { NetworkID: 'n0', IPAddress: '172.17.0.2' } })).toEqual([
      'tcp 0.0.0.0:8080 → 172.17.0.2:80',
    ]);
    expect(on(shut)).toEqual([`tcp 0.0.0.0:8080 → ${GUEST}:8080`]);
  });
});

describe('containersOnMachineNetwork', () => {
  it('counts those that share the network of one that is on it, and no others', () => {
    const on = (Id: string, NetworkMode: string) =>
      container({ Id, Names: [`/${Id}`], HostConfig: { NetworkMode } });
    const containers = [
      on('side', 'container:main'),
      on('far', 'container:side'),
      on('main', 'host'),
      on('web', 'bridge'),
      on('joined', 'container:web'),
      on('lost', 'container:gone'),
      on('round', 'container:circle'),
      on('circle', 'container:round'),
    ];
    expect([...containersOnMachineNetwork(containers).keys()]).toEqual(['side', 'far', 'main']);
  });
});

describe('servicePorts', () => {
  it("leads what a swarm's services publish to the machine's own port, on all addresses", () => {
    const Ports = [
      { Protocol: 'udp', TargetPort: 53, PublishedPort: 5353, PublishMode: 'ingress' },
      { Protocol: 'tcp', TargetPort: 80, PublishedPort: 8080, PublishMode: 'host' },
      { Protocol: 'sctp', TargetPort: 9, PublishedPort: 9, PublishMode: 'ingress' },
      { Protocol: 'tcp', TargetPort: 80 }, // no port has been chosen yet
    ];
    const ports = servicePorts([{ Spec: { Name: 'names' }, Endpoint: { Ports } }, {}], GUEST);
    expect(
      ports.map((port) => `${portKey(port)} → ${port.target.address}:${port.target.port} ${port.container}`),
    ).toEqual(['udp 0.0.0.0:5353 → 192.168.127.2:5353 names', 'udp [::]:5353 → 192.168.127.2:5353 names']);
  });
});

describe('containerSubnets', () => {
  it('takes the subnets of bridges only', () => {
    expect(
      containerSubnets([
        { Driver: 'bridge', IPAM: { Config: [{ Subnet: '172.17.0.0/16' }, { Subnet: 'fd00:1::/64' }] } },
        { Driver: 'overlay', IPAM: { Config: [{ Subnet: '10.0.0.0/24' }] } },
        { Driver: 'host', IPAM: { Config: null } },
      ]),
    ).toEqual(['172.17.0.0/16', 'fd00:1::/64']);
  });
});
