import type { FrameSink } from '@orlop/netstack';
import { describe, expect, it } from 'vitest';
import { type MemoryLinkEnd, memoryCable } from '../testing/memory-cable.ts';
import { VirtualScheduler } from '../testing/virtual-scheduler.ts';
import { type Station, Switch, type SwitchOptions } from './switch.ts';

const GATEWAY = [0x5a, 0x94, 0xef, 0, 0, 1];
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const mac = (last: number) => [0x52, 0x54, 0, 0, 0, last];

function frame(destination: number[], source: number[], length = 60): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([...destination, ...source, 0x08, 0x00]);
  return bytes;
}

interface Bench {
  readonly segment: Switch;
  readonly scheduler: VirtualScheduler;
  /** Frames that the station was given. */
  readonly atStation: Uint8Array[];
  /** Addresses of guests whose link has gone. */
  readonly left: number[];
  plug(options?: { mtu?: number; maxQueued?: number }): { link: MemoryLinkEnd; received: Uint8Array[] };
}

function bench(options: Partial<SwitchOptions> = {}): Bench {
  const scheduler = new VirtualScheduler();
  const atStation: Uint8Array[] = [];
  const left: number[] = [];
  const station: Station = {
    mac: Uint8Array.from(GATEWAY),
    receive: (bytes, offset, length) => atStation.push(bytes.slice(offset, offset + length)),
    poll: () => {},
  };
  const segment = new Switch(station, { now: () => scheduler.now(), ...options });
  return {
    segment,
    scheduler,
    atStation,
    left,
    plug: (cable = {}) => {
      const [near, far] = memoryCable({ scheduler, ...cable });
      const received: Uint8Array[] = [];
      segment.attach(near, 'port', { onClosed: (_port, _reason, macs) => left.push(...macs) });
      far.open({
        onFrame: (bytes, offset, length) => received.push(bytes.slice(offset, offset + length)),
        onBatchEnd: () => {},
        onDrained: () => {},
        onClosed: () => {},
      });
      return { link: far, received };
    },
  };
}

