import { copyInto } from '@orlop/wire';
import {
  type HostEndpoint,
  type HostStream,
  type HostStreamEvents,
  WOULD_BLOCK,
} from '../host/host-sockets.ts';
import {
  ECONNRESET,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  SHUT_WR,
  SO_ERROR,
  SO_LINGER,
  SOL_SOCKET,
  TCP_NODELAY,
  UV_READABLE,
  UV_WRITABLE,
} from './constants.ts';
import type { QueuedError } from './error-queue.ts';
import { failureOfErrno } from './failure.ts';
import { type Poller, type Watch, wouldBlock } from './poller.ts';
import { readSocketAddress, SOCKET_ADDRESS_MAX_LEN } from './socket-address.ts';

/** The error queue of a socket that is connecting. */
export interface ConnectErrors {
  read(): QueuedError | undefined;
  /** Errors are nobody's any more. */
  stop(): void;
}

type State = 'connecting' | 'open' | 'closed';

/** The integer 1 as `setsockopt` takes it. */
const ONE = Uint8Array.of(1, 0, 0, 0);

/** A stream socket by its descriptor: reads and writes are plain system calls, readiness comes from libuv. */
export class NativeStream implements HostStream {
  readonly remote: HostEndpoint;
  readonly #poller: Poller;
  readonly #descriptor: number;
  readonly #watch: Watch;
  #events: HostStreamEvents | undefined;
  #state: State;
  #wantRead = false;
  #wantWrite = false;
  /** Nagle's algorithm holds back no first write: most requests need no call to switch it off. */
  #hasWritten = false;
  #delays: boolean;
  readonly #errors: ConnectErrors | undefined;

  /** Takes over a non-blocking descriptor; `events` may follow by `listen` for an accepted one. */
  constructor(
    poller: Poller,
    descriptor: number,
    remote: HostEndpoint,
    options: {
      readonly state: 'connecting' | 'open';
      readonly events?: HostStreamEvents;
      readonly errors?: ConnectErrors;
    },
  ) {
    this.#poller = poller;
    this.#descriptor = descriptor;
    this.remote = remote;
    this.#events = options.events;
    this.#state = options.state;
    this.#errors = options.errors;
    if (this.#state === 'open') this.#errors?.stop();
    this.#watch = poller.watch(descriptor, (ready, status) => this.#onReady(ready, status));
    if (this.#state === 'connecting') this.#watch.want(UV_WRITABLE);
    this.#delays = remote.kind === 'ip';
  }

  listen(events: HostStreamEvents): void {
    this.#events = events;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get local(): HostEndpoint {
    return localAddress(this.#poller, this.#descriptor);
  }

  read(into: Uint8Array): number {
    if (this.#state !== 'open') return WOULD_BLOCK;
    const { library } = this.#poller;
    const count = library.readTo(this.#descriptor, this.#poller.addressOf(into), into.length);
    if (count >= 0) return count;
    this.#failUnlessBlocked();
    return WOULD_BLOCK;
  }

  write(from: Uint8Array, at = 0, length = from.length - at): number {
    if (this.#state === 'closed') return 0;
    if (this.#state === 'connecting') {
      this.#wantWrite = true;
      return 0;
    }
    if (this.#delays && this.#hasWritten) this.#stopDelaying();
    this.#hasWritten = true;
    const count = this.#writeNow(from, at, length);
    if (count < 0) this.#failUnlessBlocked();
    if (count < length && this.isOpen) {
      this.#wantWrite = true;
      this.#arm();
    }
    return Math.max(count, 0);
  }

  wantRead(want: boolean): void {
    this.#wantRead = want;
    this.#arm();
  }

  end(): void {
    if (this.#state === 'open') this.#poller.library.shutdown(this.#descriptor, SHUT_WR);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#events = undefined;
    this.#watch.close();
    this.#poller.library.close(this.#descriptor);
  }

  reset(): void {
    if (this.#state === 'closed') return;
    // struct linger {1, 0}: close sends a reset.
    const linger = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);
    this.#poller.library.setsockopt(this.#descriptor, SOL_SOCKET, SO_LINGER, linger, linger.length);
    this.close();
  }

  #writeNow(from: Uint8Array, at: number, length: number): number {
    const { library, scratch } = this.#poller;
    if (length <= scratch.bytes.length) {
      copyInto(from, at, length, scratch.bytes, 0);
      return library.writeFrom(this.#descriptor, scratch.address, length);
    }
    const piece = length === from.length ? from : from.subarray(at, at + length);
    return library.write(this.#descriptor, piece, length);
  }

  #stopDelaying(): void {
    this.#delays = false;
    this.#poller.library.setsockopt(this.#descriptor, IPPROTO_TCP, TCP_NODELAY, ONE, ONE.length);
  }

  #arm(): void {
    if (this.#state !== 'open') return;
    this.#watch.want((this.#wantRead ? UV_READABLE : 0) | (this.#wantWrite ? UV_WRITABLE : 0));
  }

  #onReady(ready: number, status: number): void {
    if (this.#state === 'connecting') {
      this.#finishConnecting();
      return;
    }
    if (status < 0) {
      this.#fail(socketError(this.#poller, this.#descriptor) || ECONNRESET);
      return;
    }
    if ((ready & UV_WRITABLE) !== 0 && this.#wantWrite) {
      this.#wantWrite = false;
      this.#arm();
      this.#events?.onWritable();
    }
    if ((ready & UV_READABLE) !== 0 && this.#wantRead && this.isOpen) this.#events?.onReadable();
  }

  #finishConnecting(): void {
    const error = socketError(this.#poller, this.#descriptor);
    if (error !== 0) {
      this.#fail(error, this.#errors?.read());
      return;
    }
    this.#errors?.stop();
    this.#state = 'open';
    this.#arm();
    this.#events?.onOpen();
  }

  #failUnlessBlocked(): void {
    const errno = this.#poller.library.errno();
    if (!wouldBlock(errno)) this.#fail(errno);
  }

  #fail(errno: number, error?: QueuedError): void {
    const events = this.#events;
    this.close();
    events?.onFailed(error?.failure ?? failureOfErrno(errno), error?.by);
  }
}

export function setOption(poller: Poller, fd: number, level: number, name: number, value: number): number {
  const bytes = Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
  return poller.library.setsockopt(fd, level, name, bytes, 4);
}

/** Sets an option that the two families have by numbers of their own: IPv4's, IPv6's. */
export function setIpOption(
  poller: Poller,
  { descriptor, family }: { readonly descriptor: number; readonly family: 4 | 6 },
  [name4, name6]: readonly [number, number],
  value: number,
): void {
  if (family === 4) setOption(poller, descriptor, IPPROTO_IP, name4, value);
  else setOption(poller, descriptor, IPPROTO_IPV6, name6, value);
}

/** The error that the descriptor holds, and clears it. */
function socketError(poller: Poller, descriptor: number): number {
  const value = new Uint8Array(4);
  poller.library.getsockopt(descriptor, SOL_SOCKET, SO_ERROR, value, Uint8Array.of(4, 0, 0, 0));
  return (value[0] ?? 0) | ((value[1] ?? 0) << 8);
}

export function localAddress(poller: Poller, descriptor: number): HostEndpoint {
  const address = new Uint8Array(SOCKET_ADDRESS_MAX_LEN);
  const length = Uint8Array.of(SOCKET_ADDRESS_MAX_LEN, 0, 0, 0);
  poller.library.getsockname(descriptor, address, length);
  return readSocketAddress(address, length[0] ?? 0);
}
