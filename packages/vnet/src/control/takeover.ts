import type { Socket } from 'node:net';

/** The first lines of a request whose connection may stop being HTTP. */
export interface RequestHead {
  readonly method: string;
  readonly url: URL;
}

/** Owns the connection from here on; `early` came behind the request's head. */
export type TakeConnection = (connection: Socket, early: Uint8Array) => void;
/** Undefined: the request is an ordinary one. */
export type Takeover = (head: RequestHead) => TakeConnection | undefined;

/** Longer heads are left to the HTTP server, which has limits of its own. */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Looks at the first request of a connection. `take` decides from its head; what is not taken goes to `pass` with
 * every byte put back.
 */
export function sortConnection(
  connection: Socket,
  { takeover, pass }: { readonly takeover: Takeover; readonly pass: (connection: Socket) => void },
): void {
  let received = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const end = received.indexOf('\r\n\r\n');
    if (end < 0 && received.length < MAX_HEAD_BYTES) return;
    connection.off('data', onData);
    connection.off('end', drop);
    connection.pause();
    const head = end < 0 ? undefined : parseRequestLine(received.toString('latin1', 0, end));
    const take = head === undefined ? undefined : takeover(head);
    if (take === undefined) {
      connection.off('error', drop);
      connection.unshift(received);
      pass(connection);
      connection.resume();
      return;
    }
    take(connection, received.subarray(end + 4));
  };
  connection.on('data', onData);
  connection.on('end', drop);
  connection.on('error', drop);

  /** No request comes any more. */
  function drop(): void {
    connection.destroy();
  }
}

function parseRequestLine(head: string): RequestHead | undefined {
  const match = /^([A-Z]+) (\S+) HTTP\/1\.[01]/.exec(head);
  if (match === null) return undefined;
  const [, method = '', target = ''] = match;
  return { method, url: urlOf(target) };
}

/** What a request asks for. A path that begins with two slashes names no other host. */
export function urlOf(target: string | undefined): URL {
  return new URL(`http://network${target?.startsWith('/') === true ? target : '/'}`);
}