describe('Switch', () => {
  it('tells two ports of one name apart, in metrics and captures as well', () => {
    const { scheduler, segment, plug } = bench();
    const first = plug();
    plug();
    expect([...segment.ports()].map(({ name }) => name)).toEqual(['port', 'port #2']);
    first.link.close();
    scheduler.run();
    plug();
    expect([...segment.ports()].map(({ name }) => name)).toEqual(['port #2', 'port']);
  });

  it('floods what it does not know, and sends to one port what it has learned', () => {
    const { scheduler, plug, segment } = bench();
    const [one, two, three] = [plug(), plug(), plug()];
    one.link.sendFrame(frame(mac(2), mac(1)));
    scheduler.run();
    expect([one, two, three].map((end) => end.received.length)).toEqual([0, 1, 1]);
    two.link.sendFrame(frame(mac(1), mac(2)));
    scheduler.run();
    one.link.sendFrame(frame(mac(2), mac(1)));
    scheduler.run();
    expect([one, two, three].map((end) => end.received.length)).toEqual([1, 2, 1]);
    expect([...segment.macs()].map((entry) => entry.mac).sort()).toEqual([
      '52:54:00:00:00:01',
      '52:54:00:00:00:02',
    ]);
  });

  it('gives the station what is for it or for all, and nothing else', () => {
    const { scheduler, plug, atStation } = bench();
    const [one] = [plug(), plug()];
    one.link.sendFrame(frame(GATEWAY, mac(1)));
    one.link.sendFrame(frame(BROADCAST, mac(1)));
    one.link.sendFrame(frame(mac(2), mac(1)));
    scheduler.run();
    expect(atStation.length).toBe(2);
  });

  it('drops frames whose source is the gateway or a group', () => {
    const { scheduler, plug, segment, atStation } = bench();
    const one = plug();
    one.link.sendFrame(frame(BROADCAST, GATEWAY));
    one.link.sendFrame(frame(GATEWAY, BROADCAST));
    scheduler.run();
    expect(atStation).toEqual([]);
    expect([...segment.ports()][0]?.drops['spoofed-mac']).toBe(2);
  });

  it('bounds the addresses behind one port', () => {
    const { scheduler, plug, segment } = bench({ maxMacsPerPort: 4 });
    const one = plug();
    for (let i = 0; i < 10; i++) one.link.sendFrame(frame(GATEWAY, mac(i)));
    scheduler.run();
    expect([...segment.macs()].length).toBe(4);
    expect([...segment.ports()][0]?.drops['mac-limit']).toBe(6);
  });

  it('bounds a storm of broadcasts, and leaves known traffic of the same port alone', () => {
    const { scheduler, plug, segment, atStation } = bench({ floodsPerSecond: 100 });
    const [one, two] = [plug(), plug()];
    for (let i = 0; i < 500; i++) one.link.sendFrame(frame(BROADCAST, mac(1)));
    one.link.sendFrame(frame(GATEWAY, mac(1)));
    scheduler.run();
    expect(two.received.length).toBe(100);
    expect(atStation.length).toBe(101);
    expect([...segment.ports()][0]?.drops['broadcast-limit']).toBe(400);
    scheduler.advance(1000);
    one.link.sendFrame(frame(BROADCAST, mac(1)));
    scheduler.run();
    expect(two.received.length).toBe(101);
  });

  it('drops what is larger than the MTU of the destination, and what its queue does not take', () => {
    const { scheduler, plug, segment } = bench();
    const [one, small, slow] = [plug({ mtu: 9000 }), plug({ mtu: 1500 }), plug({ maxQueued: 5 })];
    small.link.sendFrame(frame(GATEWAY, mac(2)));
    slow.link.sendFrame(frame(GATEWAY, mac(3)));
    scheduler.run();
    one.link.sendFrame(frame(mac(2), mac(1), 4000));
    slow.link.pause(true);
    for (let i = 0; i < 8; i++) one.link.sendFrame(frame(mac(3), mac(1)));
    scheduler.run();
    const drops = [...segment.ports()].map((port) => port.drops);
    expect([drops[1]?.['too-big'], drops[2]?.['queue-full']]).toEqual([1, 3]);
    expect(small.received.length).toBe(0);
  });

  it.each([
    ['a virtual router’s at once', [0x00, 0x00, 0x5e, 0x00, 0x02, 51], 1],
    ['a card’s only after silence', mac(7), 0],
  ])('lets an address that is heard at one port move to another: %s', (_, moving, moved) => {
    const { scheduler, plug } = bench();
    const [one, two, three] = [plug(), plug(), plug()];
    one.link.sendFrame(frame(GATEWAY, moving));
    scheduler.advance(3000);
    two.link.sendFrame(frame(GATEWAY, moving));
    scheduler.run();
    three.link.sendFrame(frame(moving, mac(3)));
    scheduler.run();
    expect([one, two].map((end) => end.received.length)).toEqual([1 - moved, moved]);
  });

  it('tells of no guest that it left when another that spoke under its address does, while its own port stands', () => {
    const { scheduler, plug, left } = bench();
    const [one, two] = [plug(), plug()];
    one.link.sendFrame(frame(GATEWAY, mac(1)));
    two.link.sendFrame(frame(GATEWAY, mac(2)));
    scheduler.advance(20_000);
    two.link.sendFrame(frame(GATEWAY, mac(1)));
    scheduler.run();
    two.link.close();
    scheduler.run();
    expect(left).toEqual([0x5254_0000_0002]);
    one.link.sendFrame(frame(GATEWAY, mac(1)));
    scheduler.run();
    one.link.close();
    scheduler.run();
    expect(left).toEqual([0x5254_0000_0002, 0x5254_0000_0001]);
  });

  it('forgets the addresses of a port that is unplugged, and of guests that are silent for five minutes', () => {
    const { scheduler, plug, segment } = bench();
    const [one, two] = [plug(), plug()];
    one.link.sendFrame(frame(GATEWAY, mac(1)));
    two.link.sendFrame(frame(GATEWAY, mac(2)));
    scheduler.run();
    one.link.close();
    scheduler.run();
    expect([...segment.macs()].length).toBe(1);
    scheduler.advance(299_000);
    expect([...segment.macs()].length).toBe(1);
    scheduler.advance(20_000);
    const three = plug();
    three.link.sendFrame(frame(GATEWAY, mac(3)));
    scheduler.run();
    expect([...segment.macs()].map((entry) => entry.mac)).toEqual(['52:54:00:00:00:03']);
  });
});

describe('Switch.stationSink', () => {
  function write(sink: FrameSink, bytes: Uint8Array): boolean {
    if (!sink.reserve(bytes.length)) return false;
    sink.buffer.set(bytes, sink.offset);
    sink.commit(bytes.length);
    return true;
  }

  it('brings each frame to its own port, whichever the last one went to', () => {
    const { scheduler, plug, segment } = bench();
    const [one, two] = [plug(), plug()];
    one.link.sendFrame(frame(GATEWAY, mac(1)));
    two.link.sendFrame(frame(GATEWAY, mac(2)));
    scheduler.run();
    for (const to of [1, 2, 2, 1, 1, 2]) write(segment.stationSink, frame(mac(to), GATEWAY));
    segment.flush();
    scheduler.run();
    expect([one, two].map((end) => end.received.length)).toEqual([3, 3]);
    expect(one.received.every((bytes) => bytes[5] === 1)).toBe(true);
  });

  it('holds the station up while a link is full for a moment, and drops when that lasts', () => {
    const { scheduler, plug, segment } = bench();
    const slow = plug({ maxQueued: 3 });
    slow.link.sendFrame(frame(GATEWAY, mac(1)));
    scheduler.run();
    slow.link.pause(true);
    const out = () => write(segment.stationSink, frame(mac(1), GATEWAY));
    expect([out(), out(), out(), out()]).toEqual([true, true, true, false]);
    scheduler.advance(100);
    expect(out()).toBe(true);
    expect([...segment.ports()][0]?.drops['queue-full']).toBeGreaterThan(0);
  });
});
