import type { ByteStream, StreamListener, StreamNetwork } from '@orlop/netstack';

const MAX_HEAD = 8192;

/** Serves one page over HTTP/1.1 on any network: the virtual one or the host's. */
export function serveHttp(network: StreamNetwork, port: number): Promise<StreamListener> {
  return network.listen({ port }, serve);
}

/** One connection: requests one after the other until the client is done. */
async function serve(stream: ByteStream): Promise<void> {
  let pending = '';
  for await (const bytes of stream) {
    pending += new TextDecoder('latin1').decode(bytes);
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      const head = pending.slice(0, end);
      pending = pending.slice(end + 4);
      await stream.write(answer(head, stream));
      if (/^connection: *close/im.test(head)) {
        stream.end();
        return;
      }
    }
    if (pending.length > MAX_HEAD) throw new Error('the request has no end');
  }
  stream.end();
}

function answer(head: string, stream: ByteStream): Uint8Array {
  const [method = '', target = ''] = head.split(' ');
  const isKnown = method === 'GET' && target === '/';
  const { remote, local } = stream;
  const body = isKnown
    ? `Hello ${remote.address}, this is ${local.address}.\n`
    : `There is no ${method} ${target} here.\n`;
  const status = isKnown ? '200 OK' : '404 Not Found';
  const { length } = new TextEncoder().encode(body);
  const fields = `content-type: text/plain; charset=utf-8\r\ncontent-length: ${length}`;
  return new TextEncoder().encode(`HTTP/1.1 ${status}\r\n${fields}\r\n\r\n${body}`);
}
