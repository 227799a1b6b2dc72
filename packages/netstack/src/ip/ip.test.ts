import {
  emitIcmpv6,
  emitIpv6,
  emitIpv6Fragment,
  foldSum,
  icmpv6Length,
  PROTOCOL_UDP,
  sealIcmpv6,
  sealUdp,
  sumBytes,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import type { UdpError } from '../face.ts';
import { CallbackSink } from '../frame-sinks.ts';
import { createStack } from '../stack.ts';
import { parseAddress, parsePrefix, twoHosts } from '../testing/two-hosts.ts';
import { IpAddress, IpPrefix } from './address.ts';
import { Reassembly } from './reassembly.ts';
import { RouteTable } from './routes.ts';

describe('IpAddress and IpPrefix', () => {
  it.each(['10.0.0.1', 'fe80::1', '::', '2001:db8::ff00:42:8329'])('reads and writes %s', (text) => {
    const address = parseAddress(text);
    expect(address.toString()).toBe(text);
    expect(IpAddress.read(address.version, address.toBytes()).equals(address)).toBe(true);
    if (address.version === 6) expect(IpAddress.fromIpv6(address.toIpv6()).equals(address)).toBe(true);
  });

  it('an IPv4 address is not its mapped IPv6 address', () => {
    expect(parseAddress('10.0.0.1').equals(parseAddress('::ffff:10.0.0.1'))).toBe(false);
  });

  it('a prefix contains what has its first bits', () => {
    const inside = (prefix: string, address: string) =>
      IpPrefix.parse(prefix)?.contains(parseAddress(address));
    expect(inside('192.168.127.0/24', '192.168.127.255')).toBe(true);
    expect(inside('192.168.127.0/24', '192.168.128.0')).toBe(false);
    expect(inside('fd00::/7', 'fc12::1')).toBe(true);
    expect(inside('2001:db8:0:4::/62', '2001:db8:0:8::')).toBe(false);
    expect(inside('0.0.0.0/0', '::1')).toBe(false);
  });
});

describe('RouteTable', () => {
  it('takes the longest prefix, on the link or by a router', () => {
    const via = parseAddress('10.0.0.254');
    const routes = new RouteTable([
      { prefix: parsePrefix('0.0.0.0/0'), via },
      { prefix: parsePrefix('10.0.0.0/24') },
    ]);
    expect(routes.nextHop(parseAddress('8.8.8.8'))).toBe(via);
    expect(routes.nextHop(parseAddress('10.0.0.7'))?.toString()).toBe('10.0.0.7');
    expect(routes.nextHop(parseAddress('fd00::1'))).toBeUndefined();
  });
});

describe('Reassembly', () => {
  const piece = (offset: number, length: number, more: boolean) => ({
    key: 'k',
    offset,
    more,
    bytes: new Uint8Array(length).fill(offset & 0xff),
  });

  it('completes in any order, ignores repetitions', () => {
    const reassembly = new Reassembly();
    expect(reassembly.add(piece(16, 4, false), 0)).toBeUndefined();
    expect(reassembly.add(piece(16, 4, false), 0)).toBeUndefined();
    expect(reassembly.add(piece(0, 8, true), 0)).toBeUndefined();
    const whole = reassembly.add(piece(8, 8, true), 0);
    expect([...(whole ?? [])]).toEqual([...Array(8).fill(0), ...Array(8).fill(8), ...Array(4).fill(16)]);
    expect(reassembly.heldBytes).toBe(0);
  });

  it('refuses what cannot be: odd middles, beyond 64 KiB, beyond the end', () => {
    const reassembly = new Reassembly();
    reassembly.add(piece(0, 7, true), 0);
    reassembly.add(piece(65_528, 16, false), 0);
    expect(reassembly.counters.malformed).toBe(2);
    reassembly.add(piece(0, 8, false), 0);
    reassembly.add({ ...piece(8, 8, false), key: 'l' }, 0);
    reassembly.add({ ...piece(16, 8, true), key: 'l' }, 0);
    expect(reassembly.counters.overlaps).toBe(1);
  });
});

describe('datagrams', () => {
  it.each([4, 6] as const)(
    'of any size up to 65,000 bytes arrive over IPv%i, in fragments where needed',
    (version) => {
      const { a, b, simulation } = twoHosts({ seed: 3, version, conditions: { reorder: 0.5 } });
      const sizes: number[] = [];
      b.stack.udp.bind({ port: 9 }, { onDatagram: (d) => sizes.push(d.bytes.length) });
      const socket = a.stack.udp.bind({}, { onDatagram: () => {} });
      const sent = [0, 1, 1400, 1453, 3000, 20_000, 65_000];
      for (const [index, size] of sent.entries()) {
        simulation.at(index * 10, () => socket.send(new Uint8Array(size), { address: b.address, port: 9 }));
      }
      simulation.run(() => sizes.length === sent.length, 2000);
      expect(sizes.sort((x, y) => x - y)).toEqual(sent);
    },
  );

  it('over IPv6 arrive when the headers before them were cut along (RFC 8200 §4.5)', () => {
    const { a, b } = twoHosts({ seed: 3, version: 6 });
    const got: number[] = [];
    b.stack.udp.bind({ port: 9 }, { onDatagram: (d) => got.push(...d.bytes) });
    // Eight bytes of destination options (a PadN), then UDP: cut after 16 bytes.
    const payload = Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0, 0, 5, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4);
    const addresses = { source: a.address.toIpv6(), destination: b.address.toIpv6() };
    const sum = sumBytes(a.address.toBytes(), 0, 16) + sumBytes(b.address.toBytes(), 0, 16);
    sealUdp(payload, 8, 20, foldSum(sum + 17 + 12));
    const say = (from: number, to: number): void => {
      const frame = new Uint8Array(14 + 40 + 8 + to - from);
      frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd]);
      const fields = { trafficClass: 0, flowLabel: 0, hopLimit: 64, nextHeader: 44, ...addresses };
      const at = emitIpv6({ ...fields, payloadLength: 8 + to - from }, frame, 14);
      const fragment = { nextHeader: 60, identification: 7, fragmentOffset: from, moreFragments: to < 20 };
      frame.set(payload.subarray(from, to), emitIpv6Fragment(fragment, frame, at));
      b.stack.receive(frame, 0);
    };
    say(0, 16);
    say(16, 20);
    expect(got).toEqual([1, 2, 3, 4]);
  });

  it('of neighbour discovery are not taken from fragments, be it a whole one (RFC 6980)', () => {
    const { a, b } = twoHosts({ seed: 3, version: 6 });
    const message = {
      ...({ kind: 'neighbor-advertisement', router: false, solicited: false, override: true } as const),
      target: a.address.toIpv6(),
      options: [{ kind: 'target-link-layer' as const, mac: 0x020000000009 }],
    };
    const length = icmpv6Length(message);
    const say = (before: number, now: number): void => {
      const frame = new Uint8Array(14 + 40 + before + length);
      frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x86, 0xdd]);
      const addresses = { source: a.address.toIpv6(), destination: b.address.toIpv6() };
      const fields = { trafficClass: 0, flowLabel: 0, hopLimit: 255, nextHeader: before > 0 ? 44 : 58 };
      const at = emitIpv6({ ...fields, ...addresses, payloadLength: before + length }, frame, 14);
      if (before > 0) frame[at] = 58;
      const end = emitIcmpv6(message, frame, at + before);
      const sum = sumBytes(a.address.toBytes(), 0, 16) + sumBytes(b.address.toBytes(), 0, 16);
      sealIcmpv6(frame, at + before, end, foldSum(sum + 58 + length));
      b.stack.receive(frame, now);
    };
    const neighbour = b.stack.host.ndp.neighbours.get(a.address);
    say(8, 0);
    expect(neighbour.mac).toBe(0);
    say(0, 1);
    expect(neighbour.mac).toBe(0x020000000009);
  });

  it.each([4, 6] as const)('to a closed port come back as an error to the socket (IPv%i)', (version) => {
    const { a, b, simulation } = twoHosts({ seed: 3, version });
    const errors: UdpError[] = [];
    const socket = a.stack.udp.bind({}, { onDatagram: () => {}, onError: (error) => errors.push(error) });
    socket.send(new Uint8Array(10), { address: b.address, port: 9 });
    simulation.run(() => errors.length > 0, 1000);
    expect(errors).toMatchObject([
      { kind: 'port-unreachable', remote: { port: 9 }, local: { port: socket.port } },
    ]);
    expect(errors[0]?.from.toString()).toBe(b.address.toString());
  });
});

