import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { TcpHandler, TcpSocket } from '../face.ts';
import type { TcpSettings } from '../stack-face.ts';
import { twoHosts } from '../testing/two-hosts.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Host a with connections to b's port 80 that it closes first, one after the other. */
function closingHost(seed: number, tcp?: TcpSettings) {
  const { a, b, simulation } = twoHosts({ seed, ...(tcp !== undefined && { stack: { tcp } }) });
  const remote = { address: b.address, port: 80 };
  b.stack.tcp.listen({ port: 80 }, () => ({ onEnd: (socket) => socket.shutdown() }));
  const connectAndClose = (): TcpSocket => {
    let isOver = false;
    const handler: TcpHandler = {
      onOpen: (socket) => {
        socket.write(new Uint8Array(100));
        socket.shutdown();
      },
      onClose: () => {
        isOver = true;
      },
    };
    const socket = a.stack.tcp.connect({ remote }, handler);
    expect(simulation.run(() => isOver && b.stack.tcp.connectionCount === 0, 60_000)).toBe(true);
    return socket;
  };
  return { stack: a.stack, remote, simulation, connectAndClose };
}

describe('TIME-WAIT', () => {
  it('is seen by who holds the socket, and ends', () => {
    const { stack, simulation, connectAndClose } = closingHost(1, { timeWaitMs: 10_000 });
    const socket = connectAndClose();
    expect([socket.state, stack.tcp.connectionCount]).toEqual(['time-wait', 1]);
    simulation.run(() => false, simulation.now + 11_000);
    expect([socket.state, stack.tcp.connectionCount]).toEqual(['closed', 0]);
    expect(stack.pollAt()).toBe(Number.POSITIVE_INFINITY);
  });

  it('of the oldest ends early where there are too many', () => {
    const { stack, connectAndClose } = closingHost(2, { maxTimeWait: 3 });
    for (let i = 0; i < 5; i++) connectAndClose();
    expect(stack.tcp.connectionCount).toBe(3);
  });

  it('keeps its port from another connection to the same place', () => {
    const { stack, remote, connectAndClose } = closingHost(3);
    const { port } = connectAndClose().local;
    expect(() => stack.tcp.connect({ remote, local: { port } }, {})).toThrow('in use');
  });

  it('takes little: not what an open connection does', () => {
    const { stack, connectAndClose } = closingHost(4);
    for (let i = 0; i < 50; i++) connectAndClose();
    collect();
    const before = process.memoryUsage().heapUsed;
    const count = 1000;
    for (let i = 0; i < count; i++) connectAndClose();
    collect();
    expect(stack.tcp.connectionCount).toBe(50 + count);
    // It is 800 bytes; a control block and its queues are 3500.
    expect((process.memoryUsage().heapUsed - before) / count).toBeLessThan(1500);
  });
});
