import { describe, expect, it } from 'vitest';
import type { HostStream } from './host/host-sockets.ts';
import { echoServer } from './testing/echo-server.ts';
import {
  connect,
  ip,
  record,
  type TestGuest,
  type TestNetwork,
  testNetwork,
} from './testing/test-network.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const OUTSIDE = ip('203.0.113.5');

describe('TcpNat', () => {
  it('carries bytes and ends to a host socket and back', async () => {
    const net = testNetwork();
    await echoServer(net, '203.0.113.5', 80);
    const guest = net.plug(2);
    const client = connect(guest, '203.0.113.5', 80);
    net.scheduler.advance(50);
    client.socket.write(bytes('hello'));
    net.scheduler.advance(50);
    expect(client.text()).toBe('hello');
    client.socket.shutdown();
    net.scheduler.advance(100);
    expect(client.events).toEqual(['open', 'end', 'close finished']);
    expect(net.network.tcpNat.counters).toMatchObject({ accepted: 1, finished: 1, failed: 0 });
    expect(net.network.tcpNat.size).toBe(0);
  });

  it('writes a message to the host by itself, and what comes together with it by one more call', async () => {
    const net = testNetwork();
    const written: string[] = [];
    await net.sockets.listen({ kind: 'ip', address: OUTSIDE, port: 80 }, (stream) => {
      const chunk = new Uint8Array(1000);
      const onReadable = () => {
        const count = stream.read(chunk);
        written.push(new TextDecoder().decode(chunk.slice(0, count)));
      };
      stream.wantRead(true);
      return { onOpen: () => {}, onReadable, onWritable: () => {}, onFailed: () => {} };
    });
    const guest = net.plug(2);
    const { socket } = connect(guest, '203.0.113.5', 80);
    socket.noDelay = true;
    net.scheduler.advance(50);
    socket.write(bytes('alone'));
    net.scheduler.advance(50);
    for (const text of ['one', 'two', 'three']) {
      socket.write(bytes(text));
      guest.stack.poll(net.scheduler.now(), guest.link); // a segment of its own
    }
    net.scheduler.advance(50);
    expect(written).toEqual(['alone', 'one', 'twothree']);
  });

  it('lets the guest see a refused connection as reset', () => {
    const net = testNetwork();
    const client = connect(net.plug(2), '203.0.113.5', 81);
    net.scheduler.advance(100);
    expect(client.events).toEqual(['close refused']);
  });

  it.each([
    ['host-unreachable', 'close unreachable'],
    ['network-unreachable', 'close unreachable'],
  ] as const)('tells the guest %s by ICMP', (failure, outcome) => {
    const net = testNetwork();
    net.sockets.failures.set('203.0.113.5:80', failure);
    const client = connect(net.plug(2), '203.0.113.5', 80);
    net.scheduler.advance(100);
    expect(client.events).toEqual([outcome]);
  });

  it('forgets an attempt that the host never answers, after its time', () => {
    const net = testNetwork();
    net.sockets.silent.add('203.0.113.5:80');
    const { events } = connect(net.plug(2), '203.0.113.5', 80);
    net.scheduler.advance(1000);
    expect(net.network.tcpNat.size).toBe(1);
    net.scheduler.advance(60_000);
    expect([net.network.tcpNat.size, events]).toEqual([0, []]);
    // The guest goes on for three minutes, and its SYN after 63 and 123 s is tried anew.
    net.scheduler.advance(140_000);
    expect([net.network.tcpNat.size, events]).toEqual([0, ['close timeout']]);
  });

  it('reaches the loopback of the host by the host address only', async () => {
    const net = testNetwork();
    await echoServer(net, '127.0.0.1', 80);
    const guest = net.plug(2);
    const byName = connect(guest, '192.168.127.254', 80);
    const gateway = connect(guest, '192.168.127.1', 80);
    net.scheduler.advance(100);
    expect(byName.events).toEqual(['open']);
    expect(gateway.events).toEqual(['close refused']);
  });

  it('reaches by the host address what listens on the other loopback address alone', async () => {
    const net = testNetwork();
    await echoServer(net, '::1', 80);
    const guest = net.plug(2);
    const [open, refused] = [connect(guest, '192.168.127.254', 80), connect(guest, '192.168.127.254', 81)];
    net.scheduler.advance(100);
    expect(open.events).toEqual(['open']);
    expect(refused.events).toEqual(['close refused']);
    expect(net.network.tcpNat.size).toBe(1);
  });

  it('does not reach the loopback of the host when that is turned off', async () => {
    const net = testNetwork({ host: false });
    await echoServer(net, '127.0.0.1', 80);
    const client = connect(net.plug(2), '192.168.127.254', 80);
    net.scheduler.advance(10_000);
    expect(client.events).not.toContain('open');
    expect(net.network.tcpNat.counters.accepted).toBe(0);
  });

  it('resets the guest when the host connection is reset, and the other way round', async () => {
    const net = testNetwork();
    const streams = await echoServer(net, '203.0.113.5', 80);
    const guest = net.plug(2);
    const first = connect(guest, '203.0.113.5', 80);
    const second = connect(guest, '203.0.113.5', 80);
    net.scheduler.advance(50);
    streams[0]?.reset();
    second.socket.abort();
    net.scheduler.advance(50);
    expect(first.events).toEqual(['open', 'close reset']);
    expect(net.network.tcpNat.counters.failed).toBe(2);
    expect(net.network.tcpNat.size).toBe(0);
  });

  it('stops a sender whose reader stalls, and loses nothing when it goes on', async () => {
    const net = testNetwork();
    const received: number[] = [];
    let stalled: HostStream | undefined;
    await net.sockets.listen({ kind: 'ip', address: OUTSIDE, port: 80 }, (stream) => {
      stalled = stream;
      const chunk = new Uint8Array(4096);
      return {
        onOpen: () => {},
        onWritable: () => {},
        onFailed: () => {},
        onReadable: () => {
          const count = stream.read(chunk);
          if (count > 0) received.push(count);
        },
      };
    });
    const guest = net.plug(2);
    const client = connect(guest, '203.0.113.5', 80);
    net.scheduler.advance(50);
    const total = 16 * 1024 * 1024;
    let sent = 0;
    const chunk = new Uint8Array(65_536).fill(7);
    const pump = () => {
      while (sent < total) {
        const taken = client.socket.write(chunk);
        sent += taken;
        if (taken < chunk.length) return;
      }
    };
    client.socket.handler = { onWritable: pump };
    pump();
    net.scheduler.advance(10_000);
    // What is on its way is bounded by the queues: the guest's, the gateway's, the host's.
    expect(sent).toBeLessThan(12 * 1024 * 1024);
    const before = sent;
    net.scheduler.advance(10_000);
    expect(sent).toBe(before);
    stalled?.wantRead(true);
    net.scheduler.advance(60_000);
    expect(received.reduce((sum, count) => sum + count, 0)).toBe(sent);
    expect(sent).toBeGreaterThanOrEqual(total);
  });

  it('keeps within its limits when a guest opens everything at once', async () => {
    const net = testNetwork();
    net.sockets.silent.add('203.0.113.5:80');
    const guest = net.plug(2);
    for (let port = 0; port < 3000; port++) connect(guest, '203.0.113.5', 80);
    net.scheduler.advance(2000);
    expect(net.network.tcpNat.size).toBeLessThanOrEqual(16_384);
    const other = net.plug(3);
    await echoServer(net, '203.0.113.9', 80);
    const client = connect(other, '203.0.113.9', 80);
    net.scheduler.advance(100);
    expect(client.events).toEqual(['open']);
  });
});

