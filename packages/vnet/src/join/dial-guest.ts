import { Duplex } from 'node:stream';
import { type ByteStream, type SocketAddress, stackStreams } from '@orlop/netstack';
import type { VirtualNetwork } from '../virtual-network.ts';

/**
 * Connects to a port of a guest from the gateway's own address: no socket of the host is in between.
 *
 * @throws OrlopError `netstack.refused`, `netstack.unreachable`, `netstack.timeout`, `netstack.aborted`
 */
export async function dialGuest(
  network: VirtualNetwork,
  remote: SocketAddress,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Duplex> {
  return byteDuplex(await stackStreams(network.stack.tcp).connect(remote, options));
}

/** A byte stream as Node's own kind, for TLS and HTTP; each direction ends by itself. */
export function byteDuplex(stream: ByteStream): Duplex {
  let reading = false;
  const duplex = new Duplex({
    allowHalfOpen: true,
    read: () => {
      if (reading) return;
      reading = true;
      void pump();
    },
    write: (chunk: Uint8Array, _encoding, done) => {
      stream.write(chunk).then(() => done(), done);
    },
    final: (done) => {
      stream.end();
      done();
    },
    destroy: (error, done) => {
      // Ended in order on both sides, there is nothing left to drop.
      if (error !== null || !(duplex.readableEnded && duplex.writableFinished)) stream.abort();
      done(error);
    },
  });
  const pump = async (): Promise<void> => {
    try {
      for (;;) {
        const view = await stream.read();
        // What `read` lends is taken back by the next one.
        if (!duplex.push(view === undefined ? null : Uint8Array.from(view)) || view === undefined) break;
      }
    } catch (error) {
      duplex.destroy(error instanceof Error ? error : new Error(String(error)));
    }
    reading = false;
  };
  return duplex;
}
