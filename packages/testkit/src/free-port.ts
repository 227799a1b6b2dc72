import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A port of the host's loopback that nobody has now, for TCP and UDP. */
export async function freePort(): Promise<number> {
  for (;;) {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const datagrams = createSocket('udp4');
    const free = await new Promise<boolean>((resolve) => {
      datagrams.once('error', () => resolve(false)).bind(port, '127.0.0.1', () => resolve(true));
    });
    datagrams.close();
    listener.close();
    await once(listener, 'close');
    if (free) return port;
  }
}
