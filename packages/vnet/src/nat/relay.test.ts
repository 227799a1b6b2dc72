import { expect, it } from 'vitest';
import { ip, testNetwork } from '../testing/test-network.ts';

it('the gateway’s TCP never has room for a part of a byte, which a relay would read the end of its stream into', async () => {
  const net = testNetwork();
  const block = new Uint8Array(65_536);
  await net.sockets.listen({ kind: 'ip', address: ip('203.0.113.5'), port: 80 }, (stream) => {
    const fill = () => {
      while (stream.write(block) === block.length);
    };
    fill();
    return { onOpen: () => {}, onReadable: () => {}, onWritable: fill, onFailed: () => {} };
  });
  const guest = net.plug(2);
  guest.stack.tcp.connect({ remote: { address: ip('203.0.113.5'), port: 80 } }, {});
  const rooms: number[] = [];
  for (let i = 0; i < 300; i++) {
    net.scheduler.advance(10);
    for (const socket of net.network.stack.tcp.connections()) rooms.push(socket.writable);
  }
  expect(rooms.length).toBeGreaterThan(200);
  expect(rooms.filter((room) => !Number.isInteger(room))).toEqual([]);
});
