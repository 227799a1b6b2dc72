import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { chmodSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { IpAddress } from '@orlop/netstack';
import { bindFailure } from './bind-failure.ts';
import {
  DATAGRAM_BUFFER_BYTES,
  type HostDatagramEvents,
  type HostDatagramSocket,
  type HostEndpoint,
  type HostFailure,
  type HostListener,
  type HostSockets,
  type HostStream,
  type HostStreamEvents,
  type ListenOptions,
  WOULD_BLOCK,
} from './host-sockets.ts';
import { removeDeadSocket, requireSocketPath } from './socket-path.ts';

/** More than this written and not taken by the kernel: `write` takes no more. */
const MAX_WRITE_QUEUE = 256 * 1024;
/** Bytes received ahead of `read` before the socket is paused. */
const MAX_READ_QUEUE = 256 * 1024;

/** The host's sockets by Node's own modules: every system that Node runs on. No ping sockets. */
export function createNodeSockets(): HostSockets {
  return {
    kind: 'node',
    connect: (endpoint, events) => {
      const socket =
        endpoint.kind === 'unix'
          ? createConnection({ path: endpoint.path, allowHalfOpen: true })
          : createConnection({
              host: endpoint.address.toString(),
              port: endpoint.port,
              allowHalfOpen: true,
              noDelay: true,
            });
      const stream = new NodeStream(socket, endpoint);
      stream.listen(events);
      socket.once('connect', () => stream.opened());
      return stream;
    },
    listen: (endpoint, onConnection, options) => listen(endpoint, onConnection, options ?? {}),
    openDatagram: (family, events) =>
      new NodeDatagram(
        createSocket({ type: family === 4 ? 'udp4' : 'udp6', recvBufferSize: DATAGRAM_BUFFER_BYTES }),
        events,
      ),
    bindDatagram: async (address, port, events) => {
      const socket = createSocket({
        type: address.version === 4 ? 'udp4' : 'udp6',
        ipv6Only: address.version === 6,
        recvBufferSize: DATAGRAM_BUFFER_BYTES,
      });
      await new Promise<void>((resolve, reject) => {
        socket.once('error', (error) => {
          socket.close();
          reject(bindFailed({ kind: 'ip', address, port }, error));
        });
        socket.bind({ address: address.toString(), port, exclusive: true }, resolve);
      });
      socket.removeAllListeners('error');
      return new NodeDatagram(socket, events);
    },
    openEcho: () => undefined,
  };
}

async function listen(
  endpoint: HostEndpoint,
  onConnection: (stream: HostStream) => HostStreamEvents,
  options: ListenOptions,
): Promise<HostListener> {
  if (endpoint.kind === 'unix') requireSocketPath(endpoint.path);
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    const stream = new NodeStream(socket, remoteOf(socket, endpoint));
    stream.listen(onConnection(stream));
  });
  const backlog = options.backlog ?? 128;
  if (endpoint.kind === 'unix') await removeDeadSocket(endpoint.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindFailed(endpoint, error)));
    if (endpoint.kind === 'unix') server.listen({ path: endpoint.path, backlog }, resolve);
    else {
      const { address, port } = endpoint;
      server.listen(
        { host: address.toString(), port, backlog, ipv6Only: address.version === 6, exclusive: true },
        resolve,
      );
    }
  });
  if (endpoint.kind === 'unix') chmodSync(endpoint.path, options.mode ?? 0o600);
  const bound = server.address();
  return {
    local:
      endpoint.kind === 'ip' && bound !== null && typeof bound === 'object'
        ? { ...endpoint, port: bound.port }
        : endpoint,
    close: () => {
      server.close();
    },
  };
}

/** Turns Node's pushes into reads: what arrives waits here, and a full queue pauses the socket. */
class NodeStream implements HostStream {
  readonly remote: HostEndpoint;
  readonly #socket: Socket;
  #events: HostStreamEvents | undefined;
  #chunks: Uint8Array[] = [];
  #queued = 0;
  #ended = false;
  #wantRead = false;
  #wantWrite = false;
  #readScheduled = false;
  #closed = false;

