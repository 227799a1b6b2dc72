import { seededRandom } from '@orlop/testkit';
import { describe, expect, it } from 'vitest';
import { ip, record, type TestGuest, type TestNetwork, testNetwork } from './testing/test-network.ts';

const FRAMES = 30_000;

/** Frames of every kind that a guest sends, as it sent them. */
function collectSeeds(net: TestNetwork, guest: TestGuest): Uint8Array[] {
  const seeds: Uint8Array[] = [];
  net.network.segment.observer = {
    onFrame: (_port, direction, frame, offset, length) => {
      if (direction === 'in') seeds.push(frame.slice(offset, offset + length));
    },
  };
  const outside = { address: ip('203.0.113.5'), port: 80 };
  const client = guest.stack.tcp.connect({ remote: outside }, record().handler);
  guest.stack.tcp.connect({ remote: { address: ip('192.168.127.1'), port: 53 } }, record().handler);
  net.scheduler.advance(50);
  client.write(new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n'));
  const socket = guest.stack.udp.bind({}, { onDatagram: () => {} });
  socket.send(new Uint8Array(20), outside);
  socket.send(new Uint8Array(4000), outside);
  // A question for host.docker.internal, and a DHCP message's beginning.
  const question = 'abcd01000001000000000000' + '04686f737406646f636b657208696e7465726e616c00' + '00010001';
  socket.send(Uint8Array.from(Buffer.from(question, 'hex')), { address: ip('192.168.127.1'), port: 53 });
  socket.send(Uint8Array.of(1, 1, 6, 0), { address: ip('255.255.255.255'), port: 67 });
  socket.send(new Uint8Array(48).fill(0x23, 0, 1), { address: ip('192.168.127.1'), port: 123 });
  const echo = { local: guest.address, identifier: 1, sequence: 1, data: new Uint8Array(56) };
  guest.stack.icmp.sendEchoRequest({ ...echo, remote: outside.address });
  net.scheduler.advance(100);
  net.network.segment.observer = undefined;
  // A router solicitation and an IPv6 packet with extension headers.
  seeds.push(
    Uint8Array.from(
      Buffer.from(
        `333300000002525400000002${'86dd'}6000000000083aff${'fe80'.padEnd(31, '0')}2${'ff02'.padEnd(31, '0')}2${'85007db800000000'}`,
        'hex',
      ),
    ),
  );
  seeds.push(
    Uint8Array.from(
      Buffer.from(
        `333300000002525400000002${'86dd'}600000000010002c${'fe80'.padEnd(31, '0')}2${'ff02'.padEnd(31, '0')}1${'2c00000000000000'}${'1100000100000001'}`,
        'hex',
      ),
    ),
  );
  return seeds;
}

describe('VirtualNetwork', () => {
  it.each([1, 2, 3])(
    `takes ${FRAMES} damaged frames without an exception or a table that grows (seed %i)`,
    async (seed) => {
      const net = testNetwork();
      const streams: unknown[] = [];
      await net.sockets.listen({ kind: 'ip', address: ip('203.0.113.5'), port: 80 }, (stream) => {
        streams.push(stream);
        return { onOpen: () => {}, onReadable: () => {}, onWritable: () => {}, onFailed: () => {} };
      });
      const hostile = net.plug(2);
      const seeds = collectSeeds(net, hostile);
      expect(seeds.length).toBeGreaterThan(8);
      const random = seededRandom(seed);
      const below = (bound: number) => random.u32() % bound;
      for (let i = 0; i < FRAMES; i++) {
        const frame = (seeds[below(seeds.length)] ?? new Uint8Array(60)).slice();
        // Half of the damage is in the headers, where it is read.
        for (let n = below(6); n >= 0; n--)
          frame[below(2) === 0 ? below(Math.min(64, frame.length)) : below(frame.length)] = below(256);
        const length = below(8) === 0 ? 14 + below(frame.length - 13) : frame.length;
        hostile.link.sendFrame(frame.subarray(0, length));
        if (i % 64 === 0) net.scheduler.advance(1);
      }
      net.scheduler.advance(1000);
      expect(net.network.tcpNat.size).toBeLessThanOrEqual(16_384);
      expect(net.network.udpNat.size).toBeLessThanOrEqual(2048);
      expect([...net.network.segment.macs()].length).toBeLessThanOrEqual(64);

      const other = net.plug(3);
      const client = record();
      other.stack.tcp.connect({ remote: { address: ip('203.0.113.5'), port: 80 } }, client.handler);
      net.scheduler.advance(500);
      expect(client.events).toEqual(['open']);
      net.scheduler.advance(300_000);
      expect(net.network.udpNat.size).toBe(0);
    },
  );
});