describe('OutboundPolicy', () => {
  it('turns down what a rule denies by prefix and port, and lets the rest pass', async () => {
    const net = testNetwork({
      policy: { rules: [{ action: 'deny', to: '203.0.113.0/24', ports: '25' }] },
    });
    await echoServer(net, '203.0.113.5', 25);
    await echoServer(net, '203.0.113.5', 80);
    const guest = net.plug(2);
    const denied = connect(guest, '203.0.113.5', 25);
    const allowed = connect(guest, '203.0.113.5', 80);
    net.scheduler.advance(200);
    expect(denied.events).toEqual(['close unreachable']);
    expect(allowed.events).toEqual(['open']);
    expect(net.network.policy.denied).toBe(1);
  });

  it('closes the addresses of the host where the configuration says so, and not its loopback', async () => {
    const hostAddresses = () => [OUTSIDE];
    const closed = testNetwork({ hostAddresses: false }, { hostAddresses });
    const open = testNetwork({}, { hostAddresses });
    const outcome = async (net: TestNetwork, destination: string, guest = 2) => {
      await echoServer(net, destination === '192.168.127.254' ? '127.0.0.1' : destination, 80);
      const { events } = connect(net.plug(guest), destination, 80);
      net.scheduler.advance(200);
      return events;
    };
    expect(await outcome(closed, '203.0.113.5')).toEqual(['close unreachable']);
    expect(await outcome(closed, '192.168.127.254', 3)).toEqual(['open']);
    expect(await outcome(open, '203.0.113.5')).toEqual(['open']);
  });

  it('knows destinations by the name that the guest asked for', async () => {
    const net = testNetwork(
      { policy: { default: 'deny', rules: [{ action: 'allow', name: '*.example.com' }] } },
      { namesOf: (address) => (address.equals(OUTSIDE) ? ['www.example.com'] : []) },
    );
    await echoServer(net, '203.0.113.5', 80);
    await echoServer(net, '203.0.113.6', 80);
    const guest = net.plug(2);
    const known = connect(guest, '203.0.113.5', 80);
    const unknown = connect(guest, '203.0.113.6', 80);
    net.scheduler.advance(200);
    expect([known.events, unknown.events]).toEqual([['open'], ['close unreachable']]);
  });
});

