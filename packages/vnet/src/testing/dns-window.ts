import type { ByteStream } from '@orlop/netstack';
import { hostDatagrams, hostStreams } from '../host/host-network.ts';
import type { JoinedNetwork } from '../join/join-network.ts';

const DNS_PORT = 53;

/** A port of the host that leads, by way of a guest, to the gateway's DNS: the window through which dig looks. */
export async function dnsWindow(
  guest: JoinedNetwork,
  gateway = '192.168.127.1',
): Promise<{ readonly port: number; close(): void }> {
  const streams = await hostStreams().listen({ port: 0 }, async (outer) => {
    const inner = await guest.connect({ address: gateway, port: DNS_PORT });
    await Promise.all([pour(outer, inner), pour(inner, outer)]);
  });
  const { port } = streams;
  const datagrams = await hostDatagrams().bind({ port }, (bytes, from, outer) => {
    void guest.datagrams
      .bind({ port: 0 }, (answer, _from, inner) => {
        outer.send(Uint8Array.from(answer), from);
        inner.close();
      })
      .then((inner) => inner.send(query, { address: gateway, port: DNS_PORT }));
    const query = Uint8Array.from(bytes);
  });
  return {
    port,
    close: () => {
      streams.close();
      datagrams.close();
    },
  };
}

async function pour(from: ByteStream, into: ByteStream): Promise<void> {
  for await (const bytes of from) await into.write(Uint8Array.from(bytes));
  into.end();
}
