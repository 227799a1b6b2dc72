import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  emitEthernet,
  emitIcmp,
  emitIcmpv6,
  emitIpv4,
  emitIpv6,
  foldSum,
  ICMP_FRAGMENTATION_NEEDED,
  ICMP_HEADER_LEN,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  sealIcmp,
  sealIcmpv6,
  sumBytes,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import type { TcpSocket } from '../face.ts';
import { runTransfer } from '../testing/transfer.ts';
import { twoHosts } from '../testing/two-hosts.ts';
import { PathMtuCache } from './path-mtu.ts';

const MINUTE = 60_000;

/**
 * Two hosts with a router between: what `a` sends and is larger than the router's way on is lost, and `a` told so.
 */
function hostsAndRouter(version: 4 | 6) {
  const hosts = twoHosts({ seed: 4, version });
  const { a, b, there, simulation } = hosts;
  const router = { mtu: 1500, says: (mtu: number) => mtu, refused: 0, largest: 0 };
  const { sink } = there;
  const commit = sink.commit.bind(sink);
  sink.commit = (length) => {
    router.largest = Math.max(router.largest, length - 14);
    if (length - 14 <= router.mtu) {
      commit(length);
      return;
    }
    router.refused++;
    const quote = sink.buffer.slice(sink.offset + 14, sink.offset + 14 + (version === 4 ? 28 : 60));
    const error = tooBig(version, { quote, mtu: router.says(router.mtu), from: b, to: a });
    simulation.at(simulation.now + 1, () => a.stack.receive(error, simulation.now));
  };
  /** The largest packet of what `send` causes `a` to send, and how many were refused; `untilMs` long. */
  const sizes = (atMs: number, send: () => void): { readonly largest: number; readonly refused: number } => {
    simulation.at(atMs - 1, () => {});
    simulation.at(atMs, () => {
      router.largest = router.refused = 0;
      send();
    });
    simulation.run(() => false, atMs + 10_000);
    return { largest: router.largest, refused: router.refused };
  };
  return { hosts, a, b, router, sizes };
}

describe('PathMtuCache', () => {
  it('forgets after ten minutes, each destination by itself, and no more than it may keep', () => {
    const { a, b } = twoHosts({ seed: 1 });
    const cache = new PathMtuCache();
    expect(cache.get(a.address, 0)).toBeUndefined();
    expect(cache.learn(a.address, 1000, 0)).toBe(10 * MINUTE);
    expect(cache.learn(b.address, 1200, MINUTE)).toBe(11 * MINUTE);
    expect(cache.get(a.address, 10 * MINUTE - 1)).toEqual({ mtu: 1000, until: 10 * MINUTE });
    expect(cache.get(a.address, 10 * MINUTE)).toBeUndefined();
    expect(cache.get(b.address, 10 * MINUTE)).toEqual({ mtu: 1200, until: 11 * MINUTE });
  });
});

