import { seededRandom } from '@orlop/testkit';
import {
  ARP_REQUEST,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  emitArp,
  emitEthernet,
  emitIpv4,
  emitTcp,
  Ipv4View,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  parseTcp,
  pseudoSumV4,
  sealTcp,
  TCP_ACK,
  TCP_RST,
  TCP_SYN,
  type TcpFields,
  tcpHeaderLength,
} from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import type { TcpAttempt, TcpHandler, TcpSocket } from './face.ts';
import { CallbackSink } from './frame-sinks.ts';
import { createStack } from './stack.ts';
import type { StackOptions } from './stack-face.ts';
import { parsePrefix } from './testing/two-hosts.ts';

const SERVER_MAC = 0x020000000001;
const PEER_MAC = 0x020000000002;
const SERVER_IP = 0x0a000001;
const PEER_IP = 0x0a000002;

/** A peer that says what it likes and sees every segment of ours, without a stack of its own. */
class HostilePeer {
  readonly stack;
  readonly heard: { readonly fields: TcpFields; readonly dataLength: number; readonly to: number }[] = [];
  now = 0;
  readonly #sink = new CallbackSink((frame) => this.#hear(frame));

  constructor(options: Partial<StackOptions> = {}) {
    this.stack = createStack({
      mac: SERVER_MAC,
      addresses: [parsePrefix('10.0.0.1/16')],
      random: seededRandom(3),
      ...options,
    });
  }

  sayArp(senderIp: number, senderMac = PEER_MAC): void {
    const frame = new Uint8Array(60);
    const at = emitEthernet(
      { destination: SERVER_MAC, source: senderMac, etherType: ETHERTYPE_ARP },
      frame,
      0,
    );
    emitArp({ operation: ARP_REQUEST, senderMac, senderIp, targetMac: 0, targetIp: SERVER_IP }, frame, at);
    this.stack.receive(frame, this.now);
  }

  saySegment(fields: Partial<TcpFields> & { readonly data?: Uint8Array; readonly from?: number }): void {
    const { data = new Uint8Array(0), from = PEER_IP, ...given } = fields;
    const whole: TcpFields = {
      sourcePort: 5000,
      destinationPort: 80,
      sequence: 0,
      acknowledgment: 0,
      flags: TCP_ACK,
      window: 65_535,
      urgentPointer: 0,
      options: {},
      ...given,
    };
    const length = tcpHeaderLength(whole) + data.length;
    this.sayPacket({ from, protocol: PROTOCOL_TCP, length }, (frame, at) => {
      frame.set(data, emitTcp(whole, frame, at));
      sealTcp(frame, at, at + length, pseudoSumV4(from, SERVER_IP, PROTOCOL_TCP, length));
    });
  }

  sayPacket(
    packet: { from: number; protocol: number; length: number; id?: number; offset?: number; more?: boolean },
    write: (frame: Uint8Array, at: number) => void,
  ): void {
    const frame = new Uint8Array(14 + 20 + packet.length);
    const ip = emitEthernet(
      { destination: SERVER_MAC, source: PEER_MAC, etherType: ETHERTYPE_IPV4 },
      frame,
      0,
    );
    const fields = {
      trafficClass: 0,
      payloadLength: packet.length,
      identification: packet.id ?? 0,
      dontFragment: false,
      moreFragments: packet.more ?? false,
      fragmentOffset: packet.offset ?? 0,
      ttl: 64,
      protocol: packet.protocol,
      source: packet.from,
      destination: SERVER_IP,
    };
    write(frame, emitIpv4(fields, frame, ip));
    this.stack.receive(frame, this.now);
  }

  poll(afterMs = 0): void {
    this.now += afterMs;
    this.stack.poll(this.now, this.#sink);
  }

  /** Handshake with a small MSS; returns the server's next sequence number. */
  open(options: TcpFields['options'] = { mss: 1000 }): number {
    this.sayArp(PEER_IP);
    this.poll();
    this.saySegment({ flags: TCP_SYN, sequence: 0, options });
    this.poll();
    const next = ((this.heard.at(-1)?.fields.sequence ?? 0) + 1) >>> 0;
    this.saySegment({ sequence: 1, acknowledgment: next });
    this.poll();
    return next;
  }

  #hear(frame: Uint8Array): void {
    if (((frame[12] << 8) | frame[13]) !== ETHERTYPE_IPV4 || frame[23] !== PROTOCOL_TCP) return;
    const end = 14 + Ipv4View.totalLength(frame, 14);
    const fields = parseTcp(frame, 34, end);
    if (typeof fields === 'string') throw new Error(`we sent a malformed segment: ${fields}`);
    const dataLength = end - 34 - ((frame[46] >>> 4) << 2);
    this.heard.push({ fields, dataLength, to: Ipv4View.destination(frame, 14) });
  }
}