describe('echo', () => {
  it.each([4, 6] as const)(
    'is answered for our own address, handed out for foreign ones (IPv%i)',
    (version) => {
      const { a, b, simulation } = twoHosts({ seed: 3, version, stack: { promiscuous: true } });
      const replies: string[] = [];
      const asked: string[] = [];
      a.stack.icmp.onEchoReply = (reply) =>
        replies.push(`${reply.remote} ${reply.sequence} ${reply.data.length}`);
      b.stack.icmp.onEchoRequest = (request) => asked.push(request.local.toString());
      const request = { local: a.address, identifier: 5, data: new Uint8Array(3000) };
      a.stack.icmp.sendEchoRequest({ ...request, remote: b.address, sequence: 1 });
      simulation.run(() => replies.length > 0, 1000);
      expect(replies).toEqual([`${b.address} 1 3000`]);
      expect(asked).toEqual([]);
      const { guest, exchange } = guestOf(b, simulation);
      const foreign = FOREIGN[version];
      guest.icmp.sendEchoRequest({ ...request, remote: parseAddress(foreign), sequence: 2 });
      exchange();
      expect(asked).toEqual([foreign]);
    },
  );
});

describe('a router', () => {
  const router = { promiscuous: true, router: true, trustedLink: true };
  const setUp = (version: 4 | 6) => {
    const { b, simulation } = twoHosts({ seed: 3, version, stack: router });
    const { guest, exchange } = guestOf(b, simulation);
    const errors: string[] = [];
    const onError = ({ kind, from }: UdpError) =>
      errors.push(`${kind} from ${from} with ${guest.host.ip.packet.hopLimit}`);
    const socket = guest.udp.bind({}, { onDatagram: () => {}, onError });
    const send = (to: IpAddress, hopLimit: number) => {
      socket.send(new Uint8Array(9), { address: to, port: 33_434 });
      exchange((frame) => {
        if (frame[version === 4 ? 23 : 20] === PROTOCOL_UDP) frame[version === 4 ? 22 : 21] = hopLimit;
      });
      return errors.splice(0);
    };
    return { b, foreign: parseAddress(FOREIGN[version]), send };
  };

  it.each([4, 6] as const)(
    'says of a packet whose hop limit ends with it that time is exceeded, and takes what is for itself (IPv%i)',
    (version) => {
      const { b, foreign, send } = setUp(version);
      const taken: (number | undefined)[] = [];
      b.stack.udp.listenAny({ onDatagram: ({ hopLimit }) => taken.push(hopLimit) });
      expect(send(foreign, 1)).toEqual([`time-exceeded from ${b.address} with 64`]);
      expect(taken).toEqual([]);
      expect(send(foreign, 2)).toEqual([]);
      expect(send(b.address, 1)).toEqual([]);
      expect(taken).toEqual([2, 1]);
      expect(b.stack.host.ip.counters.expired).toBe(1);
    },
  );

  it.each([4, 6] as const)('tells in the name of another what that one found (IPv%i)', (version) => {
    const { b, foreign, send } = setUp(version);
    const by = { address: parseAddress(version === 4 ? '198.51.100.9' : '2001:db8:9::9'), hopLimit: 61 };
    b.stack.udp.listenAny({
      onDatagram: (datagram) => b.stack.udp.reject(datagram, 'time-exceeded', by),
    });
    expect(send(foreign, 2)).toEqual([`time-exceeded from ${by.address} with 61`]);
  });
});

const FOREIGN = { 4: '192.0.2.1', 6: '2001:db8::1' };

/** A host whose router is `b`, and the exchange of what both have to say; `onFrame` may change the guest's frames. */
function guestOf(b: ReturnType<typeof twoHosts>['b'], simulation: { readonly now: number }) {
  const isVersion4 = b.address.version === 4;
  const guest = createStack({
    mac: 0x020000000001,
    addresses: [parsePrefix(isVersion4 ? '10.0.0.1/24' : 'fd00::1/64')],
    routes: [{ prefix: parsePrefix(isVersion4 ? '0.0.0.0/0' : '::/0'), via: b.address }],
    random: { u32: () => 1, fill: () => {} },
  });
  const exchange = (onFrame: (frame: Uint8Array) => void = () => {}): void => {
    const there = new CallbackSink((frame) => {
      onFrame(frame);
      b.stack.receive(frame, simulation.now);
    });
    const back = new CallbackSink((frame) => guest.receive(frame, simulation.now));
    for (let turn = 0; turn < 4; turn++) {
      guest.poll(simulation.now, there);
      b.stack.poll(simulation.now, back);
    }
  };
  return { guest, exchange };
}
