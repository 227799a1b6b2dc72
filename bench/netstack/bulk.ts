/**
 * How fast the stack alone is: two hosts in one process on a link that hands frames over at once, so each byte is
 * written, segmented, summed, copied, received and consumed in one thread; a gateway, which is one of the two,
 * does about twice as much. Run: node bench/netstack/run.mjs bulk [--seconds N]
 */
import { performance } from 'node:perf_hooks';
import type { TcpSocket } from '@orlop/netstack';
import { createPair, exchange, type PairOptions } from './pair.ts';

const BUFFERS = { initial: 1 << 20, max: 4 << 20 };

function run(options: PairOptions, seconds: number) {
  const pair = createPair({ ...options, tcp: { receiveBuffer: BUFFERS, sendBuffer: BUFFERS } });
  const [a, b] = pair;
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
  a.stack.tcp.connect({ remote: { address: b.prefix.address, port: 9 } }, { onOpen: push, onWritable: push });
  let frames = 0;
  const runUntil = (until: number): void => {
    for (let now = performance.now(); now < until; now = performance.now()) frames += exchange(pair, now);
  };
  runUntil(performance.now() + 300); // compiled, windows open
  received = 0;
  frames = 0;
  const start = performance.now();
  runUntil(start + seconds * 1000);
  const elapsed = performance.now() - start;
  return { gigabits: (received * 8) / elapsed / 1e6, nanosecondsPerFrame: (elapsed * 1e6) / frames };
}

const seconds = Number(process.argv[2]);
console.log('mtu    checksums  Gbit/s  ns/frame');
for (const trusted of [false, true]) {
  for (const mtu of [1500, 9000, 65_520]) {
    const { gigabits, nanosecondsPerFrame } = run({ mtu, trusted }, seconds);
    const checks = trusted ? 'sent only' : 'both ways';
    console.log(
      `${String(mtu).padEnd(6)} ${checks}  ${gigabits.toFixed(2).padStart(6)}  ${nanosecondsPerFrame.toFixed(0).padStart(8)}`,
    );
  }
}
