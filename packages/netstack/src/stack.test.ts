import { describe, expect, it } from 'vitest';
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
});
