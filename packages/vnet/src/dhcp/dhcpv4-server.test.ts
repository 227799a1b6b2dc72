import { IpAddress, type Stack } from '@orlop/netstack';
import {
  type Dhcpv4Fields,
  type Dhcpv4MessageType,
  dhcpv4Length,
  emitDhcpv4,
  parseDhcpv4,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import { ip, type TestNetwork, testNetwork } from '../testing/test-network.ts';

const MAC = 0x5254_0000_0002;
const BROADCAST = IpAddress.v4(0xffffffff);
const ZERO = IpAddress.v4(0);

function client(net: TestNetwork, host = 2): { stack: Stack; answers: Dhcpv4Fields[] } {
  const { stack } = net.plug(host);
  const answers: Dhcpv4Fields[] = [];
  stack.udp.bind(
    { port: 68 },
    {
      onDatagram: ({ bytes }) => {
        const answer = parseDhcpv4(bytes, 0, bytes.length);
        if (typeof answer !== 'string') answers.push(answer);
      },
    },
  );
  return { stack, answers };
}

function message(messageType: Dhcpv4MessageType, more: Partial<Dhcpv4Fields>): Uint8Array {
  const fields: Dhcpv4Fields = {
    operation: 'request',
    messageType,
    hops: 0,
    transactionId: 77,
    seconds: 0,
    broadcast: true,
    clientIp: 0,
    yourIp: 0,
    serverIp: 0,
    relayIp: 0,
    clientMac: MAC,
    serverName: '',
    bootFile: '',
    options: {},
    ...more,
  };
  const bytes = new Uint8Array(dhcpv4Length(fields));
  emitDhcpv4(fields, bytes, 0);
  return bytes;
}

function send(stack: Stack, messageType: Dhcpv4MessageType, more: Partial<Dhcpv4Fields> = {}): void {
  const bytes = message(messageType, more);
  stack.udp.send({ local: { address: ZERO, port: 68 }, remote: { address: BROADCAST, port: 67 }, bytes });
}

describe('Dhcpv4Server', () => {
  it.each([
    ['the network’s file from the host', {}, 'pxelinux.0', '192.168.127.254'],
    [
      'its own from its own server',
      { file: 'http://a/b.ipxe', server: '10.0.0.9' },
      'http://a/b.ipxe',
      '10.0.0.9',
    ],
  ])('tells a guest what it starts from: %s', (_, own, file, server) => {
    const lease = { mac: '52:54:00:00:00:02', address: '192.168.127.2' };
    const leases = [{ ...lease, ...('file' in own && { boot: own }) }];
    const net = testNetwork({ boot: { file: 'pxelinux.0' }, leases });
    const { stack, answers } = client(net);
    send(stack, 'discover');
    send(stack, 'request', { options: { requestedIp: ip('192.168.127.2').w3 >>> 0 } });
    net.scheduler.advance(5);
    const told = answers.map(({ bootFile, serverIp }) => `${bootFile} ${IpAddress.v4(serverIp)}`);
    expect(told).toEqual([`${file} ${server}`, `${file} ${server}`]);
  });

  it('offers no address that a guest has by hand, while there are others', () => {
    const net = testNetwork();
    const { stack, answers } = client(net, 4);
    for (const guest of [net.plug(2), net.plug(3)]) {
      guest.stack.udp.send({
        local: { address: guest.address, port: 9 },
        remote: { address: ip('192.168.127.1'), port: 9 },
        bytes: new Uint8Array(1),
      });
    }
    net.scheduler.advance(5);
    send(stack, 'discover', { clientMac: MAC + 2 });
    net.scheduler.advance(5);
    expect(answers.map(({ yourIp }) => IpAddress.v4(yourIp).toString())).toEqual(['192.168.127.4']);
  });

  it.each([
    ['576 bytes, which every client takes', undefined, 548],
    ['what the client takes', 1000, 972],
  ])('tells as many search domains as fit into %s', (_, maximumMessageSize, most) => {
    const search = Array.from({ length: 60 }, (_, i) => `${'x'.repeat(40)}${i}.example`);
    const net = testNetwork({ search });
    const { stack, answers } = client(net);
    send(stack, 'discover', {
      options: { parameterRequestList: [119], ...(maximumMessageSize && { maximumMessageSize }) },
    });
    net.scheduler.advance(5);
    const [offer] = answers;
    const told = offer?.options.searchDomains ?? [];
    expect(told).toEqual(['orlop.internal', ...search].slice(0, told.length));
    const length = dhcpv4Length(offer as Dhcpv4Fields);
    expect(length).toBeLessThanOrEqual(most);
    // One more of some 50 bytes would be too many.
    expect(length).toBeGreaterThan(most - 55);
  });

  it('offers and acknowledges an address with router, DNS, NTP, MTU, domain and name', () => {
    const net = testNetwork({ mtu: 4000, search: ['example.com'] });
    const { stack, answers } = client(net);
    send(stack, 'discover', { options: { hostName: 'Web.local', parameterRequestList: [1, 3, 6, 119] } });
    net.scheduler.advance(10);
    expect(answers[0]).toMatchObject({ messageType: 'offer', transactionId: 77, yourIp: 0xc0a87f02 });
    send(stack, 'request', {
      options: {
        requestedIp: 0xc0a87f02,
        serverIdentifier: 0xc0a87f01,
        hostName: 'Web.local',
        parameterRequestList: [119],
      },
    });
    net.scheduler.advance(10);
    expect(answers[1]?.messageType).toBe('acknowledge');
    expect(answers[1]?.options).toMatchObject({
      subnetMask: 0xffffff00,
      routers: [0xc0a87f01],
      dnsServers: [0xc0a87f01],
      ntpServers: [0xc0a87f01],
      mtu: 4000,
      domainName: 'orlop.internal',
      searchDomains: ['orlop.internal', 'example.com'],
      hostName: 'web',
      leaseTime: 86_400,
      serverIdentifier: 0xc0a87f01,
    });
    expect(net.network.leases.findByName('web')?.address.toString()).toBe('192.168.127.2');
  });

  it('leaves addresses to others when a guest asks for one under ever new Ethernet addresses, and counts them', () => {
    const frames = [true, false].map((spoofGuard) => {
      const net = testNetwork({ spoofGuard });
      const { stack } = net.plug(2);
      for (let more = 0; more < 120; more++) {
        send(stack, 'discover', { clientMac: MAC + 0x100 + more });
        const requestedIp = 0xc0a87f02 + more;
        send(stack, 'request', { clientMac: MAC + 0x100 + more, options: { requestedIp } });
        net.scheduler.advance(10);
      }
      const other = client(net, 3);
      send(other.stack, 'discover', { clientMac: MAC + 1 });
      net.scheduler.advance(10);
      expect(other.answers).toMatchObject([{ messageType: 'offer' }]);
      return [...net.network.leases.list()].length;
    });
    expect(frames).toEqual([0, 64]);
  });

  it('leaves a guest its name when another says to be called so, until it is gone', () => {
    const net = testNetwork();
    const lease = (host: number, hostName: string) => {
      const { stack } = net.plug(host);
      const clientMac = MAC - 2 + host;
      send(stack, 'request', { clientMac, options: { requestedIp: 0xc0a87f00 + host, hostName } });
      net.scheduler.advance(10);
    };
    const first = net.plug(2);
    send(first.stack, 'request', { options: { requestedIp: 0xc0a87f02, hostName: 'web' } });
    net.scheduler.advance(10);
    lease(3, 'web');
    lease(4, 'wpad');
    const found = () => String(net.network.resolveGuest({ kind: 'name', name: 'web' }));
    expect(found()).toBe('192.168.127.2');
    expect(net.network.resolveGuest({ kind: 'name', name: 'wpad' })).toBe('no guest is called "wpad"');
    first.link.close();
    net.scheduler.advance(299_000);
    expect(found()).toBe('192.168.127.2');
    net.scheduler.advance(2000);
    expect(found()).toBe('192.168.127.3');
  });

  it('refuses an address of another network, so that a moved guest asks anew', () => {
    const net = testNetwork();
    const { stack, answers } = client(net);
    send(stack, 'request', { options: { requestedIp: 0x0a00020f } });
    net.scheduler.advance(10);
    expect(answers).toMatchObject([{ messageType: 'refuse', serverIp: 0 }]);
  });

  it('refuses an address of another network also to whom has it, and rebinds it', () => {
    const net = testNetwork();
    const { stack, answers } = client(net);
    const foreign = 0x0a00020f;
    const bytes = message('request', { clientIp: foreign, broadcast: false });
    const local = { address: IpAddress.v4(foreign), port: 68 };
    stack.udp.send({ local, remote: { address: BROADCAST, port: 67 }, bytes });
    stack.udp.send({ local, remote: { address: BROADCAST, port: 123 }, bytes });
    net.scheduler.advance(10);
    expect(answers).toMatchObject([{ messageType: 'refuse', clientIp: 0 }]);
    expect(net.network.filter.spoofed).toBe(1);
  });

  it.each([
    ['discover', {}],
    ['request', { options: { requestedIp: 0xc0a87f09 } }],
    ['release', { clientIp: 0xc0a87f02 }],
    ['decline', { options: { requestedIp: 0xc0a87f02 } }],
  ] as const)('takes no %s from a guest in the name of another, and counts it', (type, more) => {
    const net = testNetwork();
    const victim = client(net);
    send(victim.stack, 'request', { options: { requestedIp: 0xc0a87f02 } });
    net.scheduler.advance(10);
    const before = [...net.network.leases.list()];
    expect(before).toMatchObject([{ mac: MAC, isStatic: false }]);
    const forger = client(net, 3);
    send(forger.stack, type, more);
    send(forger.stack, type, { ...more, clientMac: 77 });
    net.scheduler.advance(10);
    expect([...net.network.leases.list()]).toEqual(before);
    expect(forger.answers).toEqual([]);
    expect(net.network.dhcp.counters.spoofed).toBe(2);
  });

  it('answers a guest in the name of another where guests are not kept apart', () => {
    const net = testNetwork({ spoofGuard: false });
    const { stack, answers } = client(net);
    send(stack, 'discover', { clientMac: 77 });
    net.scheduler.advance(10);
    expect(answers).toMatchObject([{ messageType: 'offer' }]);
  });

  it.each([
    ['release', 'of another address', { clientIp: 0x0a00020f }, 'kept'],
    ['release', 'to another server', { clientIp: 0xc0a87f02, options: { serverIdentifier: 9 } }, 'kept'],
    ['release', 'of its own', { clientIp: 0xc0a87f02, options: { serverIdentifier: 0xc0a87f01 } }, 'over'],
    ['decline', 'to another server', { options: { requestedIp: 0xc0a87f02, serverIdentifier: 9 } }, 'kept'],
  ] as const)('takes a %s %s for what it says (RFC 2131 §4.4.4, §4.4.6)', (type, _, more, outcome) => {
    const net = testNetwork();
    const { stack } = client(net);
    send(stack, 'request', { options: { requestedIp: 0xc0a87f02 } });
    net.scheduler.advance(10);
    send(stack, type, more);
    net.scheduler.advance(10);
    const [lease] = net.network.leases.list();
    const isKept = lease !== undefined && !net.network.leases.hasExpired(lease);
    expect(isKept ? 'kept' : 'over').toBe(outcome);
  });

  it('tells a client its identifier again', () => {
    const net = testNetwork();
    const { stack, answers } = client(net);
    const clientIdentifier = Uint8Array.of(0xff, 1, 2, 3, 4);
    send(stack, 'discover', { options: { clientIdentifier } });
    send(stack, 'request', { options: { clientIdentifier, requestedIp: 0x0a00020f } });
    net.scheduler.advance(10);
    expect(answers.map(({ messageType, options }) => [messageType, options.clientIdentifier])).toEqual([
      ['offer', clientIdentifier],
      ['refuse', clientIdentifier],
    ]);
  });

  it('is silent towards relay agents, and counts them', () => {
    const net = testNetwork();
    const { stack, answers } = client(net);
    send(stack, 'discover', { relayIp: 0xac110001 });
    net.scheduler.advance(10);
    expect(answers).toEqual([]);
    expect(net.network.dhcp.counters).toMatchObject({ relayed: 1, discovers: 0 });
  });

  it('is silent towards a client that chose another server', () => {
    const net = testNetwork();
    const { stack, answers } = client(net);
    send(stack, 'request', { options: { requestedIp: 0xc0a87f02, serverIdentifier: 0xc0a87f63 } });
    net.scheduler.advance(10);
    expect(answers).toEqual([]);
  });

  it('tells a client with an address of its own the rest, and gives it no lease', () => {
    const net = testNetwork();
    const { stack, answers } = client(net);
    send(stack, 'inform', { clientIp: 0xc0a87f02 });
    net.scheduler.advance(10);
    expect(answers[0]).toMatchObject({ messageType: 'acknowledge', yourIp: 0 });
    expect(answers[0]?.options.leaseTime).toBeUndefined();
    expect([...net.network.leases.list()]).toEqual([]);
  });

  it('counts what is no request of a client', () => {
    const net = testNetwork();
    const { stack } = client(net);
    const remote = { address: BROADCAST, port: 67 };
    stack.udp.send({ local: { address: ZERO, port: 68 }, remote, bytes: new Uint8Array(10) });
    send(stack, 'offer');
    net.scheduler.advance(10);
    expect(net.network.dhcp.counters.malformed).toBe(2);
  });
});
