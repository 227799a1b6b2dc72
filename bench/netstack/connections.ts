/**
 * Connections: how many connect-request-response-close a second, and what 10,000 cost in memory, idle and with
 * a stalled reader each. Run: node bench/netstack/run.mjs connections
 */
import { performance } from 'node:perf_hooks';
import type { TcpSocket } from '@orlop/netstack';
import { createPair, exchange, type PairHost } from './pair.ts';

type Pair = readonly [PairHost, PairHost];

function connectRequestResponse(total: number): number {
  const pair: Pair = createPair({ mtu: 1500, trusted: true });
  const [a, b] = pair;
  const request = new Uint8Array(64);
  let finished = 0;
  b.stack.tcp.listen({ port: 9 }, () => ({
    onReadable: (socket) => {
      socket.consume(socket.readable);
      socket.write(request);
      socket.shutdown();
    },
    onEnd: (socket) => socket.shutdown(),
  }));
  const connect = (): void => {
    a.stack.tcp.connect(
      { remote: { address: b.prefix.address, port: 9 } },
      {
        onOpen: (socket) => void socket.write(request),
        onReadable: (socket) => socket.consume(socket.readable),
        onEnd: (socket) => socket.shutdown(),
        onClose: () => {
          finished++;
        },
      },
    );
  };
  const start = performance.now();
  for (let begun = 0; finished < total; ) {
    if (begun < total && begun - finished < 10) {
      connect();
      begun++;
    }
    exchange(pair, performance.now());
  }
  return total / ((performance.now() - start) / 1000);
}

function openMany(count: number, stalledBytes: number): number {
  const pair: Pair = createPair({ mtu: 1500, trusted: true });
  const [a, b] = pair;
  const data = new Uint8Array(stalledBytes);
  let open = 0;
  b.stack.tcp.listen({ port: 9, backlog: 1 << 20 }, () => ({})); // reads nothing
  const heap = (): number => {
    globalThis.gc?.();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const before = heap();
  const sockets: TcpSocket[] = [];
  for (let index = 0; index < count; index++) {
    const onOpen = (socket: TcpSocket): void => {
      open++;
      if (stalledBytes > 0) socket.write(data);
    };
    const remote = { address: b.prefix.address, port: 9 };
    sockets.push(a.stack.tcp.connect({ remote }, { onOpen }));
    if (index % 100 === 0) exchange(pair, performance.now());
  }
  while (open < count) exchange(pair, performance.now());
  for (let turn = 0; turn < 50; turn++) exchange(pair, performance.now());
  // Both ends are in this process; one shared array is what the senders hold.
  return (heap() - before - stalledBytes) / count / 2;
}

console.log(
  `connect-request-response-close: ${connectRequestResponse(20_000).toFixed(0)}/s (both ends in one thread)`,
);
console.log(`10,000 idle connections: ${openMany(10_000, 0).toFixed(0)} bytes each`);
console.log(`10,000 with 16 KiB unread: ${openMany(10_000, 16_384).toFixed(0)} bytes each`);