const silent: TcpHandler = {};

describe('Stack against a hostile peer', () => {
  it('a SYN flood fills the backlog and no more; who answers the cookie is served, options and all', () => {
    const peer = new HostilePeer();
    const served: TcpSocket[] = [];
    let text = 0;
    peer.stack.tcp.listen({ port: 80, backlog: 16 }, (socket) => {
      served.push(socket);
      return {
        onReadable: (s) => {
          text += s.readable;
          s.consume(s.readable);
        },
      };
    });
    for (let n = 0; n < 2000; n++) {
      const from = 0x0a000100 + (n % 200);
      if (n < 200) peer.sayArp(from);
      peer.saySegment({ flags: TCP_SYN, sequence: n, sourcePort: 1024 + n, from, options: { mss: 1000 } });
      if (n % 50 === 0) peer.poll();
    }
    peer.poll();
    expect(peer.stack.tcp.connectionCount).toBe(16);
    expect(peer.stack.tcp.counters.synCookiesSent).toBeGreaterThan(1500);
    // The backlog clears as the flood's handshakes are reset; a genuine client meanwhile got a cookie.
    peer.sayArp(PEER_IP);
    peer.poll();
    peer.heard.length = 0;
    const timestamps = { value: 77, echo: 0 };
    const options = { mss: 1300, windowScale: 5, sackPermitted: true, timestamps };
    peer.saySegment({ flags: TCP_SYN, sequence: 900, options });
    peer.poll();
    const answer = peer.heard[0]?.fields;
    expect(answer?.options.timestamps?.echo).toBe(77);
    for (let n = 0; n < 2000; n++) {
      peer.saySegment({
        flags: TCP_RST,
        sequence: n + 1,
        sourcePort: 1024 + n,
        from: 0x0a000100 + (n % 200),
      });
    }
    peer.poll(10);
    const echo = answer?.options.timestamps?.value ?? 0;
    peer.saySegment({
      sequence: 901,
      acknowledgment: ((answer?.sequence ?? 0) + 1) >>> 0,
      options: { timestamps: { value: 78, echo } },
      data: new Uint8Array(10),
    });
    peer.poll();
    expect(served).toHaveLength(1);
    expect(text).toBe(10);
    expect(served[0]?.info()).toMatchObject({ state: 'established', segmentSizeBytes: 1300 - 12 });
    expect(peer.stack.tcp.counters.synCookiesAccepted).toBe(1);
  });

  it('who answers its cookie is served while the flood still fills the backlog', () => {
    const peer = new HostilePeer();
    const served: TcpSocket[] = [];
    peer.stack.tcp.listen({ port: 80, backlog: 16 }, (socket) => {
      served.push(socket);
      return silent;
    });
    peer.sayArp(PEER_IP);
    for (let n = 0; n < 100; n++) peer.saySegment({ flags: TCP_SYN, sequence: n, sourcePort: 1024 + n });
    peer.saySegment({ flags: TCP_SYN, sequence: 900, options: { mss: 1300 } });
    peer.poll();
    const answer = peer.heard.find(({ fields }) => fields.destinationPort === 5000)?.fields;
    peer.saySegment({ sequence: 901, acknowledgment: ((answer?.sequence ?? 0) + 1) >>> 0 });
    peer.poll();
    expect(served.map((socket) => socket.info().state)).toEqual(['established']);
    expect(peer.stack.tcp.connectionCount).toBe(17);
  });

  it('a cookie agrees on the window scale that the connection then uses, also where the listener sets its buffer', () => {
    const peer = new HostilePeer();
    const served: TcpSocket[] = [];
    peer.stack.tcp.listen({ port: 80, backlog: 1, socket: { receiveBuffer: 20_000 } }, (socket) => {
      served.push(socket);
      return silent;
    });
    peer.sayArp(PEER_IP);
    peer.saySegment({ flags: TCP_SYN, sequence: 0, sourcePort: 1, options: {} });
    const timestamps = { value: 77, echo: 0 };
    peer.saySegment({ flags: TCP_SYN, sequence: 900, options: { windowScale: 5, timestamps } });
    peer.poll();
    const answer = peer.heard.find(({ fields }) => fields.destinationPort === 5000)?.fields;
    expect(answer).toMatchObject({ window: 20_000, options: { windowScale: 0 } });
    peer.saySegment({ flags: TCP_RST, sequence: 1, sourcePort: 1 });
    const echo = answer?.options.timestamps?.value ?? 0;
    const acknowledgment = ((answer?.sequence ?? 0) + 1) >>> 0;
    peer.saySegment({ sequence: 901, acknowledgment, options: { timestamps: { value: 78, echo } } });
    expect(served[0]?.info().receiveWindowBytes).toBe(20_000);
  });

  it('who claims to be a broadcast address or a group is not heard (RFC 1122 §3.2.1.3)', () => {
    const peer = new HostilePeer();
    for (const from of [0x0a00ffff, 0xffffffff, 0xe0000001, 0x7f000001]) {
      peer.saySegment({ flags: TCP_SYN, from, sourcePort: 1 });
    }
    expect(peer.stack.host.ip.counters.notForUs).toBe(4);
  });

  it('made-up acknowledgements open nothing, even while cookies are in use', () => {
    const peer = new HostilePeer();
    peer.stack.tcp.listen({ port: 80, backlog: 1 }, () => silent);
    peer.sayArp(PEER_IP);
    peer.saySegment({ flags: TCP_SYN, sequence: 0, sourcePort: 1, options: {} });
    peer.saySegment({ flags: TCP_SYN, sequence: 0, sourcePort: 2, options: {} });
    const random = seededRandom(9);
    for (let n = 0; n < 8000; n++) {
      peer.saySegment({ sequence: random.u32(), acknowledgment: random.u32(), sourcePort: 3 + (n % 60_000) });
      if (n % 500 === 0) peer.poll();
    }
    expect(peer.stack.tcp.connectionCount).toBe(1);
    expect(peer.stack.tcp.counters.synCookiesAccepted).toBe(0);
  });

  it('undecided attempts are bounded; further SYNs are dropped', () => {
    const peer = new HostilePeer({ promiscuous: true, tcp: { maxAttempts: 100 } });
    const attempts: TcpAttempt[] = [];
    peer.stack.tcp.listenAny((attempt) => attempts.push(attempt));
    for (let n = 0; n < 20_000; n++) peer.saySegment({ flags: TCP_SYN, sequence: n, sourcePort: n + 1 });
    expect(attempts).toHaveLength(100);
    expect(peer.stack.tcp.counters.synDropped).toBe(19_900);
    // Two minutes later all are cancelled and there is room again.
    peer.poll(120_001);
    expect(attempts.every((attempt) => !attempt.pending)).toBe(true);
    peer.saySegment({ flags: TCP_SYN, sequence: 1, sourcePort: 1 });
    expect(attempts).toHaveLength(101);
  });

  it('a flood of first fragments keeps within the bounds of reassembly, and expires', () => {
    const peer = new HostilePeer();
    for (let id = 0; id < 20_000; id++) {
      peer.sayPacket({ from: PEER_IP, protocol: PROTOCOL_UDP, length: 1400, id, more: true }, () => {});
    }
    const { reassembly } = peer.stack.host.ipv4;
    expect(reassembly.heldBytes).toBeLessThanOrEqual(64 * 1400);
    expect(reassembly.counters.evicted).toBe(20_000 - 64);
    peer.poll(30_001);
    expect(reassembly.heldBytes).toBe(0);
  });

  it('overlapping fragments destroy their datagram (RFC 5722)', () => {
    const peer = new HostilePeer();
    let count = 0;
    peer.stack.udp.bind({ port: 0xffff }, { onDatagram: () => count++ });
    const fill = (frame: Uint8Array, at: number): void => void frame.fill(0xff, at);
    peer.sayPacket({ from: PEER_IP, protocol: PROTOCOL_UDP, length: 80, id: 1, more: true }, fill);
    peer.sayPacket(
      { from: PEER_IP, protocol: PROTOCOL_UDP, length: 80, id: 1, offset: 40, more: true },
      fill,
    );
    expect(peer.stack.host.ipv4.reassembly).toMatchObject({ heldBytes: 0, counters: { overlaps: 1 } });
    expect(count).toBe(0);
  });

  it('an ARP storm fills the neighbour table to its bound, and a known host stays reachable', () => {
    const peer = new HostilePeer();
    peer.stack.tcp.listen({ port: 80 }, () => silent);
    peer.open();
    for (let n = 0; n < 8000; n++) {
      peer.sayArp(0x0a000100 + (n % 60_000), 0x020000010000 + n);
      if (n % 100 === 0) peer.poll(1);
    }
    expect(peer.stack.host.arp.neighbours.size).toBeLessThanOrEqual(1024);
    peer.heard.length = 0;
    peer.sayArp(PEER_IP);
    peer.saySegment({ sequence: 1, acknowledgment: 0, flags: TCP_RST });
    peer.saySegment({ flags: TCP_SYN, sequence: 7, sourcePort: 6000, options: {} });
    peer.poll();
    expect(peer.heard.some(({ fields, to }) => to === PEER_IP && fields.flags === (TCP_SYN | TCP_ACK))).toBe(
      true,
    );
  });

  it('optimistic acknowledgements of what was never sent do not open the congestion window', () => {
    const peer = new HostilePeer();
    let socket: TcpSocket | undefined;
    peer.stack.tcp.listen({ port: 80 }, (opened) => {
      socket = opened;
      return silent;
    });
    const next = peer.open();
    socket?.write(new Uint8Array(60_000));
    peer.poll(1);
    const before = socket?.info().congestionWindowBytes;
    for (let n = 0; n < 100; n++) {
      peer.saySegment({ sequence: 1, acknowledgment: (next + 1_000_000 + n) >>> 0 });
      peer.poll(1);
    }
    expect(socket?.info().congestionWindowBytes).toBe(before);
    expect(peer.stack.tcp.counters.challengeAcks).toBeLessThanOrEqual(10);
  });

  it('one window split into many acknowledgements grows the congestion window by bytes, not by count', () => {
    const peer = new HostilePeer({ tcp: { congestion: 'reno' } });
    let socket: TcpSocket | undefined;
    peer.stack.tcp.listen({ port: 80 }, (opened) => {
      socket = opened;
      return silent;
    });
    const next = peer.open();
    socket?.write(new Uint8Array(60_000));
    peer.poll(1);
    const before = socket?.info().congestionWindowBytes ?? 0;
    for (let n = 1; n <= 1000; n++) peer.saySegment({ sequence: 1, acknowledgment: (next + n) >>> 0 });
    expect(socket?.info().congestionWindowBytes).toBeLessThanOrEqual(before + 1000);
  });

  it('a window of one byte costs one segment a byte at the probing pace, not a storm', () => {
    const peer = new HostilePeer();
    let socket: TcpSocket | undefined;
    peer.stack.tcp.listen({ port: 80 }, (opened) => {
      socket = opened;
      return silent;
    });
    const next = peer.open();
    peer.saySegment({ sequence: 1, acknowledgment: next, window: 1 });
    socket?.write(new Uint8Array(10_000));
    peer.heard.length = 0;
    for (let ms = 0; ms < 10_000; ms += 10) {
      peer.poll(10);
      const sent = socket === undefined ? 0 : 10_000 - socket.unacknowledged;
      peer.saySegment({ sequence: 1, acknowledgment: (next + sent) >>> 0, window: 1 });
    }
    expect(peer.heard.length).toBeLessThan(100);
  });

  it('SACK that is taken back, or never was true, only costs retransmissions', () => {
    const peer = new HostilePeer({ tcp: { congestion: 'reno' } });
    let socket: TcpSocket | undefined;
    peer.stack.tcp.listen({ port: 80 }, (opened) => {
      socket = opened;
      return silent;
    });
    const next = peer.open({ mss: 1000, sackPermitted: true });
    socket?.write(new Uint8Array(5000));
    peer.poll(1);
    const lie = [
      { left: (next + 1000) >>> 0, right: (next + 5000) >>> 0 },
      { left: (next + 90_000) >>> 0, right: (next + 99_000) >>> 0 },
      { left: (next - 5000) >>> 0, right: next },
    ];
    peer.saySegment({ sequence: 1, acknowledgment: next, options: { sack: lie } });
    peer.poll(1);
    peer.heard.length = 0;
    // The liar acknowledges one segment at a time: everything comes again.
    for (let turn = 1; turn <= 5; turn++) {
      peer.saySegment({ sequence: 1, acknowledgment: (next + turn * 1000) >>> 0 });
      for (let ms = 0; ms < 3000; ms += 50) peer.poll(50);
    }
    const resent = new Set(
      peer.heard.filter((h) => h.dataLength > 0).map((h) => (h.fields.sequence - next) >>> 0),
    );
    expect([...resent].sort((a, b) => a - b)).toEqual([1000, 2000, 3000, 4000]);
    expect(socket?.unacknowledged).toBe(0);
  });

  it('segments scattered over the window are kept in a bounded number of ranges', () => {
    const peer = new HostilePeer();
    let socket: TcpSocket | undefined;
    peer.stack.tcp.listen({ port: 80 }, (opened) => {
      socket = opened;
      return silent;
    });
    const next = peer.open();
    for (let n = 0; n < 10_000; n++) {
      peer.saySegment({ sequence: 2 + 2 * n, acknowledgment: next, data: new Uint8Array(1) });
    }
    peer.poll();
    expect(peer.stack.tcp.bufferedBytes).toBeLessThanOrEqual(65_536);
    expect(socket?.readable).toBe(0);
  });

  it('bytes one at a time do not push a scaled window on past a reader that stalls', () => {
    const peer = new HostilePeer({ tcp: { receiveBuffer: { initial: 8192, max: 4 << 20 } } });
    let socket: TcpSocket | undefined;
    peer.stack.tcp.listen({ port: 80 }, (opened) => {
      socket = opened;
      return silent;
    });
    const next = peer.open({ mss: 1000, windowScale: 0 });
    for (let n = 0; n < 12_000; n++) {
      peer.saySegment({ sequence: 1 + n, acknowledgment: next, data: new Uint8Array(1) });
      peer.poll();
    }
    expect(socket?.readable).toBeLessThan(8192 + 128);
    expect(socket?.readable).toBeGreaterThan(8000);
  });

  it('readers that stall hold what was offered and no more, and the stack stays within its budget', () => {
    const budget = 1 << 20;
    const peer = new HostilePeer({ tcp: { memoryBudget: budget } });
    peer.stack.tcp.listen({ port: 80 }, () => silent);
    peer.sayArp(PEER_IP);
    peer.poll();
    for (let client = 0; client < 300; client++) {
      const sourcePort = 2000 + client;
      peer.saySegment({ flags: TCP_SYN, sequence: 0, sourcePort, options: { mss: 1400 } });
      peer.poll();
      const answer = peer.heard.at(-1)?.fields;
      const acknowledgment = ((answer?.sequence ?? 0) + 1) >>> 0;
      peer.saySegment({ sequence: 1, acknowledgment, sourcePort });
      for (let sent = 0; sent < 64; sent++) {
        const offered = peer.heard.findLast((h) => h.fields.destinationPort === sourcePort)?.fields;
        const edge = (offered?.acknowledgment ?? 1) + (offered?.window ?? 0);
        const sequence = 1 + sent * 1400;
        if (sequence + 1400 > edge) break;
        peer.saySegment({ sequence, acknowledgment, sourcePort, data: new Uint8Array(1400) });
        peer.poll(1);
      }
    }
    // Under pressure each new connection is offered little; what was offered before is honoured.
    expect(peer.stack.tcp.bufferedBytes).toBeLessThan(budget + 300 * 65_536);
    expect(peer.stack.tcp.bufferedBytes).toBeLessThan(12 << 20);
  });

  it('data in the acknowledgement of the handshake is told of after the opening, however much it is', () => {
    const peer = new HostilePeer({ mtu: 16_000 });
    const told: string[] = [];
    peer.stack.tcp.listen({ port: 80 }, () => ({
      onOpen: () => told.push('open'),
      onBytes: (_socket, _bytes, _from, length) => {
        told.push(`bytes ${length}`);
        return length;
      },
      onReadable: (socket) => told.push(`readable ${socket.readable}`),
    }));
    peer.sayArp(PEER_IP);
    peer.saySegment({ flags: TCP_SYN, sequence: 0, options: { mss: 1000 } });
    peer.poll();
    const acknowledgment = ((peer.heard.at(-1)?.fields.sequence ?? 0) + 1) >>> 0;
    peer.saySegment({ sequence: 1, acknowledgment, data: new Uint8Array(10_000) });
    peer.poll();
    expect(told).toEqual(['open', 'readable 10000']);
  });
});
