import { type HostStream, type HostStreamEvents, WOULD_BLOCK } from '../host/host-sockets.ts';
import { ip, type TestNetwork } from './test-network.ts';

/** A server of the host that answers each byte by itself, and ends when its client does. */
export async function echoServer(
  { sockets }: TestNetwork,
  address: string,
  port: number,
): Promise<HostStream[]> {
  const streams: HostStream[] = [];
  await sockets.listen({ kind: 'ip', address: ip(address), port }, (stream) => {
    streams.push(stream);
    const chunk = new Uint8Array(65_536);
    const events: HostStreamEvents = {
      onOpen: () => {},
      onWritable: () => {},
      onFailed: () => {},
      onReadable: () => {
        const count = stream.read(chunk);
        if (count === 0) stream.end();
        else if (count !== WOULD_BLOCK) stream.write(chunk.subarray(0, count));
      },
    };
    stream.wantRead(true);
    return events;
  });
  return streams;
}