  constructor(socket: Socket, remote: HostEndpoint) {
    this.#socket = socket;
    this.remote = remote;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#queued += chunk.length;
      if (this.#queued >= MAX_READ_QUEUE) socket.pause();
      this.#tellReadable();
    });
    socket.pause();
    socket.on('end', () => {
      this.#ended = true;
      this.#tellReadable();
    });
    socket.on('drain', () => {
      if (!this.#wantWrite || this.#closed) return;
      this.#wantWrite = false;
      this.#events?.onWritable();
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#fail(failureOf(error)));
    // After both ends Node closes by itself; what was received still waits to be read.
    socket.on('close', () => {
      if (!this.#ended) this.#fail('reset');
    });
  }

  get isOpen(): boolean {
    return !this.#closed && !this.#socket.connecting;
  }

  get local(): HostEndpoint {
    const address = IpAddress.parse(this.#socket.localAddress ?? '');
    return address === undefined
      ? { kind: 'unix', path: '' }
      : { kind: 'ip', address, port: this.#socket.localPort ?? 0 };
  }

  listen(events: HostStreamEvents): void {
    this.#events = events;
  }

  opened(): void {
    if (!this.#closed) this.#events?.onOpen();
  }

  read(into: Uint8Array): number {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return this.#ended ? 0 : WOULD_BLOCK;
    const count = Math.min(into.length, chunk.length);
    into.set(count === chunk.length ? chunk : chunk.subarray(0, count));
    if (count === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(count);
    this.#queued -= count;
    if (this.#wantRead) {
      if (this.#queued < MAX_READ_QUEUE && this.#socket.isPaused()) this.#socket.resume();
      if (this.#queued > 0 || this.#ended) this.#tellReadable();
    }
    return count;
  }

  write(from: Uint8Array, at = 0, length = from.length - at): number {
    if (this.#closed || this.#socket.connecting) {
      this.#wantWrite = true;
      return 0;
    }
    const room = MAX_WRITE_QUEUE - this.#socket.writableLength;
    const count = Math.max(0, Math.min(room, length));
    if (count < length) this.#wantWrite = true;
    // The bytes are the caller's again after the call.
    if (count > 0) this.#socket.write(Uint8Array.prototype.slice.call(from, at, at + count));
    return count;
  }

  wantRead(want: boolean): void {
    this.#wantRead = want;
    if (this.#closed) return;
    if (!want) this.#socket.pause();
    else {
      if (this.#queued < MAX_READ_QUEUE) this.#socket.resume();
      if (this.#queued > 0 || this.#ended) this.#tellReadable();
    }
  }

  end(): void {
    if (!this.#closed) this.#socket.end();
  }

  close(): void {
    if (this.#closed) return;
    this.#drop();
    // What was written still leaves.
    this.#socket.end();
    this.#socket.resume();
    this.#socket.destroySoon();
  }

  reset(): void {
    if (this.#closed) return;
    this.#drop();
    if (this.remote.kind === 'ip' && !this.#socket.connecting) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #drop(): void {
    this.#closed = true;
    this.#events = undefined;
    this.#chunks = [];
    this.#queued = 0;
  }

  #tellReadable(): void {
    if (!this.#wantRead || this.#readScheduled || this.#closed) return;
    this.#readScheduled = true;
    setImmediate(() => {
      this.#readScheduled = false;
      if (this.#wantRead && !this.#closed) this.#events?.onReadable();
    });
  }

  #fail(failure: HostFailure): void {
    if (this.#closed) return;
    const events = this.#events;
    this.#drop();
    this.#socket.destroy();
    events?.onFailed(failure);
  }
}

class NodeDatagram implements HostDatagramSocket {
  readonly #socket: UdpSocket;
  #closed = false;

  constructor(socket: UdpSocket, events: HostDatagramEvents) {
    this.#socket = socket;
    socket.on('message', (payload: Buffer, from: RemoteInfo) => {
      const address = IpAddress.parse(from.address);
      if (address !== undefined && !this.#closed) events.onDatagram(payload, address, from.port);
    });
    // Errors of single datagrams come by `send`'s callback.
    socket.on('error', () => {});
    this.#onFailed = events.onFailed;
  }

  readonly #onFailed: HostDatagramEvents['onFailed'];

  get local(): HostEndpoint {
    const { address, port } = this.#socket.address();
    return { kind: 'ip', address: IpAddress.parse(address) ?? IpAddress.v4(0), port };
  }

  send(payload: Uint8Array, address: IpAddress, port: number): HostFailure | undefined {
    if (this.#closed) return 'other';
    const copy = Uint8Array.prototype.slice.call(payload);
    this.#socket.send(copy, port, address.toString(), (error) => {
      if (error !== null && !this.#closed) this.#onFailed(failureOf(error), address, port);
    });
    return undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }
}

function remoteOf(socket: Socket, listening: HostEndpoint): HostEndpoint {
  const address = IpAddress.parse(socket.remoteAddress ?? '');
  if (listening.kind === 'unix' || address === undefined) return { kind: 'unix', path: '' };
  return { kind: 'ip', address, port: socket.remotePort ?? 0 };
}

const FAILURES: Readonly<Record<string, HostFailure>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ETIMEDOUT: 'timed-out',
  EHOSTUNREACH: 'host-unreachable',
  ENETUNREACH: 'network-unreachable',
  ENETDOWN: 'network-unreachable',
  EACCES: 'denied',
  EPERM: 'denied',
  EMSGSIZE: 'too-big',
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-unavailable',
  EAFNOSUPPORT: 'address-unavailable', // a host without IPv6
  ENOENT: 'not-found',
  EMFILE: 'exhausted',
  ENFILE: 'exhausted',
  ENOBUFS: 'exhausted',
};

function failureOf(error: NodeJS.ErrnoException): HostFailure {
  return FAILURES[error.code ?? ''] ?? 'other';
}

function bindFailed(endpoint: HostEndpoint, cause: NodeJS.ErrnoException): Error {
  return bindFailure(endpoint, failureOf(cause), { cause });
}