describe('UdpNat', () => {
  async function echoDatagrams(net: TestNetwork, port: number): Promise<void> {
    const socket = await net.sockets.bindDatagram(OUTSIDE, port, {
      onDatagram: (payload, address, from) => {
        socket.send(payload, address, from);
      },
      onFailed: () => {},
    });
  }

  function bind(guest: TestGuest) {
    const received: string[] = [];
    const socket = guest.stack.udp.bind(
      {},
      {
        onDatagram: ({ remote, bytes: data }) =>
          received.push(`${remote.address}:${remote.port} ${data.length}`),
        onError: ({ kind }) => received.push(kind),
      },
    );
    return { socket, received };
  }

  it('gives one port of a guest one socket, and brings answers from all it sent to', async () => {
    const net = testNetwork();
    await echoDatagrams(net, 53);
    await echoDatagrams(net, 54);
    const { socket, received } = bind(net.plug(2));
    socket.send(bytes('a'), { address: OUTSIDE, port: 53 });
    socket.send(bytes('ab'), { address: OUTSIDE, port: 54 });
    net.scheduler.advance(50);
    expect(received).toEqual(['203.0.113.5:53 1', '203.0.113.5:54 2']);
    expect(net.network.udpNat.size).toBe(1);
  });

  it('carries datagrams larger than the MTU both ways', async () => {
    const net = testNetwork();
    await echoDatagrams(net, 53);
    const { socket, received } = bind(net.plug(2));
    socket.send(new Uint8Array(20_000), { address: OUTSIDE, port: 53 });
    net.scheduler.advance(50);
    expect(received).toEqual(['203.0.113.5:53 20000']);
  });

  it('brings an ICMP error of the host back to the guest', () => {
    const net = testNetwork();
    const { socket, received } = bind(net.plug(2));
    socket.send(bytes('a'), { address: OUTSIDE, port: 9 });
    net.scheduler.advance(50);
    expect(received).toEqual(['port-unreachable']);
  });

  it('closes sockets that were idle for their time', async () => {
    const net = testNetwork();
    await echoDatagrams(net, 53);
    const { socket } = bind(net.plug(2));
    socket.send(bytes('a'), { address: OUTSIDE, port: 53 });
    net.scheduler.advance(170_000);
    expect(net.network.udpNat.size).toBe(1);
    net.scheduler.advance(20_000);
    expect(net.network.udpNat.size).toBe(0);
    expect(net.network.udpNat.counters.expired).toBe(1);
  });

  it('looks for idle sockets once every while, however often the last one was dropped', () => {
    const net = testNetwork();
    const { socket } = bind(net.plug(2));
    const open = () => {
      socket.send(bytes('a'), { address: OUTSIDE, port: 53 });
      net.scheduler.advance(10);
      const { pending } = net.scheduler;
      for (const { id } of [...net.network.udpNat.flows()]) expect(net.network.udpNat.drop(id)).toBe(true);
      return pending;
    };
    const first = open();
    for (let again = 0; again < 20; again++) open();
    expect(open()).toBeLessThan(first + 5);
  });

  it('stays within its share when a guest sends from every port', async () => {
    const net = testNetwork();
    await echoDatagrams(net, 53);
    const guest = net.plug(2);
    const remote = { address: OUTSIDE, port: 53 };
    for (let port = 1024; port < 11_024; port++) {
      guest.stack.udp.send({ local: { address: guest.address, port }, remote, bytes: bytes('x') });
      if (port % 256 === 0) net.scheduler.advance(1);
    }
    net.scheduler.advance(100);
    expect(net.network.udpNat.size).toBeLessThanOrEqual(2048);
    const { socket, received } = bind(net.plug(3));
    socket.send(bytes('a'), remote);
    net.scheduler.advance(50);
    expect(received).toEqual(['203.0.113.5:53 1']);
  });
});

