import { request } from 'node:http';

export interface SocketAnswer {
  readonly status: number;
  /** The media type, without parameters. */
  readonly type: string;
  readonly text: string;
}

/** One HTTP request on a unix socket. Of a stream of events, the first piece is the answer. */
export function askSocket(
  socketPath: string,
  {
    method = 'GET',
    path,
    body,
  }: { readonly method?: string; readonly path: string; readonly body?: unknown },
): Promise<SocketAnswer> {
  const payload = body === undefined ? '' : JSON.stringify(body);
  const headers = { 'content-length': Buffer.byteLength(payload) };
  return new Promise((answered, failed) => {
    const asked = request({ socketPath, method, path, headers, agent: false }, (answer) => {
      const type = (answer.headers['content-type'] ?? '').split(';')[0] ?? '';
      let text = '';
      const done = () => answered({ status: answer.statusCode ?? 0, type, text });
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        if (type !== 'text/event-stream') return;
        done();
        answer.destroy();
      });
      answer.once('end', done);
    });
    asked.once('error', failed).end(payload);
  });
}