describe('path MTU', () => {
  it('a router that says "too big" makes segments smaller, and the transfer goes on', () => {
    const { hosts, a, b, router } = hostsAndRouter(4);
    router.mtu = 1000;
    const result = runTransfer({ hosts, upBytes: 100_000, downBytes: 0 });
    expect(result).toMatchObject({ finished: true, problems: [] });
    expect(result.elapsedMs).toBeLessThan(1000);
    expect(a.stack.host.ip.pathMtus.get(b.address, hosts.simulation.now)?.mtu).toBe(1000);
  });

  it.each([4, 6] as const)(
    'an open connection tries the larger again after ten minutes, and falls when it is told so again (IPv%i)',
    (version) => {
      const { a, b, router, sizes } = hostsAndRouter(version);
      let received = 0;
      b.stack.tcp.listen({ port: 7 }, () => ({
        onReadable: (socket) => {
          received += socket.readable;
          socket.consume(socket.readable);
        },
      }));
      const open = (): TcpSocket => a.stack.tcp.connect({ remote: { address: b.address, port: 7 } }, {});
      const first = open();
      const send = (socket: TcpSocket) => () => void socket.write(new Uint8Array(20_000));
      expect(sizes(1000, send(first))).toEqual({ largest: 1500, refused: 0 });
      router.mtu = 1400;
      const learnt = sizes(MINUTE, send(first));
      expect(learnt.largest).toBe(1500);
      expect(learnt.refused).toBeGreaterThan(0);
      // What is opened meanwhile knows it from the start, and no longer than the other.
      const second = open();
      expect(sizes(5 * MINUTE, send(second))).toEqual({ largest: 1400, refused: 0 });
      expect(sizes(10 * MINUTE, send(first))).toEqual({ largest: 1400, refused: 0 });
      const again = sizes(12 * MINUTE, send(first));
      expect(again.largest).toBe(1500);
      expect(again.refused).toBeGreaterThan(0);
      // It has been learnt again by the other.
      expect(sizes(13 * MINUTE, send(second))).toEqual({ largest: 1400, refused: 0 });
      router.mtu = 1500;
      expect(sizes(21 * MINUTE, send(first))).toEqual({ largest: 1400, refused: 0 });
      expect(sizes(23 * MINUTE, send(first))).toEqual({ largest: 1500, refused: 0 });
      expect(sizes(24 * MINUTE, send(second))).toEqual({ largest: 1500, refused: 0 });
      expect(received).toBe(180_000);
    },
  );

  it.each([4, 6] as const)(
    'datagrams go whole again after ten minutes, and in pieces when a router says so again (IPv%i)',
    (version) => {
      const { a, b, router, sizes } = hostsAndRouter(version);
      let received = 0;
      b.stack.udp.bind({ port: 9 }, { onDatagram: () => received++ });
      const socket = a.stack.udp.bind({}, { onDatagram: () => {} });
      const send = () => void socket.send(new Uint8Array(1300), { address: b.address, port: 9 });
      const whole = 1308 + (version === 4 ? 20 : 40);
      router.mtu = 1280;
      expect(sizes(1000, send)).toEqual({ largest: whole, refused: 1 });
      const cut = sizes(MINUTE, send);
      expect(cut.largest).toBeLessThanOrEqual(1280);
      expect(sizes(9 * MINUTE, send)).toEqual(cut);
      expect(sizes(11 * MINUTE, send)).toEqual({ largest: whole, refused: 1 });
      expect(sizes(12 * MINUTE, send)).toEqual(cut);
      router.mtu = 1500;
      expect(sizes(22 * MINUTE, send)).toEqual({ largest: whole, refused: 0 });
      expect(received).toBe(4);
    },
  );

  it('echo messages go in pieces when a router says that they are too big, and whole again after ten minutes', () => {
    const { a, b, router, sizes } = hostsAndRouter(6);
    let replies = 0;
    a.stack.icmp.onEchoReply = ({ data }) => {
      if (data.length === 1300) replies++;
    };
    const echo = { local: a.address, remote: b.address, identifier: 7, sequence: 1 };
    const send = () => void a.stack.icmp.sendEchoRequest({ ...echo, data: new Uint8Array(1300) });
    router.mtu = 1280;
    expect(sizes(1000, send)).toEqual({ largest: 1348, refused: 1 });
    const cut = sizes(MINUTE, send);
    expect(cut.largest).toBeLessThanOrEqual(1280);
    expect(replies).toBe(1);
    expect(sizes(12 * MINUTE, send)).toEqual({ largest: 1348, refused: 1 });
  });

  it('nobody makes a path smaller by an error about an echo message that was never sent', () => {
    const { a, b, sizes } = hostsAndRouter(6);
    const forge = (sequence: number) => () => {
      const quote = new Uint8Array(60);
      const fields = { kind: 'echo-request', code: 0, identifier: 7, sequence } as const;
      const header = { trafficClass: 0, payloadLength: 1308, flowLabel: 0, hopLimit: 64 };
      const ends = { source: a.address.toIpv6(), destination: b.address.toIpv6() };
      emitIcmpv6(fields, quote, emitIpv6({ ...header, ...ends, nextHeader: PROTOCOL_ICMPV6 }, quote, 0));
      a.stack.receive(tooBig(6, { quote, mtu: 1280, from: b, to: a }), 0);
    };
    const echo = { local: a.address, remote: b.address, identifier: 7, sequence: 1 };
    sizes(1000, () => void a.stack.icmp.sendEchoRequest({ ...echo, data: new Uint8Array(1300) }));
    sizes(20_000, forge(2));
    expect(a.stack.host.ip.pathMtus.get(b.address, 20_000)).toBeUndefined();
    sizes(40_000, forge(1));
    expect(a.stack.host.ip.pathMtus.get(b.address, 40_000)?.mtu).toBe(1280);
  });

  it('a message that names less than IPv6 allows is no news of the path (RFC 8201 §4)', () => {
    const { a, b, router, sizes } = hostsAndRouter(6);
    b.stack.tcp.listen({ port: 7 }, () => ({}));
    const socket = a.stack.tcp.connect({ remote: { address: b.address, port: 7 } }, {});
    router.mtu = 1400;
    router.says = () => 600;
    sizes(1000, () => void socket.write(new Uint8Array(3000)));
    expect(a.stack.host.ip.pathMtus.get(b.address, 1000)).toBeUndefined();
    router.says = (mtu) => mtu;
    sizes(20_000, () => {});
    expect(a.stack.host.ip.pathMtus.get(b.address, 20_000)?.mtu).toBe(1400);
  });
});