describe('EchoProxy', () => {
  it('tells a guest that its ping could not be sent, where another program does that', () => {
    const asked: string[] = [];
    const net = testNetwork(
      {},
      {
        echoFallback: (address, _, onOutcome) => {
          asked.push(address.toString());
          onOutcome('network-unreachable');
        },
      },
    );
    net.sockets.openEcho = () => undefined;
    const { stack, address } = net.plug(2);
    const request = { local: address, remote: OUTSIDE, identifier: 7, sequence: 1, data: new Uint8Array(8) };
    stack.icmp.sendEchoRequest(request);
    net.scheduler.advance(10);
    expect(asked).toEqual([OUTSIDE.toString()]);
    expect(stack.icmp.counters.errorsIn).toBe(1);
  });

  it('passes echo requests on and answers with the same identifier and data', () => {
    const net = testNetwork();
    net.sockets.echoing.add('203.0.113.5');
    const guest = net.plug(2);
    const replies: string[] = [];
    guest.stack.icmp.onEchoReply = ({ remote, identifier, sequence, data }) =>
      replies.push(`${remote} ${identifier} ${sequence} ${data.length}`);
    const request = { local: guest.address, identifier: 77, sequence: 5, data: new Uint8Array(56) };
    guest.stack.icmp.sendEchoRequest({ ...request, remote: OUTSIDE });
    guest.stack.icmp.sendEchoRequest({ ...request, remote: ip('203.0.113.6') });
    net.scheduler.advance(50);
    expect(replies).toEqual(['203.0.113.5 77 5 56']);
  });

  it('tells the guest what could not be delivered and what is denied, not what stays unanswered', () => {
    const net = testNetwork({ policy: { rules: [{ action: 'deny', to: '203.0.113.7' }] } });
    net.sockets.failures.set('203.0.113.6', 'host-unreachable');
    const { stack, address } = net.plug(2);
    for (const [sequence, text] of ['203.0.113.6', '203.0.113.7', '203.0.113.8'].entries()) {
      const request = { identifier: 77, sequence, data: new Uint8Array(9) };
      stack.icmp.sendEchoRequest({ local: address, remote: ip(text), ...request });
    }
    net.scheduler.advance(50);
    expect(net.network.echo.counters).toMatchObject({ requests: 3, denied: 1, failed: 2 });
    expect(stack.icmp.counters.errorsIn).toBe(2);
  });
});

describe('VirtualNetwork', () => {
  it('carries traffic between guests without the gateway', () => {
    const net = testNetwork();
    const [one, other] = [net.plug(2), net.plug(3)];
    const server = record();
    other.stack.tcp.listen({ port: 80 }, () => server.handler);
    const client = connect(one, '192.168.127.3', 80);
    net.scheduler.advance(50);
    client.socket.write(bytes('neighbour'));
    net.scheduler.advance(50);
    expect(server.text()).toBe('neighbour');
    expect(net.network.stack.tcp.counters.segmentsIn).toBe(0);
  });

  it('answers nobody whose source address is not of the segment', async () => {
    const net = testNetwork();
    await echoServer(net, '203.0.113.5', 80);
    const guest = net.plug(2);
    guest.stack.tcp.connect(
      { remote: { address: OUTSIDE, port: 80 }, local: { address: ip('8.8.8.8') } },
      record().handler,
    );
    net.scheduler.advance(2000);
    expect(net.network.filter.spoofed).toBeGreaterThan(0);
    expect(net.network.tcpNat.counters.accepted).toBe(0);
  });

  it('leaves nothing open and no timer behind when it closes', async () => {
    const net = testNetwork({ forwards: ['8080:192.168.127.2:80'] });
    await net.network.start();
    await echoServer(net, '203.0.113.5', 80);
    const client = connect(net.plug(2), '203.0.113.5', 80);
    net.scheduler.advance(100);
    net.network.close();
    net.scheduler.advance(1000);
    expect(client.events).toEqual(['open', 'close reset']);
    expect(net.network.tcpNat.size).toBe(0);
  });
});
