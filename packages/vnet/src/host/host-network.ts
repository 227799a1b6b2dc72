import { createSocket } from 'node:dgram';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import {
  type ByteStream,
  closeError,
  type DatagramNetwork,
  type DatagramPort,
  netstackError,
  type SocketAddress,
  type StreamListener,
  type StreamNetwork,
  type TcpCloseReason,
} from '@orlop/netstack';

/** Where sockets listen unless told otherwise: nothing of ours listens beyond loopback by itself. */
const LOOPBACK = '127.0.0.1';

/**
 * The host's own sockets behind netstack's socket face: a program written against it runs unchanged here. The
 * compliance suite of that package holds it to the same behaviour.
 */
export function hostStreams(): StreamNetwork {
  return { listen, connect };
}

export function hostDatagrams(): DatagramNetwork {
  return { bind };
}

async function listen(
  options: { readonly port: number; readonly address?: string },
  serve: (stream: ByteStream) => Promise<void>,
): Promise<StreamListener> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const stream = new HostStream(socket);
    serve(stream).catch(() => stream.abort());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindError(error, 'TCP', options.port)));
    server.listen({ port: options.port, host: options.address ?? LOOPBACK }, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : options.port,
    close: () => server.close(),
  };
}

async function connect(
  remote: SocketAddress,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ByteStream> {
  if (options.signal?.aborted === true) throw closeError('aborted', remote);
  const socket = netConnect({ host: remote.address, port: remote.port, allowHalfOpen: true });
  socket.pause();
  const onAbort = (): void => {
    socket.destroy(closeError('aborted', remote));
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) => reject(closeError(reasonOf(error, 'refused'), remote)));
    });
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
  return new HostStream(socket);
}

async function bind(
  options: { readonly port: number; readonly address?: string },
  onDatagram: (bytes: Uint8Array, from: SocketAddress, port: DatagramPort) => void,
): Promise<DatagramPort> {
  const address = options.address ?? LOOPBACK;
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => reject(bindError(error, 'UDP', options.port)));
    socket.bind({ port: options.port, address }, resolve);
  });
  // What cannot be sent is lost, as on any network.
  socket.removeAllListeners('error').on('error', () => {});
  const port: DatagramPort = {
    port: socket.address().port,
    send: (bytes, to) => socket.send(bytes, to.port, to.address),
    close: () => {
      socket.close();
    },
  };
  socket.on('message', (bytes, from) => onDatagram(bytes, { address: from.address, port: from.port }, port));
  return port;
}

/** A socket of Node as promises. Invariant: at most one `read` and one `write` wait at a time. */
class HostStream implements ByteStream {
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #ended = false;
  #broken: TcpCloseReason | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    this.local = { address: socket.localAddress ?? '', port: socket.localPort ?? 0 };
    this.remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    socket.setNoDelay(true);
    socket.on('readable', () => this.#wake());
    socket.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    this.closed = new Promise((resolve, reject) => {
      socket.on('error', (error) => {
        this.#broken ??= reasonOf(error, 'reset');
      });
      socket.on('close', () => {
        this.#wake();
        if (this.#broken === undefined) resolve();
        else reject(closeError(this.#broken, this.remote));
      });
    });
    this.closed.catch(() => {}); // who does not look at it does not care
  }

  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      this.#throwIfBroken();
      const bytes: Uint8Array | null = this.#socket.read();
      if (bytes !== null) return bytes;
      if (this.#ended || this.#socket.destroyed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#throwIfBroken();
    await new Promise<void>((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error === undefined || error === null) resolve();
        else reject(closeError(reasonOf(error, 'reset'), this.remote));
      });
    });
  }

  end(): void {
    this.#socket.end();
  }

  abort(): void {
    this.#broken ??= 'aborted';
    this.#socket.resetAndDestroy();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== undefined; bytes = await this.read()) yield bytes;
  }

  #throwIfBroken(): void {
    if (this.#broken !== undefined) throw closeError(this.#broken, this.remote);
  }
}

function reasonOf(error: Error, otherwise: TcpCloseReason): TcpCloseReason {
  switch ('code' in error ? error.code : undefined) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'unreachable';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'netstack.aborted':
      return 'aborted';
    default:
      return otherwise;
  }
}

function bindError(error: Error, protocol: 'TCP' | 'UDP', port: number): Error {
  const inUse = 'code' in error && error.code === 'EADDRINUSE';
  if (!inUse) return error;
  return netstackError('netstack.port-in-use', `${protocol} port ${port} is in use`, { cause: error });
}
