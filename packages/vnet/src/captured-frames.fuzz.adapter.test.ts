import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '@orlop/testkit';
import { parseCapture, writeMac } from '@orlop/wire';
import { expect, it } from 'vitest';
import { DROP_REASONS } from './switch/drop-counters.ts';
import { ip, record, testNetwork } from './testing/test-network.ts';

/** A million when there is time: `ORLOP_LONG=1`. */
const FRAMES = process.env['ORLOP_LONG'] === '1' ? 1_000_000 : 60_000;
const CAPTURES = join(import.meta.dirname, '..', '..', 'wire', 'captures');
const OUTSIDE = ip('203.0.113.5');
const ETHERTYPE_IPV4 = 0x0800;
const ATTACKER = 0xc0a8_7f02;

/** Frames that real programs sent each other, as a guest here sends them: its MACs, its IPv4 address. */
function seedsFor(gatewayMac: number): Uint8Array[] {
  const files = readdirSync(CAPTURES).filter((name) => name.endsWith('.pcap'));
  return files.flatMap((name) => {
    const packets = parseCapture(readFileSync(join(CAPTURES, name)));
    if (typeof packets === 'string') throw new Error(`${name}: ${packets}`);
    return packets.map(({ data }) => {
      const frame = data.slice();
      if (((frame[0] ?? 0) & 1) === 0) writeMac(gatewayMac, frame, 0);
      writeMac(0x5254_0000_0002, frame, 6);
      const view = new DataView(frame.buffer);
      if (view.getUint16(12) === ETHERTYPE_IPV4 && frame.length >= 34) view.setUint32(26, ATTACKER);
      return frame;
    });
  });
}

it(`VirtualNetwork: takes ${FRAMES} damaged frames of real captures, counts each, and serves another guest`, () => {
  const net = testNetwork();
  const { network, scheduler } = net;
  const seeds = seedsFor(network.settings.gatewayMac);
  expect(seeds.length).toBeGreaterThan(200);
  const hostile = net.plug(2);
  scheduler.advance(10);
  const [port] = [...network.segment.ports()];
  const before = port?.link.counters.framesIn ?? 0;
  const atGateway = () => network.stack.host.ethernet.counters.framesIn;
  const atGatewayBefore = atGateway();
  const random = seededRandom(7);
  const below = (bound: number) => random.u32() % bound;
  let sent = 0;
  for (let i = 0; i < FRAMES; i++) {
    const frame = (seeds[below(seeds.length)] ?? new Uint8Array(60)).slice();
    // Behind the addresses of Ethernet, so that it is the gateway that must cope; mostly in headers.
    for (let n = below(6); n > 0; n--) {
      const bound = below(3) === 0 ? frame.length : Math.min(80, frame.length);
      frame[12 + below(Math.max(1, bound - 12))] = below(256);
    }
    const length = below(8) === 0 ? 14 + below(Math.max(1, frame.length - 13)) : frame.length;
    hostile.link.sendFrame(frame.subarray(0, length));
    sent++;
    if (i % 64 === 0) scheduler.advance(1);
  }
  scheduler.advance(1000);
  const dropped = DROP_REASONS.reduce((sum, reason) => sum + (port?.drops[reason] ?? 0), 0);
  const inAll = (port?.link.counters.framesIn ?? 0) - before;
  // The guest's own stack answers a few of the gateway's frames; solicitations go to the advertiser, floods nowhere.
  expect(inAll).toBeGreaterThanOrEqual(sent);
  const { spoofed } = network.filter;
  expect(atGateway() - atGatewayBefore + spoofed + dropped).toBeLessThanOrEqual(inAll);
  expect(atGateway() - atGatewayBefore).toBeGreaterThan(sent / 10);
  expect(network.tcpNat.size).toBeLessThanOrEqual(12_288);
  expect(network.udpNat.size).toBeLessThanOrEqual(2048);
  expect(network.stack.tcp.connectionCount).toBeLessThanOrEqual(16_384);
  expect(network.stack.host.arp.neighbours.size).toBeLessThanOrEqual(1024);
  expect(network.stack.host.ndp.neighbours.size).toBeLessThanOrEqual(1024);
  expect(network.stack.host.ipv4.reassembly.heldBytes).toBeLessThanOrEqual(1 << 20);
  expect(network.stack.host.ipv6.reassembly.heldBytes).toBeLessThanOrEqual(1 << 20);
  void net.sockets.listen({ kind: 'ip', address: OUTSIDE, port: 80 }, () => ({
    ...{ onOpen: () => {}, onReadable: () => {}, onWritable: () => {}, onFailed: () => {} },
  }));
  const other = net.plug(3);
  const client = record();
  other.stack.tcp.connect({ remote: { address: OUTSIDE, port: 80 } }, client.handler);
  scheduler.advance(1000);
  expect(client.events).toContain('open');
});
