import { ARP_REPLY, ETHERTYPE_ARP, ETHERTYPE_IPV4, emitArp, emitEthernet, emitIpv4 } from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import type { HostStream } from './host/host-sockets.ts';
import { ip, record, type TestGuest, type TestNetwork, testNetwork } from './testing/test-network.ts';

const OUTSIDE = ip('203.0.113.5');
const VICTIM_MAC = 0x5254_0000_0003;
const ATTACKER_MAC = 0x5254_0000_0002;
const GATEWAY = 0xc0a87f01;
const VICTIM = 0xc0a87f03;

/** A server of the host. */
async function serve({ sockets }: TestNetwork): Promise<void> {
  await sockets.listen({ kind: 'ip', address: OUTSIDE, port: 80 }, () => ({
    onOpen: () => {},
    onReadable: () => {},
    onWritable: () => {},
    onFailed: () => {},
  }));
}

/** Whether a guest gets a connection to it within a second. */
function isServed(net: TestNetwork, guest: TestGuest): boolean {
  const client = record();
  guest.stack.tcp.connect({ remote: { address: OUTSIDE, port: 80 } }, client.handler);
  net.scheduler.advance(1000);
  return client.events.includes('open');
}

interface RawPacket {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly payload: Uint8Array;
  readonly identification?: number;
  readonly more?: boolean;
  /** @default the attacker's own */
  readonly mac?: number;
}

/** An IPv4 packet to the gateway, as a guest without a stack writes it. */
function rawPacket(net: TestNetwork, packet: RawPacket): Uint8Array {
  const { payload, source, destination, protocol } = packet;
  const frame = new Uint8Array(14 + 20 + payload.length);
  const ethernet = { destination: net.network.settings.gatewayMac, source: packet.mac ?? ATTACKER_MAC };
  const at = emitEthernet({ ...ethernet, etherType: ETHERTYPE_IPV4 }, frame, 0);
  const fields = {
    trafficClass: 0,
    payloadLength: payload.length,
    identification: packet.identification ?? 0,
    dontFragment: false,
    moreFragments: packet.more ?? false,
    fragmentOffset: 0,
    ttl: 64,
    protocol,
    source,
    destination,
  };
  frame.set(payload, emitIpv4(fields, frame, at));
  return frame;
}

function syn(sourcePort: number, sequence: number): Uint8Array {
  const segment = new Uint8Array(20);
  const view = new DataView(segment.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, 81);
  view.setUint32(4, sequence);
  view.setUint16(12, 0x5002);
  view.setUint16(14, 65_535);
  return segment;
}

function datagram(sourcePort: number, destinationPort: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(8 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, destinationPort);
  view.setUint16(4, bytes.length);
  bytes.set(data, 8);
  return bytes;
}

/** A question for `example.test`, type ANY, as reflections use it. */
const QUESTION = Uint8Array.from(
  Buffer.from('abcd01000001000000000000076578616d706c6504746573740000ff0001', 'hex'),
);

/** Time is virtual here: on a machine that others use, the work of it may take as long as it likes. */
const NO_HURRY = { timeout: 600_000 };

