import { internetChecksum, PROTOCOL_TCP, pseudoSumV4, readU16, verifyTcp } from '@orlop/wire';
import { describe, expect, it } from 'vitest';
import type { TcpSocket } from './face.ts';
import { CallbackSink } from './frame-sinks.ts';
import { twoHosts } from './testing/two-hosts.ts';

describe('createStack', () => {
  it('resolves a neighbour and carries a datagram to a bound socket and back', () => {
    const { a, b, simulation } = twoHosts({ seed: 1 });
    const answers: string[] = [];
    b.stack.udp.bind(
      { port: 53 },
      {
        onDatagram: (query) => {
          b.stack.udp.send({
            local: query.local,
            remote: query.remote,
            bytes: query.bytes.slice().reverse(),
          });
        },
      },
    );
    const socket = a.stack.udp.bind(
      {},
      { onDatagram: (d) => answers.push(new TextDecoder().decode(d.bytes)) },
    );
    socket.send(new TextEncoder().encode('orlop'), { address: b.address, port: 53 });
    simulation.run(() => answers.length > 0, 1000);
    expect(answers).toEqual(['polro']);
  });

  it('sleeps between retransmissions to a peer that is gone, also when keepalive is on', () => {
    const { a, b, there, simulation } = twoHosts({ seed: 2 });
    b.stack.tcp.listen({ port: 80 }, () => ({}));
    let opened: TcpSocket | undefined;
    const remote = { address: b.address, port: 80 };
    a.stack.tcp.connect({ remote }, { onOpen: (socket) => (opened = socket) });
    simulation.run(() => opened !== undefined, 1000);
    there.up = false;
    if (opened !== undefined) opened.keepalive = { idleMs: 1000, intervalMs: 1000, count: 3 };
    opened?.write(new Uint8Array(10));
    let events = 0;
    simulation.run(() => events++ < 0, 60_000);
    expect(events).toBeLessThan(200);
  });

  it('opens, carries bytes both ways, and closes a TCP connection in order', () => {
    const { a, b, simulation } = twoHosts({ seed: 2 });
    const log: string[] = [];
    const into = new Uint8Array(100);
    b.stack.tcp.listen({ port: 80 }, () => ({
      onReadable: (socket) => {
        const length = socket.read(into);
        socket.write(
          new TextEncoder().encode(`you said ${new TextDecoder().decode(into.subarray(0, length))}`),
        );
      },
      onEnd: (socket) => socket.shutdown(),
      onClose: (_socket, reason) => log.push(`server ${reason}`),
    }));
    a.stack.tcp.connect(
      { remote: { address: b.address, port: 80 } },
      {
        onOpen: (socket) => {
          socket.write(new TextEncoder().encode('hello'));
          socket.shutdown();
        },
        onReadable: (socket) => {
          const length = socket.read(into);
          log.push(new TextDecoder().decode(into.subarray(0, length)));
        },
        onClose: (_socket, reason) => log.push(`client ${reason}`),
      },
    );
    simulation.run(() => log.length === 3, 5000);
    expect(log).toEqual(['you said hello', 'client finished', 'server finished']);
  });

  it('wakes its driver once for what a program does between polls, and not for what polls do', () => {
    const { a, b, simulation } = twoHosts({ seed: 3 });
    let wakes = 0;
    a.stack.onWake = () => wakes++;
    const socket = a.stack.tcp.connect({ remote: { address: b.address, port: 80 } }, {});
    a.stack.udp.bind({}, { onDatagram: () => {} }).send(new Uint8Array(1), { address: b.address, port: 9 });
    expect(wakes).toBe(1);
    b.stack.tcp.listen({ port: 80 }, () => ({}));
    simulation.run(() => socket.state === 'established', 1000);
    expect(wakes).toBe(1);
    socket.write(new Uint8Array(10));
    socket.write(new Uint8Array(10));
    expect(wakes).toBe(2);
    simulation.run(() => socket.unacknowledged === 0, 1000);
    socket.keepalive = { idleMs: 10_000, intervalMs: 1000, count: 2 };
    expect(wakes).toBe(3);
  });

  it('with checksum offload leaves the sum of the pseudo header for the link to go on from', () => {
    const { a, b, simulation } = twoHosts({ seed: 4, stack: { checksumOffload: true, trustedLink: true } });
    let frame: Uint8Array | undefined;
    a.stack.tcp.connect({ remote: { address: b.address, port: 80 } }, {});
    simulation.run(() => b.stack.tcp.counters.segmentsIn > 0, 1000); // the neighbour is known now
    const sink = new CallbackSink((bytes) => {
      frame = bytes.slice();
    });
    a.stack.tcp.connect({ remote: { address: b.address, port: 81 } }, {});
    a.stack.poll(simulation.now, sink);
    if (frame === undefined) throw new Error('nothing was sent');
    const tcp = 34;
    const length = frame.length - tcp;
    const pseudo = pseudoSumV4(0x0a000001, 0x0a000002, PROTOCOL_TCP, length);
    expect(readU16(frame, tcp + 16)).toBe(pseudo);
    // What the link does: the complement of the sum over the segment, the field being part of it.
    const checksum = internetChecksum(frame, tcp, frame.length);
    frame.set([checksum >>> 8, checksum & 0xff], tcp + 16);
    expect(verifyTcp(frame, tcp, frame.length, pseudo)).toBe(true);
  });

  it('stops at a full link and goes on where it was', () => {
    const { a, b, simulation } = twoHosts({ seed: 5 });
    let received = 0;
    b.stack.tcp.listen({ port: 80 }, () => ({
      onReadable: (socket) => {
        received += socket.readable;
        socket.consume(socket.readable);
      },
    }));
    const socket = a.stack.tcp.connect({ remote: { address: b.address, port: 80 } }, {});
    simulation.run(() => socket.state === 'established', 1000);
    socket.write(new Uint8Array(9 * 1448));
    const frames: Uint8Array[] = [];
    let room = 2;
    const sink = new CallbackSink(
      (frame) => {
        room--;
        frames.push(frame.slice());
      },
      () => room > 0,
    );
    a.stack.poll(simulation.now, sink);
    expect([frames.length, a.stack.pollAt()]).toEqual([2, 0]);
    room = 100;
    a.stack.poll(simulation.now, sink);
    for (const frame of frames) b.stack.receive(frame, simulation.now);
    expect(received).toBe(9 * 1448);
  });

  it('a receive window grows while its reader keeps up, and stays while it does not', () => {
    const windowAfter = (reads: boolean): number => {
      const { a, b, simulation } = twoHosts({ seed: 6, conditions: { delayMs: 10 } });
      let reader: TcpSocket | undefined;
      b.stack.tcp.listen({ port: 80 }, (socket) => {
        reader = socket;
        return { onReadable: (s) => reads && s.consume(s.readable) };
      });
      const push = (socket: TcpSocket): void => {
        while (socket.write(new Uint8Array(60_000)) === 60_000);
      };
      a.stack.tcp.connect({ remote: { address: b.address, port: 80 } }, { onOpen: push, onWritable: push });
      simulation.run(() => false, 1000);
      return (reader?.info().receiveWindowBytes ?? 0) + (reader?.readable ?? 0);
    };
    expect(windowAfter(true)).toBeGreaterThan(500_000);
    // The scale of 7 bits rounds what is told.
    expect(Math.abs(windowAfter(false) - 65_536)).toBeLessThan(128);
  });
});
