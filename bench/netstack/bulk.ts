/**
 * How fast the stack alone is: two hosts in one process on a link that hands frames over at once (one copy), so
 * each byte is written, segmented, summed, copied, received and consumed. Prints Gbit/s, µs and ns per frame.
 * Run: node bench/netstack/bulk.ts [seconds]   (Node 20: npx esbuild … | node, see run.mjs)
 */
import { performance } from 'node:perf_hooks';
import type { FrameSink, TcpSocket } from '@orlop/netstack';
import { createStack, IpPrefix, MAX_FRAME_LENGTH } from '@orlop/netstack';
import { seededRandom } from '@orlop/testkit';

/** Frames behind one another in one buffer, as a link writes them. */
class BatchSink implements FrameSink {
  readonly buffer = new Uint8Array(4 << 20);
  offset = 2;
  readonly starts: number[] = [];
  readonly lengths: number[] = [];

  reserve(maxLength: number): boolean {
    return this.offset + maxLength <= this.buffer.length;
  }

  commit(length: number): void {
    this.starts.push(this.offset);
    this.lengths.push(length);
    this.offset += (length + 7) & ~3;
  }

  clear(): void {
    this.offset = 2;
    this.starts.length = 0;
    this.lengths.length = 0;
  }
}

interface Case {
  readonly mtu: number;
  readonly trusted: boolean;
}

function host(id: number, { mtu, trusted }: Case) {
  const prefix = IpPrefix.parse(`10.0.0.${id}/24`);
  if (prefix === undefined) throw new Error('prefix');
  const stack = createStack({
    mac: 0x020000000000 + id,
    addresses: [prefix],
    random: seededRandom(id),
    mtu,
    trustedLink: trusted,
    tcp: {
      receiveBuffer: { initial: 1 << 20, max: 4 << 20 },
      sendBuffer: { initial: 1 << 20, max: 4 << 20 },
    },
  });
  return { stack, address: prefix.address, sink: new BatchSink() };
}

function run(of: Case, seconds: number) {
  const a = host(1, of);
  const b = host(2, of);
  const block = new Uint8Array(65_536).fill(7);
  let received = 0;
  const push = (socket: TcpSocket): void => {
    while (socket.write(block) === block.length);
  };
  b.stack.tcp.listen({ port: 9 }, () => ({
    onReadable: (socket) => {
      for (let view = socket.peek(); view.length > 0; view = socket.peek()) {
        received += view.length;
        socket.consume(view.length);
      }
    },
  }));
  a.stack.tcp.connect({ remote: { address: b.address, port: 9 } }, { onOpen: push, onWritable: push });
  let frames = 0;
  const exchange = (now: number): void => {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      from.stack.poll(now, from.sink);
      for (let index = 0; index < from.sink.starts.length; index++) {
        to.stack.receive(from.sink.buffer, now, from.sink.starts[index], from.sink.lengths[index]);
        frames++;
      }
      from.sink.clear();
    }
  };
  const until = performance.now() + seconds * 1000;
  for (let now = performance.now(); now < until - seconds * 500; now = performance.now()) exchange(now);
  received = 0;
  frames = 0;
  const start = performance.now();
  for (let now = start; now < until; now = performance.now()) exchange(now);
  const elapsed = performance.now() - start;
  return { gigabits: (received * 8) / elapsed / 1e6, nanosecondsPerFrame: (elapsed * 1e6) / frames, frames };
}

const seconds = Number(process.argv[2] ?? 2);
console.log(
  `largest frame ${MAX_FRAME_LENGTH} bytes; both hosts in one thread, so a gateway alone does about twice this`,
);
for (const trusted of [false, true]) {
  for (const mtu of [1500, 9000, 65_520]) {
    const result = run({ mtu, trusted }, seconds);
    const checks = trusted ? 'trusted ' : 'verified';
    console.log(
      `mtu ${String(mtu).padStart(5)} ${checks} ${result.gigabits.toFixed(2).padStart(7)} Gbit/s  ${result.nanosecondsPerFrame.toFixed(0).padStart(6)} ns/frame`,
    );
  }
}