interface TooBig {
  readonly quote: Uint8Array;
  readonly mtu: number;
  readonly from: ReturnType<typeof twoHosts>['b'];
  readonly to: ReturnType<typeof twoHosts>['a'];
}

/** A frame with the router's message, in the name of `from`. */
function tooBig(version: 4 | 6, { quote, mtu, from, to }: TooBig): Uint8Array {
  const payloadLength = ICMP_HEADER_LEN + quote.length;
  const frame = new Uint8Array(14 + (version === 4 ? 20 : 40) + payloadLength);
  const ethernet = { destination: 0x020000000001, source: 0x020000000002 };
  const shared = { trafficClass: 0, payloadLength };
  if (version === 4) {
    const ip = emitEthernet({ ...ethernet, etherType: ETHERTYPE_IPV4 }, frame, 0);
    const packet = {
      ...shared,
      identification: 0,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      ttl: 64,
      protocol: PROTOCOL_ICMP,
      source: from.address.toIpv4(),
      destination: to.address.toIpv4(),
    };
    const at = emitIpv4(packet, frame, ip);
    const code = ICMP_FRAGMENTATION_NEEDED;
    frame.set(
      quote,
      emitIcmp({ kind: 'destination-unreachable', code, reserved: 0, nextHopMtu: mtu }, frame, at),
    );
    sealIcmp(frame, at, frame.length);
    return frame;
  }
  const ip = emitEthernet({ ...ethernet, etherType: ETHERTYPE_IPV6 }, frame, 0);
  const packet = {
    ...shared,
    flowLabel: 0,
    hopLimit: 64,
    nextHeader: PROTOCOL_ICMPV6,
    source: from.address.toIpv6(),
    destination: to.address.toIpv6(),
  };
  const at = emitIpv6(packet, frame, ip);
  frame.set(quote, emitIcmpv6({ kind: 'packet-too-big', code: 0, mtu }, frame, at));
  const addresses = sumBytes(frame, ip + 8, ip + 40);
  sealIcmpv6(frame, at, frame.length, foldSum(addresses + PROTOCOL_ICMPV6 + payloadLength));
  return frame;
}