describe('VirtualNetwork, while one guest is hostile', NO_HURRY, () => {
  it('a SYN flood from every address of the segment stays within 16,384 connections, and others are served', async () => {
    const net = testNetwork();
    await serve(net);
    net.sockets.silent.add('203.0.113.5:81');
    const [attacker, other] = [net.plug(2), net.plug(3)];
    for (let n = 0; n < 40_000; n++) {
      const source = 0xc0a87f10 + (n % 200);
      const payload = syn(1024 + Math.floor(n / 200), n);
      attacker.link.sendFrame(
        rawPacket(net, { source, destination: OUTSIDE.w3 >>> 0, protocol: 6, payload }),
      );
      if (n % 500 === 0) net.scheduler.advance(1);
      if (n === 20_000) expect(isServed(net, other)).toBe(true);
    }
    net.scheduler.advance(10);
    expect(net.network.stack.tcp.connectionCount).toBeLessThanOrEqual(16_384);
    expect(net.network.tcpNat.size).toBeLessThanOrEqual(16_384);
    expect(isServed(net, other)).toBe(true);
  });

  it('connections from all 65,536 ports are bounded by the share of one guest, and others are served', async () => {
    const net = testNetwork();
    await serve(net);
    net.sockets.silent.add('203.0.113.5:81');
    const [attacker, other] = [net.plug(2), net.plug(3)];
    for (let port = 0; port < 65_536; port++) {
      const packet = { source: 0xc0a87f02, destination: OUTSIDE.w3 >>> 0 };
      attacker.link.sendFrame(rawPacket(net, { ...packet, protocol: 6, payload: syn(port, port) }));
      const payload = datagram(port, 53, new Uint8Array(1));
      attacker.link.sendFrame(rawPacket(net, { ...packet, protocol: 17, payload }));
      if (port % 500 === 0) net.scheduler.advance(1);
    }
    net.scheduler.advance(10);
    expect(net.network.tcpNat.size).toBeLessThanOrEqual(12_288);
    expect(net.network.udpNat.size).toBeLessThanOrEqual(2048);
    expect(isServed(net, other)).toBe(true);
  });

  it('a flood of first fragments holds at most 1 MiB, and the fragments of others are put together', async () => {
    const net = testNetwork();
    const lengths: number[] = [];
    await net.sockets.bindDatagram(OUTSIDE, 9, {
      onDatagram: (bytes) => lengths.push(bytes.length),
      onFailed: () => {},
    });
    const [attacker, other] = [net.plug(2), net.plug(3)];
    for (let n = 0; n < 20_000; n++) {
      const packet = {
        source: 0xc0a87f02,
        destination: OUTSIDE.w3 >>> 0,
        protocol: 17,
        identification: n & 0xffff,
      };
      attacker.link.sendFrame(rawPacket(net, { ...packet, payload: new Uint8Array(1480), more: true }));
      if (n % 100 === 0) net.scheduler.advance(1);
    }
    const { ipv4 } = net.network.stack.host;
    expect(ipv4.reassembly.heldBytes).toBeLessThanOrEqual(1024 * 1024);
    const socket = other.stack.udp.bind({}, { onDatagram: () => {} });
    socket.send(new Uint8Array(4000), { address: OUTSIDE, port: 9 });
    net.scheduler.advance(20);
    expect(lengths).toEqual([4000]);
    net.scheduler.advance(60_000);
    expect(ipv4.reassembly.heldBytes).toBe(0);
  });

  it('an ARP storm fills the neighbour table to its bound, and a connection of another guest goes on', async () => {
    const net = testNetwork();
    await serve(net);
    const [attacker, other] = [net.plug(2), net.plug(3)];
    expect(isServed(net, other)).toBe(true);
    for (let n = 0; n < 50_000; n++) {
      const frame = new Uint8Array(60);
      const source = ATTACKER_MAC;
      const destination = n % 2 === 0 ? 0xffff_ffff_ffff : net.network.settings.gatewayMac;
      const at = emitEthernet({ destination, source, etherType: ETHERTYPE_ARP }, frame, 0);
      const senderIp = 0xc0a80000 + (n & 0xffff);
      emitArp(
        { operation: ARP_REPLY, senderMac: source, senderIp, targetMac: 0, targetIp: GATEWAY },
        frame,
        at,
      );
      attacker.link.sendFrame(frame);
      if (n % 500 === 0) net.scheduler.advance(1);
    }
    net.scheduler.advance(5);
    expect(net.network.stack.host.arp.neighbours.size).toBeLessThanOrEqual(1024);
    expect([...net.network.segment.ports()][0]?.drops['broadcast-limit']).toBeGreaterThan(15_000);
    expect(isServed(net, other)).toBe(true);
  });

  it('questions under a made-up or another guest’s address get no answer, and waiting ones leave room for others', async () => {
    const net = testNetwork({}, { upstream: { resolve: () => new Promise(() => {}) } });
    const [attacker, other] = [net.plug(2), net.plug(3)];
    lease(net, other);
    const heard: number[] = [];
    other.stack.udp.bind({ port: 5353 }, { onDatagram: ({ bytes }) => heard.push(bytes.length) });
    const payload = datagram(5353, 53, QUESTION);
    for (const source of [0x08080808, VICTIM]) {
      attacker.link.sendFrame(rawPacket(net, { source, destination: GATEWAY, protocol: 17, payload }));
    }
    net.scheduler.advance(10);
    expect(net.network.filter.spoofed).toBe(1);
    expect([...net.network.segment.ports()][0]?.drops['spoofed-address']).toBe(1);
    expect(net.network.dns.counters.queries).toBe(0);
    for (let n = 0; n < 5000; n++) {
      const question = datagram(1024 + n, 53, QUESTION);
      attacker.link.sendFrame(
        rawPacket(net, { source: 0xc0a87f02, destination: GATEWAY, protocol: 17, payload: question }),
      );
    }
    net.scheduler.advance(10);
    // Three quarters of 4096 wait.
    expect(net.network.dns.counters.overLimit).toBe(5000 - 3072);
    const before = net.network.dns.counters.overLimit;
    other.stack.udp
      .bind({}, { onDatagram: () => {} })
      .send(QUESTION, { address: ip('192.168.127.1'), port: 53 });
    net.scheduler.advance(10);
    expect(net.network.dns.counters.overLimit).toBe(before);
    expect(heard).toEqual([]);
  });

  it('echo requests without end cost no other guest its own', () => {
    const net = testNetwork();
    const [attacker, other] = [net.plug(2), net.plug(3)];
    const open: boolean[] = [];
    net.sockets.openEcho = () => {
      const index = open.push(true) - 1;
      return {
        send: () => undefined,
        close: () => {
          open[index] = false;
        },
      };
    };
    const ping = (guest: TestGuest, identifier: number) => {
      const request = {
        local: guest.address,
        remote: OUTSIDE,
        identifier,
        sequence: 1,
        data: new Uint8Array(8),
      };
      guest.stack.icmp.sendEchoRequest(request);
      net.scheduler.advance(1);
    };
    ping(other, 1);
    for (let identifier = 0; identifier < 600; identifier++) ping(attacker, identifier);
    expect(open[0]).toBe(true);
    expect(open.filter((is) => is)).toHaveLength(1 + 128);
  });

  it('a guest under the Ethernet address of another takes nothing from it', async () => {
    const net = testNetwork();
    await serve(net);
    const [attacker, other] = [net.plug(2), net.plug(3)];
    expect(isServed(net, other)).toBe(true);
    const packet = { source: VICTIM, destination: OUTSIDE.w3 >>> 0, protocol: 6, mac: VICTIM_MAC };
    for (let n = 0; n < 100; n++) {
      attacker.link.sendFrame(rawPacket(net, { ...packet, payload: syn(1024 + n, n) }));
    }
    net.scheduler.advance(5);
    expect([...net.network.segment.ports()][0]?.drops['spoofed-mac']).toBe(100);
    expect(isServed(net, other)).toBe(true);
  });

  it('a guest that claims the address of another by ARP draws nothing to itself', async () => {
    const net = testNetwork();
    await serve(net);
    const [attacker, other] = [net.plug(2), net.plug(3)];
    lease(net, other);
    expect(isServed(net, other)).toBe(true);
    const frame = new Uint8Array(60);
    const ethernet = { destination: net.network.settings.gatewayMac, source: ATTACKER_MAC };
    const at = emitEthernet({ ...ethernet, etherType: ETHERTYPE_ARP }, frame, 0);
    const claim = { operation: ARP_REPLY, senderMac: ATTACKER_MAC, senderIp: VICTIM, targetMac: 0 } as const;
    emitArp({ ...claim, targetIp: GATEWAY }, frame, at);
    attacker.link.sendFrame(frame);
    net.scheduler.advance(5);
    expect([...net.network.segment.ports()][0]?.drops['spoofed-address']).toBe(1);
    expect(isServed(net, other)).toBe(true);
  });

  it('readers that stall hold the bytes of their windows and no more, and others are served', async () => {
    const net = testNetwork();
    await serve(net);
    const streams: HostStream[] = [];
    const block = new Uint8Array(65_536);
    await net.sockets.listen({ kind: 'ip', address: OUTSIDE, port: 82 }, (stream) => {
      streams.push(stream);
      const fill = () => {
        while (stream.write(block) === block.length);
      };
      fill();
      return { onOpen: () => {}, onReadable: () => {}, onWritable: fill, onFailed: () => {} };
    });
    const [attacker, other] = [net.plug(2), net.plug(3)];
    for (let n = 0; n < 300; n++) {
      attacker.stack.tcp.connect({ remote: { address: OUTSIDE, port: 82 } }, {});
    }
    net.scheduler.advance(3000);
    expect(streams.length).toBe(300);
    // A send buffer of the gateway is 1 MiB at most, all of them 256 MiB.
    expect(net.network.stack.tcp.bufferedBytes).toBeLessThanOrEqual(256 * 1024 * 1024);
    expect(net.network.stack.tcp.bufferedBytes / 300).toBeLessThanOrEqual(1024 * 1024);
    expect(isServed(net, other)).toBe(true);
  });
});

/** The guest has its address by DHCP, as the lease table says, and was heard. */
function lease(net: TestNetwork, guest: TestGuest): void {
  net.network.leases.confirm(VICTIM_MAC, guest.address, 'victim');
  guest.stack.udp
    .bind({}, { onDatagram: () => {} })
    .send(Uint8Array.of(0), { address: ip('192.168.127.1'), port: 9 });
  net.scheduler.advance(5);
}
