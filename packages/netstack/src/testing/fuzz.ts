import type { Random } from '@orlop/core';
import { CallbackSink } from '../frame-sinks.ts';
import { MemoryLink } from '../link/memory-link.ts';
import { createStack } from '../stack.ts';
import { runTransfer } from './transfer.ts';
import { parsePrefix, twoHosts } from './two-hosts.ts';

const LIMITS = { connections: 2000, bufferedBytes: 64 << 20 };

/** Real frames of two hosts that talk: the seeds of the mutations. */
function recordFrames(version: 4 | 6, seed: number): Uint8Array[] {
  const hosts = twoHosts({ seed, version, conditions: { loss: 0.05 } });
  const frames: Uint8Array[] = [];
  const tap = (link: MemoryLink): void => {
    const { sink } = link;
    const commit = sink.commit.bind(sink);
    sink.commit = (length) => {
      frames.push(sink.buffer.slice(sink.offset, sink.offset + length));
      commit(length);
    };
  };
  tap(hosts.there);
  tap(hosts.back);
  hosts.b.stack.udp.bind({ port: 53 }, { onDatagram: () => {} });
  const client = hosts.a.stack.udp.bind({}, { onDatagram: () => {} });
  client.send(new Uint8Array(100), { address: hosts.b.address, port: 53 });
  client.send(new Uint8Array(4000), { address: hosts.b.address, port: 53 }); // fragments
  client.send(new Uint8Array(10), { address: hosts.b.address, port: 54 }); // port unreachable
  const echo = { local: hosts.a.address, remote: hosts.b.address, identifier: 1, sequence: 1 };
  hosts.a.stack.icmp.sendEchoRequest({ ...echo, data: new Uint8Array(56) });
  runTransfer({ hosts, upBytes: 60_000, downBytes: 30_000 });
  return frames;
}

/** One to four changes: bits, bytes, lengths, cuts. */
function mutate(frame: Uint8Array, random: Random): Uint8Array {
  let mutated = frame.slice();
  const pick = (limit: number): number => (limit <= 0 ? 0 : random.u32() % limit);
  for (let change = pick(4); change >= 0; change--) {
    // The headers are what is worth hitting.
    const at = pick(pick(2) === 0 ? mutated.length : Math.min(mutated.length, 80));
    switch (pick(5)) {
      case 0:
        mutated[at] ^= 1 << pick(8);
        break;
      case 1:
        mutated[at] = pick(256);
        break;
      case 2:
        mutated[at] = [0, 1, 0x7f, 0x80, 0xff][pick(5)];
        break;
      case 3:
        mutated = mutated.slice(0, pick(mutated.length + 1));
        break;
      default: {
        const longer = new Uint8Array(mutated.length + pick(64));
        longer.set(mutated);
        mutated = longer;
      }
    }
    if (mutated.length === 0) break;
  }
  return mutated;
}

export interface FuzzResult {
  readonly frames: number;
  readonly connections: number;
  readonly neighbours: number;
  readonly reassemblyBytes: number;
  readonly bufferedBytes: number;
  readonly dropped: number;
  readonly delivered: number;
  readonly emitted: number;
  /** A new connection to the same stack still works afterwards. */
  readonly stillServes: boolean;
  readonly limits: typeof LIMITS;
}

/**
 * Throws `count` mutated frames at a promiscuous stack with listeners and an `any` handler, checksums not
 * verified (so that mutations reach the inside), in virtual time with timers running.
 */
export function fuzzStack(random: Random, count: number): FuzzResult {
  const stack = createStack({
    mac: 0x020000000002,
    addresses: [parsePrefix('10.0.0.2/24'), parsePrefix('fd00::2/64')],
    random,
    promiscuous: true,
    trustedLink: true,
    tcp: { maxConnections: LIMITS.connections, memoryBudget: LIMITS.bufferedBytes / 2, timeWaitMs: 5000 },
  });
  const echo = { onReadable: drain, onEnd: close, onOpen: greet };
  stack.tcp.listen({ port: 7, backlog: 32 }, () => echo);
  stack.tcp.listenAny((attempt) => {
    if (random.u32() % 3 === 0) attempt.reject('host-unreachable');
    else if (random.u32() % 2 === 0) attempt.accept(echo);
  });
  stack.udp.bind({ port: 53 }, { onDatagram: (d) => stack.udp.send({ ...d, bytes: d.bytes.slice() }) });
  stack.udp.listenAny({ onDatagram: (d) => stack.udp.reject(d, 'port-unreachable'), onError: () => {} });
  stack.icmp.onEchoRequest = (message) =>
    stack.icmp.sendEchoReply({ ...message, data: message.data.slice() });
  const seeds = [...recordFrames(4, 3), ...recordFrames(6, 4)];
  let emitted = 0;
  const sink = new CallbackSink(() => {
    emitted++;
  });
  let now = 0;
  for (let index = 0; index < count; index++) {
    now += random.u32() % 20;
    const seed = seeds[random.u32() % seeds.length];
    stack.receive(random.u32() % 8 === 0 ? seed : mutate(seed, random), now);
    if (index % 4 === 0) stack.poll(now, sink);
  }
  stack.poll(now, sink);
  const { ethernet, ip, arp, ndp, ipv4, ipv6, icmp } = stack.host;
  const tcp = stack.tcp.counters;
  return {
    frames: ethernet.counters.framesIn,
    connections: stack.tcp.connectionCount,
    neighbours: Math.max(arp.neighbours.size, ndp.neighbours.size),
    reassemblyBytes: ipv4.reassembly.heldBytes + ipv6.reassembly.heldBytes,
    bufferedBytes: stack.tcp.bufferedBytes,
    dropped:
      ethernet.counters.malformed +
      ethernet.counters.notForUs +
      ethernet.counters.unknownType +
      ip.counters.malformed +
      ip.counters.unknownProtocol +
      tcp.malformed +
      icmp.counters.malformed +
      arp.counters.malformed,
    delivered: tcp.segmentsIn + stack.udp.counters.datagramsIn + icmp.counters.messagesIn,
    emitted,
    stillServes: serves(stack, now),
    limits: LIMITS,
  };
}

function drain(socket: { readonly readable: number; consume(length: number): void }): void {
  socket.consume(socket.readable);
}

function greet(socket: { write(bytes: Uint8Array): number }): void {
  socket.write(new Uint8Array(5000));
}

function close(socket: { shutdown(): void }): void {
  socket.shutdown();
}

/** Opens one more connection from a healthy host. */
function serves(stack: ReturnType<typeof createStack>, now: number): boolean {
  const random = { u32: () => 12_345, fill: () => {} };
  const client = createStack({ mac: 0x020000000009, addresses: [parsePrefix('10.0.0.9/24')], random });
  const [there, back] = [new MemoryLink({}, random), new MemoryLink({}, random)];
  let open = false;
  const address = parsePrefix('10.0.0.2/24').address;
  client.tcp.connect(
    { remote: { address, port: 7 } },
    {
      onOpen: () => {
        open = true;
      },
    },
  );
  for (let at = now; at < now + 5000 && !open; at++) {
    there.now = at;
    back.now = at;
    client.poll(at, there.sink);
    for (const frame of there.arrivals(at)) stack.receive(frame, at);
    stack.poll(at, back.sink);
    for (const frame of back.arrivals(at)) client.receive(frame, at);
  }
  return open;
}
