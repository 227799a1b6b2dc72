import { netstackError } from '../errors.ts';
import type {
  Endpoint,
  TcpCloseReason,
  TcpConnectOptions,
  TcpHandler,
  TcpService,
  TcpSocket,
} from '../face.ts';
import { IpAddress } from '../ip/address.ts';
import type { ByteStream, SocketAddress, StreamListener, StreamNetwork } from './network.ts';

/** The stack's TCP behind the socket face. @param how every connection is opened */
export function stackStreams(
  tcp: TcpService,
  how: Pick<TcpConnectOptions, 'synRetries'> = {},
): StreamNetwork {
  return {
    listen: async (options, serve) => listen(tcp, options, serve),
    connect: (remote, options = {}) => connect(tcp, remote, { ...how, signal: options.signal }),
  };
}

function listen(
  tcp: TcpService,
  options: { readonly port: number; readonly address?: string },
  serve: (stream: ByteStream) => Promise<void>,
): StreamListener {
  const address = options.address === undefined ? undefined : parseAddress(options.address);
  const of = { port: options.port, ...(address === undefined ? {} : { address }) };
  return tcp.listen(of, (socket) => {
    const stream = new StackStream(socket);
    serve(stream).catch(() => stream.abort());
    return stream;
  });
}

async function connect(
  tcp: TcpService,
  remote: SocketAddress,
  { signal, ...how }: { readonly signal: AbortSignal | undefined; readonly synRetries?: number },
): Promise<ByteStream> {
  const endpoint = { address: parseAddress(remote.address), port: remote.port };
  if (signal?.aborted === true) throw closeError('aborted', remote);
  const { promise, resolve, reject } = deferred<StackStream>();
  const socket = tcp.connect(
    { remote: endpoint, ...how },
    {
      onOpen: (opened) => {
        const stream = new StackStream(opened);
        opened.handler = stream;
        resolve(stream);
      },
      onClose: (_socket, reason) => reject(closeError(reason, remote)),
    },
  );
  const onAbort = (): void => socket.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}

/** An open connection behind the socket face: the stream becomes the socket's handler. */
export function streamOfSocket(socket: TcpSocket): ByteStream {
  const stream = new StackStream(socket);
  socket.handler = stream;
  return stream;
}

/** A connection as promises. Invariant: at most one `read` and one `write` wait at a time. */
class StackStream implements ByteStream, TcpHandler {
  readonly closed: Promise<void>;
  readonly #socket: TcpSocket;
  readonly #settled = deferred<void>();
  #lent = 0;
  #reading: (() => void) | undefined;
  #writing: (() => void) | undefined;
  #broken: TcpCloseReason | undefined;
  #ended = false;

  constructor(socket: TcpSocket) {
    this.#socket = socket;
    this.closed = this.#settled.promise;
    this.closed.catch(() => {}); // who does not look at it does not care
  }

  get local(): SocketAddress {
    return textOf(this.#socket.local);
  }

  get remote(): SocketAddress {
    return textOf(this.#socket.remote);
  }

  async read(): Promise<Uint8Array | undefined> {
    this.#socket.consume(this.#lent);
    this.#lent = 0;
    for (;;) {
      this.#throwIfBroken();
      const view = this.#socket.peek();
      this.#lent = view.length;
      if (view.length > 0) return view;
      if (this.#socket.ended) return undefined;
      await new Promise<void>((resolve) => {
        this.#reading = resolve;
      });
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    for (;;) {
      this.#throwIfBroken();
      if (this.#ended) throw closeError('finished', this.remote);
      rest = rest.subarray(this.#socket.write(rest));
      if (rest.length === 0) return;
      await new Promise<void>((resolve) => {
        this.#writing = resolve;
      });
    }
  }

  end(): void {
    this.#ended = true;
    this.#wakeWriter();
    this.#socket.shutdown();
  }

  abort(): void {
    this.#socket.abort();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    for (let bytes = await this.read(); bytes !== undefined; bytes = await this.read()) yield bytes;
  }

  onReadable(): void {
    this.#wakeReader();
  }

  onEnd(): void {
    this.#wakeReader();
  }

  onWritable(): void {
    this.#wakeWriter();
  }

  onClose(_socket: TcpSocket, reason: TcpCloseReason): void {
    if (reason === 'finished') this.#settled.resolve();
    else {
      this.#broken = reason;
      this.#settled.reject(closeError(reason, this.remote));
    }
    this.#wakeReader();
    this.#wakeWriter();
  }

  #wakeReader(): void {
    this.#reading?.();
    this.#reading = undefined;
  }

  #wakeWriter(): void {
    this.#writing?.();
    this.#writing = undefined;
  }

  #throwIfBroken(): void {
    if (this.#broken !== undefined) throw closeError(this.#broken, this.remote);
  }
}

/** The error that a broken connection gives to who waits for it. */
export function closeError(reason: TcpCloseReason, remote: SocketAddress): Error {
  const peer = `${remote.address} port ${remote.port}`;
  switch (reason) {
    case 'finished':
      return netstackError('netstack.reset', `the connection to ${peer} is over`);
    case 'reset':
      return netstackError('netstack.reset', `${peer} reset the connection`);
    case 'refused':
      return netstackError('netstack.refused', `${peer} refused the connection`);
    case 'unreachable':
      return netstackError('netstack.unreachable', `${peer} is not reachable`);
    case 'timeout':
      return netstackError('netstack.timeout', `${peer} does not answer`);
    case 'aborted':
      return netstackError('netstack.aborted', `the connection to ${peer} was aborted`);
  }
}

function textOf(endpoint: Endpoint): SocketAddress {
  return { address: endpoint.address.toString(), port: endpoint.port };
}

function parseAddress(text: string): IpAddress {
  const address = IpAddress.parse(text);
  if (address === undefined) throw netstackError('netstack.invalid-option', `"${text}" is no IP address`);
  return address;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve: (value) => resolve(value), reject: (error) => reject(error) };
}
